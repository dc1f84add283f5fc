<?php
/** Which posts are articles, under which ids; what a page has to know of them. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

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

/** Whether lists are left out, because a text is rendered for the service. */
function &silent(): bool {
	static $silent = false;
	return $silent;
}

/** The terms of a post in some taxonomies, in the order of these. */
function terms_in( \WP_Post $post, array $taxonomies ): array {
	$found = array();
	foreach ( $taxonomies as $taxonomy ) {
		$terms = get_the_terms( $post, $taxonomy );
		$found = array_merge( $found, is_array( $terms ) ? $terms : array() );
	}
	return $found;
}

/** Whether a post has one of some terms, by their numbers. */
function has_term_among( \WP_Post $post, array $terms ): bool {
	return $terms && array_intersect( $terms, wp_list_pluck( terms_in( $post, get_object_taxonomies( $post->post_type ) ), 'term_id' ) );
}
