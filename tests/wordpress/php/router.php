<?php
/* Serve a file where there is one, WordPress where there is none: what a web server's rewriting does. */
$root = $_SERVER['DOCUMENT_ROOT'];
$path = rawurldecode( (string) parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH ) );
if ( '/' !== $path && false === strpos( $path, '..' ) ) {
	$found = is_dir( $root . $path ) ? rtrim( $path, '/' ) . '/index.php' : $path;
	if ( is_file( $root . $found ) ) {
		return false;
	}
}
if ( preg_match( '~^/[^/]+(/[^/]+[.]php)$~', $path, $found ) && is_file( $root . $found[1] ) ) {
	require $root . $found[1]; // Of another site of the network.
	return true;
}
$_SERVER['SCRIPT_NAME']     = '/index.php';
$_SERVER['PHP_SELF']        = '/index.php';
$_SERVER['SCRIPT_FILENAME'] = $root . '/index.php';
require $root . '/index.php';
