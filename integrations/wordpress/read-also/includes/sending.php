<?php
/** Sending what waits, at the end of a request or by WP-Cron. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/**
 * Send what changed just now, where PHP can do that after the visitor has the answer.
 *
 * Of this site: a post that was changed on another one of the network is for that one to render.
 */
function at_the_end() {
	if ( ! may_call( 'write' ) ) {
		return;
	}
	ignore_user_abort( true );
	$alone = answer_visitor();
	do_action( 'read_also_answered' );
	$now   = microtime( true );
	$began = (float) ( $_SERVER['REQUEST_TIME_FLOAT'] ?? $now ); // A bulk action may have taken minutes.
	push_due( min( $began, $now - MINUTE_IN_SECONDS ), PUSH_SECONDS, 1, $alone ? CRON_SECONDS : ( $now - $began ) / 2 );
}

/** Let the visitor go, where PHP can; whether nobody waits any more. */
function answer_visitor(): bool {
	if ( function_exists( 'fastcgi_finish_request' ) ) {
		session_write_close();
		return fastcgi_finish_request();
	}
	return function_exists( 'litespeed_finish_request' ) && litespeed_finish_request();
}

/**
 * Send what became due since a time until nothing is left, the service is away, or the seconds are over.
 *
 * What was withdrawn comes first, and may take `$longer`. Some at once, and by one request at a time, so
 * that of two saves of a post the later one stands. Whether the service is there; what goes wrong is told
 * on the settings page.
 */
function push_due( float $since, float $seconds, int $at_once, float $longer = 0 ): bool {
	global $wpdb;
	$began = microtime( true );
	$until = $began + $seconds;
	$lock  = 'read_also_' . md5( DB_NAME . $wpdb->prefix );
	compare_origin(); // This may be the first request of a copy.
	if ( ! configured() || is_on_hold() || '0' === (string) $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, 1)', $lock ) ) ) {
		return true; // Whoever has the lock sends these too.
	}
	try {
		if ( 0.0 === $since ) { // Not what a request has just changed, but all.
			sweep( $until );
		}
		$there = withdraw( $since, $began + max( $seconds, $longer ) );
		while ( $there && microtime( true ) < $until - LEAST_SECONDS && ( $rows = due( $since, $at_once ) ) ) {
			$there = push( $rows, $until );
		}
		if ( $there ) {
			do_action( 'read_also_pushed', $since, $until );
		}
		note_answer( 'write', $there );
		return $there;
	} catch ( \Throwable $error ) { // The post is saved, whatever went wrong here.
		complain( $error->getMessage() );
		return false;
	} finally {
		$wpdb->get_var( $wpdb->prepare( 'SELECT RELEASE_LOCK(%s)', $lock ) );
	}
}

/** Send what editors withdrew, many in one call, since nothing is rendered for it; whether the service is there. */
function withdraw( float $since, float $until ): bool {
	while ( microtime( true ) < $until - LEAST_SECONDS && ( $rows = due_withdrawals( $since, WITHDRAWALS ) ) ) {
		if ( 1 === count( $rows ) ) {
			return push( $rows, $until );
		}
		$left = send_in_bulk( array_map( __NAMESPACE__ . '\\withdrawal', $rows ), $until );
		if ( null === $left ) { // If the service is there, each is tried for itself.
			return is_there( $until );
		}
		foreach ( $left as $change ) {
			put_off( (object) array( 'name' => $change['name'], 'value' => $change['value'] ) );
		}
	}
	return true;
}

/** The change that a row is whose post is not for the public. */
function withdrawal( $row ): array {
	return array( 'id' => (int) substr( $row->name, strlen( DUE ) ), 'name' => $row->name, 'value' => $row->value, 'document' => '' );
}

/** Send posts as they are now, as many as a call has room for; whether the service is there. */
function push( array $rows, float $until ): bool {
	$changes = array();
	$bytes   = 0;
	$enough  = microtime( true ) + PUSH_SECONDS;
	foreach ( $rows as $row ) {
		$change = microtime( true ) < $enough ? put_off( $row ) : null;
		if ( ! $change ) {
			continue;
		}
		try {
			$change['document'] = document( $change['id'] );
		} catch ( \Throwable $error ) { // Another plugin's filter; the other posts go on.
			/* translators: 1: number of a post, 2: what went wrong */
			complain( sprintf( __( 'Post %1$d cannot be rendered: %2$s', 'read-also' ), $change['id'], $error->getMessage() ) );
			continue;
		}
		$bytes += strlen( $change['document'] );
		if ( $changes && $bytes > BATCH_BYTES ) {
			put_back( $change );
			break;
		}
		$changes[] = $change;
	}
	return ( count( $changes ) > 1 && null !== send_in_bulk( $changes, $until ) ) || send_singly( $changes, $until );
}

/**
 * Put a post off before anything is done with it, longer each time; null where it changed meanwhile.
 *
 * So one whose content ends the request, or that is never answered, does not hold the others up.
 */
function put_off( $row ): ?array {
	$tried = (int) ( explode( ' ', $row->value )[1] ?? 0 );
	$later = token( microtime( true ) + min( LONGEST_BACKOFF, AWAY_SECONDS * 2 ** min( $tried, 10 ) ), $tried + 1 );
	return swap_row( $row->name, $row->value, $later )
		? array( 'id' => (int) substr( $row->name, strlen( DUE ) ), 'name' => $row->name, 'old' => $row->value, 'value' => $later )
		: null;
}

/** It was not the post's fault, so it is due as before. */
function put_back( array $change ) {
	swap_row( $change['name'], $change['value'], $change['old'] );
}

/** Send changes in one call, a line each, answered in order; those that are to be sent again, null where each has to be sent for itself. */
function send_in_bulk( array $changes, float $until ): ?array {
	$seconds = min( BULK_SECONDS, $until - microtime( true ) );
	$lines   = '';
	foreach ( $changes as $change ) {
		$lines .= '' === $change['document'] ? wp_json_encode( array( 'delete' => array( 'id' => article_id( $change['id'] ) ) ) ) : $change['document'];
		$lines .= "\n";
	}
	$answer = $seconds < LEAST_SECONDS ? null : call( 'POST', '/v1/bulk', $seconds, $lines, array( 'Content-Type' => 'application/x-ndjson' ) );
	$items  = array_values( (array) ( json( $answer )['items'] ?? array() ) );
	$codes  = array_filter( array_column( $items, 'status' ), 'is_int' );
	if ( 200 !== status( $answer ) || count( $codes ) !== count( $changes ) || count( $items ) !== count( $changes ) ) {
		return null;
	}
	$settled = array();
	foreach ( $changes as $place => $change ) {
		if ( settle( $change, $codes[ $place ], true, wp_json_encode( $items[ $place ] ) ) ) {
			$settled[ $place ] = $change;
		}
	}
	drop_rows( $settled );
	return array_diff_key( $changes, $settled );
}

/** Send changes one by one; whether the service is there. */
function send_singly( array $changes, float $until ): bool {
	foreach ( $changes as $place => $change ) {
		$seconds = min( CALL_SECONDS, $until - microtime( true ) );
		$there   = $seconds < LEAST_SECONDS && $place > 0 ? null : send( $change, max( LEAST_SECONDS, $seconds ), $until );
		if ( ! $there ) { // No time is left, or nobody to tell.
			array_map( __NAMESPACE__ . '\\put_back', array_slice( $changes, $place ) );
			return null === $there;
		}
	}
	return true;
}

/** Send a change; whether the service is there, be it that it does not take this one. */
function send( array $change, float $seconds, float $until ): bool {
	$deletes = '' === $change['document'];
	$path    = '/v1/articles/' . article_id( $change['id'] );
	$answer  = $deletes
		? call( 'DELETE', $path, $seconds )
		: call( 'PUT', $path, $seconds, $change['document'], array( 'Content-Type' => 'application/json' ) );
	$code    = status( $answer );
	// Any server may answer 200 or 404; what it says counts where it speaks as the service does.
	$ours = $code < 300 ? ( $deletes ? 204 === $code : isset( json( $answer )['change'] ) ) : is_problem( $answer );
	if ( settle( $change, $code, $ours, reason( $answer ) ) ) {
		drop_row( $change['name'], $change['value'] );
		return true;
	}
	return ! in_array( $code, array( 401, 403, 429, 503 ), true ) && is_there( $until );
}

/** Whether the service answers about an article that there cannot be. */
function is_there( float $until ): bool {
	$seconds = min( PUSH_SECONDS, $until - microtime( true ) );
	$answer  = $seconds < LEAST_SECONDS ? null : call( 'GET', '/v1/articles/' . article_id( 0 ) . '/related', $seconds );
	return 404 === status( $answer ) && is_problem( $answer );
}

/** Whether an answer is the last word on a change, so that its row goes; what was refused is told on the settings page. */
function settle( array $change, int $code, bool $ours, string $reason ): bool {
	$deletes = '' === $change['document'];
	$done    = $ours && ( $code < 300 || ( $deletes && in_array( $code, array( 404, 410 ), true ) ) );
	$refused = $ours && ! $done && in_array( $code, array( 400, 409, 413, 422 ), true );
	if ( ! $done ) {
		complain(
			sprintf(
				/* translators: 1: number of a post, 2: what the service said */
				$refused ? __( 'The service refused post %1$d: %2$s', 'read-also' ) : __( 'The service did not take post %1$d, it is tried again: %2$s', 'read-also' ),
				$change['id'],
				$reason
			)
		);
	}
	if ( $done && $deletes ) {
		note_withdrawal();
	} elseif ( $done ) {
		do_action( 'read_also_sent', $change['id'] );
	}
	return $done || $refused;
}
