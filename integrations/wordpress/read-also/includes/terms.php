<?php
/** What a post's terms say of it: its section, its tags, and whether it is left out of lists. */

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

/** The terms of a post in some taxonomies, in the order of these. */
function terms_in( \WP_Post $post, array $taxonomies ): array {
	$found = array();
	foreach ( $taxonomies as $taxonomy ) {
		$terms = get_the_terms( $post, $taxonomy );
		$found = array_merge( $found, is_array( $terms ) ? $terms : array() );
	}
	return $found;
}

/** Whether a post has a term whose posts are in no list. They are articles all the same, with lists of their own. */
function is_left_out( \WP_Post $post ): bool {
	$left_out = settings()['excluded_terms'];
	return $left_out && array_intersect( $left_out, wp_list_pluck( terms_in( $post, get_object_taxonomies( $post->post_type ) ), 'term_id' ) );
}

/** Which taxonomies and which terms the form chose; what is not there cannot be chosen. */
function chosen_terms( array $given ): array {
	$usable  = array_keys( usable_taxonomies() );
	$section = isset( $given['section_taxonomy'] ) ? sanitize_key( $given['section_taxonomy'] ) : 'category';
	$terms   = wp_parse_id_list( $given['excluded_terms'] ?? array() );
	return array(
		'section_taxonomy' => in_array( $section, $usable, true ) ? $section : '',
		'tag_taxonomies'   => array_values( array_intersect( $usable, (array) ( $given['tag_taxonomies'] ?? array() ) ) ),
		'excluded_terms'   => array_values( array_filter( $terms, 'term_exists' ) ),
	);
}

/** Other terms say something else of posts that nobody edits, so all are pushed. */
function on_other_terms( $old, $new ) {
	$names = default_terms();
	if ( array_intersect_key( (array) $old, $names ) + $names != array_intersect_key( (array) $new, $names ) + $names ) {
		push_all();
		purge_when_pushed();
	}
}
