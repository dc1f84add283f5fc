<?php
/** The block "Read also" and its patterns. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const BLOCK = 'read-also/list';

require_once __DIR__ . '/preview.php';

add_action( 'init', __NAMESPACE__ . '\\register_block', 11 ); // Its style is registered before.
add_action( 'init', __NAMESPACE__ . '\\register_patterns', 12 ); // Its translations are loaded with the block.
add_filter( 'widget_display_callback', __NAMESPACE__ . '\\without_empty_box', 10, 2 );

function register_block() {
	load_plugin_textdomain( 'read-also', false, dirname( plugin_basename( PLUGIN_FILE ) ) . '/languages' );
	if ( is_admin() ) {
		register_whole_block();
		return;
	}
	add_action( 'rest_api_init', __NAMESPACE__ . '\\register_whole_block', 0 );
	$about = wp_json_file_decode( __DIR__ . '/block.json', array( 'associative' => true ) );
	register_block_type(
		BLOCK,
		array(
			'api_version'     => $about['apiVersion'],
			'attributes'      => $about['attributes'],
			'uses_context'    => $about['usesContext'],
			'supports'        => $about['supports'],
			'render_callback' => __NAMESPACE__ . '\\block_html',
		)
	);
}

/** With its words, their translations and its script, which pages do without, since they take a millisecond. */
function register_whole_block() {
	if ( \WP_Block_Type_Registry::get_instance()->is_registered( BLOCK ) ) {
		unregister_block_type( BLOCK );
	}
	$type = register_block_type(
		__DIR__,
		array(
			'render_callback' => __NAMESPACE__ . '\\block_html',
			'editor_style'    => styled() ? STYLE : null,
		)
	);
	if ( $type ) {
		wp_set_script_translations( $type->editor_script, 'read-also', plugin_dir_path( PLUGIN_FILE ) . 'languages' );
	}
}

/** What the block prints in a page, or shows in an editor. */
function block_html( array $given ): string {
	if ( null !== previewed() && ! silent() ) { // A draft's own text has no list.
		return preview_html( previewed(), list_options( $given ) );
	}
	$post = page_post();
	$html = $post ? printed( $post, list_options( $given ) ) : '';
	// A box with its own margin, padding or colour has no other space around the list.
	$own = isset( $given['backgroundColor'] ) || isset( $given['style'] ) ? array( 'style' => '--read-also-space:0' ) : array();
	$box = '' === $html ? '' : '<div ' . get_block_wrapper_attributes( $own ) . ">$html</div>";
	return $post ? PLACED . $box : '';
}

/** A widget area has no empty box where the block in it has nothing to show. */
function without_empty_box( $instance, $widget ) {
	$content = $widget instanceof \WP_Widget_Block && is_array( $instance ) ? trim( $instance['content'] ?? '' ) : '';
	$only    = preg_match( '~^<!-- wp:' . BLOCK . ' [^>]*/-->$~', $content );
	return $only && '' === str_replace( PLACED, '', do_blocks( $content ) ) ? false : $instance;
}

function register_patterns() {
	register_block_pattern_category( 'read-also', array( 'label' => __( 'Read also', 'read-also' ) ) );
	register_block_pattern(
		'read-also/cards',
		array(
			'title'       => __( 'Related articles as cards', 'read-also' ),
			'description' => __( 'A wide row of cards with pictures, for the end of an article or of a template.', 'read-also' ),
			'categories'  => array( 'read-also', 'posts' ),
			'keywords'    => array( 'related', 'read also' ),
			'content'     => '<!-- wp:group {"align":"wide","layout":{"type":"default"}} --><div class="wp-block-group alignwide">'
				. '<!-- wp:' . BLOCK . ' {"limit":6,"layout":"cards"} /--></div><!-- /wp:group -->',
		)
	);
	register_block_pattern(
		'read-also/background',
		array(
			'title'       => __( 'Background in three lines', 'read-also' ),
			'description' => __( 'Older articles on the matter, for the middle of a text.', 'read-also' ),
			'categories'  => array( 'read-also', 'posts' ),
			'keywords'    => array( 'related', 'read also' ),
			/* translators: a heading over older articles on the same matter */
			'content'     => '<!-- wp:' . BLOCK . ' ' . serialize_block_attributes( array( 'layout' => 'compact', 'limit' => 3, 'mode' => 'background', 'heading' => __( 'Background', 'read-also' ) ) ) . ' /-->',
		)
	);
}
