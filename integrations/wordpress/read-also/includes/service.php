<?php
/** Calls to the service, and when to make none. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/** A call with the key. The answer of wp_remote_request, or a WP_Error. */
function call( string $method, string $path, float $seconds, ?string $body = null, array $headers = array() ) {
	if ( ! function_exists( 'curl_exec' ) ) { // What WordPress has beside it does not keep to the time.
		return new \WP_Error( 'read_also', __( 'The PHP extension curl is missing.', 'read-also' ) );
	}
	$set = settings();
	if ( '' !== $set['key'] ) {
		$headers['Authorization'] = 'Bearer ' . $set['key'];
	}
	return wp_remote_request(
		$set['url'] . $path,
		array(
			'method'              => $method,
			'headers'             => $headers + array( 'Accept-Encoding' => 'identity' ),
			'body'                => $body,
			'timeout'             => $seconds,
			'redirection'         => 0, // The key goes to the address that was set, and to no other.
			'limit_response_size' => ANSWER_BYTES,
			'read_also_seconds'   => $seconds,
		)
	);
}

add_action( 'http_api_curl', __NAMESPACE__ . '\\hold_to_time', 10, 2 );

/** WordPress rounds a timeout below a second up to one. */
function hold_to_time( $handle, $arguments ) {
	if ( isset( $arguments['read_also_seconds'] ) ) {
		$milliseconds = (int) round( 1000 * $arguments['read_also_seconds'] );
		curl_setopt( $handle, CURLOPT_NOSIGNAL, true );
		curl_setopt( $handle, CURLOPT_CONNECTTIMEOUT_MS, $milliseconds );
		curl_setopt( $handle, CURLOPT_TIMEOUT_MS, $milliseconds );
	}
}

function status( $answer ): int {
	return (int) wp_remote_retrieve_response_code( $answer );
}

function header_of( $answer, string $name ): string {
	return implode( ', ', (array) wp_remote_retrieve_header( $answer, $name ) );
}

/** The JSON object or array of an answer; empty where it has none. */
function json( $answer ): array {
	$said = json_decode( wp_remote_retrieve_body( $answer ), true );
	return is_array( $said ) ? $said : array();
}

/** Whether the service itself says that something is wrong; an error page of another server says nothing. */
function is_problem( $answer ): bool {
	return 0 === stripos( header_of( $answer, 'content-type' ), 'application/problem+json' );
}

/** What the service says is wrong, in one line; of a problem document its detail and its fields. */
function reason( $answer ): string {
	if ( is_wp_error( $answer ) ) {
		return $answer->get_error_message();
	}
	$problem = json( $answer );
	$said    = array( status( $answer ), $problem['detail'] ?? '' );
	foreach ( (array) ( $problem['errors'] ?? array() ) as $fault ) {
		$said[] = $fault['pointer'] ?? '';
		$said[] = $fault['detail'] ?? '';
	}
	return implode( ' ', array_filter( array_filter( $said, 'is_scalar' ), 'strlen' ) );
}

/** Whether the service may be called to `read` or to `write`: after a failure by one request in AWAY_SECONDS. */
function may_call( string $what ): bool {
	global $wpdb;
	$name  = "read_also_away_$what";
	$until = $wpdb->get_var( $wpdb->prepare( "SELECT option_value FROM {$wpdb->options} WHERE option_name = %s", $name ) );
	return null === $until || ( (int) $until <= time() && swap_row( $name, $until, (string) ( time() + AWAY_SECONDS ) ) );
}

function note_answer( string $what, bool $answered ) {
	global $wpdb;
	if ( $answered ) {
		$wpdb->delete( $wpdb->options, array( 'option_name' => "read_also_away_$what" ) );
	} else {
		keep_row( "read_also_away_$what", (string) ( time() + AWAY_SECONDS ) );
	}
}

/** What is wrong with the connection, or that nothing is. Nothing is written. */
function diagnose(): string {
	$set = settings();
	if ( '' === $set['url'] ) {
		return __( 'No address is set.', 'read-also' );
	}
	$answer = call( 'GET', '/readyz', PUSH_SECONDS );
	if ( is_wp_error( $answer ) ) {
		/* translators: 1: address, 2: what went wrong */
		return sprintf( __( '%1$s cannot be reached: %2$s', 'read-also' ), $set['url'], reason( $answer ) );
	}
	if ( ! isset( json( $answer )['status'] ) ) {
		/* translators: 1: address, 2: status code */
		return sprintf( __( 'Something answers at %1$s, but not Read Also (%2$s). Look at the address.', 'read-also' ), $set['url'], status( $answer ) );
	}
	$path = '/v1/articles/' . article_id( 0 );
	$read = call( 'GET', $path . '/related.html', PUSH_SECONDS );
	// An article without title and body is never stored: who may write is told what it lacks.
	$write = call( 'PUT', $path, PUSH_SECONDS, '{}', array( 'Content-Type' => 'application/json' ) );
	if ( ! in_array( status( $read ), array( 200, 404, 410 ), true ) ) {
		/* translators: %s: what the service said */
		return sprintf( __( 'The service is there, but shows this key no lists: %s', 'read-also' ), reason( $read ) );
	}
	if ( 422 !== status( $write ) ) {
		/* translators: %s: what the service said */
		return sprintf( __( 'The service is there and shows lists, but takes no articles with this key: %s', 'read-also' ), reason( $write ) );
	}
	note_answer( 'read', true );
	note_answer( 'write', true );
	return 200 === status( $answer )
		? __( 'All is well: the service shows lists and takes articles.', 'read-also' )
		: __( 'The service takes articles, and shows lists as soon as it has some: push all posts.', 'read-also' );
}
