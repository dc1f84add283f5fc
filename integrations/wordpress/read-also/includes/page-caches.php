<?php
/** Caches of whole pages: pages whose list shows a post that is gone, or has another headline, are made anew. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const MOST_ASKED  = 5;   // Posts of a request whose pages are asked for.
const MOST_PURGED = 200; // Pages of a request that are made anew.
const ASK_SECONDS = 2.0; // All questions of a request.

do_at( 'wp_loaded', __NAMESPACE__ . '\\watch_page_caches' ); // When other plugins have added their hooks.
add_action( 'read_also_purge', __NAMESPACE__ . '\\purge_changed' );
add_action( 'read_also_tell', __NAMESPACE__ . '\\tell_of_pages' );

/** Without a cache of pages there is nothing to do. */
function watch_page_caches() {
	if ( has_page_cache() ) {
		add_action( 'read_also_list_changed', __NAMESPACE__ . '\\purge_page' );
		add_action( 'read_also_lists_changed', __NAMESPACE__ . '\\purge_pages' );
	}
	if ( configured() && has_action( 'read_also_list_changed' ) ) {
		add_action( 'post_updated', __NAMESPACE__ . '\\on_updated', 10, 3 );
		add_action( 'before_delete_post', __NAMESPACE__ . '\\on_deletion', 10, 2 );
		add_action( 'set_object_terms', __NAMESPACE__ . '\\on_terms', 10, 6 );
		add_action( 'read_also_pushed', __NAMESPACE__ . '\\purge_after_push' );
		watch_new_posts();
	}
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
	forget_page( (int) $id );
	if ( is_public( $post ) ) {
		note_gone( (int) $id );
	}
}

/** A post got a term whose posts are in no list, or have none. */
function on_terms( $id, $terms, $now, $taxonomy, $append, $before ) {
	$post = array_diff( $now, $before ) ? get_post( $id ) : null;
	if ( $post && is_left_out( $post ) ) {
		note_left_out( (int) $id );
	}
	if ( $post && has_term_among( $post, settings()['no_list_terms'] ) ) {
		tell_of_pages( array( (int) $id ) );
	}
}

/** A public post is to be in no list from now on. WordPress does not see to that, so its pages are made anew when lists are without it. */
function note_left_out( int $id ) {
	if ( configured() && has_action( 'read_also_list_changed' ) && is_public( get_post( $id ) ) ) {
		note_gone( $id, true );
	}
}

/** Many posts are to be in no list, or in other ones, when all that stands in line is sent. */
function purge_when_pushed() {
	if ( configured() && has_action( 'read_also_lists_changed' ) ) {
		update_option( 'read_also_pages_wait', 1, false );
	}
}

function purge_after_push() {
	if ( get_option( 'read_also_pages_wait' ) && ! anew_in_line() ) {
		delete_option( 'read_also_pages_wait' );
		tell_later( null );
	}
}

/** Not before copies of the lists of before are too old to be shown. */
function tell_later( ?array $pages ) {
	wp_schedule_single_event( time() + FRESH_SECONDS + 5, 'read_also_tell', array( $pages ) );
}

/** Remember a post that was withdrawn by this request; the service is asked before it hears of that. */
function note_gone( int $id, bool $later = false ) {
	$gone        = &gone();
	$gone[ $id ] = $later && ( $gone[ $id ] ?? true );
	add_action( 'read_also_answered', __NAMESPACE__ . '\\purge_gone' );
	add_action( 'shutdown', __NAMESPACE__ . '\\purge_unasked', PHP_INT_MAX ); // Behind the sending.
}

/** By number the posts of this site that this request withdrew, until page caches are told; whether those are told later. */
function &gone(): array {
	static $gone   = array();
	$site          = get_current_blog_id();
	$gone[ $site ] = $gone[ $site ] ?? array();
	return $gone[ $site ];
}

/** Before the sending, which may take long: what WordPress withdrew is on no page that is made from now on. */
function purge_gone() {
	$gone = &gone();
	if ( $gone ) {
		$pages = pages_of( array_keys( $gone ) );
		if ( in_array( true, $gone, true ) && array() !== $pages ) {
			tell_later( null === $pages || count( $pages ) > MOST_PURGED ? null : $pages );
		}
		if ( in_array( false, $gone, true ) ) {
			tell_of_pages( $pages );
		}
		$gone = array();
	}
}

/** Where the service was not asked, since it is away. */
function purge_unasked() {
	$gone = &gone();
	if ( $gone ) {
		if ( in_array( true, $gone, true ) ) {
			purge_when_pushed();
		}
		if ( in_array( false, $gone, true ) ) {
			tell_of_pages( pages_that_showed( array_keys( $gone ) ) );
		}
		$gone = array();
	}
}

/** Pages that show one of some posts: that have shown it here, else whose lists have it as the service says; null where nobody knows. */
function pages_of( array $posts ): ?array {
	$pages = pages_that_showed( $posts );
	return null !== $pages || count( $posts ) > MOST_ASKED || has_other_lists() ? $pages : pages_showing( $posts, true );
}

/** Whether lists of this site have, or had, options by which they hold articles that the service's default lists do not. */
function has_other_lists(): bool {
	return list_limits() || get_option( OTHER_LISTS );
}

/** The headline of a post is another one since a minute. */
function purge_changed( $id ) {
	$pages = pages_that_showed( array( (int) $id ) ) ?? pages_showing( array( (int) $id ), false );
	if ( null !== $pages ) {
		tell_of_pages( $pages );
	}
}

/** Posts of this site whose lists show one of some posts, of `$all` lists or those that were looked at; null where nobody can tell in time. */
function pages_showing( array $posts, bool $all ): ?array {
	$until = microtime( true ) + ASK_SECONDS;
	$pages = array();
	foreach ( $posts as $post ) {
		$answer = ask( '/v1/articles/' . article_id( $post ) . '/appears-in', $until );
		$shown  = said_pages( $answer );
		if ( null === $shown || ( $all && 200 === status( $answer ) && true !== ( json( $answer )['complete'] ?? null ) ) ) {
			return null;
		}
		$pages = array_merge( $pages, $shown );
	}
	return array_values( array_unique( $pages ) );
}

/** The answer to a question, while there is time. */
function ask( string $path, float $until ) {
	$left = $until - microtime( true );
	return $left < LEAST_SECONDS ? null : call( 'GET', $path, $left );
}

/** The posts of this site that an answer of `appears-in` names; null where it is none. */
function said_pages( $answer ): ?array {
	$none  = is_problem( $answer ) && in_array( status( $answer ), array( 404, 410 ), true );
	$shown = $none ? array() : ( json( $answer )['appears_in'] ?? null );
	return is_array( $shown ) ? posts_of_ids( $shown ) : null;
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
			if ( has_action( 'read_also_lists_changed' ) ) {
				update_option( PAGES_KNOWN, time(), true ); // From now on, see shown.php.
			}
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
