<?php
/**
 * Which pages have shown which posts, so that caches of whole pages drop those pages and no others.
 *
 * A row of the options table for each page that was made since such caches were emptied: the numbers of the posts in its
 * lists, the last ones first. A cache may hold an older page, so what a list no longer has stays until MOST_SHOWN others came.
 */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const SHOWN       = 'read_also_shown_'; // Begins the name of a row.
const MOST_SHOWN  = 100;                // Posts of a page.
const MOST_SOUGHT = 100;                // Posts whose pages are looked for at once.

/** Write down what a page is about to show, by the ids of its articles; null where that is not known. */
function note_shown( int $page, ?array $items ) {
	global $wpdb;
	if ( null === $items ) {
		update_option( PAGES_KNOWN, 0, true );
		return;
	}
	$posts = posts_of( $items )[ get_current_blog_id() ] ?? array();
	$row   = (string) $wpdb->get_var( $wpdb->prepare( "SELECT option_value FROM {$wpdb->options} WHERE option_name = %s", SHOWN . $page ) );
	$known = array_filter( array_map( 'intval', explode( ' ', $row ) ) );
	if ( array_diff( $posts, $known ) ) {
		load_files( 'includes/rows' );
		$all = array_slice( array_unique( array_merge( $posts, $known ) ), 0, MOST_SHOWN );
		keep_row( SHOWN . $page, ' ' . implode( ' ', $all ) . ' ' );
	}
}

/** The pages that have shown one of some posts, one more than MOST_PURGED at most; null where nobody knows. */
function pages_that_showed( array $posts ): ?array {
	global $wpdb;
	if ( ! get_option( PAGES_KNOWN ) || count( $posts ) > MOST_SOUGHT ) {
		return null;
	}
	$names = $wpdb->get_col(
		$wpdb->prepare(
			"SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE %s AND option_value REGEXP %s LIMIT %d",
			$wpdb->esc_like( SHOWN ) . '%',
			' (' . implode( '|', array_map( 'intval', $posts ) ) . ') ',
			MOST_PURGED + 1
		)
	);
	return array_map(
		function ( $name ) {
			return (int) substr( $name, strlen( SHOWN ) );
		},
		$names
	);
}

function forget_page( int $page ) {
	global $wpdb;
	$wpdb->delete( $wpdb->options, array( 'option_name' => SHOWN . $page ) );
}
