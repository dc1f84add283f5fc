<?php
/* Run a snippet with the plugin's files alone, without a WordPress: what decides and asks nobody. */
define( 'ABSPATH', '/' );
foreach ( array( 'add_action', 'add_filter', 'add_shortcode', 'register_activation_hook', 'register_deactivation_hook', 'is_admin' ) as $name ) {
	eval( "function $name() {}" );
}
$given = json_decode( stream_get_contents( STDIN ), true );
require $given['plugin'];
$answer = ( static function ( $code, $given ) {
	return eval( $code );
} )( $given['code'], $given['arguments'] );
echo json_encode( $answer );
