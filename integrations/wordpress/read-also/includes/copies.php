<?php
/** Kept lists: when they are asked for, how long they are shown. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/** Copies of lists that were taken before a withdrawal are shown no more. */
function note_withdrawal() {
	update_option( 'read_also_withdrawn', time(), true );
}

/** The list under a post as HTML: the copy while it is fresh, else a new one, else what may still be shown of the old. */
function list_html( int $post, int $limit ): string {
	$name = "read_also_list_{$post}_{$limit}";
	$copy = get_transient( $name );
	$copy = array_merge( array( 'html' => '', 'etag' => '', 'asked' => 0, 'fresh' => 0, 'stale' => 0 ), is_array( $copy ) ? $copy : array() );
	$now  = time();
	// A withdrawal shows in every worker of the service within a second; lists of before are shown no more.
	$usable = $copy['asked'] > (int) get_option( 'read_also_withdrawn' ) + 1;
	$shown  = $usable && $now < $copy['stale'] ? $copy['html'] : '';
	if ( ( $usable && $now < $copy['fresh'] ) || ! may_call( 'read' ) ) {
		return $shown;
	}
	$asked  = '' === $copy['etag'] ? array() : array( 'If-None-Match' => $copy['etag'] );
	$answer = call( 'GET', '/v1/articles/' . article_id( $post ) . "/related.html?limit=$limit", PAGE_SECONDS, null, $asked );
	$newer  = newer( $copy, $answer, $now );
	note_answer( 'read', null !== $newer );
	if ( null === $newer ) {
		return $shown;
	}
	set_transient( $name, $newer, max( 1, $newer['stale'] - $now ) );
	return $newer['html'];
}

/** The copy after an answer; null where it is none that a page can use. */
function newer( array $copy, $answer, int $now ): ?array {
	$code = status( $answer );
	if ( is_problem( $answer ) && in_array( $code, array( 404, 410 ), true ) ) {
		return array( 'html' => '', 'etag' => '', 'asked' => $now, 'fresh' => $now + AWAY_SECONDS, 'stale' => $now + AWAY_SECONDS );
	}
	$html = 304 === $code && '' !== $copy['etag'] ? $copy['html'] : list_of( $answer );
	if ( null === $html ) {
		return null;
	}
	$control = header_of( $answer, 'cache-control' );
	$fresh   = seconds( $control, 'max-age', '' === $control ? FRESH_SECONDS : 0 );
	$stale   = seconds( $control, 'stale-if-error', '' === $control ? DAY_IN_SECONDS : 0 );
	return array(
		'html'  => $html,
		'etag'  => header_of( $answer, 'etag' ),
		'asked' => $now,
		'fresh' => $now + min( $fresh, HOUR_IN_SECONDS ),
		'stale' => $now + min( $fresh + $stale, DAY_IN_SECONDS ),
	);
}

function seconds( string $control, string $name, int $else ): int {
	return preg_match( "/(?<![\w-])$name=(\d{1,9})/", $control, $found ) ? (int) $found[1] : $else;
}
