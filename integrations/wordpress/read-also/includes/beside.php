<?php
/** What other plugins know of a post: several authors (Co-Authors Plus), a price and a stock (WooCommerce). */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const PRODUCT = 'product'; // The post type of WooCommerce.

add_filter( 'read_also_article', __NAMESPACE__ . '\\with_coauthors', 1, 2 );
add_filter( 'read_also_article', __NAMESPACE__ . '\\with_product', 1, 2 );
add_action( 'edited_term', __NAMESPACE__ . '\\on_coauthor_term', 10, 3 );
add_action( 'profile_update', __NAMESPACE__ . '\\on_coauthor_profile', 10, 2 );
add_action( 'woocommerce_product_object_updated_props', __NAMESPACE__ . '\\on_product', 10, 2 );
add_action( 'update_option_woocommerce_hide_out_of_stock_items', __NAMESPACE__ . '\\on_stock_rule' );

/** All authors of a post, guests among them, in the order of its byline. */
function with_coauthors( $fields, $post ) {
	$authors = function_exists( 'get_coauthors' ) ? names_of_people( get_coauthors( $post->ID ) ) : array();
	return $authors ? array( 'authors' => $authors ) + $fields : $fields;
}

function names_of_people( $people ): array {
	$names = array();
	foreach ( is_array( $people ) ? $people : array() as $person ) {
		$names[] = cut( plain( (string) ( $person->display_name ?? '' ) ), 300 );
	}
	return array_slice( array_values( array_unique( array_filter( $names, 'strlen' ) ) ), 0, 100 );
}

/** Co-Authors Plus keeps an author as a term, and writes it anew with each change of a guest's name. */
function on_coauthor_term( $term, $number, $taxonomy ) {
	global $wpdb;
	if ( 'author' === $taxonomy && function_exists( 'get_coauthors' ) ) {
		mark_all( "ID IN (SELECT object_id FROM {$wpdb->term_relationships} WHERE term_taxonomy_id = %d)", $number );
	}
}

/** Another name of a user reaches the posts of which they are one author of several. */
function on_coauthor_profile( $user, $before ) {
	$now = get_userdata( $user );
	if ( function_exists( 'get_coauthors' ) && $now && $now->display_name !== $before->display_name ) {
		$term = get_term_by( 'slug', 'cap-' . $now->user_nicename, 'author' );
		if ( $term ) {
			on_coauthor_term( $term->term_id, $term->term_taxonomy_id, 'author' );
		}
	}
}

/** A product: its category and tags of the shop, its price and stock as attributes; hidden ones are in no list. */
function with_product( $fields, $post ) {
	$product = PRODUCT === $post->post_type && function_exists( 'wc_get_product' ) ? wc_get_product( $post->ID ) : null;
	if ( ! $product ) {
		return $fields;
	}
	$sections = names( shop_categories( $post ) );
	$more     = array(
		'section'    => '' === $fields['section'] ? (string) reset( $sections ) : $fields['section'],
		'tags'       => array_slice( array_values( array_unique( array_merge( $fields['tags'], names( get_the_terms( $post, 'product_tag' ) ) ) ) ), 0, 100 ),
		'authors'    => array(), // Who typed a product in did not write it.
		'attributes' => product_attributes( $product ) + ( $fields['attributes'] ?? array() ),
	);
	if ( is_unlisted( $product ) ) {
		$more['never_recommend'] = true;
	}
	return $more + $fields;
}

/** Whether a product is in no list. */
function is_unlisted( $product ): bool {
	return 'hidden' === $product->get_catalog_visibility() || ( ! $product->is_in_stock() && ! shows_sold_out() );
}

/** The categories of a product in the order in which they were made, but the one for products without. */
function shop_categories( \WP_Post $post ): array {
	$terms = get_the_terms( $post, 'product_cat' );
	$terms = array_filter(
		is_array( $terms ) ? $terms : array(),
		function ( $term ) {
			return (int) get_option( 'default_product_cat' ) !== $term->term_id;
		}
	);
	return wp_list_sort( $terms, 'term_id' );
}

function product_attributes( $product ): array {
	$price = $product->get_price();
	return array(
		'type'     => PRODUCT,
		'in_stock' => (bool) $product->is_in_stock(),
		'on_sale'  => (bool) $product->is_on_sale(),
	) + ( is_numeric( $price ) ? array( 'price' => (float) $price, 'currency' => (string) get_woocommerce_currency() ) : array() );
}

/** Whether products that are out of stock may be in lists: not where the shop hides them, or the settings say no. */
function shows_sold_out(): bool {
	return settings()['sold_out'] && 'yes' !== get_option( 'woocommerce_hide_out_of_stock_items' );
}

/** WooCommerce saved a product, or a variation of one. */
function on_product( $product, $changed ) {
	if ( array_intersect( array( 'price', 'regular_price', 'sale_price', 'stock_status', 'catalog_visibility' ), (array) $changed ) ) {
		$parent = (int) $product->get_parent_id();
		$whole  = $parent ? wc_get_product( $parent ) : $product;
		on_touched( $parent ? $parent : (int) $product->get_id() );
		if ( $whole && is_unlisted( $whole ) ) {
			note_left_out( (int) $whole->get_id() );
		}
	}
}

function on_stock_rule() {
	global $wpdb;
	mark_all( "ID IN (SELECT post_id FROM {$wpdb->postmeta} WHERE meta_key = '_stock_status' AND meta_value <> 'instock') AND %d", 1 );
	purge_when_pushed();
}
