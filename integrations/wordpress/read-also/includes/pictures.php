<?php
/** Pictures of a list: those of this WordPress in its own small sizes, every one with its width and height. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/** By layout: WordPress's size, how wide the place is, and the size that is told for a picture whose own is not known. */
const PICTURES = array(
	'cards' => array( 'medium_large', '(min-width: 60rem) 20rem, (min-width: 36rem) 45vw, 90vw', 600, 400 ),
	''      => array( 'medium', '8rem', 120, 80 ),
);

/**
 * The list with pictures of WordPress's making, where an item is a post of this WordPress that has one.
 *
 * @param string $html   A list.
 * @param array  $posts  By number of a site, and by place in the list, the number of the post.
 * @param string $layout One of LAYOUTS.
 */
function with_pictures( string $html, array $posts, string $layout ): string {
	if ( false === strpos( $html, '<img' ) ) {
		return $html;
	}
	$own   = pictures( $posts, $layout );
	$parts = preg_split( '/(?=<li\b)/', $html );
	foreach ( array_slice( $parts, 1 ) as $place => $item ) {
		$parts[ $place + 1 ] = preg_replace_callback(
			'/<img\b[^>]*>/',
			function ( $found ) use ( $own, $place, $layout ) {
				$class = preg_match( '/\bclass="([^"]*)"/', $found[0], $named ) ? $named[1] : '';
				return isset( $own[ $place ] ) ? str_replace( '%class%', $class, $own[ $place ] ) : sized( $found[0], $layout );
			},
			$item
		);
	}
	return implode( '', $parts );
}

/** By place in a list the pictures of posts, of this site and of others of the network. */
function pictures( array $posts, string $layout ): array {
	$pictures = array();
	foreach ( $posts as $site => $places ) {
		$away = get_current_blog_id() !== $site && switch_to_blog( $site );
		prime_pictures( $places );
		foreach ( $places as $place => $post ) {
			$pictures[ $place ] = picture( $post, $layout );
		}
		if ( $away ) {
			restore_current_blog();
		}
	}
	return array_filter( $pictures );
}

/** The featured image of a post, its class to be filled in; nothing where its size is not known. */
function picture( int $post, string $layout ): string {
	list( $size, $sizes ) = PICTURES[ $layout ] ?? PICTURES[''];
	$image                = (int) get_post_thumbnail_id( $post );
	$tag                  = $image ? wp_get_attachment_image(
		$image,
		$size,
		false,
		array( 'class' => '%class%', 'alt' => '', 'sizes' => $sizes, 'loading' => 'lazy', 'decoding' => 'async' ) // The headline says what it is of.
	) : '';
	return preg_match( '/\swidth="\d{2,}"\sheight="\d{2,}"/', $tag ) ? str_replace( '[', '&#91;', $tag ) : '';
}

/** A picture of another site with a width and a height, so that it is not as large as its file, and nothing moves. */
function sized( string $tag, string $layout ): string {
	list( , , $width, $height ) = PICTURES[ $layout ] ?? PICTURES[''];
	return preg_match( '/\swidth="/', $tag ) ? $tag : preg_replace( '~\s*/?>$~', " width=\"$width\" height=\"$height\">", $tag );
}

/** Read what all pictures need at once, not one by one. */
function prime_pictures( array $posts ) {
	_prime_post_caches( $posts, false, true );
	_prime_post_caches( array_filter( array_map( 'get_post_thumbnail_id', $posts ) ), false, true );
}
