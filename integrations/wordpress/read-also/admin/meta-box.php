<?php
/** The same panel as a box under the post, where the block editor is not in use or saves no meta. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

add_action( 'add_meta_boxes', __NAMESPACE__ . '\\add_box', 10, 2 );
add_action( 'save_post', __NAMESPACE__ . '\\save_box', 10, 2 );

function add_box( $type, $post ) {
	if ( ! $post instanceof \WP_Post || ! in_array( $type, settings()['types'], true ) ) {
		return;
	}
	add_meta_box(
		'read-also',
		__( 'Read also', 'read-also' ),
		__NAMESPACE__ . '\\print_box',
		$type,
		'normal',
		'high',
		array( '__back_compat_meta_box' => has_panel( $type ) ) // The block editor then has the panel instead.
	);
}

/** The choices stand in a hidden field, which the script changes and the form saves. */
function print_box( $post ) {
	load_panel( $post );
	wp_enqueue_script( 'read-also-box', plugins_url( 'assets/meta-box.js', PLUGIN_FILE ), array( 'read-also-panel', 'jquery' ), version_of( 'meta-box.js' ), true );
	if ( may_choose( $post->ID ) ) {
		wp_nonce_field( 'read_also_choices', 'read_also_nonce', false );
		printf( '<input type="hidden" name="read_also_choices" id="read-also-choices" value="%s" />', esc_attr( (string) wp_json_encode( choices( $post->ID ) ) ) );
	}
	printf( '<div id="read-also-box" class="read-also-box"><noscript><p>%s</p></noscript></div>', esc_html__( 'This list needs JavaScript.', 'read-also' ) );
}

/** Saved with the form, for whoever may choose. */
function save_box( $id, $post ) {
	if ( ( defined( 'DOING_AUTOSAVE' ) && DOING_AUTOSAVE ) || 'revision' === $post->post_type || ! isset( $_POST['read_also_choices'], $_POST['read_also_nonce'], $_POST['post_ID'] )
		|| (int) $_POST['post_ID'] !== (int) $id || ! wp_verify_nonce( sanitize_key( $_POST['read_also_nonce'] ), 'read_also_choices' ) || ! may_choose( (int) $id ) ) {
		return;
	}
	// phpcs:ignore WordPress.Security.ValidatedSanitizedInput.InputNotSanitized -- JSON, whose values sanitize_choices() takes one by one.
	$given = json_decode( wp_unslash( $_POST['read_also_choices'] ), true );
	if ( is_array( $given ) ) {
		update_post_meta( $id, CHOICES, wp_slash( sanitize_choices( $given ) ) );
	}
}
