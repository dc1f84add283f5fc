<?php
/* Run a snippet with a few files of the plugin, without a WordPress: what decides and asks nobody. */
define( 'ABSPATH', '/' );
function add_action() {}
$given = json_decode( stream_get_contents( STDIN ), true );
$main  = file_get_contents( "{$given['plugin']}/read-also.php" );
eval( preg_replace( '/^(<\?php|require_once .*|load_plugin.*)$/m', '', $main ) ); // Its constants.
foreach ( array( 'service', 'markup' ) as $file ) {
	require "{$given['plugin']}/includes/$file.php";
}
$answer = ( static function ( $code, $given ) {
	return eval( $code );
} )( $given['code'], $given['arguments'] );
echo json_encode( $answer );
