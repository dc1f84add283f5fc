<?php
/** How far the push of all posts is, how fast it goes, and whether it was stopped. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const HELD         = 'read_also_held';
const LOOK_SECONDS = 20.0; // The pace is that of the last seconds.

/** Whether posts that are put in line wait until somebody says "Go on". What editors change does not wait. */
function line_is_held(): bool {
	global $wpdb;
	return (bool) $wpdb->get_var( $wpdb->prepare( "SELECT 1 FROM {$wpdb->options} WHERE option_name = %s", HELD ) );
}

function hold_line( bool $holds ) {
	if ( $holds ) {
		keep_row( HELD, '1' );
	} else {
		drop_row( HELD, '1' );
	}
}

/** How many posts stand in line, since all were to be pushed. */
function in_line(): int {
	global $wpdb;
	return (int) $wpdb->get_var(
		$wpdb->prepare(
			"SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name LIKE %s AND option_value < %s",
			$wpdb->esc_like( DUE ) . '%',
			sortable( 1 )
		)
	);
}

function begin_progress() {
	$total = in_line();
	if ( configured() ) {
		update_option( 'read_also_full_push', array( 'total' => $total, 'looks' => array( array( microtime( true ), $total ) ) ), false );
	}
}

/** How far the push of all posts is: `left` of `total`, whether it is `held` and the service is `there`, and `text`. */
function progress( float $now, bool $there = true ): array {
	$left  = in_line();
	$known = get_option( 'read_also_full_push' );
	$began = is_array( $known );
	$known = array_merge( array( 'total' => 0, 'looks' => array() ), $began ? $known : array() );
	$total = max( $left, (int) $known['total'] );
	$looks = look( $known['looks'], $now, $left );
	if ( $began || $left ) {
		update_option( 'read_also_full_push', array( 'total' => $left ? $total : 0, 'looks' => $looks ), false );
	}
	$held    = line_is_held();
	$trouble = get_option( 'read_also_trouble' );
	return array(
		'left'  => $left,
		'total' => $total,
		'held'  => $held,
		'there' => $there,
		'text'  => ! $there && is_array( $trouble ) ? $trouble['text'] : progress_in_words( $total, $left, $held, pace( $looks ) ),
	);
}

/** Looks at how many are left, as pairs of a time and a number; those of before more came are of no use. */
function look( array $looks, float $now, int $left ): array {
	$last   = end( $looks );
	$looks  = $last && $last[1] < $left ? array() : $looks;
	$recent = array_filter(
		$looks,
		function ( $one ) use ( $now ) {
			return $one[0] > $now - LOOK_SECONDS;
		}
	);
	return array_merge( array_values( $recent ), array( array( $now, $left ) ) );
}

/** Posts a second from the first look to the last; 0 where that is not known. */
function pace( array $looks ): float {
	$first   = $looks[0] ?? array( 0, 0 );
	$last    = end( $looks );
	$last    = $last ? $last : $first;
	$seconds = $last[0] - $first[0];
	return $seconds >= 0.5 ? ( $first[1] - $last[1] ) / $seconds : 0.0;
}

function progress_in_words( int $total, int $left, bool $held, float $pace ): string {
	if ( 0 === $left || is_on_hold() ) {
		return state_of_queue();
	}
	$done = number_format_i18n( $total - $left );
	$all  = number_format_i18n( $total );
	if ( $held ) {
		/* translators: 1: number of posts, 2: number of all posts */
		return sprintf( __( 'Stopped after %1$s of %2$s posts. What editors change is sent all the same.', 'read-also' ), $done, $all );
	}
	if ( $pace <= 0 ) {
		/* translators: 1: number of posts, 2: number of all posts */
		return sprintf( __( '%1$s of %2$s posts', 'read-also' ), $done, $all );
	}
	/* translators: 1: number of posts, 2: number of all posts, 3: posts a second, 4: a time such as "3 minutes" */
	return sprintf( __( '%1$s of %2$s posts, %3$s a second, %4$s left', 'read-also' ), $done, $all, number_format_i18n( $pace, $pace < 10 ? 1 : 0 ), human_time_diff( 0, (int) ceil( $left / $pace ) ) );
}
