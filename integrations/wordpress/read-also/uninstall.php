<?php
/** Leave nothing behind, on any site of a network. The articles stay in the service. */

namespace ReadAlso;

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

require_once __DIR__ . '/includes/loading.php';
require_once __DIR__ . '/includes/network.php';

on_sites( is_multisite(), __NAMESPACE__ . '\\clean' );

function clean() {
	global $wpdb;
	wp_clear_scheduled_hook( 'read_also_push' );
	wp_unschedule_hook( 'read_also_purge' );
	wp_unschedule_hook( 'read_also_tell' );
	wp_unschedule_hook( 'read_also_boundary' );
	foreach ( array( 'read_also', '_transient_read_also', '_transient_timeout_read_also' ) as $prefix ) {
		$names = $wpdb->get_col( $wpdb->prepare( "SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( $prefix ) . '%' ) );
		array_map( 'delete_option', $names );
	}
	delete_metadata( 'user', 0, $wpdb->get_blog_prefix() . 'read_also_hint_seen', '', true );
	delete_post_meta_by_key( '_read_also' );
	delete_post_meta_by_key( '_read_also_chosen_at' );
	delete_post_meta_by_key( '_read_also_refused' );
}
