<?php
/*
 * Plugin Name: Stand-in for Polylang, which no registry of packages has that the tests may use.
 *
 * The data are Polylang's own: the taxonomies `language` (name, slug, and a serialized description with the locale) and
 * `post_translations` (a term of a group, with the posts of its languages as its serialized description), as
 * include/translated-object.php, translated-post.php and crud-posts.php of Polylang 3.7 write them. The functions answer from
 * them as its src/api.php does: the locale of the language of a post or false, and the posts of the group, the post itself
 * among them. Saving a group sets the term of each of its posts, and deleting a post takes it out of the description.
 */
add_action(
	'init',
	function () {
		$hidden = array( 'public' => false, 'query_var' => false, 'rewrite' => false );
		register_taxonomy( 'language', array( 'post', 'page' ), array( 'publicly_queryable' => true, 'query_var' => 'lang' ) + $hidden );
		register_taxonomy( 'post_translations', array( 'post', 'page' ), array( 'label' => false, 'update_count_callback' => '_update_generic_term_count' ) + $hidden );
	},
	0
);
add_action( 'before_delete_post', 'pll_forget_translation' );

function pll_term( $post, $taxonomy ) {
	$terms = get_the_terms( $post, $taxonomy );
	return is_array( $terms ) ? reset( $terms ) : false;
}

function pll_get_post_language( $post, $field = 'slug' ) {
	$term = pll_term( $post, 'language' );
	$more = $term ? maybe_unserialize( $term->description ) : array();
	return $term ? array( 'slug' => $term->slug, 'name' => $term->name, 'locale' => $more['locale'] )[ $field ] : false;
}

function pll_get_post_translations( $post ) {
	$term  = pll_term( $post, 'post_translations' );
	$group = $term ? maybe_unserialize( $term->description ) : array();
	$own   = pll_get_post_language( $post );
	return $own ? array_merge( array( $own => $post ), $group ) : $group;
}

function pll_set_post_language( $post, $slug ) {
	return (bool) wp_set_post_terms( $post, $slug, 'language' );
}

function pll_save_post_translations( $group ) {
	$terms = wp_get_object_terms( $group, 'post_translations' );
	if ( $terms ) {
		$term = (int) $terms[0]->term_id;
		wp_update_term( $term, 'post_translations', array( 'description' => maybe_serialize( $group ) ) );
	} else {
		$term = (int) wp_insert_term( uniqid( 'pll_' ), 'post_translations', array( 'description' => maybe_serialize( $group ) ) )['term_id'];
	}
	foreach ( $group as $post ) {
		wp_set_object_terms( $post, $term, 'post_translations' );
	}
	return $group;
}

function pll_forget_translation( $post ) {
	$term = pll_term( $post, 'post_translations' );
	if ( $term ) {
		$left = array_diff( maybe_unserialize( $term->description ), array( $post ) );
		wp_update_term( $term->term_id, 'post_translations', array( 'description' => maybe_serialize( $left ) ) );
		wp_set_object_terms( $post, array(), 'post_translations' );
	}
}
