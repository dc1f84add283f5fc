<?php
/** The options of one list, as a block, a shortcode or the settings choose them. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const LAYOUTS       = array( 'list', 'list-thumbs', 'cards', 'compact' );
const PICTURED      = array( 'list-thumbs', 'cards' ); // Layouts that show pictures, unless told not to.
const MODES         = array( 'mixed', 'background', 'latest' );
const COMPACT_ITEMS = 3;
const MOST_SECTIONS = 20;

/**
 * The options of a list; what is not given, or cannot be used, is as the settings or the layout have it.
 *
 * @param array $given limit, layout, mode, images, section, heading: texts of a shortcode or values of a block.
 */
function list_options( array $given ): array {
	$set    = settings();
	$layout = one_of( $given['layout'] ?? '', LAYOUTS, one_of( $set['layout'], LAYOUTS, 'list' ) );
	$limit  = 'compact' === $layout ? COMPACT_ITEMS : $set['limit'];
	$images = filter_var( $given['images'] ?? null, FILTER_VALIDATE_BOOLEAN, FILTER_NULL_ON_FAILURE );
	return array(
		'limit'   => clamp( is_numeric( $given['limit'] ?? '' ) ? $given['limit'] : $limit ),
		'layout'  => $layout,
		'mode'    => one_of( $given['mode'] ?? '', MODES, 'mixed' ),
		'images'  => isset( $given['images'] ) && null !== $images ? $images : in_array( $layout, PICTURED, true ),
		'section' => sections( $given['section'] ?? '' ),
		'heading' => heading( $given['heading'] ?? '' ),
	);
}

/** The query of a list's address. Always in the same order: a list is kept by it. */
function list_query( array $options ): string {
	$zone  = wp_timezone_string();
	$asked = array(
		'limit'      => $options['limit'],
		'mode'       => 'mixed' === $options['mode'] ? null : $options['mode'],
		'section'    => '' === $options['section'] ? null : $options['section'],
		'layout'     => $options['layout'],
		'stylesheet' => 0, // style_tag() prints the plugin's own.
		'images'     => (int) $options['images'],
		'labels'     => 1,
		'dates'      => list_dates(),
		'heading'    => '' === $options['heading'] ? null : $options['heading'],
		'time_zone'  => preg_match( '/^[a-z]/i', $zone ) ? $zone : null, // An offset from UTC names no zone.
	);
	return http_build_query( $asked + list_limits(), '', '&', PHP_QUERY_RFC3986 );
}

/** How lists write dates; null is as the layout has it, such as "today", which is wrong on a page that is kept for days. */
function list_dates(): ?string {
	/**
	 * How the dates of lists are written: `relative`, `long` or `iso`.
	 *
	 * @param string $dates `long` where a plugin that keeps whole pages is known, else `relative`.
	 */
	$dates = one_of( apply_filters( 'read_also_dates', has_page_cache() ? 'long' : 'relative' ), array( 'long', 'iso' ), '' );
	return '' === $dates ? null : $dates;
}

function one_of( $given, array $names, string $else ): string {
	$name = is_string( $given ) ? strtolower( trim( $given ) ) : '';
	return in_array( $name, $names, true ) ? $name : $else;
}

/** Names joined by commas, `\,` a comma of a name, a minus before what is left out; empty ones are dropped. */
function sections( $given ): string {
	preg_match_all( '/(?:\\\\.|[^,\\\\])+/su', is_string( $given ) ? plain( $given ) : '', $found );
	$names = array();
	foreach ( $found[0] as $name ) {
		$name = trim( $name );
		if ( '' !== trim( $name, '- ' ) ) {
			$names[] = $name;
		}
	}
	return implode( ',', array_slice( $names, 0, MOST_SECTIONS ) );
}

/** Words over a list; none where nothing of them can be seen. */
function heading( $given ): string {
	$words = cut( is_string( $given ) ? plain( $given ) : '', 100 );
	return '' === preg_replace( '/[\p{C}\p{Z}]/u', '', $words ) ? '' : $words;
}

/** The parameters that limit every list of this site. */
function list_limits(): array {
	$set    = settings();
	$limits = array();
	if ( 'all' === $set['languages'] ) {
		$limits['language'] = 'any';
	}
	if ( is_multisite() && ! $set['network'] ) {
		$limits['attr.site'] = filter_value( site_name() );
	}
	return $limits;
}

/** A text as a filter of the service finds it: a comma, a backslash, a minus at its begin and two dots mean nothing. */
function filter_value( string $text ): string {
	return (string) preg_replace( '/[\\\\,]|^-|\.(?=\.)/', '\\\\$0', $text );
}

/** The name of this site in the attribute `site` of its articles: the home address as in their ids. */
function site_name(): string {
	return cut( site( (string) get_option( 'home' ) ), 300 );
}

/** Whether a plugin that keeps whole pages is there; another one can hook `read_also_list_changed`. */
function has_page_cache(): bool {
	return function_exists( 'wpsc_delete_url_cache' ) || function_exists( 'w3tc_flush_url' ) || function_exists( 'rocket_clean_files' )
		|| function_exists( 'wpfc_clear_post_cache_by_id' ) || isset( $GLOBALS['nginx_purger'] )
		|| has_action( 'litespeed_purge_post' ) || has_action( 'cache_enabler_clear_page_cache_by_post' );
}
