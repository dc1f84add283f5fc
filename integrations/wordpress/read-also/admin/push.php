<?php
/** The push of all posts from the settings page: a call for each step. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const STEP_SECONDS = 2.0; // What one call of the page sends; then the page shows how far it is.

add_action( 'wp_ajax_read_also_push', __NAMESPACE__ . '\\answer_push' );

/** Only an administrator, from the settings page. */
function admit() {
	check_ajax_referer( 'read_also' );
	if ( ! current_user_can( 'manage_options' ) ) {
		wp_send_json_error( array( 'text' => __( 'Only an administrator may do this.', 'read-also' ) ), 403 );
	}
}

/** One step: `start` anew, `stop`, `resume`, `go` on by some posts, or only `look`. */
function answer_push() {
	admit();
	if ( ! configured() ) {
		wp_send_json_error( array( 'text' => connection()['text'] ) );
	}
	$step = sanitize_key( $_POST['step'] ?? '' ); // The nonce was checked by admit().
	if ( in_array( $step, array( 'start', 'stop', 'resume' ), true ) ) {
		hold_line( 'stop' === $step );
	}
	if ( 'start' === $step ) {
		push_all();
	}
	$sends = in_array( $step, array( 'start', 'resume', 'go' ), true );
	$there = ! $sends || push_due( 0, STEP_SECONDS, BATCH );
	wp_send_json_success( progress( microtime( true ), $there ) );
}
