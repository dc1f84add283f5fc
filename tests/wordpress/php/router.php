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
$own = getenv( 'SITE' ) . '/content' . substr( $path, strlen( '/wp-content' ) ); // Plugins and themes stand beside WordPress's files.
if ( 0 === strpos( $path, '/wp-content/' ) && false === strpos( $path, '..' ) && is_file( $own ) ) {
	$types = array( 'css' => 'text/css', 'js' => 'text/javascript', 'svg' => 'image/svg+xml', 'png' => 'image/png', 'jpg' => 'image/jpeg', 'webp' => 'image/webp' );
	header( 'Content-Type: ' . ( $types[ pathinfo( $own, PATHINFO_EXTENSION ) ] ?? 'application/octet-stream' ) );
	readfile( $own );
	return true;
}
if ( preg_match( '~^/[^/]+(/[^/]+[.]php)$~', $path, $found ) && is_file( $root . $found[1] ) ) {
	require $root . $found[1]; // Of another site of the network.
	return true;
}
$_SERVER['SCRIPT_NAME']     = '/index.php';
$_SERVER['PHP_SELF']        = '/index.php';
$_SERVER['SCRIPT_FILENAME'] = $root . '/index.php';
require $root . '/index.php';
