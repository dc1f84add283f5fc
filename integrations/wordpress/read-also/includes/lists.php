<?php
/** Where the list stands: under posts, as a block, as a shortcode. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

add_filter( 'the_content', __NAMESPACE__ . '\\place', 20 );
add_shortcode( 'read-also', __NAMESPACE__ . '\\shortcode' );
add_action( 'init', __NAMESPACE__ . '\\register_block' );
add_action( 'enqueue_block_editor_assets', __NAMESPACE__ . '\\editor_script' );

/** Under a post on its own page, unless the list stands elsewhere in it, by its author or by a pattern. */
function place( $content ) {
	$set = settings();
	$own = get_post();
	if ( ! $set['place'] || ! in_the_loop() || ! is_main_query() || ! $own || page_post() !== $own->ID || false !== strpos( $content, PLACED ) ) {
		return $content;
	}
	return $content . list_html( $own->ID, clamp( $set['limit'] ) );
}

function shortcode( $given ): string {
	$post = page_post();
	return $post ? PLACED . list_html( $post, clamp( $given['limit'] ?? settings()['limit'] ) ) : '';
}

function register_block() {
	load_plugin_textdomain( 'read-also', false, dirname( plugin_basename( PLUGIN_FILE ) ) . '/languages' );
	register_block_type(
		'read-also/list',
		array(
			'api_version'     => 2,
			'attributes'      => array( 'limit' => array( 'type' => 'number' ) ),
			'render_callback' => __NAMESPACE__ . '\\shortcode',
		)
	);
}

/** In the editor the block is a line that says what will stand there. */
function editor_script() {
	wp_add_inline_script(
		'wp-blocks',
		sprintf(
			'wp.domReady( function () { wp.blocks.registerBlockType( "read-also/list", { apiVersion: 2, title: %1$s, category: "widgets", icon: "list-view",
			attributes: { limit: { type: "number" } }, supports: { html: false, multiple: false },
			edit: function () { return wp.element.createElement( "p", wp.blockEditor.useBlockProps(), %2$s ); }, save: function () { return null; } } ); } );',
			wp_json_encode( __( 'Read also', 'read-also' ) ),
			wp_json_encode( __( 'Here stands the list of related articles.', 'read-also' ) )
		)
	);
}

/** The public post whose own page is being made; 0 where there is none, or no place for a list. */
function page_post(): int {
	$types = settings()['types'];
	if ( silent() || ! configured() || ! $types || is_admin() || is_feed() || is_embed() || is_preview() || ! is_singular( $types )
		|| doing_filter( 'get_the_excerpt' ) || ( defined( 'REST_REQUEST' ) && REST_REQUEST ) ) {
		return 0;
	}
	$post = get_queried_object();
	return is_public( $post ) && wants_list( $post->ID ) ? $post->ID : 0;
}
