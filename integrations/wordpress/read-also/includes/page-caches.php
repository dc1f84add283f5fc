<?php
/** Caches of whole pages: pages whose list shows a post that is gone, or has another headline, are made anew. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const MOST_ASKED  = 5;   // Posts of a request whose pages are asked for.
const MOST_PURGED = 200; // Pages of a request that are made anew.
const ASK_SECONDS = 2.0; // All questions of a request.

add_action( 'wp_loaded', __NAMESPACE__ . '\\watch_page_caches' ); // When other plugins have added their hooks.
add_action( 'read_also_purge', __NAMESPACE__ . '\\purge_changed' );

/** Without a cache of pages there is nothing to do. */
function watch_page_caches() {
	if ( has_page_cache() ) {
		add_action( 'read_also_list_changed', __NAMESPACE__ . '\\purge_page' );
		add_action( 'read_also_lists_changed', __NAMESPACE__ . '\\purge_pages' );
	}
	if ( configured() && has_action( 'read_also_list_changed' ) ) {
		add_action( 'post_updated', __NAMESPACE__ . '\\on_updated', 10, 3 );
		add_action( 'before_delete_post', __NAMESPACE__ . '\\on_deletion', 10, 2 );
	}
}

/** Whether a plugin that keeps whole pages is there; another one can hook `read_also_list_changed`. */
function has_page_cache(): bool {
	return function_exists( 'wpsc_delete_url_cache' ) || function_exists( 'w3tc_flush_url' ) || function_exists( 'rocket_clean_files' )
		|| function_exists( 'wpfc_clear_post_cache_by_id' ) || isset( $GLOBALS['nginx_purger'] )
		|| has_action( 'litespeed_purge_post' ) || has_action( 'cache_enabler_clear_page_cache_by_post' );
}

/** What lists show of a post is another thing now, or it is to be in none. */
function on_updated( $id, $after, $before ) {
	if ( ! is_public( $before ) ) {
		return;
	}
	if ( ! is_public( $after ) ) {
		note_gone( (int) $id );
	} elseif ( array( $after->post_title, $after->post_name, $after->post_date ) !== array( $before->post_title, $before->post_name, $before->post_date ) ) {
		// Not before copies of lists with the old headline are too old to be shown.
		wp_schedule_single_event( time() + FRESH_SECONDS + 5, 'read_also_purge', array( (int) $id ) );
	}
}

function on_deletion( $id, $post ) {
	if ( is_public( $post ) ) {
		note_gone( (int) $id );
	}
}

/** Remember a post that was withdrawn by this request; the service is asked before it hears of that. */
function note_gone( int $id ) {
	$gone            = &gone();
	$gone['posts'][] = $id;
	add_action( 'read_also_answered', __NAMESPACE__ . '\\ask_for_pages' );
	add_action( 'shutdown', __NAMESPACE__ . '\\purge_gone', PHP_INT_MAX ); // Behind the sending.
}

/** Of this site and request: `posts` that were withdrawn, and the `pages` that show them, null while nobody knows. */
function &gone(): array {
	static $gone   = array();
	$site          = get_current_blog_id();
	$gone[ $site ] = $gone[ $site ] ?? array( 'posts' => array(), 'pages' => null );
	return $gone[ $site ];
}

function ask_for_pages() {
	$gone          = &gone();
	$posts         = array_unique( $gone['posts'] );
	$gone['pages'] = count( $posts ) > MOST_ASKED ? null : pages_showing( $posts );
}

function purge_gone() {
	if ( gone()['posts'] ) {
		tell_of_pages( gone()['pages'] );
	}
}

/** The headline of a post is another one since a minute. */
function purge_changed( $id ) {
	$pages = pages_showing( array( (int) $id ) );
	if ( null !== $pages ) {
		tell_of_pages( $pages );
	}
}

/** Posts of this site whose lists show one of some posts; null where nobody can tell in time. */
function pages_showing( array $posts ): ?array {
	$until = microtime( true ) + ASK_SECONDS;
	$pages = array();
	foreach ( $posts as $post ) {
		$left   = $until - microtime( true );
		$answer = $left < LEAST_SECONDS ? null : call( 'GET', '/v1/articles/' . article_id( $post ) . '/appears-in', $left );
		$shown  = is_problem( $answer ) && in_array( status( $answer ), array( 404, 410 ), true ) ? array() : ( json( $answer )['appears_in'] ?? null );
		if ( ! is_array( $shown ) ) {
			return null;
		}
		$pages = array_merge( $pages, posts_of_ids( $shown ) );
	}
	return array_values( array_unique( $pages ) );
}

/** The numbers of the posts of this site among some ids of articles. */
function posts_of_ids( array $ids ): array {
	$begin = substr( article_id( 0 ), 0, -1 );
	$posts = array();
	foreach ( array_filter( $ids, 'is_string' ) as $id ) {
		$number = substr( $id, strlen( $begin ) );
		if ( 0 === strpos( $id, $begin ) && ctype_digit( $number ) ) {
			$posts[] = (int) $number;
		}
	}
	return $posts;
}

/** Have pages made anew: those, or all where nobody knows which, or they are too many. */
function tell_of_pages( ?array $pages ) {
	try {
		if ( null === $pages || count( $pages ) > MOST_PURGED ) {
			do_action( 'read_also_lists_changed' ); // Nobody knows which: no page is to be shown as it was.
			return;
		}
		foreach ( $pages as $post ) {
			do_action( 'read_also_list_changed', $post ); // Its page is to be made anew.
		}
	} catch ( \Throwable $error ) { // Of another plugin; the post is withdrawn all the same.
		complain( $error->getMessage() );
	}
}

/** Take one page out of the caches. */
function purge_page( $post ) {
	$address = (string) get_permalink( $post );
	if ( function_exists( 'wpsc_delete_url_cache' ) ) { // WP Super Cache.
		wpsc_delete_url_cache( $address );
	}
	if ( function_exists( 'w3tc_flush_url' ) ) { // W3 Total Cache.
		w3tc_flush_url( $address );
	}
	if ( function_exists( 'rocket_clean_files' ) ) { // WP Rocket.
		rocket_clean_files( array( $address ) );
	}
	if ( function_exists( 'wpfc_clear_post_cache_by_id' ) ) { // WP Fastest Cache.
		wpfc_clear_post_cache_by_id( $post );
	}
	if ( isset( $GLOBALS['nginx_purger'] ) && method_exists( $GLOBALS['nginx_purger'], 'purge_url' ) ) { // Nginx Helper.
		$GLOBALS['nginx_purger']->purge_url( $address );
	}
	do_action( 'litespeed_purge_post', $post );
	do_action( 'cache_enabler_clear_page_cache_by_post', $post );
}

/** Empty the caches of this site. */
function purge_pages() {
	if ( function_exists( 'wp_cache_clear_cache' ) ) { // WP Super Cache.
		wp_cache_clear_cache( is_multisite() ? get_current_blog_id() : 0 );
	}
	if ( function_exists( 'w3tc_flush_posts' ) ) { // W3 Total Cache.
		w3tc_flush_posts();
	}
	if ( function_exists( 'rocket_clean_domain' ) ) { // WP Rocket.
		rocket_clean_domain();
	}
	if ( function_exists( 'wpfc_clear_all_cache' ) ) { // WP Fastest Cache.
		wpfc_clear_all_cache();
	}
	do_action( 'rt_nginx_helper_purge_all' );
	do_action( 'litespeed_purge_all' );
	do_action( 'cache_enabler_clear_site_cache' );
}
