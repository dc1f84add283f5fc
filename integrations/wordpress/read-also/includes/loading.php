<?php
/**
 * What is loaded when.
 *
 * Each file costs a page some 15 microseconds, and most requests do nothing but show a list. So a page loads PAGE_FILES
 * alone, and OTHER_FILES when one of the hooks of WAKING says that more happens, such as a post that a form of the
 * theme saves. The administration, the REST interface, WP-Cron and the command line load all at once.
 */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const PAGE_FILES = array(
	'includes/settings',
	'includes/texts',
	'includes/posts',
	'includes/choices',
	'includes/options',
	'includes/copies',
	'includes/lists',
	'includes/stylesheet',
	'blocks/read-also/block',
);

/** In the order in which their hooks are to be run. */
const OTHER_FILES = array(
	'includes/fetching', // With rows, service, markup and pictures.
	'includes/form',
	'includes/connection',
	'includes/terms',
	'includes/articles',
	'includes/changes',
	'includes/queue',
	'includes/progress',
	'includes/sending',
	'includes/archive',
	'includes/move',
	'includes/overrides',
	'includes/boundaries',
	'includes/languages',
	'includes/limits',
	'includes/network',
	'includes/cli',
	'includes/beside',
	'includes/page-caches',
	'includes/shown',
	'includes/new-posts',
	'blocks/read-also/preview',
	'blocks/read-also/patterns',
	'admin/settings-page',
	'admin/limits',
	'admin/push',
	'admin/preview',
	'admin/peers',
	'admin/takeover',
	'admin/first-steps',
	'admin/site-health',
	'admin/draft',
	'admin/editor',
	'admin/why',
	'admin/meta-box',
);

/** Hooks that other files act on, and that are run on pages too. */
const WAKING = array(
	'transition_post_status',
	'clean_post_cache',
	'before_delete_post',
	'post_updated',
	'set_object_terms',
	'deleted_term_relationships',
	'edited_term',
	'profile_update',
	'delete_user',
	'remove_user_from_blog',
	'wp_initialize_site',
	'wpml_translation_update',
	'woocommerce_product_object_updated_props',
	'update_option_read_also',
	'update_option_home',
	'update_option_siteurl',
	'update_option_permalink_structure',
	'update_option_category_base',
	'update_option_woocommerce_hide_out_of_stock_items',
	'read_also_push', // An alternative WP-Cron runs within a page.
	'read_also_purge',
	'read_also_tell',
	'read_also_boundary',
	'rest_api_init',
);

add_filter( 'cron_schedules', __NAMESPACE__ . '\\add_schedule' ); // phpcs:ignore WordPress.WP.CronInterval

function load_files( string ...$names ) {
	foreach ( $names as $name ) {
		require_once dirname( PLUGIN_FILE ) . "/$name.php";
	}
}

/** Load all. As a filter it changes nothing. */
function load_rest( $given = null ) {
	static $loaded = false;
	if ( ! $loaded ) {
		$loaded = true;
		load_files( ...OTHER_FILES );
		do_at( 'init', __NAMESPACE__ . '\\load_texts', 1 );
		do_action( 'read_also_loaded' );
	}
	return $given;
}

function load_texts() {
	load_plugin_textdomain( 'read-also', false, dirname( plugin_basename( PLUGIN_FILE ) ) . '/languages' );
}

/** What a page needs, and the rest now or when something wakes it, before what other files do at that hook. */
function load_plugin() {
	load_files( ...PAGE_FILES );
	if ( is_admin() || wp_doing_cron() || 'cli' === PHP_SAPI || defined( 'WP_CLI' ) || defined( 'REST_REQUEST' ) || did_action( 'rest_api_init' ) ) {
		load_rest();
		return;
	}
	foreach ( array_merge( WAKING, array( 'deactivate_' . plugin_basename( PLUGIN_FILE ) ) ) as $hook ) {
		add_filter( $hook, __NAMESPACE__ . '\\load_rest', PHP_INT_MIN );
	}
	foreach ( array( 'added', 'updated', 'deleted' ) as $did ) {
		add_action( "{$did}_post_meta", __NAMESPACE__ . '\\wake_for_meta', PHP_INT_MIN, 3 );
	}
}

/** Plugins that count views write a meta for each page; only two metas say something of an article. */
function wake_for_meta( $meta, $id, $key ) {
	if ( in_array( $key, array( '_thumbnail_id', CHOICES ), true ) ) {
		load_rest();
	}
}

/** Do something when WordPress is so far; if it was so far before, as soon as all files are loaded. */
function do_at( string $hook, string $function, int $priority = 10 ) {
	if ( did_action( $hook ) && ! doing_action( $hook ) ) {
		add_action( 'read_also_loaded', $function, 10, 0 );
	} else {
		add_action( $hook, $function, doing_action( $hook ) ? PHP_INT_MAX : $priority, 0 );
	}
}

function add_schedule( $schedules ) {
	return $schedules + array( 'read_also' => array( 'interval' => MINUTE_IN_SECONDS, 'display' => 'Read Also' ) );
}

/** How many posts wait to be sent; see look_at_queue(). */
function queue_state(): array {
	load_rest();
	return look_at_queue();
}
