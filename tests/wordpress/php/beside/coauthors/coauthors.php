<?php
/*
 * Plugin Name: Stand-in for Co-Authors Plus, which no registry of packages has that the tests may use.
 *
 * The data are its own: terms of the taxonomy `author` with the slugs `cap-NAME`, and guests as posts of the type
 * `guest-author` whose name is in the field cap-display_name. get_coauthors() reads them in their order, as its
 * template-tags.php does.
 */
add_action(
	'init',
	function () {
		register_post_type( 'guest-author', array( 'public' => false ) );
		register_taxonomy( 'author', 'post', array( 'public' => false, 'sort' => true, 'args' => array( 'orderby' => 'term_order' ) ) );
	},
	0
);

function get_coauthors( $post ) {
	$people = array();
	foreach ( wp_get_object_terms( $post, 'author', array( 'orderby' => 'term_order' ) ) as $term ) {
		$name  = preg_replace( '/^cap-/', '', $term->slug );
		$guest = get_posts( array( 'post_type' => 'guest-author', 'name' => 'cap-' . $name, 'post_status' => 'any' ) );
		$user  = get_user_by( 'slug', $name );
		if ( $guest ) {
			$people[] = (object) array( 'display_name' => get_post_meta( $guest[0]->ID, 'cap-display_name', true ) );
		} elseif ( $user ) {
			$people[] = $user;
		}
	}
	return $people ? $people : array( get_userdata( get_post( $post )->post_author ) );
}
