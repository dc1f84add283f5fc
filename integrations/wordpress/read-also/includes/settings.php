<?php
/** What is set, by the form or by constants in wp-config.php. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/**
 * What is set: url, key, limit (items), layout, style (whether the plugin's stylesheet is loaded), types (of posts
 * that are articles), place (whether the list stands under them) and place_types (under which; null is all);
 * and what terms say (see terms.php).
 */
function settings(): array {
	$kept = get_option( 'read_also' );
	$set  = array_merge(
		array( 'url' => '', 'key' => '', 'limit' => 6, 'layout' => 'list-thumbs', 'style' => true, 'place' => true, 'place_types' => null, 'types' => array( 'post' ) ),
		default_terms(),
		default_limits(),
		is_array( $kept ) ? $kept : array()
	);
	if ( defined( 'READ_ALSO_URL' ) ) { // A key goes with the address that it was given for.
		$set['url'] = (string) \READ_ALSO_URL;
		$set['key'] = configured_key();
	}
	$set['url'] = rtrim( trim( $set['url'] ), '/' );
	return $set;
}

function configured(): bool {
	return '' !== settings()['url'];
}

function clamp( $limit ): int {
	return max( 1, min( 20, is_numeric( $limit ) ? (int) $limit : 6 ) );
}

/** What terms say unless somebody chooses: of which taxonomy the section is, of which the tags are, whose posts are in no list, or have none. */
function default_terms(): array {
	return array( 'section_taxonomy' => 'category', 'tag_taxonomies' => array( 'post_tag' ), 'excluded_terms' => array(), 'no_list_terms' => array() );
}

/**
 * languages (`same` as the post or `all`), one_language (whether all posts are in the site's), network (whether other
 * sites too), sold_out (whether products too that are out of stock).
 */
function default_limits(): array {
	return array( 'languages' => 'same', 'one_language' => true, 'network' => false, 'sold_out' => true );
}

/** The key that wp-config.php sets: of this site of a network, or of all. */
function configured_key(): string {
	$keys = defined( 'READ_ALSO_KEYS' ) ? (array) \READ_ALSO_KEYS : array();
	return (string) ( $keys[ get_current_blog_id() ] ?? ( defined( 'READ_ALSO_KEY' ) ? \READ_ALSO_KEY : '' ) );
}
