<?php
/** What waits to be sent: a row of the options table for each post. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

do_at( 'init', __NAMESPACE__ . '\\keep_going' );
add_action( 'read_also_push', __NAMESPACE__ . '\\by_cron' );

/** A value that no other row of a post has: from when on it is due, how often it was tried, something random. */
function token( float $due, int $tried = 0 ): string {
	return sortable( $due ) . " $tried " . bin2hex( random_bytes( 4 ) );
}

/** Seconds since 1970 so that texts are ordered as the times are. */
function sortable( float $time ): string {
	return sprintf( '%017.6F', $time );
}

/** Posts that are due, by row; what changed last comes first, what was put in line at `0` at the end, unless the line is held. */
function due( float $since, int $most ): array {
	global $wpdb;
	$since = line_is_held() ? max( 1.0, $since ) : $since;
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

/** Whether the service has not heard yet of a post that an editor withdrew, be it that it is tried again later. */
function withdrawal_waits(): bool {
	return (bool) due_withdrawals( 1, 1, microtime( true ) + DAY_IN_SECONDS );
}

/** Rows of posts that editors withdrew since a time, the last one first; what was put in line at `0` waits for its turn. */
function due_withdrawals( float $since, int $most, ?float $until = null ): array {
	global $wpdb;
	$types = settings()['types'];
	$types = $types ? $types : array( '' );
	$query = "SELECT option_name AS name, option_value AS value FROM {$wpdb->options} LEFT JOIN {$wpdb->posts}
		ON ID = CAST(SUBSTRING(option_name, %d) AS UNSIGNED) AND post_status = 'publish' AND post_password = ''
		AND post_type IN (" . implode( ',', array_fill( 0, count( $types ), '%s' ) ) . ')
		WHERE option_name LIKE %s AND option_value BETWEEN %s AND %s AND ID IS NULL ORDER BY option_value DESC LIMIT %d';
	$given = array( $wpdb->esc_like( DUE ) . '%', sortable( max( 1, $since ) ), sortable( $until ?? microtime( true ) ), $most );
	return $wpdb->get_results( $wpdb->prepare( $query, array_merge( array( strlen( DUE ) + 1 ), $types, $given ) ) );
}

/** Remember the last trouble, for the settings page. */
function complain( string $text ) {
	update_option( 'read_also_trouble', array( 'at' => time(), 'text' => wp_html_excerpt( $text, 500 ) ), false );
}

/**
 * Push all posts, by WP-Cron.
 *
 * Those that are not for the public too, so that the service drops what was withdrawn unnoticed.
 */
function push_all() {
	$internal = array_merge( array( 'attachment' ), array_values( get_post_types( array( 'public' => false ) ) ) );
	put_in_line( "post_status <> 'auto-draft' AND post_type NOT IN (" . in_quotes( $internal ) . ')' );
	begin_sweep();
	begin_progress();
}

/** Write down posts, behind all that editors change unless they are due; one that is written down already gets another token, in its place unless it was tried. */
function put_in_line( string $where, float $due = 0 ) {
	global $wpdb;
	if ( configured() ) {
		keep_going();
		$wpdb->query(
			$wpdb->prepare( "INSERT INTO {$wpdb->options} (option_name, option_value, autoload) SELECT CONCAT(%s, ID), %s, 'no' ", DUE, token( $due ) )
			. "FROM {$wpdb->posts} WHERE $where ON DUPLICATE KEY UPDATE option_value = IF(option_value LIKE '% 0 %', GREATEST(CONCAT(option_value, '+'), VALUES(option_value)), VALUES(option_value))"
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

/** WordPress plans the next run before one begins, so a run that is killed does not end them. */
function keep_going() {
	if ( configured() && ! wp_next_scheduled( 'read_also_push' ) ) {
		wp_schedule_event( time() + MINUTE_IN_SECONDS, 'read_also', 'read_also_push' );
	}
	if ( configured() && in_array( false, array( get_option( 'read_also_withdrawn' ), get_option( PAGES_KNOWN ) ), true ) ) {
		seed_options();
	}
}

/** What each page looks at is loaded with the other options; for one that is missing WordPress would ask each time. */
function seed_options() {
	global $wpdb;
	// Another request may have set one since this one looked.
	$query = "INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES ('read_also_withdrawn', '0', 'yes'), (%s, '0', 'yes')";
	$wpdb->query( $wpdb->prepare( $query, PAGES_KNOWN ) );
	wp_cache_delete( 'alloptions', 'options' );
	wp_cache_delete( 'notoptions', 'options' );
}

function by_cron() {
	compare_origin();
	settle_move();
	$waited = waiting();
	$began  = microtime( true );
	push_due( 0, CRON_SECONDS, BATCH );
	note_pace( $waited - waiting(), microtime( true ) - $began );
}

/** Remember how many posts a second are sent. A few say nothing of many. */
function note_pace( int $sent, float $seconds ) {
	if ( $sent >= FEW && $seconds > 0 ) {
		update_option( 'read_also_pace', $sent / $seconds, false );
	}
}

/** How many posts are still to be sent, or their pins and blocks. */
function waiting(): int {
	global $wpdb;
	return (int) $wpdb->get_var(
		$wpdb->prepare(
			"SELECT COUNT(DISTINCT SUBSTRING_INDEX(option_name, '_', -1)) FROM {$wpdb->options} WHERE option_name LIKE %s OR option_name LIKE %s",
			$wpdb->esc_like( DUE ) . '%',
			$wpdb->esc_like( OVERRIDES ) . '%'
		)
	);
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

/** How many posts were never tried, such as those of a new push of all. */
function anew_in_line(): int {
	global $wpdb;
	return (int) $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name LIKE %s AND option_value LIKE %s", $wpdb->esc_like( DUE ) . '%', '% 0 %' ) );
}

/**
 * How the queue is: `waiting` posts, about how many `seconds` WP-Cron takes for them (null where that is not known),
 * the numbers of some that were `tried`, whether the service is `away`, and all of it as `text`.
 */
function look_at_queue(): array {
	global $wpdb;
	$state         = array( 'waiting' => waiting(), 'tried' => tried() );
	$pace          = (float) get_option( 'read_also_pace' );
	$a_run         = $pace * CRON_SECONDS;
	$runs          = $a_run > 0 ? (int) ceil( $state['waiting'] / $a_run ) : 0;
	$state['away'] = null !== $wpdb->get_var( "SELECT 1 FROM {$wpdb->options} WHERE option_name = 'read_also_away_write'" );
	$known         = $pace > 0 && ! $state['away'];
	return $state + array(
		'seconds' => $known ? $runs * MINUTE_IN_SECONDS : null,
		'text'    => queue_in_words( $state, $known ? $runs : 0 ),
	);
}

function queue_in_words( array $state, int $minutes ): string {
	$count = $state['waiting'];
	if ( is_on_hold() ) {
		return move_in_words( open_move() );
	}
	/* translators: %s: number of posts */
	$text = $count ? sprintf( _n( '%s post waits to be sent.', '%s posts wait to be sent.', $count, 'read-also' ), number_format_i18n( $count ) ) : __( 'The service has every change.', 'read-also' );
	if ( $count && $state['away'] ) {
		$text .= ' ' . __( 'The service did not answer; it is tried every minute.', 'read-also' );
	}
	if ( $count && $minutes ) {
		/* translators: %s: number of minutes */
		$text .= ' ' . sprintf( _n( 'WP-Cron sends them in about %s minute.', 'WP-Cron sends them in about %s minutes.', $minutes, 'read-also' ), number_format_i18n( $minutes ) );
	}
	/* translators: %s: numbers of posts */
	return $state['tried'] ? $text . ' ' . sprintf( __( 'Tried already: %s. If nothing else is told of one, its content may end the request that renders it.', 'read-also' ), implode( ', ', $state['tried'] ) ) : $text;
}

function state_of_queue(): string {
	return look_at_queue()['text'];
}

/** Send nothing of what waits. */
function forget_queue() {
	global $wpdb;
	delete_option( 'read_also_sweep' );
	foreach ( array( DUE, OVERRIDES ) as $prefix ) {
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( $prefix ) . '%' ) );
	}
}
