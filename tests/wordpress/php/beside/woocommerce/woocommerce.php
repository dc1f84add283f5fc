<?php
/*
 * Plugin Name: Stand-in for WooCommerce, which no registry of packages has that the tests may use.
 *
 * The data are WooCommerce's own: posts of the type `product`, the taxonomies product_cat, product_tag and
 * product_visibility (terms exclude-from-catalog, exclude-from-search, outofstock), the fields _price, _sale_price and
 * _stock_status. wc_get_product() reads them as WC_Product does.
 */
add_action(
	'init',
	function () {
		register_post_type( 'product', array( 'public' => true, 'label' => 'Products', 'supports' => array( 'title', 'editor', 'excerpt', 'thumbnail' ) ) );
		foreach ( array( 'product_cat' => true, 'product_tag' => false, 'product_visibility' => false ) as $name => $tree ) {
			register_taxonomy( $name, 'product', array( 'public' => 'product_visibility' !== $name, 'hierarchical' => $tree ) );
		}
	},
	0
);

class WC_Stored_Product {
	private $id;

	public function __construct( $id ) {
		$this->id = $id;
	}

	public function get_id() {
		return $this->id;
	}

	public function get_parent_id() {
		return (int) get_post( $this->id )->post_parent;
	}

	public function get_price() {
		return get_post_meta( $this->id, '_price', true );
	}

	public function is_on_sale() {
		return '' !== (string) get_post_meta( $this->id, '_sale_price', true );
	}

	public function is_in_stock() {
		return 'outofstock' !== get_post_meta( $this->id, '_stock_status', true );
	}

	public function get_catalog_visibility() {
		$terms = wp_get_object_terms( $this->id, 'product_visibility', array( 'fields' => 'names' ) );
		if ( in_array( 'exclude-from-catalog', $terms, true ) ) {
			return in_array( 'exclude-from-search', $terms, true ) ? 'hidden' : 'search';
		}
		return in_array( 'exclude-from-search', $terms, true ) ? 'catalog' : 'visible';
	}
}

function wc_get_product( $id ) {
	return 'product' === get_post_type( $id ) ? new WC_Stored_Product( $id ) : false;
}

function get_woocommerce_currency() {
	return get_option( 'woocommerce_currency', 'USD' );
}
