<?php
/** Under Tools, Site Health: whether lists come, and whether changes go. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const CRON_LATE_SECONDS = 900; // WP-Cron runs with visits; a quarter of an hour without is too long.
const STUCK_TRIES       = 4;   // A post that was tried so often does not go by itself.

add_filter( 'site_status_tests', __NAMESPACE__ . '\\add_health_tests' );
add_filter( 'debug_information', __NAMESPACE__ . '\\add_debug_information' );
add_action( 'wp_ajax_health-check-read-also-service', __NAMESPACE__ . '\\answer_health_test' );

function add_health_tests( $tests ) {
	$tests['direct']['read_also_curl']   = array( 'label' => __( 'Read Also: curl', 'read-also' ), 'test' => __NAMESPACE__ . '\\test_curl' );
	$tests['direct']['read_also_queue']  = array( 'label' => __( 'Read Also: changes', 'read-also' ), 'test' => __NAMESPACE__ . '\\test_queue' );
	$tests['async']['read_also_service'] = array(
		'label'             => __( 'Read Also: the service', 'read-also' ),
		'test'              => 'read-also-service', // Ends the name of the action; the page's script changes an underscore in it.
		'has_rest'          => false,
		'async_direct_test' => __NAMESPACE__ . '\\test_service',
	);
	return $tests;
}

function test_curl(): array {
	return function_exists( 'curl_exec' )
		? healthy( 'curl', __( 'Read Also can limit how long a page waits for its list', 'read-also' ), __( 'The PHP extension curl is there.', 'read-also' ) )
		: ill( 'curl', 'critical', __( 'Read Also makes no calls, because the PHP extension curl is missing', 'read-also' ), __( 'Install it (on Debian: the package php-curl). Until then pages have no lists, and changes wait.', 'read-also' ) );
}

/** The service is asked in the background: Site Health shows its page at once. */
function test_service(): array {
	$found = connection();
	return $found['fine']
		? healthy( 'service', __( 'Read Also is connected', 'read-also' ), $found['text'] )
		: ill( 'service', configured() ? 'critical' : 'recommended', __( 'Read Also is not connected', 'read-also' ), $found['text'] );
}

function answer_health_test() {
	check_ajax_referer( 'health-check-site-status' );
	if ( ! current_user_can( 'view_site_health_checks' ) ) {
		wp_send_json_error( null, 403 );
	}
	wp_send_json_success( test_service() );
}

function test_queue(): array {
	if ( is_on_hold() ) {
		return ill( 'queue', 'critical', __( 'Nothing is sent to Read Also until you say whether this site has moved', 'read-also' ), state_of_queue() . ' ' . move_remedy() );
	}
	$fault = queue_fault( waiting(), seconds_late(), most_tries(), line_is_held() );
	return '' === $fault
		? healthy( 'queue', __( 'Read Also hears of every change', 'read-also' ), state_of_queue() )
		: ill( 'queue', 'recommended', __( 'Changes do not reach Read Also', 'read-also' ), $fault );
}

/** What keeps changes from being sent; nothing where they go. */
function queue_fault( int $waiting, int $late, int $tries, bool $held ): string {
	if ( 0 === $waiting ) {
		return '';
	}
	/* translators: %s: number of posts */
	$count = sprintf( _n( '%s post waits.', '%s posts wait.', $waiting, 'read-also' ), number_format_i18n( $waiting ) );
	if ( $late > CRON_LATE_SECONDS ) {
		/* translators: %s: a time such as "3 hours" */
		return $count . ' ' . sprintf( __( 'WP-Cron did not run for %s. Let the system call wp-cron.php every minute.', 'read-also' ), human_time_diff( 0, $late ) );
	}
	if ( $held ) {
		return $count . ' ' . __( 'The push of all posts was stopped on the settings page. Go on there.', 'read-also' );
	}
	return $tries >= STUCK_TRIES ? $count . ' ' . __( 'Some were tried several times. The settings page names them, and what the service said.', 'read-also' ) : '';
}

/** For how long the run of every minute is overdue. */
function seconds_late(): int {
	$next = wp_next_scheduled( 'read_also_push' );
	return $next ? max( 0, time() - $next ) : 0;
}

/** How often the post was tried that was tried most. */
function most_tries(): int {
	global $wpdb;
	return (int) $wpdb->get_var(
		$wpdb->prepare(
			"SELECT MAX(CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(option_value, ' ', 2), ' ', -1) AS UNSIGNED)) FROM {$wpdb->options} WHERE option_name LIKE %s",
			$wpdb->esc_like( DUE ) . '%'
		)
	);
}

function healthy( string $test, string $label, string $text ): array {
	return finding( $test, 'good', $label, $text );
}

function ill( string $test, string $status, string $label, string $text ): array {
	$link = '<p><a href="' . esc_url( settings_address() ) . '">' . esc_html__( 'Settings of Read Also', 'read-also' ) . '</a></p>';
	return array( 'actions' => $link ) + finding( $test, $status, $label, $text );
}

function finding( string $test, string $status, string $label, string $text ): array {
	return array(
		'test'        => "read_also_$test",
		'status'      => $status,
		'label'       => $label,
		'badge'       => array( 'label' => 'Read Also', 'color' => 'blue' ),
		'description' => '<p>' . esc_html( $text ) . '</p>',
		'actions'     => '',
	);
}

/** For whoever asks for help: neither a key nor a password is in it. */
function add_debug_information( $sections ) {
	$set     = settings();
	$trouble = get_option( 'read_also_trouble' );
	$fields  = array(
		'url'     => array( 'label' => __( 'Address of the service', 'read-also' ), 'value' => preg_replace( '~^(\w+://)[^/?#]*@~', '$1', $set['url'] ) ),
		'key'     => array( 'label' => __( 'Key', 'read-also' ), 'value' => '' === $set['key'] ? __( 'not set', 'read-also' ) : __( 'set', 'read-also' ) ),
		'types'   => array( 'label' => __( 'Post types', 'read-also' ), 'value' => implode( ', ', $set['types'] ) ),
		'queue'   => array( 'label' => __( 'Changes', 'read-also' ), 'value' => state_of_queue() ),
		'trouble' => array( 'label' => __( 'Last trouble', 'read-also' ), 'value' => is_array( $trouble ) ? wp_date( 'c', (int) $trouble['at'] ) . ' ' . $trouble['text'] : '' ),
	);
	return $sections + array( 'read-also' => array( 'label' => 'Read Also', 'fields' => $fields ) );
}
