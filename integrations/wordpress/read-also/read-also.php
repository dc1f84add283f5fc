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
 * Two halves that do not wait for each other. Pushing: what changes is written down as a row of the
 * options table at once, and sent to the service when the request ends; a row goes when the service
 * has it, so an outage, a timeout or a crash loses nothing. Placing: a page shows the copy of the
 * list it has, asks for a newer one at most every few seconds, and never waits longer than
 * PAGE_SECONDS, once in AWAY_SECONDS for the whole site.
 */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const PAGE_SECONDS    = 0.4;     // A page waits no longer for its list.
const PUSH_SECONDS    = 2.0;     // One call that tells of a change.
const BULK_SECONDS    = 10.0;    // One call that tells of many.
const END_SECONDS     = 5.0;     // All that is sent when a request ends.
const CRON_SECONDS    = 20.0;    // All that is sent by one run of WP-Cron; "Push all" takes half of it at a time.
const AWAY_SECONDS    = 30;      // A service that did not answer is left alone for so long.
const LONGEST_BACKOFF = 900;     // Seconds; WP-Cron tries again at least that often.
const FRESH_SECONDS   = 60;      // A list is shown without asking again, where the service does not say.
const MOST_ROWS       = 10000;   // Changes remembered one by one; beyond it everything is pushed anew.
const FEW             = 20;      // So many posts of a renamed term are pushed at once, more by WP-Cron.
const SINGLY          = 5;       // So many changes are sent one by one, more as a bulk call.
const BATCH           = 50;      // Changes that are taken up together.
const BATCH_BYTES     = 1048576; // Of one bulk call; a larger article goes alone.

/* --- Settings --- */

/** What is set: url, key, limit (items), place (whether under every post), types (of posts). */
function settings(): array {
	$kept = get_option( 'read_also' );
	$set  = array_merge(
		array( 'url' => '', 'key' => '', 'limit' => 6, 'place' => true, 'types' => array( 'post' ) ),
		is_array( $kept ) ? $kept : array()
	);
	if ( defined( 'READ_ALSO_URL' ) ) {
		$set['url'] = (string) \READ_ALSO_URL;
	}
	if ( defined( 'READ_ALSO_KEY' ) ) {
		$set['key'] = (string) \READ_ALSO_KEY;
	}
	$set['url'] = rtrim( trim( $set['url'] ), '/' );
	return $set;
}

/** Keep what the form sent; an empty key field leaves the key as it is. */
function sanitize( $given ): array {
	$given = is_array( $given ) ? $given : array();
	$kept  = get_option( 'read_also' );
	$kept  = is_array( $kept ) ? $kept : array();
	$url   = isset( $given['url'] ) && is_string( $given['url'] ) ? trim( $given['url'] ) : '';
	$key   = isset( $given['key'] ) && is_string( $given['key'] ) ? trim( $given['key'] ) : '';
	if ( '' !== $url && ! ( preg_match( '~^https?://~i', $url ) && wp_parse_url( $url, PHP_URL_HOST ) ) ) {
		add_settings_error( 'read_also', 'url', __( 'The address of the service must begin with http:// or https:// and name a host. The old one was kept.', 'read-also' ) );
		$url = $kept['url'] ?? '';
	}
	if ( preg_match( '/[^\x21-\x7e]/', $key ) ) {
		add_settings_error( 'read_also', 'key', __( 'A key has no blanks and only ASCII characters. The old one was kept.', 'read-also' ) );
		$key = '';
	}
	if ( ! empty( $given['forget'] ) ) {
		$kept['key'] = '';
	}
	return array(
		'url'   => esc_url_raw( $url, array( 'http', 'https' ) ),
		'key'   => '' === $key ? ( $kept['key'] ?? '' ) : $key,
		'limit' => clamp( $given['limit'] ?? 6 ),
		'place' => ! empty( $given['place'] ),
		'types' => array_values( array_intersect( (array) ( $given['types'] ?? array() ), get_post_types( array( 'public' => true ) ) ) ),
	);
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
	$set = settings();
	if ( '' !== $set['key'] ) {
		$headers['Authorization'] = 'Bearer ' . $set['key'];
	}
	return wp_remote_request(
		$set['url'] . $path,
		array(
			'method'              => $method,
			'headers'             => $headers,
			'body'                => $body,
			'timeout'             => $seconds,
			'redirection'         => 0, // The key goes to the address that was set, and to no other.
			'limit_response_size' => 1048576,
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

/** What the service says is wrong, in one line; of a problem document its detail and its fields. */
function reason( $answer ): string {
	if ( is_wp_error( $answer ) ) {
		return $answer->get_error_message();
	}
	$code    = (int) wp_remote_retrieve_response_code( $answer );
	$problem = json_decode( wp_remote_retrieve_body( $answer ), true );
	$said    = is_array( $problem ) && isset( $problem['detail'] ) ? (string) $problem['detail'] : '';
	foreach ( (array) ( $problem['errors'] ?? array() ) as $fault ) {
		$said .= ' ' . ( $fault['pointer'] ?? '' ) . ' ' . ( $fault['detail'] ?? '' );
	}
	return trim( "$code $said" );
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

/** Rows by the beginning of their name, those with the latest value first. */
function rows( string $prefix, int $most ): array {
	global $wpdb;
	return $wpdb->get_results(
		$wpdb->prepare(
			"SELECT option_name AS name, option_value AS value FROM {$wpdb->options}
			WHERE option_name LIKE %s ORDER BY option_value DESC LIMIT %d",
			$wpdb->esc_like( $prefix ) . '%',
			$most
		)
	);
}

function count_rows( string $prefix ): int {
	global $wpdb;
	return (int) $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( $prefix ) . '%' ) );
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

/** A value that no other row has; later ones come later in the alphabet. */
function token(): string {
	return sprintf( '%.6F-%s', microtime( true ), wp_generate_password( 6, false ) );
}

/** Whether the service may be called to `read` or to `write`: after a failure by one request in AWAY_SECONDS. */
function may_call( string $what ): bool {
	$away = rows( "read_also_away_$what", 1 );
	return ! $away || ( (int) $away[0]->value <= time() && swap_row( $away[0]->name, $away[0]->value, (string) ( time() + AWAY_SECONDS ) ) );
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

/* --- Pushing: what changed --- */

add_action( 'transition_post_status', __NAMESPACE__ . '\\on_status', 10, 3 );
add_action( 'wp_after_insert_post', __NAMESPACE__ . '\\on_saved', 10, 4 );
add_action( 'before_delete_post', __NAMESPACE__ . '\\on_deleted', 10, 2 );
add_action( 'set_object_terms', __NAMESPACE__ . '\\on_touched' );
add_action( 'deleted_term_relationships', __NAMESPACE__ . '\\on_touched' );
add_action( 'edited_term', __NAMESPACE__ . '\\on_term', 10, 3 );
add_action( 'profile_update', __NAMESPACE__ . '\\on_profile', 10, 2 );
add_action( 'added_post_meta', __NAMESPACE__ . '\\on_meta', 10, 3 );
add_action( 'updated_post_meta', __NAMESPACE__ . '\\on_meta', 10, 3 );
add_action( 'deleted_post_meta', __NAMESPACE__ . '\\on_meta', 10, 3 );

function on_status( $new, $old, $post ) {
	if ( 'publish' === $new || 'publish' === $old ) {
		mark_if_chosen( $post->ID, $post->post_type );
	}
}

/** What the status does not tell: a post of a chosen type that became one of another. */
function on_saved( $id, $post, $update, $before ) {
	if ( $before && 'publish' === $before->post_status ) {
		mark_if_chosen( $id, $before->post_type );
	}
}

function on_deleted( $id, $post ) {
	if ( ! in_array( $post->post_status, array( 'auto-draft', 'draft', 'pending', 'inherit' ), true ) ) {
		mark_if_chosen( $id, $post->post_type );
	}
}

function on_touched( $id ) {
	if ( 'publish' === get_post_status( $id ) ) {
		mark_if_chosen( (int) $id, (string) get_post_type( $id ) );
	}
}

function on_meta( $meta, $id, $key ) {
	if ( '_thumbnail_id' === $key ) {
		on_touched( $id );
	}
}

function on_term( $term, $taxonomy_id, $taxonomy ) {
	$posts = in_array( $taxonomy, array( 'category', 'post_tag' ), true ) ? get_objects_in_term( $term, $taxonomy ) : array();
	mark_all( is_array( $posts ) ? $posts : array(), "term_$taxonomy_id" );
}

function on_profile( $user, $before ) {
	if ( get_userdata( $user )->display_name !== $before->display_name ) {
		$of = array( 'author' => $user, 'post_type' => settings()['types'], 'fields' => 'ids', 'posts_per_page' => FEW + 1 );
		mark_all( get_posts( $of ), "author_$user" );
	}
}

/** Mark a few posts one by one; of many keep only what they have in common, and where pushing them stands. */
function mark_all( array $posts, string $sweep ) {
	if ( count( $posts ) > FEW ) {
		sweep( $sweep );
		return;
	}
	array_map( __NAMESPACE__ . '\\on_touched', $posts );
}

/** Push every published post, or those that have something in common, by WP-Cron. */
function sweep( string $what ) {
	if ( configured() ) {
		keep_row( "read_also_sweep_$what", token() . ':0' );
		push_later( 0 );
	}
}

function mark_if_chosen( int $id, string $type ) {
	$marked = &marked();
	if ( ! isset( $marked[ $id ] ) && configured() && in_array( $type, settings()['types'], true ) ) {
		$marked[ $id ] = true;
		remember( $id );
	}
}

function configured(): bool {
	return '' !== settings()['url'];
}

/** The posts that were marked in this request since changes were last sent. */
function &marked(): array {
	static $ids = array();
	return $ids;
}

/** Write down that the service has to hear of a post, and see that it does when this request ends. */
function remember( int $id ) {
	static $room = null;
	if ( null === $room ) {
		$room = MOST_ROWS - count_rows( 'read_also_due_' );
		add_action( 'shutdown', __NAMESPACE__ . '\\at_the_end', PHP_INT_MAX );
	}
	if ( $room-- > 0 ) {
		keep_row( "read_also_due_$id", token() );
		return;
	}
	sweep( 'all' );
	complain( __( 'More changed while the service was away than is remembered one by one. What is published will be pushed anew; find what was withdrawn with "read-also check --against".', 'read-also' ) );
}

/* --- Pushing: telling the service --- */

/** Send what this request changed, where PHP can do that after the visitor has the answer. */
function at_the_end() {
	try {
		if ( ! may_call( 'write' ) ) {
			push_later( AWAY_SECONDS );
			return;
		}
		ignore_user_abort( true );
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			session_write_close();
			fastcgi_finish_request();
		} elseif ( function_exists( 'litespeed_finish_request' ) ) {
			litespeed_finish_request();
		}
		push_due( END_SECONDS, false );
	} catch ( \Throwable $error ) { // The post is saved, whatever went wrong here.
		complain( $error->getMessage() );
	}
}

add_action( 'read_also_push', __NAMESPACE__ . '\\by_cron' );

function by_cron() {
	if ( configured() ) {
		push_due( CRON_SECONDS, true );
	}
}

/**
 * Send what is due until nothing is left, the service does not answer, or the time is over.
 *
 * One request at a time does, so that of two saves of a post the later one stands.
 */
function push_due( float $seconds, bool $sweeps ) {
	global $wpdb;
	$lock = 'read_also_' . md5( DB_NAME . $wpdb->prefix );
	if ( '0' === (string) $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, 1)', $lock ) ) ) {
		push_later( AWAY_SECONDS ); // Whoever has the lock most likely sends these too.
		return;
	}
	try {
		$marked = &marked();
		$marked = array();
		$until  = microtime( true ) + $seconds;
		do {
			$state = push_batch( $sweeps );
		} while ( 'more' === $state && microtime( true ) < $until );
		conclude( $state );
	} finally {
		$wpdb->get_var( $wpdb->prepare( 'SELECT RELEASE_LOCK(%s)', $lock ) );
	}
}

/** Send the next few changes, single ones before sweeps. Then there may be `more`, is `none`, is some for `later`, or it `failed`. */
function push_batch( bool $sweeps ): string {
	$due = array_column( rows( 'read_also_due_', BATCH ), 'value', 'name' );
	if ( ! $due ) {
		$sweep = rows( 'read_also_sweep_', 1 );
		return ! $sweep ? 'none' : ( $sweeps ? push_sweep( $sweep[0]->name, $sweep[0]->value ) : 'later' );
	}
	$ids = array();
	foreach ( array_keys( $due ) as $name ) {
		$ids[] = (int) substr( $name, strlen( 'read_also_due_' ) );
	}
	$settled = push( $ids );
	foreach ( $settled as $id ) {
		drop_row( "read_also_due_$id", $due[ "read_also_due_$id" ] ); // Unless it changed meanwhile.
	}
	return count( $settled ) < count( $ids ) ? 'failed' : 'more';
}

/** The next few posts of a sweep, whose row tells how far it is. */
function push_sweep( string $name, string $value ): string {
	list( $token, $after ) = explode( ':', $value );
	$ids = swept( substr( $name, strlen( 'read_also_sweep_' ) ), (int) $after );
	if ( count( push( $ids ) ) < count( $ids ) ) {
		return 'failed';
	}
	if ( count( $ids ) < BATCH ) {
		drop_row( $name, $value );
	} else {
		swap_row( $name, $value, $token . ':' . end( $ids ) );
	}
	return 'more';
}

/** The next published posts of a sweep: `all`, `term_` and a taxonomy's number, or `author_` and a user's. */
function swept( string $what, int $after, int $most = BATCH ): array {
	global $wpdb;
	list( $kind, $of ) = explode( '_', $what . '_0' );
	$types = settings()['types'];
	if ( ! $types ) {
		return array();
	}
	$where = array(
		'all'    => '%d = 0',
		'term'   => "ID IN (SELECT object_id FROM {$wpdb->term_relationships} WHERE term_taxonomy_id = %d)",
		'author' => 'post_author = %d',
	);
	return array_map(
		'intval',
		$wpdb->get_col(
			$wpdb->prepare(
				"SELECT ID FROM {$wpdb->posts} WHERE {$where[ $kind ]} AND ID > %d AND post_status = 'publish'
				AND post_type IN (" . implode( ',', array_fill( 0, count( $types ), '%s' ) ) . ') ORDER BY ID LIMIT %d',
				array_merge( array( (int) $of, $after ), $types, array( $most ) )
			)
		)
	);
}

/** After a failure it is tried again by WP-Cron, later each time, and whenever something is saved. */
function conclude( string $state ) {
	$failures = 'failed' === $state ? 1 + (int) get_option( 'read_also_failures' ) : 0;
	update_option( 'read_also_failures', $failures, false );
	note_answer( 'write', 0 === $failures );
	if ( $failures ) {
		push_later( min( LONGEST_BACKOFF, AWAY_SECONDS * 2 ** min( $failures - 1, 10 ) ) );
	} elseif ( 'none' === $state ) {
		wp_clear_scheduled_hook( 'read_also_push' );
	} else {
		push_later( 0 );
	}
}

function push_later( int $seconds ) {
	wp_clear_scheduled_hook( 'read_also_push' );
	wp_schedule_single_event( time() + $seconds, 'read_also_push' );
}

/** Send posts as they are now; those that the service took or refused, up to the first call that failed. */
function push( array $ids ): array {
	$changes = array();
	$settled = array();
	foreach ( $ids as $id ) {
		try {
			$changes[ $id ] = document( $id );
		} catch ( \Throwable $error ) { // Another plugin's filter; the other posts go on.
			/* translators: 1: number of a post, 2: what went wrong */
			complain( sprintf( __( 'Post %1$d cannot be rendered: %2$s', 'read-also' ), $id, $error->getMessage() ) );
			$settled[] = $id;
		}
	}
	return array_merge( $settled, count( $changes ) > SINGLY ? push_in_bulk( $changes ) : push_singly( $changes ) );
}

/** Send changes, by the number of the post a document, or nothing where the article has to go. */
function push_singly( array $changes ): array {
	$settled = array();
	foreach ( $changes as $id => $document ) {
		$path   = '/v1/articles/' . article_id( $id );
		$answer = '' === $document
			? call( 'DELETE', $path, PUSH_SECONDS )
			: call( 'PUT', $path, PUSH_SECONDS, $document, array( 'Content-Type' => 'application/json' ) );
		if ( ! settles( $id, (int) wp_remote_retrieve_response_code( $answer ), reason( $answer ), gone( $document, $answer ) ) ) {
			break;
		}
		withdrawn( $document );
		$settled[] = $id;
	}
	return $settled;
}

/** Whether an article that has to go is not there; a 404 of another server says nothing. */
function gone( string $document, $answer ): bool {
	$type = (string) wp_remote_retrieve_header( $answer, 'content-type' );
	return '' === $document && 0 === strpos( $type, 'application/problem+json' );
}

function push_in_bulk( array $changes ): array {
	$settled = array();
	while ( $changes ) {
		$lines = array();
		$bytes = 0;
		foreach ( $changes as $id => $document ) {
			$line   = '' === $document ? wp_json_encode( array( 'delete' => array( 'id' => article_id( $id ) ) ) ) : $document;
			$bytes += strlen( $line ) + 1;
			if ( $lines && $bytes > BATCH_BYTES ) {
				break;
			}
			$lines[ $id ] = $line;
		}
		$taken   = bulk( $lines, $changes );
		$settled = array_merge( $settled, $taken );
		if ( count( $taken ) < count( $lines ) ) {
			break;
		}
		$changes = array_diff_key( $changes, $lines );
	}
	return $settled;
}

/** One bulk call; a line each, answered in order. */
function bulk( array $lines, array $changes ): array {
	$answer = call( 'POST', '/v1/bulk', BULK_SECONDS, implode( "\n", $lines ) . "\n", array( 'Content-Type' => 'application/x-ndjson' ) );
	$body   = json_decode( wp_remote_retrieve_body( $answer ), true );
	if ( 200 !== (int) wp_remote_retrieve_response_code( $answer ) || ! isset( $body['items'] ) || count( $body['items'] ) !== count( $lines ) ) {
		/* translators: %s: what the service said */
		complain( sprintf( __( 'The service did not take a bulk of changes: %s', 'read-also' ), reason( $answer ) ) );
		return array();
	}
	$settled = array();
	foreach ( array_keys( $lines ) as $place => $id ) {
		$item = $body['items'][ $place ];
		$why  = $item['status'] . ' ' . wp_json_encode( $item['error'] ?? '' );
		if ( settles( $id, (int) $item['status'], $why, '' === $changes[ $id ] ) ) {
			withdrawn( $changes[ $id ] );
			$settled[] = $id;
		}
	}
	return $settled;
}

/** Whether an answer is the last word on a change; what was refused is told on the settings page. */
function settles( int $id, int $code, string $reason, bool $may_be_gone ): bool {
	if ( ( $code >= 200 && $code < 300 ) || ( $may_be_gone && in_array( $code, array( 404, 410 ), true ) ) ) {
		return true;
	}
	$refused = in_array( $code, array( 400, 409, 413, 422 ), true );
	complain(
		sprintf(
			/* translators: 1: number of a post, 2: what the service said */
			$refused ? __( 'The service refused post %1$d: %2$s', 'read-also' ) : __( 'The service did not take post %1$d, it is tried again: %2$s', 'read-also' ),
			$id,
			$reason
		)
	);
	return $refused;
}

/** Copies of lists that were taken before a withdrawal are looked at again. */
function withdrawn( string $document ) {
	if ( '' === $document ) {
		update_option( 'read_also_withdrawn', time(), true );
	}
}

/* --- A post as an article --- */

/** The article that a post is, as JSON; nothing where the post is not for the public. */
function document( int $id ): string {
	wp_cache_delete( $id, 'posts' ); // It may have been saved by another request since this one read it.
	wp_cache_delete( $id, 'post_meta' );
	wp_cache_delete( $id, 'category_relationships' );
	wp_cache_delete( $id, 'post_tag_relationships' );
	$post = get_post( $id );
	if ( ! $post || 'publish' !== $post->post_status || '' !== $post->post_password || ! in_array( $post->post_type, settings()['types'], true ) ) {
		return '';
	}
	/**
	 * The fields of the article; nothing where the post is to be none.
	 *
	 * @param array    $fields As in the HTTP API.
	 * @param \WP_Post $post   The post.
	 */
	$fields = apply_filters( 'read_also_article', array_filter( fields( $post ) ), $post );
	if ( empty( $fields['title'] ) && empty( $fields['body_html'] ) && empty( $fields['body'] ) ) {
		return '';
	}
	$document = wp_json_encode( array( 'id' => article_id( $id ) ) + $fields, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE );
	if ( false === $document ) {
		throw new \RuntimeException( json_last_error_msg() );
	}
	return $document;
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
		'authors'      => array_filter( array( cut( plain( (string) get_the_author_meta( 'display_name', $post->post_author ) ), 300 ) ) ),
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

/** Under a post on its own page, unless its author put the list elsewhere in it. */
function place( $content ) {
	$set = settings();
	$own = get_post();
	if ( ! $set['place'] || ! in_the_loop() || ! is_main_query() || ! $own || page_post() !== $own->ID ) {
		return $content;
	}
	if ( has_block( 'read-also/list', $own ) || has_shortcode( $own->post_content, 'read-also' ) ) {
		return $content;
	}
	return $content . list_html( $own->ID, clamp( $set['limit'] ) );
}

function shortcode( $given ): string {
	$post = page_post();
	return $post ? list_html( $post, clamp( $given['limit'] ?? settings()['limit'] ) ) : '';
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
	if ( silent() || ! $types || is_admin() || is_feed() || is_embed() || is_preview() || ! is_singular( $types )
		|| doing_filter( 'get_the_excerpt' ) || ( defined( 'REST_REQUEST' ) && REST_REQUEST ) ) {
		return 0;
	}
	$post = get_queried_object();
	return $post instanceof \WP_Post && 'publish' === $post->post_status && '' === $post->post_password ? $post->ID : 0;
}

/** The list under a post as HTML: the copy while it is fresh, else a new one, else what may still be shown of the old. */
function list_html( int $post, int $limit ): string {
	$name = "read_also_list_{$post}_{$limit}";
	$copy = get_transient( $name );
	$copy = is_array( $copy ) ? $copy : array( 'html' => '', 'etag' => '', 'asked' => 0, 'fresh' => 0, 'stale' => 0 );
	$now  = time();
	// A withdrawal shows in every worker of the service within a second; lists of before are asked for again.
	if ( $now < $copy['fresh'] && $copy['asked'] > (int) get_option( 'read_also_withdrawn' ) + 1 ) {
		return $copy['html'];
	}
	if ( ! configured() || ! may_call( 'read' ) ) {
		return $now < $copy['stale'] ? $copy['html'] : '';
	}
	$asked  = '' === $copy['etag'] ? array() : array( 'If-None-Match' => $copy['etag'] );
	$answer = call( 'GET', '/v1/articles/' . article_id( $post ) . "/related.html?limit=$limit", PAGE_SECONDS, null, $asked );
	$newer  = newer( $copy, $answer, $now );
	note_answer( 'read', null !== $newer );
	if ( null === $newer ) {
		return $now < $copy['stale'] ? $copy['html'] : '';
	}
	set_transient( $name, $newer, max( 1, $newer['stale'] - $now ) );
	return $newer['html'];
}

/** The copy after an answer; null where it is none that a page can use. */
function newer( array $copy, $answer, int $now ): ?array {
	$code = (int) wp_remote_retrieve_response_code( $answer );
	if ( in_array( $code, array( 404, 410 ), true ) ) {
		return array( 'html' => '', 'etag' => '', 'asked' => $now, 'fresh' => $now + AWAY_SECONDS, 'stale' => $now + AWAY_SECONDS );
	}
	if ( 200 !== $code && ( 304 !== $code || '' === $copy['etag'] ) ) {
		return null;
	}
	$control = (string) wp_remote_retrieve_header( $answer, 'cache-control' );
	$fresh   = seconds( $control, 'max-age', '' === $control ? FRESH_SECONDS : 0 );
	$stale   = seconds( $control, 'stale-if-error', '' === $control ? DAY_IN_SECONDS : 0 );
	return array(
		'html'  => 200 === $code ? wp_kses( wp_remote_retrieve_body( $answer ), allowed(), array( 'http', 'https' ) ) : $copy['html'],
		'etag'  => (string) wp_remote_retrieve_header( $answer, 'etag' ),
		'asked' => $now,
		'fresh' => $now + min( $fresh, HOUR_IN_SECONDS ),
		'stale' => $now + min( $fresh + $stale, DAY_IN_SECONDS ),
	);
}

function seconds( string $control, string $name, int $else ): int {
	return preg_match( "/(?<![\w-])$name=(\d{1,9})/", $control, $found ) ? (int) $found[1] : $else;
}

/** What a list is made of. The service escapes; a page of the newsroom trusts nobody all the same. */
function allowed(): array {
	$common = array_fill_keys( array( 'class', 'lang', 'dir', 'id', 'role', 'aria-labelledby', 'aria-label' ), true );
	$tags   = array_fill_keys( array( 'section', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'li', 'span' ), $common );
	return $tags + array(
		'a'    => $common + array( 'href' => true ),
		'time' => $common + array( 'datetime' => true ),
		'img'  => $common + array_fill_keys( array( 'src', 'alt', 'width', 'height', 'loading', 'decoding', 'referrerpolicy' ), true ),
	);
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
	<?php explain_constant( 'READ_ALSO_URL' ); ?></td></tr>
	<tr><th scope="row"><label for="read-also-key"><?php esc_html_e( 'Key', 'read-also' ); ?></label></th>
	<td><input type="password" class="regular-text code" id="read-also-key" name="read_also[key]" value="" autocomplete="off" placeholder="<?php echo esc_attr( $has_key ? '••••••••••••' : '' ); ?>"<?php disabled( defined( 'READ_ALSO_KEY' ) ); ?>>
	<p class="description"><?php echo esc_html( $has_key ? __( 'A key is set. Leave this empty to keep it.', 'read-also' ) : __( 'A key with the scopes read and write.', 'read-also' ) ); ?></p>
	<?php if ( $has_key && ! defined( 'READ_ALSO_KEY' ) ) : ?>
	<label><input type="checkbox" name="read_also[forget]" value="1"> <?php esc_html_e( 'Forget the key', 'read-also' ); ?></label>
	<?php endif; ?>
	<?php explain_constant( 'READ_ALSO_KEY' ); ?></td></tr>
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

function explain_constant( string $name ) {
	if ( defined( $name ) ) {
		/* translators: %s: name of a constant */
		echo '<p class="description">' . esc_html( sprintf( __( 'Set by %s in wp-config.php.', 'read-also' ), $name ) ) . '</p>';
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
		sweep( 'all' );
	}
	push_due( CRON_SECONDS / 2, true );
	$failed = (int) get_option( 'read_also_failures' ) > 0;
	$text   = $failed ? get_option( 'read_also_trouble' )['text'] : state_of_queue();
	wp_send_json_success( array( 'text' => $text, 'more' => ! $failed && 0 < waiting() ) );
}

/** How many posts are still to be sent; for sweeps at least. */
function waiting(): int {
	$count = count_rows( 'read_also_due_' );
	foreach ( rows( 'read_also_sweep_', 100 ) as $sweep ) {
		$after  = (int) explode( ':', $sweep->value )[1];
		$count += count( swept( substr( $sweep->name, strlen( 'read_also_sweep_' ) ), $after, PHP_INT_MAX ) );
	}
	return $count;
}

function state_of_queue(): string {
	$count = waiting();
	/* translators: %d: number of posts */
	return $count ? sprintf( _n( '%d post waits to be sent.', '%d posts wait to be sent.', $count, 'read-also' ), $count ) : __( 'The service has every change.', 'read-also' );
}

/** What is wrong with the connection, or that nothing is. Nothing is written. */
function diagnose(): string {
	$set = settings();
	if ( '' === $set['url'] ) {
		return __( 'No address is set.', 'read-also' );
	}
	$answer = call( 'GET', '/readyz', PUSH_SECONDS );
	$ready  = json_decode( wp_remote_retrieve_body( $answer ), true );
	if ( is_wp_error( $answer ) ) {
		/* translators: 1: address, 2: what went wrong */
		return sprintf( __( '%1$s cannot be reached: %2$s', 'read-also' ), $set['url'], reason( $answer ) );
	}
	if ( ! is_array( $ready ) || ! isset( $ready['status'] ) ) {
		/* translators: 1: address, 2: status code */
		return sprintf( __( 'Something answers at %1$s, but not Read Also (%2$s). Look at the address.', 'read-also' ), $set['url'], wp_remote_retrieve_response_code( $answer ) );
	}
	$path = '/v1/articles/' . article_id( 0 );
	$read = call( 'GET', $path . '/related.html', PUSH_SECONDS );
	// An article without title and body is never stored: who may write is told what it lacks.
	$write = call( 'PUT', $path, PUSH_SECONDS, '{}', array( 'Content-Type' => 'application/json' ) );
	if ( ! in_array( (int) wp_remote_retrieve_response_code( $read ), array( 200, 404, 410 ), true ) ) {
		/* translators: %s: what the service said */
		return sprintf( __( 'The service is there, but shows this key no lists: %s', 'read-also' ), reason( $read ) );
	}
	if ( 422 !== (int) wp_remote_retrieve_response_code( $write ) ) {
		/* translators: %s: what the service said */
		return sprintf( __( 'The service is there and shows lists, but takes no articles with this key: %s', 'read-also' ), reason( $write ) );
	}
	note_answer( 'read', true );
	note_answer( 'write', true );
	return 200 === (int) wp_remote_retrieve_response_code( $answer )
		? __( 'All is well: the service shows lists and takes articles.', 'read-also' )
		: __( 'The service takes articles, and shows lists as soon as it has some: push all posts.', 'read-also' );
}

/* --- Coming and going --- */

register_deactivation_hook( __FILE__, __NAMESPACE__ . '\\deactivate' );
register_uninstall_hook( __FILE__, 'ReadAlso\\uninstall' );

function deactivate() {
	wp_clear_scheduled_hook( 'read_also_push' );
}

/** Leave nothing behind, on any site of a network. The articles stay in the service. */
function uninstall() {
	$sites = is_multisite() ? get_sites( array( 'fields' => 'ids', 'number' => 0 ) ) : array( 0 );
	foreach ( $sites as $site ) {
		if ( $site ) {
			switch_to_blog( $site );
		}
		clean();
		if ( $site ) {
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
