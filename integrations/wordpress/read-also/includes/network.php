<?php
/** The sites of a network: coming and going on one or on all, and whose articles stand in whose lists. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const FORM = 2; // Of the articles that this version sends; 2 has site, language and original.

register_activation_hook( dirname( __DIR__ ) . '/read-also.php', __NAMESPACE__ . '\\activate' );
register_deactivation_hook( dirname( __DIR__ ) . '/read-also.php', __NAMESPACE__ . '\\deactivate' );

do_at( 'init', __NAMESPACE__ . '\\push_after_upgrade' );
add_action( 'wp_initialize_site', __NAMESPACE__ . '\\begin_site', 100 ); // It has tables by then.
add_filter( 'read_also_article', __NAMESPACE__ . '\\with_site', PHP_INT_MAX );

/** What changed while the plugin was not active is not known, so all is pushed. */
function activate( $whole_network ) {
	on_sites(
		(bool) $whole_network,
		function () {
			update_option( 'read_also_form', FORM, true );
			push_all();
		}
	);
}

/** A new site of a network was sent by no earlier version. */
function begin_site( $site ) {
	update_blog_option( (int) $site->blog_id, 'read_also_form', FORM );
}

function deactivate( $whole_network ) {
	on_sites(
		(bool) $whole_network,
		function () {
			wp_clear_scheduled_hook( 'read_also_push' );
			wp_unschedule_hook( 'read_also_purge' );
			wp_unschedule_hook( 'read_also_boundary' );
		}
	);
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

/** An earlier version sent articles that say less, so all are sent once more, by WP-Cron. */
function push_after_upgrade() {
	if ( configured() && FORM !== (int) get_option( 'read_also_form' ) ) {
		update_option( 'read_also_form', FORM, true );
		announce( __( 'This version sends more of each post. All posts are sent anew.', 'read-also' ) );
		push_all();
	}
}

/** An article says of which site it is, whatever other filters made of its attributes. */
function with_site( $fields ) {
	if ( is_array( $fields ) && $fields && '' !== site_name() ) {
		$fields['attributes'] = array( 'site' => site_name() ) + (array) ( $fields['attributes'] ?? array() );
	}
	return $fields;
}
