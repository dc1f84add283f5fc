<?php
/* Plugin Name: Offline. No call of a test site leaves this machine, and no mail is sent. */
add_filter(
	'pre_http_request',
	function ( $answer, $given, $address ) {
		$host = wp_parse_url( $address, PHP_URL_HOST );
		if ( in_array( $host, array( '127.0.0.1', 'localhost', '[::1]' ), true ) ) {
			return $answer;
		}
		return new WP_Error( 'offline', "a test site calls nobody, not even $host" );
	},
	1,
	3
);
add_filter( 'pre_wp_mail', '__return_true' );
