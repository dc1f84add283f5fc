<?php
/** The block "Read also". */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const BLOCK          = 'read-also/list';
const BLOCK_SUPPORTS = array( // As in block.json, which a page does not read. list_options() looks at the attributes.
	'html'       => false,
	'align'      => array( 'wide', 'full' ),
	'color'      => array( 'link' => true ),
	'spacing'    => array( 'margin' => true, 'padding' => true ),
	'typography' => array( 'fontSize' => true ),
);

add_action( 'init', __NAMESPACE__ . '\\register_block', 11 ); // Its style is registered before.
add_filter( 'pre_render_block', __NAMESPACE__ . '\\register_used_pattern', 10, 2 );
add_filter( 'widget_display_callback', __NAMESPACE__ . '\\without_empty_box', 10, 2 );

function register_block() {
	if ( is_admin() ) {
		register_whole_block();
		return;
	}
	add_action( 'rest_api_init', __NAMESPACE__ . '\\register_whole_block', 0 );
	register_block_type(
		BLOCK,
		array(
			'api_version'     => 3,
			'supports'        => BLOCK_SUPPORTS,
			'render_callback' => __NAMESPACE__ . '\\block_html',
		)
	);
}

/** With its words, their translations and its script, which pages do without, since they take a millisecond. */
function register_whole_block() {
	$known = \WP_Block_Type_Registry::get_instance()->get_registered( BLOCK );
	if ( $known ) {
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
		// WordPress has added those of the supports, such as `align`; it does that once, on `init`.
		$type->attributes += $known->attributes ?? array();
		wp_set_script_translations( $type->editor_script, 'read-also', plugin_dir_path( PLUGIN_FILE ) . 'languages' );
	}
}

/** The number of the post in whose editor the block is being shown, 0 in an editor of no post; null elsewhere. */
function &previewed(): ?int {
	static $post = null;
	return $post;
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

/** A page registers the patterns when a template has one, since with their words all translations are loaded. */
function register_used_pattern( $rendered, $block ) {
	if ( 'core/pattern' === $block['blockName'] && 0 === strpos( (string) ( $block['attrs']['slug'] ?? '' ), 'read-also/' ) ) {
		load_texts();
		load_files( 'blocks/read-also/patterns' );
		register_patterns();
	}
	return $rendered;
}
