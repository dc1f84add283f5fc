/* Make the site the first of a network, whose files say so from now on. */
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
require_once ABSPATH . 'wp-admin/includes/network.php';
global $wpdb;
foreach ( $wpdb->tables( 'ms_global' ) as $table => $name ) {
	$wpdb->$table = $name;
}
install_network();
$host = substr( $given['home'], strlen( 'http://' ) );
$made = populate_network( 1, $host, 'admin@news.example', 'Network', '/', false );
foreach ( array( 'home', 'siteurl' ) as $option ) {
	$wpdb->update( $wpdb->options, array( 'option_value' => $given['home'] ), array( 'option_name' => $option ) );
}
return is_wp_error( $made ) ? $made->get_error_message() : '';
