<?php
/** Markup as plain text, and texts cut to a length. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/** Tags dropped first, then entities decoded, blanks made one. */
function plain( string $markup ): string {
	$bare = preg_replace( array( '~<!--.*?(?:-->|\z)~s', '~<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\z)~is' ), '', $markup );
	$bare = preg_replace( '~</?(?:br|p|div|li|ul|ol|h[1-6]|blockquote|figure|table|tr|td)\b[^<>]*>~i', ' ', $bare );
	$bare = preg_replace( '~</?[a-z][^<>]*>~i', '', $bare );
	$bare = convert_invalid_entities( $bare ); // &#150; is a dash to browsers and to a pull.
	$bare = without_controls( html_entity_decode( $bare, ENT_QUOTES | ENT_HTML5, 'UTF-8' ) );
	return trim( (string) preg_replace( '/[\s\x{00a0}]+/u', ' ', wp_check_invalid_utf8( $bare, true ) ) );
}

function without_controls( string $text ): string {
	return (string) preg_replace( '/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/', '', $text );
}

function cut( string $text, int $most ): string {
	return mb_substr( $text, 0, $most );
}
