<?php
/** "Why these?" beside a post: the list that readers get with its reasons, from the service in a frame. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const FRAME_SECONDS = 600; // So long a signed address opens; the service admits an hour.

add_action( 'rest_api_init', __NAMESPACE__ . '\\register_why' );

function register_why() {
	register_rest_route(
		ROUTES,
		'/posts/(?P<id>\d+)/why',
		array(
			'methods'             => 'GET',
			'callback'            => __NAMESPACE__ . '\\answer_why',
			'permission_callback' => __NAMESPACE__ . '\\may_see_list',
		)
	);
}

/** Name and secret of the key that signs; null where wp-config.php sets none. It never leaves the server. */
function signing_key(): ?array {
	$given = explode( ':', defined( 'READ_ALSO_SIGNING_KEY' ) ? trim( (string) \READ_ALSO_SIGNING_KEY ) : '', 2 );
	return 2 === count( $given ) && '' !== $given[0] && '' !== $given[1] ? $given : null;
}

/** Whether the panel can say why: of a post that readers see, where an address can be signed. */
function explains( \WP_Post $post ): bool {
	return configured() && null !== signing_key() && is_public( $post );
}

function answer_why( \WP_REST_Request $request ) {
	$post = get_post( (int) $request['id'] );
	if ( ! $post instanceof \WP_Post || ! in_array( $post->post_type, settings()['types'], true ) || ! explains( $post ) ) {
		return new \WP_Error( 'read_also_none', __( 'The reasons of this list are not to be had.', 'read-also' ), array( 'status' => 404 ) );
	}
	$answer = new \WP_REST_Response( array( 'address' => address_of_reasons( $post->ID, time() ) ) );
	$answer->header( 'Cache-Control', 'no-store' );
	return $answer;
}

/** The address of the list with its reasons, signed for this site and some minutes. */
function address_of_reasons( int $post, int $now ): string {
	list( $name, $secret ) = signing_key();
	$article               = article_id( $post );
	$site                  = origin_of( admin_url() );
	$until                 = $now + FRAME_SECONDS;
	$signature             = hash_hmac( 'sha256', "read-also embed\n$article\n$site\n$until", hash( 'sha256', $secret ) );
	$query                 = array( 'key' => $name, 'site' => $site, 'until' => $until, 'signature' => $signature );
	return console_address() . '/console/embed/' . rawurlencode( $article ) . '?' . http_build_query( $query, '', '&', PHP_QUERY_RFC3986 );
}

/** Where the browsers of editors reach the service; this server may reach it elsewhere. */
function console_address(): string {
	return rtrim( defined( 'READ_ALSO_CONSOLE_URL' ) ? trim( (string) \READ_ALSO_CONSOLE_URL ) : settings()['url'], '/' );
}

/** As a browser names the site that a page is of. */
function origin_of( string $address ): string {
	$parts = wp_parse_url( $address );
	return strtolower( $parts['scheme'] . '://' . $parts['host'] ) . ( isset( $parts['port'] ) ? ':' . $parts['port'] : '' );
}
