<?php
/** A post as an article: its id, whether it is one, its fields. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const PIECE        = 12;  // Letters; so many in a row are no chance.
const COPIED_SHARE = 0.7; // Of the pieces of an excerpt.

/** The id under which the service knows a post: `wp:`, the site's home address, the post's number. */
function article_id( int $post ): string {
	// The option, not home_url(): plugins for several languages let that differ from page to page.
	return foreign_id( 'wp', site( (string) get_option( 'home' ) ), (string) $post );
}

/** A home address without its scheme and the slash at its end, the host in small letters. */
function site( string $home ): string {
	$scheme = strpos( $home, '://' );
	$rest   = false === $scheme ? '' : rtrim( substr( $home, $scheme + 3 ), '/' );
	$parts  = explode( '/', $rest, 2 );
	$lower  = function_exists( 'mb_strtolower' ) ? mb_strtolower( $parts[0], 'UTF-8' ) : strtolower( $parts[0] );
	return isset( $parts[1] ) ? "$lower/$parts[1]" : $lower;
}

/** `kind:part:part`, bytes outside A-Za-z0-9._- as ~HH; a last part that is too long as a digest. */
function foreign_id( string $kind, string ...$parts ): string {
	$escape = function ( $part ) {
		return preg_replace_callback(
			'/[^A-Za-z0-9._-]/',
			function ( $found ) {
				return sprintf( '~%02X', ord( $found[0] ) );
			},
			$part
		);
	};
	$whole  = implode( ':', array_merge( array( $kind ), array_map( $escape, $parts ) ) );
	if ( strlen( $whole ) <= 200 ) {
		return $whole;
	}
	$last = '~~' . substr( hash( 'sha256', array_pop( $parts ) ), 0, 40 );
	return implode( ':', array_merge( array( $kind ), array_map( $escape, $parts ), array( $last ) ) );
}

/** Whether a post is an article: published, of a chosen type, without a password. */
function is_public( $post ): bool {
	return $post instanceof \WP_Post && 'publish' === $post->post_status && '' === $post->post_password
		&& in_array( $post->post_type, settings()['types'], true );
}

/** Those of some posts of this site that are articles, by one query that reads no texts. */
function public_among( array $posts ): array {
	global $wpdb;
	$types = settings()['types'];
	if ( ! $posts || ! $types ) {
		return array();
	}
	$numbers = implode( ',', array_map( 'intval', $posts ) );
	$places  = implode( ',', array_fill( 0, count( $types ), '%s' ) );
	$query   = "SELECT ID FROM {$wpdb->posts} WHERE ID IN ($numbers) AND post_status = 'publish' AND post_password = '' AND post_type IN ($places)";
	return array_map( 'intval', $wpdb->get_col( $wpdb->prepare( $query, $types ) ) );
}

/**
 * The posts that articles are: for each site of this WordPress their numbers, under the places of the articles.
 *
 * Articles from elsewhere are left out.
 */
function posts_of( array $articles ): array {
	$posts = array();
	foreach ( $articles as $place => $article ) {
		$ours = preg_match( '/^wp:([^:]+):([1-9][0-9]{0,17})$/D', $article, $found );
		$site = $ours ? site_number( $found[1] ) : 0;
		if ( $site ) {
			$posts[ $site ][ $place ] = (int) $found[2];
		}
	}
	return $posts;
}

/** The number of the site whose home address stands in an id; 0 where this WordPress has none. */
function site_number( string $escaped ): int {
	$home = rawurldecode( str_replace( '~', '%', $escaped ) );
	if ( site( (string) get_option( 'home' ) ) === $home ) {
		return get_current_blog_id();
	}
	if ( ! is_multisite() ) {
		return 0;
	}
	$parts = explode( '/', $home, 2 );
	return (int) get_blog_id_from_url( $parts[0], isset( $parts[1] ) ? "/{$parts[1]}/" : '/' );
}

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

/** Whether lists are left out, because a text is rendered for the service. */
function &silent(): bool {
	static $silent = false;
	return $silent;
}

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
