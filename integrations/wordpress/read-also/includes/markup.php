<?php
/** What of an answer is printed. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/** The list that an answer is, safe to stand in a page; null where it is something else, such as a page that says "back soon". */
function list_of( $answer ): ?string {
	$html = trim( wp_remote_retrieve_body( $answer ) );
	if ( 200 !== status( $answer ) || 0 !== stripos( header_of( $answer, 'content-type' ), 'text/html' )
		|| strlen( $html ) >= ANSWER_BYTES || ( '' !== $html && ! preg_match( '/^<section class="read-also[ "]/', $html ) ) ) {
		return null;
	}
	// A bracket would begin a shortcode where the list stands within a post.
	return str_replace( '[', '&#91;', force_balance_tags( wp_kses( $html, allowed(), array( 'http', 'https' ) ) ) );
}

/** What a list is made of. The service escapes; a page of the newsroom trusts nobody all the same. */
function allowed(): array {
	$named  = array( 'value_callback' => __NAMESPACE__ . '\\is_own_name' );
	$common = array( 'class' => $named, 'id' => $named, 'aria-labelledby' => $named ) + array_fill_keys( array( 'lang', 'dir', 'role', 'aria-label' ), true );
	$tags   = array_fill_keys( array( 'section', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'li', 'span' ), $common );
	return $tags + array(
		'a'    => $common + array( 'href' => true ),
		'time' => $common + array( 'datetime' => true ),
		'img'  => $common + array_fill_keys( array( 'src', 'alt', 'width', 'height', 'srcset', 'sizes', 'loading', 'decoding', 'referrerpolicy' ), true ),
	);
}

/** Whether names of a list begin as they do in the service, so that they are no names of the theme's. */
function is_own_name( $names ): bool {
	return 1 === preg_match( '/^(?:read-also\S*(?:\s+|\z))+\z/', $names );
}

/** How many items a list has. */
function count_items( string $html ): int {
	return (int) preg_match_all( '/<li\b/', $html );
}

/** A list without the items at some places, counted from 0; nothing where none is left. */
function without_items( string $html, array $places ): string {
	$place = -1;
	$left  = preg_replace_callback(
		'~<li\b[^>]*>.*?</li>\s*~s',
		function ( $found ) use ( &$place, $places ) {
			++$place;
			return in_array( $place, $places, true ) ? '' : $found[0];
		},
		$html
	);
	return count_items( (string) $left ) ? $left : '';
}
