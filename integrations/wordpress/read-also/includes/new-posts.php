<?php
/**
 * Caches of whole pages and posts that came into lists: a new post, or one with another text.
 *
 * A row of the options table for each, from the save on. The sending dates it; WP-Cron asks the service, when copies of
 * the lists of before are too old to be shown, in which lists the post stands, and has those pages made anew.
 */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const NEW_POST  = 'read_also_new_'; // Begins the name of a row.
const MOST_NEW  = 20;               // Posts of one run of WP-Cron.
const MANY_NEW  = 200;              // With more of them at once all pages are made anew.
const NEAR      = 20;               // Articles of a new post's own list.

/** Called where there is a cache of pages, see watch_page_caches(). */
function watch_new_posts() {
	add_action( 'transition_post_status', __NAMESPACE__ . '\\on_published', 10, 3 );
	add_action( 'post_updated', __NAMESPACE__ . '\\on_other_text', 10, 3 );
	add_action( 'read_also_sent', __NAMESPACE__ . '\\date_new_post' );
	add_action( 'read_also_pushed', __NAMESPACE__ . '\\tell_of_new_posts' );
}

function on_published( $new, $old, $post ) {
	if ( 'publish' === $new && 'publish' !== $old && is_public( $post ) ) {
		keep_row( NEW_POST . $post->ID, '' );
	}
}

function on_other_text( $id, $after, $before ) {
	$told = array( 'post_title' => 0, 'post_content' => 0, 'post_excerpt' => 0 );
	if ( is_public( $before ) && is_public( $after ) && array_intersect_key( $before->to_array(), $told ) !== array_intersect_key( $after->to_array(), $told ) ) {
		keep_row( NEW_POST . $id, '' );
	}
}

/** The service has it from now on. */
function date_new_post( $id ) {
	global $wpdb;
	$wpdb->update( $wpdb->options, array( 'option_value' => sortable( microtime( true ) ) ), array( 'option_name' => NEW_POST . $id ) );
}

/** Only after a run that sends all that waits, as WP-Cron's does: no editor and no reader waits for it. */
function tell_of_new_posts( $since ) {
	if ( 0.0 !== $since ) {
		return;
	}
	$rows = new_posts();
	if ( count( $rows ) > MANY_NEW ) {
		drop_rows( $rows );
		tell_of_pages( null );
		return;
	}
	$until = microtime( true ) + ASK_SECONDS;
	foreach ( array_slice( $rows, 0, MOST_NEW ) as $row ) {
		$pages = pages_with_new( (int) substr( $row['name'], strlen( NEW_POST ) ), $until );
		if ( null === $pages ) { // It is asked at the next run.
			return;
		}
		drop_rows( array( $row ) );
		tell_of_pages( array_slice( $pages, 0, MOST_PURGED ) );
	}
}

/** Rows of posts that the service has for so long that no page shows an older copy of its list, the first ones first. */
function new_posts(): array {
	global $wpdb;
	return $wpdb->get_results(
		$wpdb->prepare(
			"SELECT option_name AS name, option_value AS value FROM {$wpdb->options}
			WHERE option_name LIKE %s AND option_value BETWEEN '0' AND %s ORDER BY option_value LIMIT %d",
			$wpdb->esc_like( NEW_POST ) . '%',
			sortable( microtime( true ) - FRESH_SECONDS - 5 ),
			MANY_NEW + 1
		),
		ARRAY_A
	);
}

/**
 * Pages whose lists a post came into; null where the service does not say.
 *
 * A key without the scope `read` may not ask for them. Posts in the list of the new one are the likeliest then.
 */
function pages_with_new( int $post, float $until ): ?array {
	if ( ! is_public( get_post( $post ) ) ) {
		return array();
	}
	$path   = '/v1/articles/' . article_id( $post );
	$answer = ask( "$path/appears-in", $until );
	if ( in_array( status( $answer ), array( 401, 403 ), true ) ) {
		$answer = ask( "$path/related?" . http_build_query( array( 'limit' => NEAR ) + list_limits(), '', '&', PHP_QUERY_RFC3986 ), $until );
		$items  = json( $answer )['items'] ?? null;
		return is_array( $items ) ? posts_of_ids( array_column( $items, 'id' ) ) : null;
	}
	return said_pages( $answer );
}
