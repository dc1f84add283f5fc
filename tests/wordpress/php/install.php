<?php
/* Install the site: an administrator, an editor and a subscriber, permalinks by title, a time zone far from UTC. */
define( 'WP_INSTALLING', true );
$given = json_decode( $text ?? stream_get_contents( STDIN ), true );
$_SERVER['HTTP_HOST'] = wp_host( $given['home'] );
function wp_host( $home ) {
	return preg_replace( '~^https?://~', '', $home );
}
require $given['folder'] . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install( 'Test News', 'admin', 'admin@news.example', true, '', $given['password'], '' );
wp_insert_user(
	array(
		'user_login'   => 'editor',
		'user_pass'    => $given['password'],
		'user_email'   => 'editor@news.example',
		'display_name' => 'Zarina Desk',
		'role'         => 'editor',
	)
);
wp_insert_user(
	array(
		'user_login' => 'reader',
		'user_pass'  => $given['password'],
		'user_email' => 'reader@news.example',
		'role'       => 'subscriber',
	)
);
update_option( 'timezone_string', 'Asia/Dushanbe' );
update_option( 'permalink_structure', '/%year%/%postname%/' );
switch_theme( 'stage' );
foreach ( get_posts( array( 'post_type' => 'any', 'post_status' => 'any', 'numberposts' => -1 ) ) as $post ) {
	wp_delete_post( $post->ID, true );
}
