<?php
/** The buttons of the settings page: test the connection, push all posts. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

add_action( 'wp_ajax_read_also_test', __NAMESPACE__ . '\\answer_test' );
add_action( 'wp_ajax_read_also_push', __NAMESPACE__ . '\\answer_push' );

/** Only an administrator, from the settings page. */
function admit() {
	check_ajax_referer( 'read_also' );
	if ( ! current_user_can( 'manage_options' ) ) {
		wp_send_json_error( array( 'text' => __( 'Only an administrator may do this.', 'read-also' ) ), 403 );
	}
}

function answer_test() {
	admit();
	wp_send_json_success( array( 'text' => diagnose(), 'more' => false ) );
}

/** One step of "Push all"; the page asks for the next one while there is more. */
function answer_push() {
	admit();
	if ( ! configured() ) {
		wp_send_json_error( array( 'text' => diagnose(), 'more' => false ) );
	}
	if ( ! empty( $_POST['start'] ) ) { // The nonce was checked by admit().
		push_all();
	}
	$there   = push_due( 0, CRON_SECONDS / 2, BATCH );
	$trouble = get_option( 'read_also_trouble' );
	$text    = ! $there && is_array( $trouble ) ? $trouble['text'] : state_of_queue();
	wp_send_json_success( array( 'text' => $text, 'more' => $there && due( 0, 1 ) ) );
}
