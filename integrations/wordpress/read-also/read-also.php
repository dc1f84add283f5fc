<?php
/**
 * Plugin Name:       Read Also
 * Description:       Related articles under every post, from a Read Also service of your own.
 * Version:           0.1.0
 * Requires at least: 6.0
 * Requires PHP:      7.4
 * Author:            Read Also
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/old-licenses/gpl-2.0.html
 * Text Domain:       read-also
 * Domain Path:       /languages
 *
 * Two halves that do not wait for each other. Pushing: a post that changed is written down at once, as
 * a row of the options table. The request's end sends it, or a run of WP-Cron every minute. A row is
 * put off before its post is rendered and goes when the service has it, so neither an outage, a kill
 * nor a post whose content ends the request loses anything or holds the others up. Placing: a page
 * shows the copy of the list it has, asks for a newer one at most every few seconds, and never waits
 * longer than PAGE_SECONDS, once in AWAY_SECONDS for the whole site.
 */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const PAGE_SECONDS    = 0.4;     // A page waits no longer for its list.
const PUSH_SECONDS    = 2.0;     // All that is sent when a request ends.
const CALL_SECONDS    = 5.0;     // One call that tells of a change.
const BULK_SECONDS    = 10.0;    // One call that tells of many.
const LEAST_SECONDS   = 0.3;     // With less time left no call is begun.
const CRON_SECONDS    = 20.0;    // All that is sent by one run of WP-Cron; "Push all" takes half of it at a time.
const AWAY_SECONDS    = 30;      // A service that did not answer is left alone for so long.
const LONGEST_BACKOFF = 900;     // Seconds after which a post that failed is tried again at the latest.
const FRESH_SECONDS   = 60;      // A list is shown without asking again, where the service does not say.
const FEW             = 20;      // So many posts of a renamed term are sent when the request ends, more by WP-Cron.
const BATCH           = 50;      // Changes of one bulk call.
const BATCH_BYTES     = 1048576; // Of one bulk call; a larger article goes alone.
const ANSWER_BYTES    = 65536;   // An answer is shorter than that.
const DUE             = 'read_also_due_';
const PLACED          = '<!-- read-also -->';

/* --- Settings --- */

/** What is set: url, key, limit (items), place (whether under every post), types (of posts). */
function settings(): array {
	$kept = get_option( 'read_also' );
	$set  = array_merge(
		array( 'url' => '', 'key' => '', 'limit' => 6, 'place' => true, 'types' => array( 'post' ) ),
		is_array( $kept ) ? $kept : array()
	);
	if ( defined( 'READ_ALSO_URL' ) ) { // A key goes with the address that it was given for.
		$set['url'] = (string) \READ_ALSO_URL;
		$set['key'] = defined( 'READ_ALSO_KEY' ) ? (string) \READ_ALSO_KEY : '';
	}
	$set['url'] = rtrim( trim( $set['url'] ), '/' );
	return $set;
}

function configured(): bool {
	return '' !== settings()['url'];
}

/** Keep what the form sent; an empty key field leaves the key as it is. */
function sanitize( $given ): array {
	$given = is_array( $given ) ? $given : array();
	$kept  = get_option( 'read_also' );
	$kept  = array_merge( array( 'url' => '', 'key' => '' ), is_array( $kept ) ? $kept : array() );
	$types = array_diff( get_post_types( array( 'public' => true ) ), array( 'attachment' ) );
	return address_and_key( $given, $kept ) + array(
		'limit' => clamp( $given['limit'] ?? 6 ),
		'place' => ! empty( $given['place'] ),
		'types' => array_values( array_intersect( (array) ( $given['types'] ?? array() ), $types ) ),
	);
}

/** The address and the key of the form; what cannot be used, and what wp-config.php sets, stays as it was. */
function address_and_key( array $given, array $kept ): array {
	if ( defined( 'READ_ALSO_URL' ) ) {
		return array( 'url' => $kept['url'], 'key' => $kept['key'] );
	}
	$url = isset( $given['url'] ) && is_string( $given['url'] ) ? trim( $given['url'] ) : '';
	$key = isset( $given['key'] ) && is_string( $given['key'] ) ? trim( $given['key'] ) : '';
	if ( '' !== $url && ! ( preg_match( '~^https?://~i', $url ) && wp_parse_url( $url, PHP_URL_HOST ) ) ) {
		add_settings_error( 'read_also', 'url', __( 'The address of the service must begin with http:// or https:// and name a host. The old one was kept.', 'read-also' ) );
		$url = $kept['url'];
	}
	if ( '' !== $key && ! preg_match( '/^[\x21-\x7e]{16,}$/D', $key ) ) {
		add_settings_error( 'read_also', 'key', __( 'A key has 16 characters or more, all of them ASCII, and no blanks. The old one was kept.', 'read-also' ) );
		$key = '';
	}
	$url = esc_url_raw( $url, array( 'http', 'https' ) );
	if ( '' === $key && '' !== $kept['key'] && origin( $url ) !== origin( $kept['url'] ) ) {
		add_settings_error( 'read_also', 'moved', __( 'The key was forgotten, since it belonged to another address. Enter the one of the new address.', 'read-also' ) );
		$kept['key'] = '';
	}
	if ( '' === $key && empty( $given['forget'] ) ) {
		$key = $kept['key'];
	}
	return array( 'url' => $url, 'key' => $key );
}

/** Scheme, host and port of an address: who gets the key. */
function origin( string $url ): string {
	$parts = array_merge( array( 'scheme' => '', 'host' => '', 'port' => '' ), (array) wp_parse_url( $url ) );
	return strtolower( "{$parts['scheme']}://{$parts['host']}:{$parts['port']}" );
}

function clamp( $limit ): int {
	return max( 1, min( 20, is_numeric( $limit ) ? (int) $limit : 6 ) );
}

/* --- Ids --- */

/** The id under which the service knows a post: `wp:`, the site's home address, the post's number. */
function article_id( int $post ): string {
	// The option, not home_url(): plugins for several languages let that differ from page to page.
	return foreign_id( 'wp', site( (string) get_option( 'home' ) ), (string) $post );
}

/** A home address without its scheme and the slash at its end, the host in small letters. */
function site( string $home ): string {
	$scheme = strpos( $home, '://' );
	$rest   = false === $scheme ? '' : rtrim( substr( $home, $scheme + 3 ), '/' );
	$parts  = explode( '/', $rest, 2 );
	$lower  = function_exists( 'mb_strtolower' ) ? mb_strtolower( $parts[0], 'UTF-8' ) : strtolower( $parts[0] );
	return isset( $parts[1] ) ? "$lower/$parts[1]" : $lower;
}

/** `kind:part:part`, bytes outside A-Za-z0-9._- as ~HH; a last part that is too long as a digest. */
function foreign_id( string $kind, string ...$parts ): string {
	$escape = function ( $part ) {
		return preg_replace_callback(
			'/[^A-Za-z0-9._-]/',
			function ( $found ) {
				return sprintf( '~%02X', ord( $found[0] ) );
			},
			$part
		);
	};
	$whole  = implode( ':', array_merge( array( $kind ), array_map( $escape, $parts ) ) );
	if ( strlen( $whole ) <= 200 ) {
		return $whole;
	}
	$last = '~~' . substr( hash( 'sha256', array_pop( $parts ) ), 0, 40 );
	return implode( ':', array_merge( array( $kind ), array_map( $escape, $parts ), array( $last ) ) );
}

/* --- Asking the service --- */

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

/* --- Rows: what has to outlive a request, and be taken by one request alone --- */

function keep_row( string $name, string $value ) {
	global $wpdb;
	$wpdb->query(
		$wpdb->prepare(
			"INSERT INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')
			ON DUPLICATE KEY UPDATE option_value = VALUES(option_value)",
			$name,
			$value
		)
	);
}

/** Change a row if it is as it was read; whether it was. */
function swap_row( string $name, string $old, string $new ): bool {
	global $wpdb;
	return 1 === $wpdb->update( $wpdb->options, array( 'option_value' => $new ), array( 'option_name' => $name, 'option_value' => $old ) );
}

function drop_row( string $name, string $value ) {
	global $wpdb;
	$wpdb->delete( $wpdb->options, array( 'option_name' => $name, 'option_value' => $value ) );
}

/** A value that no other row of a post has: from when on it is due, how often it was tried, something random. */
function token( float $due, int $tried = 0 ): string {
	return sortable( $due ) . " $tried " . bin2hex( random_bytes( 4 ) );
}

/** Seconds since 1970 so that texts are ordered as the times are. */
function sortable( float $time ): string {
	return sprintf( '%017.6F', $time );
}

/** Posts that are due, by row; what changed last comes first, what was put in line at `0` at the end. */
function due( float $since, int $most ): array {
	global $wpdb;
	return $wpdb->get_results(
		$wpdb->prepare(
			"SELECT option_name AS name, option_value AS value FROM {$wpdb->options}
			WHERE option_name LIKE %s AND option_value BETWEEN %s AND %s ORDER BY option_value DESC LIMIT %d",
			$wpdb->esc_like( DUE ) . '%',
			sortable( $since ),
			sortable( microtime( true ) ),
			$most
		)
	);
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

/** Remember the last trouble, for the settings page. */
function complain( string $text ) {
	update_option( 'read_also_trouble', array( 'at' => time(), 'text' => wp_html_excerpt( $text, 500 ) ), false );
}

/** Copies of lists that were taken before a withdrawal are shown no more. */
function note_withdrawal() {
	update_option( 'read_also_withdrawn', time(), true );
}

/* --- Pushing: what changed --- */

add_action( 'transition_post_status', __NAMESPACE__ . '\\on_status', 10, 3 );
add_action( 'clean_post_cache', __NAMESPACE__ . '\\on_cleaned', 10, 2 );
add_action( 'before_delete_post', __NAMESPACE__ . '\\on_deleted', 10, 2 );
add_action( 'set_object_terms', __NAMESPACE__ . '\\on_touched' );
add_action( 'deleted_term_relationships', __NAMESPACE__ . '\\on_touched' );
add_action( 'edited_term', __NAMESPACE__ . '\\on_term', 10, 3 );
add_action( 'profile_update', __NAMESPACE__ . '\\on_profile', 10, 2 );
add_action( 'deleted_user', __NAMESPACE__ . '\\on_user_gone', 10, 2 );
add_action( 'added_post_meta', __NAMESPACE__ . '\\on_meta', 10, 3 );
add_action( 'updated_post_meta', __NAMESPACE__ . '\\on_meta', 10, 3 );
add_action( 'deleted_post_meta', __NAMESPACE__ . '\\on_meta', 10, 3 );

function on_status( $new, $old, $post ) {
	if ( 'publish' === $new || 'publish' === $old ) {
		mark( $post->ID, $post->post_type );
	}
}

/** What the status does not tell: a published post that became one of another type, or is no more. */
function on_cleaned( $id, $before ) {
	global $wpdb;
	if ( 'publish' === $before->post_status ) {
		$type = (string) $wpdb->get_var( $wpdb->prepare( "SELECT post_type FROM {$wpdb->posts} WHERE ID = %d", $id ) );
		if ( $type !== $before->post_type ) {
			mark( $id, $before->post_type );
			mark( $id, $type );
		}
	}
}

function on_deleted( $id, $post ) {
	if ( ! in_array( $post->post_status, array( 'auto-draft', 'draft', 'pending', 'inherit' ), true ) ) {
		mark( $id, $post->post_type );
	}
}

function on_touched( $id ) {
	if ( 'publish' === get_post_status( $id ) ) {
		mark( (int) $id, (string) get_post_type( $id ) );
	}
}

function on_meta( $meta, $id, $key ) {
	if ( '_thumbnail_id' === $key ) {
		on_touched( $id );
	}
}

function on_term( $term, $number, $taxonomy ) {
	global $wpdb;
	if ( in_array( $taxonomy, array( 'category', 'post_tag' ), true ) ) {
		mark_all( "ID IN (SELECT object_id FROM {$wpdb->term_relationships} WHERE term_taxonomy_id = %d)", $number );
	}
}

function on_profile( $user, $before ) {
	if ( get_userdata( $user )->display_name !== $before->display_name ) {
		mark_all( 'post_author = %d', $user );
	}
}

/** The posts of a user who left are another's now. */
function on_user_gone( $user, $heir ) {
	if ( $heir ) {
		mark_all( 'post_author = %d', $heir );
	}
}

/** Mark the published posts that have something in common; many of them are sent by WP-Cron. */
function mark_all( string $where, int $value ) {
	global $wpdb;
	$types = settings()['types'];
	if ( ! configured() || ! $types ) {
		return;
	}
	$where .= " AND post_status = 'publish' AND post_type IN (" . implode( ',', array_fill( 0, count( $types ), '%s' ) ) . ')';
	$where  = $wpdb->prepare( $where, array_merge( array( $value ), $types ) );
	$few    = $wpdb->get_col( "SELECT ID FROM {$wpdb->posts} WHERE $where LIMIT " . ( FEW + 1 ) );
	if ( count( $few ) > FEW ) {
		put_in_line( $where );
	} else {
		array_map( __NAMESPACE__ . '\\on_touched', $few );
	}
}

/**
 * Push all posts, by WP-Cron.
 *
 * Those that are not for the public too, so that the service drops what was withdrawn unnoticed.
 */
function push_all() {
	$internal = array_merge( array( 'attachment' ), array_values( get_post_types( array( 'public' => false ) ) ) );
	put_in_line( "post_status <> 'auto-draft' AND post_type NOT IN ('" . implode( "','", array_map( 'esc_sql', $internal ) ) . "')" );
}

/** Write down posts, behind all that editors change; one that is written down already gets another token in its place. */
function put_in_line( string $where ) {
	global $wpdb;
	if ( configured() ) {
		keep_going();
		$wpdb->query(
			$wpdb->prepare( "INSERT INTO {$wpdb->options} (option_name, option_value, autoload) SELECT CONCAT(%s, ID), %s, 'no' ", DUE, token( 0 ) )
			. "FROM {$wpdb->posts} WHERE $where ON DUPLICATE KEY UPDATE option_value = CONCAT(option_value, '+')"
		);
	}
}

/** Write down that the service has to hear of a post, and see that it does. */
function mark( int $id, string $type ) {
	if ( ! configured() || ! in_array( $type, settings()['types'], true ) ) {
		return;
	}
	keep_row( DUE . $id, token( microtime( true ) ) );
	if ( ! is_public( get_post( $id ) ) ) {
		note_withdrawal();
	}
	keep_going();
	add_action( 'shutdown', __NAMESPACE__ . '\\at_the_end', PHP_INT_MAX );
}

/* --- Pushing: telling the service --- */

add_action( 'init', __NAMESPACE__ . '\\keep_going' );
add_action( 'read_also_push', __NAMESPACE__ . '\\by_cron' );
add_filter( 'cron_schedules', __NAMESPACE__ . '\\add_schedule' ); // phpcs:ignore WordPress.WP.CronInterval

function add_schedule( $schedules ) {
	return $schedules + array( 'read_also' => array( 'interval' => MINUTE_IN_SECONDS, 'display' => 'Read Also' ) );
}

/** WordPress plans the next run before one begins, so a run that is killed does not end them. */
function keep_going() {
	if ( configured() && ! wp_next_scheduled( 'read_also_push' ) ) {
		wp_schedule_event( time() + MINUTE_IN_SECONDS, 'read_also', 'read_also_push' );
	}
}

function by_cron() {
	push_due( 0, CRON_SECONDS, BATCH );
}

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
	if ( function_exists( 'fastcgi_finish_request' ) ) {
		session_write_close();
		fastcgi_finish_request();
	} elseif ( function_exists( 'litespeed_finish_request' ) ) {
		litespeed_finish_request();
	}
	push_due( microtime( true ) - MINUTE_IN_SECONDS, PUSH_SECONDS, 1 );
}

/**
 * Send what became due since a time until nothing is left, the service is away, or the seconds are over.
 *
 * Some at once, and by one request at a time, so that of two saves of a post the later one stands.
 * Whether the service is there; what goes wrong is told on the settings page.
 */
function push_due( float $since, float $seconds, int $at_once ): bool {
	global $wpdb;
	$until = microtime( true ) + $seconds;
	$lock  = 'read_also_' . md5( DB_NAME . $wpdb->prefix );
	if ( ! configured() || '0' === (string) $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, 1)', $lock ) ) ) {
		return true; // Whoever has the lock sends these too.
	}
	try {
		$there = true;
		while ( $there && microtime( true ) < $until - LEAST_SECONDS && ( $rows = due( $since, $at_once ) ) ) {
			$there = push( $rows, $until );
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
	return count( $changes ) > 1 && send_in_bulk( $changes, $until ) || send_singly( $changes, $until );
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

/** Send changes in one call, a line each, answered in order; false where each has to be sent for itself. */
function send_in_bulk( array $changes, float $until ): bool {
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
		return false;
	}
	foreach ( $changes as $place => $change ) {
		settle( $change, $codes[ $place ], true, wp_json_encode( $items[ $place ] ) );
	}
	return true;
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
	return settle( $change, $code, $ours, reason( $answer ) )
		|| ( ! in_array( $code, array( 401, 403, 429, 503 ), true ) && is_there( $until ) );
}

/** Whether the service answers about an article that there cannot be. */
function is_there( float $until ): bool {
	$seconds = min( PUSH_SECONDS, $until - microtime( true ) );
	$answer  = $seconds < LEAST_SECONDS ? null : call( 'GET', '/v1/articles/' . article_id( 0 ) . '/related', $seconds );
	return 404 === status( $answer ) && is_problem( $answer );
}

/** Whether an answer is the last word on a change; what was refused is told on the settings page. */
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
	if ( $done || $refused ) {
		drop_row( $change['name'], $change['value'] ); // Unless it changed meanwhile.
	}
	if ( $done && $deletes ) {
		note_withdrawal();
	}
	return $done || $refused;
}

/* --- A post as an article --- */

/** Whether a post is an article: published, of a chosen type, without a password. */
function is_public( $post ): bool {
	return $post instanceof \WP_Post && 'publish' === $post->post_status && '' === $post->post_password
		&& in_array( $post->post_type, settings()['types'], true );
}

/** The article that a post is, as JSON; nothing where the post is not for the public. */
function document( int $id ): string {
	wp_cache_delete( $id, 'posts' ); // It may have been saved by another request since this one read it.
	wp_cache_delete( $id, 'post_meta' );
	wp_cache_delete( $id, 'category_relationships' );
	wp_cache_delete( $id, 'post_tag_relationships' );
	$post = get_post( $id );
	if ( ! is_public( $post ) ) {
		return '';
	}
	$fields = as_visitor(
		function () use ( $post ) {
			/**
			 * The fields of the article; nothing where the post is to be none.
			 *
			 * @param array    $fields As in the HTTP API.
			 * @param \WP_Post $post   The post.
			 */
			return apply_filters( 'read_also_article', fields( $post ), $post );
		}
	);
	$fields = array_filter(
		is_array( $fields ) ? $fields : array(),
		function ( $value ) {
			return ! in_array( $value, array( '', null, array() ), true );
		}
	);
	if ( ! array_intersect_key( $fields, array( 'title' => 0, 'body_html' => 0, 'body' => 0 ) ) ) {
		return '';
	}
	$document = wp_json_encode( array( 'id' => article_id( $id ) ) + $fields, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE );
	if ( false === $document ) {
		throw new \RuntimeException( json_last_error_msg() );
	}
	return $document;
}

/** What something is for those who are not logged in and read the site: blocks and shortcodes show an editor more. */
function as_visitor( callable $what ) {
	$user   = get_current_user_id();
	$screen = $GLOBALS['current_screen'] ?? null;
	wp_set_current_user( 0 );
	if ( class_exists( 'WP_Screen' ) ) { // is_admin() asks it; queries show drafts there.
		$GLOBALS['current_screen'] = \WP_Screen::get( 'front' );
	}
	try {
		return $what();
	} finally {
		wp_set_current_user( $user );
		$GLOBALS['current_screen'] = $screen;
	}
}

function fields( \WP_Post $post ): array {
	$body  = without_controls( rendered( $post ) );
	$image = get_the_post_thumbnail_url( $post, 'full' );
	return array(
		'title'        => cut( plain( apply_filters( 'the_title', $post->post_title, $post->ID ) ), 2000 ),
		'body_html'    => '' === trim( $body ) ? '' : $body,
		'summary'      => summary( $post, $body ),
		'url'          => address( (string) get_permalink( $post ) ),
		'section'      => section( $post ),
		'tags'         => names( get_the_terms( $post, 'post_tag' ) ),
		'authors'      => array_filter( array( cut( plain( (string) get_the_author_meta( 'display_name', $post->post_author ) ), 300 ) ), 'strlen' ),
		'image_url'    => address( (string) $image ),
		'published_at' => moment( $post->post_date_gmt, $post->post_date ),
		'updated_at'   => moment( $post->post_modified_gmt, $post->post_modified ),
	);
}

/** The post's text as its page shows it, without the list of this plugin. */
function rendered( \WP_Post $post ): string {
	$outer           = $GLOBALS['post'] ?? null;
	$GLOBALS['post'] = $post;
	$silent          = &silent();
	$silent          = true;
	setup_postdata( $post );
	try {
		return (string) apply_filters( 'the_content', $post->post_content );
	} finally {
		$silent          = false;
		$GLOBALS['post'] = $outer;
		if ( $outer ) {
			setup_postdata( $outer );
		}
	}
}

/** Whether lists are left out, because a text is rendered for the service. */
function &silent(): bool {
	static $silent = false;
	return $silent;
}

/** Tags dropped first, then entities decoded, blanks made one. */
function plain( string $markup ): string {
	$bare = preg_replace( array( '~<!--.*?(?:-->|\z)~s', '~<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\z)~is' ), '', $markup );
	$bare = preg_replace( '~</?(?:br|p|div|li|ul|ol|h[1-6]|blockquote|figure|table|tr|td)\b[^<>]*>~i', ' ', $bare );
	$bare = preg_replace( '~</?[a-z][^<>]*>~i', '', $bare );
	$bare = convert_invalid_entities( $bare ); // &#150; is a dash to browsers and to a pull.
	$bare = without_controls( html_entity_decode( $bare, ENT_QUOTES | ENT_HTML5, 'UTF-8' ) );
	return trim( (string) preg_replace( '/[\s\x{00a0}]+/u', ' ', wp_check_invalid_utf8( $bare, true ) ) );
}

function without_controls( string $text ): string {
	return (string) preg_replace( '/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/', '', $text );
}

function cut( string $text, int $most ): string {
	return mb_substr( $text, 0, $most );
}

/** An excerpt that somebody wrote; one that was cut from the text says nothing new. */
function summary( \WP_Post $post, string $body ): string {
	$excerpt = '' === $post->post_excerpt ? '' : plain( apply_filters( 'the_excerpt', apply_filters( 'get_the_excerpt', $post->post_excerpt, $post ) ) );
	$letters = str_replace( ' ', '', $excerpt );
	if ( '' === $letters || preg_match( '/(\[…\]|…|\[\.\.\.\])\z/', $excerpt ) || false !== strpos( str_replace( ' ', '', plain( $body ) ), $letters ) ) {
		return '';
	}
	return cut( $excerpt, 20000 );
}

/** The first category in the order in which they were made, but the one for posts without. */
function section( \WP_Post $post ): string {
	$terms = get_the_terms( $post, 'category' );
	$terms = is_array( $terms ) ? $terms : array();
	usort(
		$terms,
		function ( $one, $other ) {
			return $one->term_id - $other->term_id;
		}
	);
	$default = (int) get_option( 'default_category' );
	foreach ( $terms as $term ) {
		// phpcs:ignore WordPress.WP.I18n.MissingArgDomain -- WordPress's own word for it.
		$unsorted = $default === $term->term_id && __( 'Uncategorized' ) === $term->name;
		if ( 'uncategorized' !== $term->slug && ! $unsorted && '' !== plain( $term->name ) ) {
			return cut( plain( $term->name ), 300 );
		}
	}
	return '';
}

function names( $terms ): array {
	$names = array();
	foreach ( is_array( $terms ) ? $terms : array() as $term ) {
		$names[] = cut( plain( $term->name ), 300 );
	}
	return array_slice( array_values( array_unique( array_filter( $names, 'strlen' ) ) ), 0, 100 );
}

/** An http or https address, blanks and what cannot be seen encoded; nothing where it is none. */
function address( string $address ): string {
	$whole = (string) preg_replace_callback(
		'/[\p{C}\p{Z}]/u',
		function ( $found ) {
			return rawurlencode( $found[0] );
		},
		trim( wp_check_invalid_utf8( $address, true ) )
	);
	return preg_match( '~^https?://[^/]~i', $whole ) && mb_strlen( $whole ) <= 2000 ? $whole : '';
}

/** A time of the database in RFC 3339; what was never published in Greenwich's time is of the site's. */
function moment( string $gmt, string $local ): string {
	$gmt = '0000' === substr( $gmt, 0, 4 ) ? get_gmt_from_date( $local ) : $gmt;
	return $gmt < '0001' ? '' : str_replace( ' ', 'T', $gmt ) . 'Z';
}

/* --- Placing the list --- */

add_filter( 'the_content', __NAMESPACE__ . '\\place', 20 );
add_shortcode( 'read-also', __NAMESPACE__ . '\\shortcode' );
add_action( 'init', __NAMESPACE__ . '\\register_block' );
add_action( 'enqueue_block_editor_assets', __NAMESPACE__ . '\\editor_script' );

/** Under a post on its own page, unless the list stands elsewhere in it, by its author or by a pattern. */
function place( $content ) {
	$set = settings();
	$own = get_post();
	if ( ! $set['place'] || ! in_the_loop() || ! is_main_query() || ! $own || page_post() !== $own->ID || false !== strpos( $content, PLACED ) ) {
		return $content;
	}
	return $content . list_html( $own->ID, clamp( $set['limit'] ) );
}

function shortcode( $given ): string {
	$post = page_post();
	return $post ? PLACED . list_html( $post, clamp( $given['limit'] ?? settings()['limit'] ) ) : '';
}

function register_block() {
	load_plugin_textdomain( 'read-also', false, dirname( plugin_basename( __FILE__ ) ) . '/languages' );
	register_block_type(
		'read-also/list',
		array(
			'api_version'     => 2,
			'attributes'      => array( 'limit' => array( 'type' => 'number' ) ),
			'render_callback' => __NAMESPACE__ . '\\shortcode',
		)
	);
}

/** In the editor the block is a line that says what will stand there. */
function editor_script() {
	wp_add_inline_script(
		'wp-blocks',
		sprintf(
			'wp.domReady( function () { wp.blocks.registerBlockType( "read-also/list", { apiVersion: 2, title: %1$s, category: "widgets", icon: "list-view",
			attributes: { limit: { type: "number" } }, supports: { html: false, multiple: false },
			edit: function () { return wp.element.createElement( "p", wp.blockEditor.useBlockProps(), %2$s ); }, save: function () { return null; } } ); } );',
			wp_json_encode( __( 'Read also', 'read-also' ) ),
			wp_json_encode( __( 'Here stands the list of related articles.', 'read-also' ) )
		)
	);
}

/** The public post whose own page is being made; 0 where there is none, or no place for a list. */
function page_post(): int {
	$types = settings()['types'];
	if ( silent() || ! configured() || ! $types || is_admin() || is_feed() || is_embed() || is_preview() || ! is_singular( $types )
		|| doing_filter( 'get_the_excerpt' ) || ( defined( 'REST_REQUEST' ) && REST_REQUEST ) ) {
		return 0;
	}
	$post = get_queried_object();
	return is_public( $post ) ? $post->ID : 0;
}

/** The list under a post as HTML: the copy while it is fresh, else a new one, else what may still be shown of the old. */
function list_html( int $post, int $limit ): string {
	$name = "read_also_list_{$post}_{$limit}";
	$copy = get_transient( $name );
	$copy = array_merge( array( 'html' => '', 'etag' => '', 'asked' => 0, 'fresh' => 0, 'stale' => 0 ), is_array( $copy ) ? $copy : array() );
	$now  = time();
	// A withdrawal shows in every worker of the service within a second; lists of before are shown no more.
	$usable = $copy['asked'] > (int) get_option( 'read_also_withdrawn' ) + 1;
	$shown  = $usable && $now < $copy['stale'] ? $copy['html'] : '';
	if ( ( $usable && $now < $copy['fresh'] ) || ! may_call( 'read' ) ) {
		return $shown;
	}
	$asked  = '' === $copy['etag'] ? array() : array( 'If-None-Match' => $copy['etag'] );
	$answer = call( 'GET', '/v1/articles/' . article_id( $post ) . "/related.html?limit=$limit", PAGE_SECONDS, null, $asked );
	$newer  = newer( $copy, $answer, $now );
	note_answer( 'read', null !== $newer );
	if ( null === $newer ) {
		return $shown;
	}
	set_transient( $name, $newer, max( 1, $newer['stale'] - $now ) );
	return $newer['html'];
}

/** The copy after an answer; null where it is none that a page can use. */
function newer( array $copy, $answer, int $now ): ?array {
	$code = status( $answer );
	if ( is_problem( $answer ) && in_array( $code, array( 404, 410 ), true ) ) {
		return array( 'html' => '', 'etag' => '', 'asked' => $now, 'fresh' => $now + AWAY_SECONDS, 'stale' => $now + AWAY_SECONDS );
	}
	$html = 304 === $code && '' !== $copy['etag'] ? $copy['html'] : list_of( $answer );
	if ( null === $html ) {
		return null;
	}
	$control = header_of( $answer, 'cache-control' );
	$fresh   = seconds( $control, 'max-age', '' === $control ? FRESH_SECONDS : 0 );
	$stale   = seconds( $control, 'stale-if-error', '' === $control ? DAY_IN_SECONDS : 0 );
	return array(
		'html'  => $html,
		'etag'  => header_of( $answer, 'etag' ),
		'asked' => $now,
		'fresh' => $now + min( $fresh, HOUR_IN_SECONDS ),
		'stale' => $now + min( $fresh + $stale, DAY_IN_SECONDS ),
	);
}

/** The list that an answer is, safe to stand in a page; null where it is something else, such as a page that says "back soon". */
function list_of( $answer ): ?string {
	$html = trim( wp_remote_retrieve_body( $answer ) );
	if ( 200 !== status( $answer ) || 0 !== stripos( header_of( $answer, 'content-type' ), 'text/html' )
		|| strlen( $html ) >= ANSWER_BYTES || ( '' !== $html && 0 !== strpos( $html, '<section class="read-also"' ) ) ) {
		return null;
	}
	// A bracket would begin a shortcode where the list stands within a post.
	return str_replace( '[', '&#91;', force_balance_tags( wp_kses( $html, allowed(), array( 'http', 'https' ) ) ) );
}

function seconds( string $control, string $name, int $else ): int {
	return preg_match( "/(?<![\w-])$name=(\d{1,9})/", $control, $found ) ? (int) $found[1] : $else;
}

/** What a list is made of. The service escapes; a page of the newsroom trusts nobody all the same. */
function allowed(): array {
	$named  = array( 'value_callback' => __NAMESPACE__ . '\\is_own_name' );
	$common = array( 'class' => $named, 'id' => $named, 'aria-labelledby' => $named ) + array_fill_keys( array( 'lang', 'dir', 'role', 'aria-label' ), true );
	$tags   = array_fill_keys( array( 'section', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'li', 'span' ), $common );
	return $tags + array(
		'a'    => $common + array( 'href' => true ),
		'time' => $common + array( 'datetime' => true ),
		'img'  => $common + array_fill_keys( array( 'src', 'alt', 'width', 'height', 'loading', 'decoding', 'referrerpolicy' ), true ),
	);
}

/** Whether names of a list begin as they do in the service, so that they are no names of the theme's. */
function is_own_name( $names ): bool {
	return 1 === preg_match( '/^(?:read-also\S*(?:\s+|\z))+\z/', $names );
}

/* --- The settings page --- */

add_action( 'admin_init', __NAMESPACE__ . '\\register' );
add_action( 'admin_menu', __NAMESPACE__ . '\\add_page' );
add_action( 'wp_ajax_read_also_test', __NAMESPACE__ . '\\answer_test' );
add_action( 'wp_ajax_read_also_push', __NAMESPACE__ . '\\answer_push' );

function register() {
	register_setting( 'read_also', 'read_also', array( 'type' => 'object', 'sanitize_callback' => __NAMESPACE__ . '\\sanitize' ) );
}

function add_page() {
	add_options_page( __( 'Read Also', 'read-also' ), __( 'Read Also', 'read-also' ), 'manage_options', 'read-also', __NAMESPACE__ . '\\print_page' );
}

function print_page() {
	if ( ! current_user_can( 'manage_options' ) ) {
		return;
	}
	$set     = settings();
	$trouble = get_option( 'read_also_trouble' );
	$has_key = '' !== $set['key'];
	?>
	<div class="wrap">
	<h1><?php esc_html_e( 'Read Also', 'read-also' ); ?></h1>
	<form method="post" action="options.php">
	<?php settings_fields( 'read_also' ); ?>
	<table class="form-table" role="presentation">
	<tr><th scope="row"><label for="read-also-url"><?php esc_html_e( 'Address of the service', 'read-also' ); ?></label></th>
	<td><input type="url" class="regular-text code" id="read-also-url" name="read_also[url]" value="<?php echo esc_attr( $set['url'] ); ?>" placeholder="http://127.0.0.1:8080"<?php disabled( defined( 'READ_ALSO_URL' ) ); ?>>
	<?php explain_constants(); ?></td></tr>
	<tr><th scope="row"><label for="read-also-key"><?php esc_html_e( 'Key', 'read-also' ); ?></label></th>
	<td><input type="password" class="regular-text code" id="read-also-key" name="read_also[key]" value="" autocomplete="off" placeholder="<?php echo esc_attr( $has_key ? '••••••••••••' : '' ); ?>"<?php disabled( defined( 'READ_ALSO_URL' ) ); ?>>
	<p class="description"><?php echo esc_html( $has_key ? __( 'A key is set. Leave this empty to keep it.', 'read-also' ) : __( 'A key of 16 characters or more, with the scopes read and write.', 'read-also' ) ); ?></p>
	<?php if ( $has_key && ! defined( 'READ_ALSO_URL' ) ) : ?>
	<label><input type="checkbox" name="read_also[forget]" value="1"> <?php esc_html_e( 'Forget the key', 'read-also' ); ?></label>
	<?php endif; ?>
	</td></tr>
	<tr><th scope="row"><label for="read-also-limit"><?php esc_html_e( 'Articles in a list', 'read-also' ); ?></label></th>
	<td><input type="number" min="1" max="20" class="small-text" id="read-also-limit" name="read_also[limit]" value="<?php echo esc_attr( $set['limit'] ); ?>"></td></tr>
	<tr><th scope="row"><?php esc_html_e( 'Placement', 'read-also' ); ?></th>
	<td><label><input type="checkbox" name="read_also[place]" value="1"<?php checked( $set['place'] ); ?>> <?php esc_html_e( 'Under every post. The block "Read also" and the shortcode [read-also] work in any case.', 'read-also' ); ?></label></td></tr>
	<tr><th scope="row"><?php esc_html_e( 'What is an article', 'read-also' ); ?></th>
	<td>
	<?php foreach ( get_post_types( array( 'public' => true ), 'objects' ) as $type ) : ?>
		<?php if ( 'attachment' !== $type->name ) : ?>
		<label><input type="checkbox" name="read_also[types][]" value="<?php echo esc_attr( $type->name ); ?>"<?php checked( in_array( $type->name, $set['types'], true ) ); ?>> <?php echo esc_html( $type->labels->name ); ?></label><br>
		<?php endif; ?>
	<?php endforeach; ?>
	</td></tr>
	</table>
	<?php submit_button(); ?>
	</form>
	<h2><?php esc_html_e( 'The service', 'read-also' ); ?></h2>
	<p><button type="button" class="button" data-read-also="test"><?php esc_html_e( 'Test the connection', 'read-also' ); ?></button>
	<button type="button" class="button" data-read-also="push"><?php esc_html_e( 'Push all posts', 'read-also' ); ?></button></p>
	<p id="read-also-said" role="status"></p>
	<p><?php echo esc_html( state_of_queue() ); ?></p>
	<?php if ( is_array( $trouble ) ) : ?>
	<p><?php echo esc_html( wp_date( 'Y-m-d H:i:s', (int) $trouble['at'] ) . ' ' . $trouble['text'] ); ?></p>
	<?php endif; ?>
	</div>
	<?php
	print_script();
}

function explain_constants() {
	if ( defined( 'READ_ALSO_URL' ) ) {
		echo '<p class="description">' . esc_html__( 'Address and key are set by READ_ALSO_URL and READ_ALSO_KEY in wp-config.php.', 'read-also' ) . '</p>';
	}
}

function print_script() {
	?>
	<script>
	( function () {
		var said = document.getElementById( 'read-also-said' );
		function ask( what, more ) {
			var form = new FormData();
			form.append( 'action', 'read_also_' + what );
			form.append( '_ajax_nonce', <?php echo wp_json_encode( wp_create_nonce( 'read_also' ) ); ?> );
			form.append( 'start', more ? '0' : '1' );
			return fetch( <?php echo wp_json_encode( admin_url( 'admin-ajax.php' ) ); ?>, { method: 'POST', body: form, credentials: 'same-origin' } )
				.then( function ( answer ) { return answer.json(); } )
				.then( function ( answer ) {
					said.textContent = answer.data.text;
					if ( answer.data.more ) { return ask( what, true ); }
				} )
				.catch( function ( error ) { said.textContent = String( error ); } );
		}
		document.querySelectorAll( '[data-read-also]' ).forEach( function ( button ) {
			button.addEventListener( 'click', function () {
				button.disabled = true;
				said.textContent = '…';
				ask( button.dataset.readAlso, false ).then( function () { button.disabled = false; } );
			} );
		} );
	} )();
	</script>
	<?php
}

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

/** How many posts are still to be sent. */
function waiting(): int {
	global $wpdb;
	return (int) $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( DUE ) . '%' ) );
}

/** Posts that were tried, some of those that are still to be sent. */
function tried(): array {
	global $wpdb;
	return $wpdb->get_col(
		$wpdb->prepare(
			"SELECT SUBSTRING(option_name, %d) FROM {$wpdb->options} WHERE option_name LIKE %s AND option_value NOT LIKE %s LIMIT 10",
			strlen( DUE ) + 1,
			$wpdb->esc_like( DUE ) . '%',
			'% 0 %'
		)
	);
}

function state_of_queue(): string {
	$count = waiting();
	/* translators: %d: number of posts */
	$text  = $count ? sprintf( _n( '%d post waits to be sent.', '%d posts wait to be sent.', $count, 'read-also' ), $count ) : __( 'The service has every change.', 'read-also' );
	$tried = tried();
	/* translators: %s: numbers of posts */
	return $tried ? $text . ' ' . sprintf( __( 'Tried already: %s. If nothing else is told of one, its content may end the request that renders it.', 'read-also' ), implode( ', ', $tried ) ) : $text;
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

/* --- Coming and going --- */

register_activation_hook( __FILE__, __NAMESPACE__ . '\\activate' );
register_deactivation_hook( __FILE__, __NAMESPACE__ . '\\deactivate' );
register_uninstall_hook( __FILE__, 'ReadAlso\\uninstall' );

/** What changed while the plugin was not active is not known, so all is pushed. */
function activate( $whole_network ) {
	on_sites( (bool) $whole_network, __NAMESPACE__ . '\\push_all' );
}

function deactivate( $whole_network ) {
	on_sites(
		(bool) $whole_network,
		function () {
			wp_clear_scheduled_hook( 'read_also_push' );
		}
	);
}

/** Leave nothing behind, on any site of a network. The articles stay in the service. */
function uninstall() {
	on_sites( is_multisite(), __NAMESPACE__ . '\\clean' );
}

/** Do something on this site, or on every site of the network. */
function on_sites( bool $all, callable $what ) {
	foreach ( $all ? get_sites( array( 'fields' => 'ids', 'number' => 0 ) ) : array( get_current_blog_id() ) as $site ) {
		if ( $all ) {
			switch_to_blog( $site );
		}
		$what();
		if ( $all ) {
			restore_current_blog();
		}
	}
}

function clean() {
	global $wpdb;
	wp_clear_scheduled_hook( 'read_also_push' );
	foreach ( array( 'read_also', '_transient_read_also', '_transient_timeout_read_also' ) as $prefix ) {
		$names = $wpdb->get_col( $wpdb->prepare( "SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( $prefix ) . '%' ) );
		array_map( 'delete_option', $names );
	}
}
