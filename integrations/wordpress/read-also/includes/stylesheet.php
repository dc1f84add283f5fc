<?php
/** The stylesheet of lists: a copy of the service's, since pages need no other host. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const STYLE = 'read-also';

add_action( 'init', __NAMESPACE__ . '\\register_style' );
add_action( 'wp_enqueue_scripts', __NAMESPACE__ . '\\style_in_head' );

function register_style() {
	$file = plugin_dir_path( PLUGIN_FILE ) . 'assets/read-also.css';
	wp_register_style( STYLE, plugins_url( 'assets/read-also.css', PLUGIN_FILE ), array(), (string) filemtime( $file ) );
	wp_style_add_data( STYLE, 'path', $file ); // WordPress puts it into the head itself where that is shorter.
}

/** Whether lists get the plugin's stylesheet; a theme that has its own says no. */
function styled(): bool {
	/**
	 * Whether pages with a list load the plugin's stylesheet.
	 *
	 * @param bool $styled As set under Settings, Read Also.
	 */
	return (bool) apply_filters( 'read_also_style', (bool) settings()['style'] );
}

/** Where a classic theme is about to place the list: its stylesheet stands in the head, so that nothing moves. */
function style_in_head() {
	$post = wp_is_block_theme() ? 0 : placed_post(); // A block theme has made its page before the head.
	if ( $post && styled() && ! may_have_a_place( (string) get_post_field( 'post_content', $post ) ) && '' !== list_of_page( $post, list_options( array() ) ) ) {
		wp_enqueue_style( STYLE );
	}
}

/** Whether a text may place a list itself, also by a pattern. */
function may_have_a_place( string $text ): bool {
	return preg_match( '~<!-- wp:(?:' . BLOCK . '|block|pattern)\s~', $text ) || has_shortcode( $text, SHORTCODE );
}

/**
 * What stands before a list so that it is never seen without its style; nothing where the head has it.
 *
 * A link within the body holds up what follows it, and no more. It is printed for every list, as one that was
 * made for an excerpt or a search engine's plugin may never be shown.
 */
function style_tag(): string {
	if ( ! styled() || wp_style_is( STYLE, 'done' ) ) {
		return '';
	}
	if ( ! did_action( 'wp_head' ) && ! doing_action( 'wp_head' ) ) {
		wp_enqueue_style( STYLE );
		return '';
	}
	ob_start();
	wp_styles()->do_item( STYLE );
	return str_replace( " id='" . STYLE . "-css'", '', trim( (string) ob_get_clean() ) );
}
