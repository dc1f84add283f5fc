<?php
/* Run a snippet inside the site: code and arguments come as JSON, what it returns goes as JSON. */
$given = json_decode( $text ?? stream_get_contents( STDIN ), true );
$_SERVER['HTTP_HOST'] = preg_replace( '~^https?://~', '', $given['home'] );
$_SERVER['REQUEST_METHOD'] = 'GET';
require $given['folder'] . '/wp-load.php';
wp_set_current_user( 1 );
$answer = ( static function ( $code, $given ) {
	return eval( $code );
} )( $given['code'], $given['arguments'] );
echo "\x01" . json_encode( $answer, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE ) . "\x01";
