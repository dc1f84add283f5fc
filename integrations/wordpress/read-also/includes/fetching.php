<?php
/** A list that is asked for: what becomes of the answer. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

load_files( 'includes/rows', 'includes/service', 'includes/markup', 'includes/pictures' );

/** The copy after the service was asked for a list; null where there is no newer one. */
function fetched( array $copy, int $post, array $options, float $seconds ): ?array {
	$asked  = '' === $copy['etag'] ? array() : array( 'If-None-Match' => $copy['etag'] );
	$answer = call( 'GET', '/v1/articles/' . article_id( $post ) . '/related.html?' . list_query( $options ), $seconds, null, $asked );
	$newer  = newer( $copy, $answer, time(), $options );
	note_answer( 'read', null !== $newer );
	return $newer;
}

/** The copy after an answer; null where it is none that a page can use. */
function newer( array $copy, $answer, int $now, array $options ): ?array {
	$code = status( $answer );
	if ( is_problem( $answer ) && in_array( $code, array( 400, 404, 410 ), true ) ) {
		if ( 400 === $code ) {
			load_rest();
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
		'noted' => $items === $copy['items'] ? $copy['noted'] : 0,
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
