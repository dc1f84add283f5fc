<?php
/** Kept lists: when they are asked for, how long they are shown. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/**
 * A copy that was never taken.
 *
 * html is printed; given is what the service made of it; items are the articles in it, in order, null where that is
 * not known; noted is when it was written down for caches of whole pages.
 */
const NO_COPY = array( 'html' => '', 'given' => '', 'items' => null, 'etag' => '', 'asked' => 0, 'fresh' => 0, 'stale' => 0, 'noted' => 0 );

const CHOSEN_AT   = '_read_also_chosen_at';  // The post meta that says when the service last got pins and blocks.
const PAGES_KNOWN = 'read_also_pages_known'; // The option that says since when each page that a cache holds is written down; 0 is never.

const OTHER_LISTS   = 'read_also_other_lists'; // The option that says that there are lists with options of their own.
const DEFAULT_ITEMS = 12;                      // Of a list of the service that nobody gave options.

/** Lists that were taken before a withdrawal are asked for anew. */
function note_withdrawal() {
	update_option( 'read_also_withdrawn', time(), true );
}

/** The list under a post as HTML: the copy while it is fresh, else a new one, else what may still be shown of the old. */
function list_html( int $post, array $options, float $seconds = PAGE_SECONDS ): string {
	note_other_list( $options );
	$name = "read_also_list_{$post}_" . substr( md5( list_query( $options ) ), 0, 12 );
	$copy = kept_copy( $name );
	$now  = time();
	// A withdrawal shows in every worker of the service within a second, what an editor chose with its answer.
	$older = $copy['asked'] <= max( (int) get_option( 'read_also_withdrawn' ) + 1, (int) get_post_meta( $post, CHOSEN_AT, true ) );
	$newer = ( $older || $now >= $copy['fresh'] ) && may_fetch() ? fetched( $copy, $post, $options, $seconds ) : null;
	$known = null !== $copy['items'] || ! $older; // Of what is not known nothing of before a withdrawal is shown.
	if ( ! $newer && ( ! $known || $now >= $copy['stale'] ) ) {
		return '';
	}
	$shown = noted( $newer ?? $copy, $post );
	if ( $newer || $shown !== $copy ) {
		set_transient( $name, $shown, max( 1, $shown['stale'] - $now ) );
	}
	return without_withdrawn( $shown, $post );
}

/** A copy that is about to be shown; a cache of whole pages may keep that, so it is written down once a day. */
function noted( array $copy, int $page ): array {
	if ( $copy['noted'] > time() - DAY_IN_SECONDS || ! get_option( PAGES_KNOWN ) ) {
		return $copy;
	}
	load_files( 'includes/shown' );
	note_shown( $page, $copy['items'] );
	return array( 'noted' => time() ) + $copy;
}

/** A copy, by one query with the options that are looked at beside it. */
function kept_copy( string $name ): array {
	if ( function_exists( 'wp_prime_option_caches' ) && ! wp_using_ext_object_cache() ) { // Since WordPress 6.4.
		wp_prime_option_caches( array( 'read_also_withdrawn', PAGES_KNOWN, "_transient_$name", "_transient_timeout_$name" ) );
	}
	$copy = get_transient( $name );
	return array_merge( NO_COPY, is_array( $copy ) ? $copy : array() );
}

function may_fetch(): bool {
	load_files( 'includes/fetching' );
	return may_call( 'read' );
}

/** The list of a copy without posts of this WordPress that are not public now, or blocked under the post, whatever the service knows. */
function without_withdrawn( array $copy, int $post ): string {
	if ( null === $copy['items'] && '' !== $copy['html'] ) {
		load_rest();
		if ( withdrawal_waits() ) {
			return ''; // Nobody can tell whether it is in that list.
		}
	}
	$gone = array_keys( array_intersect( $copy['items'] ?? array(), blocked_now( $post ) ) );
	foreach ( posts_of( $copy['items'] ?? array() ) as $site => $posts ) {
		$gone = array_merge( $gone, array_keys( array_diff( $posts, public_on( $site, $posts ) ) ) );
	}
	if ( ! $gone ) {
		return $copy['html'];
	}
	load_files( 'includes/markup' );
	return without_items( $copy['html'], $gone );
}

/** Those of some posts of a site that are articles; none where the site itself was taken away. */
function public_on( int $site, array $posts ): array {
	if ( get_current_blog_id() === $site ) {
		return public_among( $posts );
	}
	$details = get_site( $site );
	if ( ! $details || $details->archived || $details->spam || $details->deleted ) {
		return array();
	}
	switch_to_blog( $site );
	try {
		return public_among( $posts );
	} finally {
		restore_current_blog();
	}
}

/** Remember that a page has such a list. Templates, widgets and code have lists too, so posts are not searched. */
function note_other_list( array $options ) {
	if ( ( 'mixed' !== $options['mode'] || '' !== $options['section'] || $options['limit'] > DEFAULT_ITEMS ) && ! get_option( OTHER_LISTS ) ) {
		update_option( OTHER_LISTS, 1, true );
	}
}
