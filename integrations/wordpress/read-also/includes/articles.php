<?php
/** A post as an article: its fields. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const PIECE        = 12;  // Letters; so many in a row are no chance.
const COPIED_SHARE = 0.7; // Of the pieces of an excerpt.

/** The article that a post is, as JSON; nothing where the post is not for the public. */
function document( int $id ): string {
	wp_cache_delete( $id, 'posts' ); // It may have been saved by another request since this one read it.
	wp_cache_delete( $id, 'post_meta' );
	foreach ( get_taxonomies() as $taxonomy ) {
		wp_cache_delete( $id, "{$taxonomy}_relationships" );
	}
	$post = get_post( $id );
	if ( ! is_public( $post ) ) {
		return '';
	}
	$fields = as_visitor(
		function () use ( $post ) {
			/**
			 * The fields of the article; nothing where the post is to be none.
			 *
			 * @param array    $fields As in the HTTP API.
			 * @param \WP_Post $post   The post.
			 */
			return apply_filters( 'read_also_article', fields( $post ), $post );
		}
	);
	$fields = array_filter(
		is_array( $fields ) ? $fields : array(),
		function ( $value ) {
			return ! in_array( $value, array( '', null, array() ), true );
		}
	);
	if ( ! array_intersect_key( $fields, array( 'title' => 0, 'body_html' => 0, 'body' => 0 ) ) ) {
		return '';
	}
	$document = wp_json_encode( array( 'id' => article_id( $id ) ) + $fields, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE );
	if ( false === $document ) {
		throw new \RuntimeException( json_last_error_msg() );
	}
	return $document;
}

/** What something is for those who are not logged in and read the site: blocks and shortcodes show an editor more. */
function as_visitor( callable $what ) {
	$user   = get_current_user_id();
	$screen = $GLOBALS['current_screen'] ?? null;
	wp_set_current_user( 0 );
	if ( class_exists( 'WP_Screen' ) ) { // is_admin() asks it; queries show drafts there.
		$GLOBALS['current_screen'] = \WP_Screen::get( 'front' );
	}
	try {
		return $what();
	} finally {
		wp_set_current_user( $user );
		$GLOBALS['current_screen'] = $screen;
	}
}

function fields( \WP_Post $post ): array {
	$body  = without_controls( rendered( $post ) );
	$image = get_the_post_thumbnail_url( $post, 'full' );
	return array(
		'title'        => cut( plain( apply_filters( 'the_title', $post->post_title, $post->ID ) ), 2000 ),
		'body_html'    => '' === trim( $body ) ? '' : $body,
		'summary'      => summary( $post, $body ),
		'url'          => address( (string) get_permalink( $post ) ),
		'section'      => section( $post ),
		'tags'         => names( terms_in( $post, settings()['tag_taxonomies'] ) ),
		'authors'      => array_filter( array( cut( plain( (string) get_the_author_meta( 'display_name', $post->post_author ) ), 300 ) ), 'strlen' ),
		'image_url'    => address( (string) $image ),
		'published_at' => moment( $post->post_date_gmt, $post->post_date ),
		'updated_at'   => moment( $post->post_modified_gmt, $post->post_modified ),
		'never_recommend' => is_left_out( $post ) ? true : null,
	);
}

/** The post's text as its page shows it, without the list of this plugin. */
function rendered( \WP_Post $post ): string {
	$outer           = $GLOBALS['post'] ?? null;
	$GLOBALS['post'] = $post;
	$silent          = &silent();
	$silent          = true;
	setup_postdata( $post );
	try {
		return (string) apply_filters( 'the_content', $post->post_content );
	} finally {
		$silent          = false;
		$GLOBALS['post'] = $outer;
		if ( $outer ) {
			setup_postdata( $outer );
		}
	}
}

/** An excerpt that somebody wrote; one that was cut from the text says nothing new. */
function summary( \WP_Post $post, string $body ): string {
	$excerpt = '' === $post->post_excerpt ? '' : plain( apply_filters( 'the_excerpt', apply_filters( 'get_the_excerpt', $post->post_excerpt, $post ) ) );
	return '' !== $excerpt && adds_to( $excerpt, plain( $body ) ) ? cut( $excerpt, 20000 ) : '';
}

/** Whether a summary was written for itself. A theme may end an automatic one with words of its own, so it is enough that most of it is in the text. */
function adds_to( string $summary, string $text ): bool {
	$letters = str_replace( ' ', '', $summary );
	$text    = str_replace( ' ', '', $text );
	if ( preg_match( '/(…\]?|\.\.\.\]?)\z/', $summary ) || false !== strpos( $text, $letters ) ) {
		return false;
	}
	preg_match_all( '/.{' . PIECE . '}/su', $letters, $pieces );
	$copied = array_filter(
		$pieces[0],
		function ( $piece ) use ( $text ) {
			return false !== strpos( $text, $piece );
		}
	);
	return ! $pieces[0] || count( $copied ) < COPIED_SHARE * count( $pieces[0] );
}

/** The first category in the order in which they were made, but the one for posts without; or a term of another taxonomy. */
function section( \WP_Post $post ): string {
	$terms = terms_in( $post, array( settings()['section_taxonomy'] ) );
	usort(
		$terms,
		function ( $one, $other ) {
			return $one->term_id - $other->term_id;
		}
	);
	$default = (int) get_option( 'default_category' );
	foreach ( $terms as $term ) {
		// phpcs:ignore WordPress.WP.I18n.MissingArgDomain -- WordPress's own word for it.
		$unsorted = $default === $term->term_id && __( 'Uncategorized' ) === $term->name;
		if ( 'uncategorized' !== $term->slug && ! $unsorted && '' !== plain( $term->name ) ) {
			return cut( plain( $term->name ), 300 );
		}
	}
	return '';
}

function names( $terms ): array {
	$names = array();
	foreach ( is_array( $terms ) ? $terms : array() as $term ) {
		$names[] = cut( plain( $term->name ), 300 );
	}
	return array_slice( array_values( array_unique( array_filter( $names, 'strlen' ) ) ), 0, 100 );
}

/** An http or https address, blanks and what cannot be seen encoded; nothing where it is none. */
function address( string $address ): string {
	$whole = (string) preg_replace_callback(
		'/[\p{C}\p{Z}]/u',
		function ( $found ) {
			return rawurlencode( $found[0] );
		},
		trim( wp_check_invalid_utf8( $address, true ) )
	);
	return preg_match( '~^https?://[^/]~i', $whole ) && mb_strlen( $whole ) <= 2000 ? $whole : '';
}

/** A time of the database in RFC 3339; what was never published in Greenwich's time is of the site's. */
function moment( string $gmt, string $local ): string {
	$gmt = '0000' === substr( $gmt, 0, 4 ) ? get_gmt_from_date( $local ) : $gmt;
	return $gmt < '0001' ? '' : str_replace( ' ', 'T', $gmt ) . 'Z';
}
