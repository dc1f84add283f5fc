<?php
/** What a post's terms say of it: its section, its tags, and whether it is in lists and has one. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

add_action( 'update_option_read_also', __NAMESPACE__ . '\\on_other_terms', 10, 2 );

/** The taxonomies that may say something: public ones, by name. */
function usable_taxonomies(): array {
	return array_diff_key( get_taxonomies( array( 'public' => true ), 'objects' ), array( 'post_format' => 0 ) );
}

/** Names of the taxonomies that are sent, as section or as tags. */
function sent_taxonomies(): array {
	$set = settings();
	return array_values( array_unique( array_filter( array_merge( array( $set['section_taxonomy'] ), $set['tag_taxonomies'] ), 'taxonomy_exists' ) ) );
}

/** Whether a post has a term whose posts are in no list. They are articles all the same, with lists of their own. */
function is_left_out( \WP_Post $post ): bool {
	return has_term_among( $post, settings()['excluded_terms'] );
}

/** Which taxonomies and which terms the form chose; what is not there cannot be chosen. */
function chosen_terms( array $given ): array {
	$usable  = array_keys( usable_taxonomies() );
	$section = isset( $given['section_taxonomy'] ) ? sanitize_key( $given['section_taxonomy'] ) : 'category';
	return array(
		'section_taxonomy' => in_array( $section, $usable, true ) ? $section : '',
		'tag_taxonomies'   => array_values( array_intersect( $usable, (array) ( $given['tag_taxonomies'] ?? array() ) ) ),
		'excluded_terms'   => existing_terms( $given['excluded_terms'] ?? array() ),
		'no_list_terms'    => existing_terms( $given['no_list_terms'] ?? array() ),
	);
}

function existing_terms( $given ): array {
	return array_values( array_filter( wp_parse_id_list( $given ), 'term_exists' ) );
}

/** Other terms say something else of posts that nobody edits, so all are pushed. */
function on_other_terms( $old, $new ) {
	$names = default_terms();
	if ( array_intersect_key( (array) $old, $names ) + $names != array_intersect_key( (array) $new, $names ) + $names ) {
		push_all();
		purge_when_pushed();
	}
	if ( ( $old['no_list_terms'] ?? array() ) !== ( $new['no_list_terms'] ?? array() ) ) {
		tell_of_pages( null ); // Lists are gone at once.
	}
}
