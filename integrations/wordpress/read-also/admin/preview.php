<?php
/** Lists on the settings page, in frames of their own: as a layout shows them, and beside another plugin's. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const PREVIEWED_POSTS = 5; // The newest ones: that many are tried until one has a list, and are compared.

add_action( 'wp_ajax_read_also_preview', __NAMESPACE__ . '\\answer_preview' );
add_action( 'wp_ajax_read_also_compare', __NAMESPACE__ . '\\answer_compare' );

/** The list of a recent post with the options that are chosen on the page, saved or not. */
function answer_preview() {
	admit();
	$options = list_options( wp_unslash( array_intersect_key( $_POST, array( 'layout' => 0, 'limit' => 0 ) ) ) ); // The nonce was checked; list_options() looks at each.
	foreach ( configured() ? recent_posts() : array() as $post ) {
		$html = list_now( $post->ID, $options );
		if ( null === $html ) {
			break; // Nobody answers.
		}
		if ( '' !== $html ) {
			/* translators: %s: title of a post */
			wp_send_json_success( array( 'text' => sprintf( __( 'The list under "%s"', 'read-also' ), plain( get_the_title( $post ) ) ), 'page' => page_of( $html ) ) );
		}
	}
	wp_send_json_success( array( 'text' => __( 'There is no list to show yet: connect the service, and push all posts.', 'read-also' ), 'page' => '' ) );
}

/** For some recent posts the list of another plugin and the one of this. */
function answer_compare() {
	admit();
	$peer  = peer( sanitize_key( $_POST['peer'] ?? '' ) ); // The nonce was checked by admit().
	$posts = recent_posts();
	$place = max( 0, (int) ( $_POST['place'] ?? 0 ) );
	if ( ! $peer || ! $peer['shows'] || ! $posts ) {
		wp_send_json_error( array( 'text' => __( 'There is nothing to compare.', 'read-also' ) ) );
	}
	$post = $posts[ $place % count( $posts ) ];
	$ours = (string) list_now( $post->ID, list_options( array() ) );
	wp_send_json_success(
		array(
			'text'   => plain( get_the_title( $post ) ), // The script shows it as it is.
			'theirs' => page_of( list_of_peer( $peer['name'], $post ) ),
			'ours'   => page_of( $ours ),
		)
	);
}

/** The list that the service has now, in place of a copy of before the push; null where nobody answers. An administrator waits longer than a reader. */
function list_now( int $post, array $options ): ?string {
	$answer = call( 'GET', '/v1/articles/' . article_id( $post ) . '/related.html?' . list_query( $options ), PUSH_SECONDS );
	$copy   = newer( NO_COPY, $answer, time(), $options );
	return $copy ? without_withdrawn( $copy, $post ) : null;
}

/** The newest posts that are articles. */
function recent_posts(): array {
	$types = settings()['types'];
	return $types ? get_posts( array( 'post_type' => $types, 'numberposts' => PREVIEWED_POSTS, 'has_password' => false ) ) : array();
}

/** A page around a list, with the fonts and colours of the theme; the frame that shows it runs no scripts. */
function page_of( string $list ): string {
	$style = wp_is_block_theme() ? '<style>' . wp_strip_all_tags( wp_get_global_stylesheet() ) . '</style>' : '';
	$links = array( get_stylesheet_uri() );
	if ( styled() ) {
		$links[] = plugins_url( 'assets/read-also.css', PLUGIN_FILE );
	}
	foreach ( $links as $link ) {
		$style .= '<link rel="stylesheet" href="' . esc_url( $link ) . '">';
	}
	$body = '' === $list ? '<p>' . esc_html__( 'No list', 'read-also' ) . '</p>' : $list;
	return '<!DOCTYPE html><html ' . get_language_attributes() . '><head><meta charset="utf-8"><base target="_blank">' . $style . '</head><body style="margin:0;padding:1rem">' . $body . '</body></html>';
}
