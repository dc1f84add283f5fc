<?php
/** Where the list stands: under posts, and where an author or a theme has the block or the shortcode. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const SHORTCODE = 'read-also';

add_filter( 'the_content', __NAMESPACE__ . '\\place', 20 );
add_shortcode( SHORTCODE, __NAMESPACE__ . '\\shortcode' );

/** Under a post on its own page, unless the list stands elsewhere in it, by its author or by a pattern. */
function place( $content ) {
	$own = get_post();
	if ( ! in_the_loop() || ! is_main_query() || ! $own || placed_post() !== $own->ID || false !== strpos( $content, PLACED ) ) {
		return $content;
	}
	return $content . printed( $own->ID, list_options( array() ) );
}

function shortcode( $given ): string {
	$post = page_post();
	return $post ? PLACED . printed( $post, list_options( (array) $given ) ) : '';
}

/** The post whose page this is, if its type has the list without being asked; else 0. */
function placed_post(): int {
	$set  = settings();
	$post = $set['place'] ? page_post() : 0;
	return $post && in_array( get_post_type( $post ), $set['place_types'] ?? $set['types'], true ) ? $post : 0;
}

/** The public post whose own page is being made; 0 where there is none, or no place for a list. */
function page_post(): int {
	$types = settings()['types'];
	if ( silent() || ! configured() || ! $types || is_admin() || is_feed() || is_embed() || is_preview() || ! is_singular( $types )
		|| doing_filter( 'get_the_excerpt' ) || ( defined( 'REST_REQUEST' ) && REST_REQUEST ) ) {
		return 0;
	}
	$post = get_queried_object();
	return is_public( $post ) && wants_list( $post->ID ) ? $post->ID : 0;
}

/** A list as it stands in a page: with its style, and with names that no other list of the page has. */
function printed( int $post, array $options ): string {
	static $printed = array();
	$html           = list_of_page( $post, $options );
	if ( '' === $html ) {
		return '';
	}
	$query             = list_query( $options );
	$printed[ $query ] = true;
	$place             = array_search( $query, array_keys( $printed ), true );
	return style_tag() . ( $place ? preg_replace( '/(?<= id="| aria-labelledby=")read-also-[^"]*/', '$0--' . ( $place + 1 ), $html ) : $html );
}

/** The list of a page, asked for once however often its text is made. */
function list_of_page( int $post, array $options ): string {
	static $lists   = array();
	$name           = get_current_blog_id() . " $post " . list_query( $options );
	$lists[ $name ] = $lists[ $name ] ?? list_html( $post, $options );
	return $lists[ $name ];
}
