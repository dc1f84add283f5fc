<?php
/**
 * A site that answers at another address than before: has it moved, or is it a copy?
 *
 * Ids are made of the address. After a move the articles of the old one are of no use. A copy for tests has the
 * key of the real site, and must neither delete its articles nor stand among them. So the old address is asked.
 */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const MOVE = 'read_also_move'; // `from`: the old home address, hidden; `what`: unasked, copy (something answers there still) or unknown; `at`: when it was asked.

/** Send nothing from now on. A site that came back to where it was, or whose copy replaces it, goes on with all posts. */
function ask_about_move( string $from ) {
	$open = open_move(); // While that is not settled, its address stays the one that the service knows.
	$from = $open ? $open['from'] : $from;
	if ( own_site() !== site( $from ) ) {
		keep_move( $from, 'unasked' );
		return;
	}
	delete_option( MOVE );
	announce( __( 'The addresses of posts have changed. All posts are sent anew.', 'read-also' ) );
	push_all();
}

function keep_move( string $from, string $what ) {
	update_option( MOVE, array( 'from' => hidden( $from ), 'what' => $what, 'at' => time() ), false );
}

/** What is known of a move that is not settled; null where there is none. */
function open_move(): ?array {
	$move = get_option( MOVE );
	return is_array( $move ) ? array( 'from' => unhidden( $move['from'] ) ) + $move : null;
}

/** Whether nothing is sent, until the old address or a person has said whether this is a copy. */
function is_on_hold(): bool {
	return null !== open_move();
}

/** Ask the old address: once, and every hour while nobody answers there, as it may only be away. */
function settle_move() {
	$move  = open_move();
	$again = $move && 'unknown' === $move['what'] && ( $move['at'] ?? 0 ) <= time() - HOUR_IN_SECONDS;
	if ( ! $move || ( 'unasked' !== $move['what'] && ! $again ) ) {
		return;
	}
	$found = seen_at( $move['from'] );
	if ( 'moved' === $found ) {
		finish_move( true );
	} else {
		keep_move( $move['from'], $found );
	}
}

/**
 * What a former home address shows: `moved` (it leads to this site), `copy` (something else answers), `unknown` (nothing does).
 *
 * An error or the page of a firewall is an answer too. If this site itself answers there without leading here, the name
 * may only be set so on this machine, as for a test.
 */
function seen_at( string $home ): string {
	$answer = wp_remote_get( $home . '/?rest_route=/', array( 'timeout' => CALL_SECONDS, 'redirection' => 3 ) );
	if ( is_wp_error( $answer ) ) {
		return 'unknown';
	}
	$said = json( $answer )['home'] ?? get_option( 'home' );
	$last = isset( $answer['http_response'] ) ? site( (string) $answer['http_response']->get_response_object()->url ) : '';
	return lies_under( $last, own_site() ) && ! lies_under( $last, site( $home ) ) && is_string( $said ) && own_site() === site( $said ) ? 'moved' : 'copy';
}

/** Whether an address without its scheme is that of a site, or of something in it. */
function lies_under( string $address, string $site ): bool {
	return 1 === preg_match( '~^' . preg_quote( $site, '~' ) . '(?:$|[/?#])~D', $address );
}

/** Send all posts under the new address; `replaces`: and delete the articles of the old one. */
function finish_move( bool $replaces ) {
	$move = open_move();
	if ( ! $move ) {
		return;
	}
	delete_option( MOVE );
	$told = $replaces
		/* translators: 1: old address, 2: new address */
		? __( 'The site moved from %1$s to %2$s. All posts are sent under the new address, then the articles of the old one are deleted.', 'read-also' )
		/* translators: 1: address of another site, 2: address of this site */
		: __( 'The articles of %1$s stay in the service. All posts of %2$s are sent beside them.', 'read-also' );
	announce( sprintf( $told, $move['from'], get_option( 'home' ) ) );
	push_all();
	if ( $replaces ) {
		begin_sweep( array( site( $move['from'] ) ) );
	}
}

/** What a move waits for, in words. */
function move_in_words( array $move ): string {
	$words = array(
		/* translators: %s: old address */
		'unasked' => __( 'The address of this site was %s. The next run of WP-Cron asks there whether it has moved.', 'read-also' ),
		/* translators: %s: old address */
		'copy'    => __( 'This seems to be a copy of %s, which still answers there. Nothing is sent to the service until you choose. For a test copy, enter another service or deactivate the plugin.', 'read-also' ),
		/* translators: %s: old address */
		'unknown' => __( 'The address of this site was %s. Nobody answers there. It is asked again every hour. Nothing is sent to the service until it leads here, or until you choose. For a test copy, enter another service or deactivate the plugin.', 'read-also' ),
	);
	return sprintf( $words[ $move['what'] ], $move['from'] );
}

/** How a person says what it is. */
function move_remedy(): string {
	return __( 'Choose by the buttons at the top of each page of the administration, or say "wp read-also push --moved" if it has moved, "wp read-also push --copied" if it is another site.', 'read-also' );
}

add_action( 'admin_notices', __NAMESPACE__ . '\\print_move' );
add_action( 'admin_post_read_also_move', __NAMESPACE__ . '\\answer_move' );

function print_move() {
	$move = current_user_can( 'manage_options' ) ? open_move() : null;
	if ( ! $move ) {
		return;
	}
	?>
	<div class="notice notice-warning"><p><strong><?php esc_html_e( 'Read Also:', 'read-also' ); ?></strong> <?php echo esc_html( move_in_words( $move ) ); ?></p>
	<form method="post" action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>"><p>
	<input type="hidden" name="action" value="read_also_move">
	<?php wp_nonce_field( 'read_also_move' ); ?>
	<button class="button" name="replaces" value="1"><?php esc_html_e( 'It has moved: delete the articles of the old address', 'read-also' ); ?></button>
	<button class="button" name="replaces" value="0"><?php esc_html_e( 'It is another site: leave them, and send its posts too', 'read-also' ); ?></button>
	</p></form></div>
	<?php
}

function answer_move() {
	check_admin_referer( 'read_also_move' );
	if ( ! current_user_can( 'manage_options' ) ) {
		wp_die( esc_html__( 'Only an administrator may do this.', 'read-also' ), '', 403 );
	}
	finish_move( '1' === sanitize_key( wp_unslash( $_POST['replaces'] ?? '' ) ) );
	wp_safe_redirect( admin_url( 'options-general.php?page=read-also' ) );
	exit;
}
