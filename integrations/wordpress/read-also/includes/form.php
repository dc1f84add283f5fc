<?php
/** What the form of the settings page sends, made fit to be kept. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/** Keep what the form sent; an empty key field leaves the key as it is. */
function sanitize( $given ): array {
	$given = is_array( $given ) ? $given : array();
	$kept  = get_option( 'read_also' );
	$kept  = array_merge( array( 'url' => '', 'key' => '' ), is_array( $kept ) ? $kept : array() );
	$types = array_diff( get_post_types( array( 'public' => true ) ), array( 'attachment' ) );
	$set   = settings(); // What the form does not have stays.
	return address_and_key( $given, $kept ) + chosen_terms( $given ) + array(
		'limit'       => clamp( $given['limit'] ?? 6 ),
		'layout'      => one_of( $given['layout'] ?? '', LAYOUTS, $set['layout'] ),
		'style'       => (bool) ( $given['style'] ?? $set['style'] ),
		'place'       => ! empty( $given['place'] ),
		'place_types' => isset( $given['place_types'] ) ? array_values( array_intersect( (array) $given['place_types'], $types ) ) : $set['place_types'],
		'types'       => array_values( array_intersect( (array) ( $given['types'] ?? array() ), $types ) ),
	) + chosen_limits( $given );
}

/** The address and the key of the form; what cannot be used, and what wp-config.php sets, stays as it was. */
function address_and_key( array $given, array $kept ): array {
	if ( defined( 'READ_ALSO_URL' ) ) {
		return array( 'url' => $kept['url'], 'key' => $kept['key'] );
	}
	$url = isset( $given['url'] ) && is_string( $given['url'] ) ? trim( $given['url'] ) : '';
	$key = isset( $given['key'] ) && is_string( $given['key'] ) ? trim( $given['key'] ) : '';
	if ( '' !== $url && ! ( preg_match( '~^https?://~i', $url ) && wp_parse_url( $url, PHP_URL_HOST ) ) ) {
		add_settings_error( 'read_also', 'url', __( 'The address of the service must begin with http:// or https:// and name a host. The old one was kept.', 'read-also' ) );
		$url = $kept['url'];
	}
	if ( '' !== $key && ! preg_match( '/^[\x21-\x7e]{16,}$/D', $key ) ) {
		add_settings_error( 'read_also', 'key', __( 'A key has 16 characters or more, all of them ASCII, and no blanks. The old one was kept.', 'read-also' ) );
		$key = '';
	}
	$url = esc_url_raw( $url, array( 'http', 'https' ) );
	if ( '' === $key && '' !== $kept['key'] && origin( $url ) !== origin( $kept['url'] ) ) {
		add_settings_error( 'read_also', 'moved', __( 'The key was forgotten, since it belonged to another address. Enter the one of the new address.', 'read-also' ) );
		$kept['key'] = '';
	}
	if ( '' === $key && empty( $given['forget'] ) ) {
		$key = $kept['key'];
	}
	return array( 'url' => $url, 'key' => $key );
}

/** Scheme, host and port of an address: who gets the key. */
function origin( string $url ): string {
	$parts = array_merge( array( 'scheme' => '', 'host' => '', 'port' => '' ), (array) wp_parse_url( $url ) );
	return strtolower( "{$parts['scheme']}://{$parts['host']}:{$parts['port']}" );
}
