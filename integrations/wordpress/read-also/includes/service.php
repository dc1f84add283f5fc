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
			'limit_response_size' => ANSWER_BYTES + 4 * strlen( (string) $body ), // A bulk call has an answer to each line.
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

/** Whether the service may be called to `read` or to `write`: after failures by one request at a time, seldom. */
function may_call( string $what ): bool {
	$kept   = kept_record( $what );
	$record = read_record( $kept );
	if ( ! $record['until'] ) {
		return true;
	}
	$trial = array_merge( $record, array( 'until' => time() + AWAY_SECONDS, 'trial' => 1 ) );
	return $record['until'] <= time() && swap_row( "read_also_away_$what", $kept, implode( ' ', $trial ) );
}

/** Remember whether a call was answered. */
function note_answer( string $what, bool $answered ) {
	$name = "read_also_away_$what";
	for ( $left = $answered ? 1 : 3; $left > 0; $left-- ) { // Other requests write there too; a failure counts.
		$kept = kept_record( $what );
		$old  = read_record( $kept );
		$new  = reckon( $old, $answered, time(), ...PATIENCE[ $what ] );
		if ( $new === $old ) {
			return;
		}
		if ( ! array_filter( $new ) ) {
			drop_row( $name, (string) $kept );
			return;
		}
		$text = implode( ' ', $new );
		if ( null === $kept ) {
			keep_row( $name, $text );
			return;
		}
		if ( swap_row( $name, $kept, $text ) ) {
			return;
		}
	}
}

function kept_record( string $what ): ?string {
	global $wpdb;
	return $wpdb->get_var( $wpdb->prepare( "SELECT option_value FROM {$wpdb->options} WHERE option_name = %s", "read_also_away_$what" ) );
}

/** Of a row: until when nobody calls (0: anybody may), how many failures more than answers there were, how often calling stopped, whether one request tries. */
function read_record( ?string $kept ): array {
	$numbers = array_map( 'intval', explode( ' ', (string) $kept ) );
	return array_combine( array( 'until', 'failures', 'stops', 'trial' ), array_pad( array_slice( $numbers, 0, 4 ), 4, 0 ) );
}

/**
 * The record after one more call.
 *
 * One slow answer among many says nothing. When failures outnumber answers by `$most`, calling stops
 * for `$seconds`, then one request tries; each time that it fails calling stops for twice as long.
 */
function reckon( array $record, bool $answered, int $now, int $most, int $seconds ): array {
	if ( $answered ) {
		$failures = $record['until'] ? 0 : max( 0, $record['failures'] - 1 );
		return array( 'until' => 0, 'failures' => $failures, 'stops' => 0, 'trial' => 0 );
	}
	if ( $record['until'] > $now && ! $record['trial'] ) {
		return $record; // This call began before calling stopped.
	}
	++$record['failures'];
	if ( $record['until'] || $record['failures'] >= $most ) {
		$record['until'] = $now + min( AWAY_SECONDS, $seconds * 2 ** min( $record['stops'], 10 ) );
		$record['trial'] = 0;
		++$record['stops'];
	}
	return $record;
}
