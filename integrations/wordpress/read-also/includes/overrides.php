<?php
/**
 * Sending pins and blocks, which the service keeps apart from the article.
 *
 * A post whose choices changed is a row of the options table, beside those of changed articles. It is
 * sent after them, since the service takes a pin only of an article that it has.
 */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const OVERRIDES   = 'read_also_chosen_';    // Begins the name of a row.
const REFUSED     = '_read_also_refused';   // The post meta that says that the service refused some of them.
const MOST_TRIES  = 12;                     // Of a pin that the service refuses: about two hours.
const OWN_SECONDS = 1.0;                   // For pins and blocks at least, after the articles.

do_at( 'init', __NAMESPACE__ . '\\register_choices', 20 );
foreach ( array( 'added', 'updated', 'deleted' ) as $did ) {
	add_action( "{$did}_post_meta", __NAMESPACE__ . '\\on_choices', 10, 3 );
}
unset( $did );
add_action( 'transition_post_status', __NAMESPACE__ . '\\on_chosen_published', 20, 3 );
add_action( 'read_also_sent', __NAMESPACE__ . '\\on_sent' );
add_action( 'read_also_pushed', __NAMESPACE__ . '\\send_overrides', 10, 2 );

function on_choices( $meta, $post, $key ) {
	if ( CHOICES !== $key ) {
		return;
	}
	plan_boundary( (int) $post );
	if ( is_public( get_post( $post ) ) ) {
		on_touched( $post );
		plan_overrides( (int) $post );
		if ( holds_flag( choices( (int) $post ), 'never' ) ) {
			note_left_out( (int) $post );
		}
	}
}

/**
 * A service that got the article anew, such as another one, gets its pins and blocks too; none where it has those of before.
 *
 * It gets pins too that it refused, since it did not have this article.
 */
function on_sent( int $post ) {
	array_map( __NAMESPACE__ . '\\plan_overrides', lists_that_name( $post, REFUSED ) );
	plan_boundary( $post ); // One that was due while the plugin was off is gone.
	$choices = choices( $post );
	if ( $choices['pins'] || $choices['blocks'] || get_post_meta( $post, CHOSEN_AT, true ) ) {
		plan_overrides( $post );
	}
}

/** A post that was chosen before it was public is sent with the lists that name it. */
function on_chosen_published( $new, $old, $post ) {
	if ( 'publish' === $new && 'publish' !== $old && configured() ) {
		array_map( __NAMESPACE__ . '\\plan_overrides', lists_that_name( (int) $post->ID, CHOICES ) );
	}
}

/** The posts whose choices name a post, of those that have some meta. */
function lists_that_name( int $post, string $meta ): array {
	global $wpdb;
	$named = '%' . $wpdb->esc_like( '"post";i:' . $post . ';' ) . '%';
	$query = "SELECT post_id FROM {$wpdb->postmeta} WHERE meta_key = %s AND meta_value LIKE %s
		AND post_id IN (SELECT post_id FROM {$wpdb->postmeta} WHERE meta_key = %s)";
	return array_map( 'intval', $wpdb->get_col( $wpdb->prepare( $query, CHOICES, $named, $meta ) ) );
}

/** Write down that the service has to hear of the pins and blocks of a post, and from whom: WP-Cron changes no author. */
function plan_overrides( int $post ) {
	global $wpdb;
	if ( configured() && is_public( get_post( $post ) ) ) {
		$waits = (string) $wpdb->get_var( $wpdb->prepare( "SELECT option_value FROM {$wpdb->options} WHERE option_name = %s", OVERRIDES . $post ) );
		$user  = get_current_user_id();
		$user  = $user ? $user : (int) ( explode( ' ', $waits )[3] ?? 0 );
		keep_row( OVERRIDES . $post, token( microtime( true ) ) . " $user" );
		keep_going();
	}
}

/** Send what became due since a time, until the seconds are over. */
function send_overrides( float $since, float $until ) {
	global $wpdb;
	$rows = $wpdb->get_results(
		$wpdb->prepare(
			"SELECT option_name AS name, option_value AS value FROM {$wpdb->options}
			WHERE option_name LIKE %s AND option_value BETWEEN %s AND %s ORDER BY option_value LIMIT %d",
			$wpdb->esc_like( OVERRIDES ) . '%',
			sortable( $since ),
			sortable( microtime( true ) ),
			BATCH
		)
	);
	$until = max( $until, microtime( true ) + OWN_SECONDS ); // Slow articles leave time for these.
	foreach ( $rows as $row ) {
		if ( microtime( true ) > $until - LEAST_SECONDS || ! send_overrides_of( $row, $until ) ) {
			return;
		}
	}
}

/** Send the pins and blocks of one post, put off first as articles are; whether the service is there. */
function send_overrides_of( $row, float $until ): bool {
	list( , $tried, , $user ) = array_pad( explode( ' ', $row->value ), 4, '0' );
	$later = token( microtime( true ) + min( LONGEST_BACKOFF, AWAY_SECONDS * 2 ** min( (int) $tried, 10 ) ), (int) $tried + 1 ) . " $user";
	$post  = (int) substr( $row->name, strlen( OVERRIDES ) );
	if ( ! swap_row( $row->name, $row->value, $later ) ) {
		return true; // It changed meanwhile.
	}
	wp_cache_delete( $post, 'post_meta' ); // Another request may have saved it.
	$refused = is_public( get_post( $post ) ) ? set_overrides( $post, (int) $user, $until ) : ''; // What is not public has none.
	if ( null === $refused ) {
		return false;
	}
	if ( '' === $refused || (int) $tried >= MOST_TRIES ) {
		drop_row( $row->name, $later );
	}
	if ( '' !== $refused ) {
		/* translators: 1: number of a post, 2: what the service said */
		complain( sprintf( __( 'The service did not take all pins and blocks of post %1$d: %2$s', 'read-also' ), $post, $refused ) );
	}
	return true;
}

/** Set the pins and the blocks of a post; what was refused, or null where nobody answers. */
function set_overrides( int $post, int $user, float $until ): ?string {
	$by      = get_userdata( $user );
	$choices = choices( $post );
	$refused = '';
	foreach ( overrides_of( $choices ) as $kind => $overrides ) {
		$said = put_overrides( $post, $kind, $overrides, $by ? $by->display_name : '', $until );
		if ( null === $said ) {
			return null;
		}
		$refused .= $said;
	}
	note_choice( $post );
	if ( '' === $refused ) {
		delete_post_meta( $post, REFUSED );
	} else {
		update_post_meta( $post, REFUSED, time() );
	}
	return $refused;
}

/** Set one kind, the second time without those that were refused, such as posts that the service does not have yet. */
function put_overrides( int $post, string $kind, array $overrides, string $by, float $until ): ?string {
	$refused = '';
	$wait    = 'blocks' === $kind ? '?wait=visible' : ''; // They are sent last: then the next page shows both.
	for ( $round = 0; $round < 2; $round++ ) {
		$seconds = max( LEAST_SECONDS, min( CALL_SECONDS, $until - microtime( true ) ) );
		$body    = wp_json_encode( array( $kind => $overrides, 'by' => cut( $by, 100 ) ) );
		$answer  = call( 'PUT', '/v1/articles/' . article_id( $post ) . "/$kind$wait", $seconds, $body, array( 'Content-Type' => 'application/json' ) );
		if ( status( $answer ) < 300 && isset( json( $answer )['change'] ) ) {
			return $refused;
		}
		if ( ! is_problem( $answer ) || ! in_array( status( $answer ), array( 400, 404, 410, 413, 422 ), true ) ) {
			return null;
		}
		$refused = reason( $answer );
		$faults  = places_of_faults( json( $answer ), $kind );
		if ( ! $faults ) {
			break;
		}
		$overrides = array_values( array_diff_key( $overrides, $faults ) );
	}
	return $refused;
}

/** Copies of the list of before are shown no more, and page caches are told. */
function note_choice( int $post ) {
	update_post_meta( $post, CHOSEN_AT, time() );
	/**
	 * The list of a post changed, since an editor chose something else.
	 *
	 * @param int $post Its number.
	 */
	do_action( 'read_also_list_changed', $post );
}

function is_chosen_public( array $one ): bool {
	return ! $one['post'] || is_public( get_post( $one['post'] ) );
}

/** Pins and blocks as the service takes them, without what is not public. */
function overrides_of( array $choices ): array {
	return array_map(
		function ( $chosen ) {
			return array_map( __NAMESPACE__ . '\\override', array_values( array_filter( $chosen, __NAMESPACE__ . '\\is_chosen_public' ) ) );
		},
		array_intersect_key( $choices, array( 'pins' => 0, 'blocks' => 0 ) )
	);
}

/** A pin or a block as the service takes it. */
function override( array $one ): array {
	$times = array_filter( array( 'starts_at' => $one['from'], 'ends_at' => $one['until'] ), 'strlen' );
	return array( 'id' => chosen_id( $one ) ) + $times;
}

/** The places of the pins or blocks that the service refused, as keys. */
function places_of_faults( array $problem, string $kind ): array {
	$places = array();
	foreach ( (array) ( $problem['errors'] ?? array() ) as $fault ) {
		if ( preg_match( "~^/$kind/(\d+)(?:/|$)~", (string) ( $fault['pointer'] ?? '' ), $found ) ) {
			$places[ (int) $found[1] ] = true;
		}
	}
	return $places;
}
