<?php
/** Taking over what another plugin keeps: its settings at once, what it keeps of posts some at a time. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const TAKEN_AT_ONCE = 100; // Posts of one call of the page.

add_action( 'wp_ajax_read_also_take', __NAMESPACE__ . '\\answer_take' );

/** One call: the settings, if it is the first; then some posts. `after` is the last one of them, 0 at the end. */
function answer_take() {
	admit();
	$peer  = peer( sanitize_key( $_POST['peer'] ?? '' ) ); // The nonce was checked by admit().
	$after = max( 0, (int) ( $_POST['after'] ?? 0 ) );
	if ( ! $peer ) {
		wp_send_json_error( array( 'text' => __( 'That plugin keeps nothing here.', 'read-also' ) ) );
	}
	if ( 0 === $after ) {
		take_settings( taken_from( $peer['name'], $peer['stored'] ) );
	}
	$posts = posts_of_peer( $peer['name'], $after, TAKEN_AT_ONCE );
	foreach ( $posts as $post ) {
		take_choices( $post, choices_of_peer( $peer['name'], $post ) );
	}
	$more = count( $posts ) === TAKEN_AT_ONCE;
	wp_send_json_success(
		array(
			'after' => $more ? end( $posts ) : 0,
			/* translators: %s: name of a plugin */
			'text'  => $more ? '…' : sprintf( __( 'The settings of %s are taken over. Deactivate it, and no page has two lists.', 'read-also' ), $peer['title'] ),
		)
	);
}

/** Keep what was taken among the settings of this plugin; posts that were named there get a choice each. */
function take_settings( array $taken ) {
	$kept = get_option( 'read_also' );
	$kept = array_merge( settings(), is_array( $kept ) ? $kept : array() );
	$new  = array_intersect_key( $taken, array( 'limit' => 0, 'layout' => 0, 'place' => 0, 'place_types' => 0 ) );
	foreach ( array( 'excluded_terms' => $taken['terms'], 'no_list_terms' => $taken['no_list_terms'] ?? array() ) as $name => $rows ) {
		$terms        = array_filter( array_map( __NAMESPACE__ . '\\term_of', $rows ) );
		$new[ $name ] = array_values( array_unique( array_merge( $kept[ $name ], $terms ) ) );
	}
	update_option( 'read_also', array_merge( $kept, $new ) );
	foreach ( array( 'never', 'no_list' ) as $choice ) {
		foreach ( $taken[ $choice ] as $post ) {
			take_choices( $post, array( $choice => true ) );
		}
	}
}

/** The number of the term that a row of term_taxonomy is about; both plugins keep the numbers of these rows. */
function term_of( int $row ): int {
	$term = get_term_by( 'term_taxonomy_id', $row );
	return $term instanceof \WP_Term ? $term->term_id : 0;
}

/** Add choices to those that editors made here already; posts that are gone are left out. */
function take_choices( int $post, array $taken ) {
	if ( ! get_post( $post ) ) {
		return;
	}
	$choices = choices( $post );
	$new     = $choices;
	foreach ( array( 'pins', 'blocks' ) as $kind ) {
		$others = array_diff( array_filter( $taken[ $kind ] ?? array(), 'get_post' ), wp_list_pluck( $choices[ $kind ], 'post' ) );
		foreach ( $others as $other ) {
			$new[ $kind ][] = array( 'post' => $other );
		}
	}
	foreach ( array( 'no_list', 'never' ) as $flag ) {
		$new[ $flag ] = $new[ $flag ] || ! empty( $taken[ $flag ] );
	}
	$new = sanitize_choices( $new );
	if ( $new !== $choices ) {
		update_post_meta( $post, CHOICES, $new );
	}
}

/** For each other plugin that keeps something: what that is, and buttons to compare and to take over. */
function print_peers() {
	foreach ( peers() as $peer ) {
		?>
		<h2><?php /* translators: %s: name of a plugin */ echo esc_html( sprintf( __( 'From %s', 'read-also' ), $peer['title'] ) ); ?></h2>
		<p><?php esc_html_e( 'Its settings are kept in this site. Taken over would be:', 'read-also' ); ?></p>
		<ul class="ul-disc"><?php print_taken( $peer ); ?></ul>
		<div class="read-also-peer" data-peer="<?php echo esc_attr( $peer['name'] ); ?>">
		<p><?php if ( $peer['shows'] ) : ?>
		<button type="button" class="button" data-does="compare"><?php esc_html_e( 'Compare the lists of recent posts', 'read-also' ); ?></button>
		<?php endif; ?>
		<button type="button" class="button" data-does="take"><?php esc_html_e( 'Take over', 'read-also' ); ?></button></p>
		<p class="read-also-said" role="status"></p>
		<div class="read-also-pair" hidden>
		<figure><figcaption><?php echo esc_html( $peer['title'] ); ?></figcaption><iframe sandbox="allow-same-origin" title="<?php echo esc_attr( $peer['title'] ); ?>"></iframe></figure>
		<figure><figcaption><?php esc_html_e( 'Read Also', 'read-also' ); ?></figcaption><iframe sandbox="allow-same-origin" title="<?php esc_attr_e( 'Read Also', 'read-also' ); ?>"></iframe></figure>
		</div>
		</div>
		<?php
	}
}

function print_taken( array $peer ) {
	$taken = taken_from( $peer['name'], $peer['stored'] );
	$posts = count( posts_of_peer( $peer['name'], 0, PHP_INT_MAX ) );
	$said  = array(
		/* translators: %s: number of articles */
		isset( $taken['limit'] ) ? sprintf( __( 'Articles in a list: %s', 'read-also' ), number_format_i18n( $taken['limit'] ) ) : '',
		/* translators: %s: name of a layout */
		isset( $taken['layout'] ) ? sprintf( __( 'Layout: %s', 'read-also' ), layout_names()[ $taken['layout'] ] ) : '',
		/* translators: %s: number of terms */
		sprintf( __( 'Terms that are never recommended: %s', 'read-also' ), number_format_i18n( count( $taken['terms'] ) ) ),
		/* translators: %s: number of terms */
		isset( $taken['no_list_terms'] ) ? sprintf( __( 'Terms whose posts have no list: %s', 'read-also' ), number_format_i18n( count( $taken['no_list_terms'] ) ) ) : '',
		/* translators: 1: number of posts, 2: number of posts */
		sprintf( __( 'Posts that are never recommended: %1$s; without a list: %2$s', 'read-also' ), number_format_i18n( count( $taken['never'] ) ), number_format_i18n( count( $taken['no_list'] ) ) ),
		/* translators: %s: number of posts */
		sprintf( __( 'Posts with choices of their own: %s. Posts that were chosen by hand become pins, in their order.', 'read-also' ), number_format_i18n( $posts ) ),
	);
	foreach ( array_filter( $said ) as $one ) {
		echo '<li>' . esc_html( $one ) . '</li>';
	}
}
