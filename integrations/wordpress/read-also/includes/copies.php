<?php
/** Kept lists: when they are asked for, how long they are shown. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/**
 * A copy that was never taken.
 *
 * html is printed; given is what the service made of it; items are the articles in it, in order, null where that is
 * not known.
 */
const NO_COPY = array( 'html' => '', 'given' => '', 'items' => null, 'etag' => '', 'asked' => 0, 'fresh' => 0, 'stale' => 0 );

/** Lists that were taken before a withdrawal are asked for anew. */
function note_withdrawal() {
	update_option( 'read_also_withdrawn', time(), true );
}

/** The list under a post as HTML: the copy while it is fresh, else a new one, else what may still be shown of the old. */
function list_html( int $post, array $options, float $seconds = PAGE_SECONDS ): string {
	note_other_list( $options );
	$query = list_query( $options );
	$name  = "read_also_list_{$post}_" . substr( md5( $query ), 0, 12 );
	$copy  = get_transient( $name );
	$copy  = array_merge( NO_COPY, is_array( $copy ) ? $copy : array() );
	$now   = time();
	// A withdrawal shows in every worker of the service within a second, what an editor chose with its answer.
	$older = $copy['asked'] <= max( (int) get_option( 'read_also_withdrawn' ) + 1, (int) get_post_meta( $post, CHOSEN_AT, true ) );
	if ( ( $older || $now >= $copy['fresh'] ) && may_call( 'read' ) ) {
		$asked  = '' === $copy['etag'] ? array() : array( 'If-None-Match' => $copy['etag'] );
		$answer = call( 'GET', '/v1/articles/' . article_id( $post ) . "/related.html?$query", $seconds, null, $asked );
		$newer  = newer( $copy, $answer, $now, $options );
		note_answer( 'read', null !== $newer );
		if ( null !== $newer ) {
			set_transient( $name, $newer, max( 1, $newer['stale'] - $now ) );
			return without_withdrawn( $newer, $post );
		}
	}
	$known = null !== $copy['items'] || ! $older; // Of what is not known nothing of before a withdrawal is shown.
	return $known && $now < $copy['stale'] ? without_withdrawn( $copy, $post ) : '';
}

/** The list of a copy without posts of this WordPress that are not public now, or blocked under the post, whatever the service knows. */
function without_withdrawn( array $copy, int $post ): string {
	if ( null === $copy['items'] && '' !== $copy['html'] && withdrawal_waits() ) {
		return ''; // Nobody can tell whether it is in that list.
	}
	$gone = array_keys( array_intersect( $copy['items'] ?? array(), blocked_now( $post ) ) );
	foreach ( posts_of( $copy['items'] ?? array() ) as $site => $posts ) {
		$gone = array_merge( $gone, array_keys( array_diff( $posts, public_on( $site, $posts ) ) ) );
	}
	return $gone ? without_items( $copy['html'], $gone ) : $copy['html'];
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

/** The copy after an answer; null where it is none that a page can use. */
function newer( array $copy, $answer, int $now, array $options ): ?array {
	$code = status( $answer );
	if ( is_problem( $answer ) && in_array( $code, array( 400, 404, 410 ), true ) ) {
		if ( 400 === $code ) {
			/* translators: 1: options of a list, 2: what the service said */
			complain( sprintf( __( 'There is no list with the options "%1$s": %2$s', 'read-also' ), rawurldecode( list_query( $options ) ), reason( $answer ) ) );
		}
		return array( 'items' => array(), 'asked' => $now, 'fresh' => $now + AWAY_SECONDS, 'stale' => $now + AWAY_SECONDS ) + NO_COPY;
	}
	$same  = 304 === $code && '' !== $copy['etag'];
	$given = $same ? $copy['given'] : list_of( $answer );
	if ( null === $given ) {
		return null;
	}
	$items   = $same ? $copy['items'] : items_of( $answer, $given );
	$control = header_of( $answer, 'cache-control' );
	$fresh   = seconds( $control, 'max-age', '' === $control ? FRESH_SECONDS : 0 );
	$stale   = seconds( $control, 'stale-if-error', '' === $control ? DAY_IN_SECONDS : 0 );
	return array(
		'html'  => with_pictures( $given, posts_of( $items ?? array() ), $options['layout'] ), // Also of the same list: sizes change.
		'given' => $given,
		'items' => $items,
		'etag'  => header_of( $answer, 'etag' ),
		'asked' => $now,
		'fresh' => $now + min( $fresh, HOUR_IN_SECONDS ),
		'stale' => $now + min( $fresh + $stale, DAY_IN_SECONDS ),
	);
}

/** The articles that the items of a list are, in their order; null where the answer does not tell it. */
function items_of( $answer, string $html ): ?array {
	$articles = explode( ' ', header_of( $answer, 'surrogate-key' ) );
	array_shift( $articles ); // The one whose list it is.
	return count( $articles ) === count_items( $html ) ? $articles : null;
}

function seconds( string $control, string $name, int $else ): int {
	return preg_match( "/(?<![\w-])$name=(\d{1,9})/", $control, $found ) ? (int) $found[1] : $else;
}
