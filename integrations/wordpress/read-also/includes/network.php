<?php
/** Coming and going, on one site or on all of a network. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

register_activation_hook( dirname( __DIR__ ) . '/read-also.php', __NAMESPACE__ . '\\activate' );
register_deactivation_hook( dirname( __DIR__ ) . '/read-also.php', __NAMESPACE__ . '\\deactivate' );

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
