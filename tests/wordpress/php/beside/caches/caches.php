<?php
/*
 * Plugin Name: Stand-in for caches of whole pages, of which no registry of packages has one that the tests may use.
 *
 * The functions and actions have the names and parameters of the real ones (WP Super Cache, W3 Total Cache, WP Rocket,
 * WP Fastest Cache, Nginx Helper, LiteSpeed Cache, Cache Enabler); each call is written down. That of WP Rocket really
 * keeps pages: visitors get the file until it is cleaned.
 */
function caches_note( $cache, $what ) {
	file_put_contents( SITE . '/caches.log', wp_json_encode( array( $cache, $what ), JSON_UNESCAPED_SLASHES ) . "\n", FILE_APPEND | LOCK_EX );
}

function caches_file( $address ) {
	return SITE . '/page-' . md5( untrailingslashit( $address ) ) . '.html';
}

add_action(
	'template_redirect',
	function () {
		$file = caches_file( home_url( wp_parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH ) ) );
		if ( file_exists( $file ) ) {
			readfile( $file );
			exit;
		}
		ob_start(
			function ( $page ) use ( $file ) {
				file_put_contents( $file, $page );
				return $page;
			}
		);
	},
	99
);

function rocket_clean_files( $addresses ) {
	foreach ( (array) $addresses as $address ) {
		caches_note( 'rocket', $address );
		if ( file_exists( caches_file( $address ) ) ) {
			unlink( caches_file( $address ) );
		}
	}
}

function rocket_clean_domain() {
	caches_note( 'rocket', 'all' );
	array_map( 'unlink', glob( SITE . '/page-*.html' ) );
}

function wpsc_delete_url_cache( $address ) {
	caches_note( 'super-cache', $address );
}

function wp_cache_clear_cache( $site = 0 ) {
	caches_note( 'super-cache', 'all' );
}

function w3tc_flush_url( $address ) {
	caches_note( 'w3tc', $address );
}

function w3tc_flush_posts() {
	caches_note( 'w3tc', 'all' );
}

function wpfc_clear_post_cache_by_id( $post ) {
	caches_note( 'fastest', get_permalink( $post ) );
}

function wpfc_clear_all_cache() {
	caches_note( 'fastest', 'all' );
}

$GLOBALS['nginx_purger'] = new class() {
	public function purge_url( $address, $feed = true ) {
		caches_note( 'nginx-helper', $address );
	}
};
foreach ( array( 'rt_nginx_helper_purge_all' => 'nginx-helper', 'litespeed_purge_all' => 'litespeed', 'cache_enabler_clear_site_cache' => 'enabler' ) as $action => $cache ) {
	add_action(
		$action,
		function () use ( $cache ) {
			caches_note( $cache, 'all' );
		}
	);
}
foreach ( array( 'litespeed_purge_post' => 'litespeed', 'cache_enabler_clear_page_cache_by_post' => 'enabler' ) as $action => $cache ) {
	add_action(
		$action,
		function ( $post ) use ( $cache ) {
			caches_note( $cache, get_permalink( $post ) );
		}
	);
}
