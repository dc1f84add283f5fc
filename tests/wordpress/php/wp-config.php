<?php
/* The configuration of a test site: what differs between sites lies in a folder that the environment names. */
define( 'SITE', getenv( 'SITE' ) );
$read_also_site = json_decode( file_get_contents( SITE . '/site.json' ), true );

define( 'DB_NAME', $read_also_site['database'] );
define( 'DB_USER', 'root' );
define( 'DB_PASSWORD', '' );
define( 'DB_HOST', 'localhost:' . $read_also_site['socket'] );
define( 'DB_CHARSET', 'utf8mb4' );
if ( empty( $read_also_site['network'] ) ) {
	define( 'WP_HOME', $read_also_site['home'] );
	define( 'WP_SITEURL', $read_also_site['home'] );
} else { // Each site of a network has its own address.
	define( 'MULTISITE', true );
	define( 'SUBDOMAIN_INSTALL', false );
	define( 'DOMAIN_CURRENT_SITE', substr( $read_also_site['home'], strlen( 'http://' ) ) );
	define( 'PATH_CURRENT_SITE', '/' );
	define( 'SITE_ID_CURRENT_SITE', 1 );
	define( 'BLOG_ID_CURRENT_SITE', 1 );
}
define( 'WP_CONTENT_DIR', SITE . '/content' );
define( 'WP_ENVIRONMENT_TYPE', 'local' ); // Application passwords without https.
define( 'WP_AUTO_UPDATE_CORE', false );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'DISABLE_WP_CRON', true ); // The tests call wp-cron.php when they want it run.
define( 'WP_DEBUG', true );
define( 'WP_DEBUG_DISPLAY', false );
define( 'WP_DEBUG_LOG', SITE . '/php.log' );
foreach ( array( 'AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE' ) as $read_also_part ) {
	define( $read_also_part . '_KEY', $read_also_site['secret'] . $read_also_part );
	define( $read_also_part . '_SALT', $read_also_part . $read_also_site['secret'] );
}
$table_prefix = 'wp_';
if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
