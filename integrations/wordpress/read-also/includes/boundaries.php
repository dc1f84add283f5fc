<?php
/**
 * When choices of editors begin and end.
 *
 * The service knows the times of pins and blocks. It knows none of "no list here" and "never in other lists": when one
 * of these begins or ends, the article is sent again. Page caches know no time at all.
 */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

add_action( 'read_also_boundary', __NAMESPACE__ . '\\on_boundary' );

/** When the next of some choices begins or ends; 0 where none does. */
function next_boundary( array $choices ): int {
	$times = array( $choices['no_list_from'], $choices['no_list_until'], $choices['never_from'], $choices['never_until'] );
	foreach ( array_merge( $choices['pins'], $choices['blocks'] ) as $one ) {
		array_push( $times, $one['from'], $one['until'] );
	}
	$later = array_filter(
		array_map( 'strtotime', $times ),
		function ( $time ) {
			return $time > time();
		}
	);
	return $later ? min( $later ) : 0;
}

/** Have WP-Cron look at a post when the next of its choices begins or ends. */
function plan_boundary( int $post ) {
	$next = next_boundary( choices( $post ) );
	if ( (int) wp_next_scheduled( 'read_also_boundary', array( $post ) ) !== $next ) {
		wp_clear_scheduled_hook( 'read_also_boundary', array( $post ) );
		if ( $next ) {
			wp_schedule_single_event( $next, 'read_also_boundary', array( $post ) );
		}
	}
}

/** The article goes with the fields that hold now, and its page is made anew. */
function on_boundary( $post ) {
	plan_boundary( (int) $post );
	if ( configured() && is_public( get_post( $post ) ) ) {
		on_touched( $post );
		note_choice( (int) $post );
		if ( holds_flag( choices( (int) $post ), 'never' ) ) {
			note_left_out( (int) $post );
		}
	}
}
