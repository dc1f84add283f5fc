<?php
/** Patterns that have the block ready. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

do_at( 'init', __NAMESPACE__ . '\\register_patterns', 12 ); // Its translations are loaded with the block.

function register_patterns() {
	if ( \WP_Block_Patterns_Registry::get_instance()->is_registered( 'read-also/cards' ) ) {
		return;
	}
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
