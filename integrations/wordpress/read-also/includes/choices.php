<?php
/** What editors choose for one post: pins, blocks, no list under it, never in other lists. Kept with the post. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const CHOICES     = '_read_also'; // The post meta that holds them.
const MOST_PINS   = 20;           // A list has no more items.
const MOST_BLOCKS = 100;

add_action( 'rest_api_init', __NAMESPACE__ . '\\hide_choices' );
add_filter( 'read_also_article', __NAMESPACE__ . '\\with_choices', 5, 2 );

/** So the editor saves them with the post, and undoes them like a word. */
function register_choices() {
	$chosen = array(
		'type'  => 'array',
		'items' => array(
			'type'       => 'object',
			'properties' => array_fill_keys( array( 'article', 'title', 'from', 'until' ), array( 'type' => 'string' ) )
				+ array( 'post' => array( 'type' => 'integer' ) ),
		),
	);
	$flag   = array( 'type' => 'boolean' );
	$times  = array_fill_keys( array( 'no_list_from', 'no_list_until', 'never_from', 'never_until' ), array( 'type' => 'string' ) );
	$schema = array( 'properties' => array( 'pins' => $chosen, 'blocks' => $chosen, 'no_list' => $flag, 'never' => $flag ) + $times );
	foreach ( settings()['types'] as $type ) {
		register_post_meta(
			$type,
			CHOICES,
			array(
				'type'              => 'object',
				'single'            => true,
				'default'           => sanitize_choices( array() ),
				'show_in_rest'      => array( 'schema' => $schema ),
				'sanitize_callback' => __NAMESPACE__ . '\\sanitize_choices',
				'auth_callback'     => function ( $allowed, $key, $post, $user ) {
					return may_choose( (int) $post, (int) $user );
				},
			)
		);
	}
}

/** Who may edit this post and those of others; its own author alone may not. */
function may_choose( int $post, int $user = 0 ): bool {
	$user = $user ? $user : get_current_user_id();
	$type = get_post_type_object( (string) get_post_type( $post ) );
	return $type && user_can( $user, 'edit_post', $post ) && user_can( $user, $type->cap->edit_others_posts );
}

/** The REST interface of posts is open to readers; choices are for those who may change them. */
function hide_choices() {
	foreach ( settings()['types'] as $type ) {
		add_filter(
			"rest_prepare_$type",
			function ( $response, $post ) {
				if ( isset( $response->data['meta'][ CHOICES ] ) && ! may_choose( $post->ID ) ) {
					unset( $response->data['meta'][ CHOICES ] );
				}
				return $response;
			},
			10,
			2
		);
	}
}

/** The choices for a post: `pins` and `blocks` in order, `no_list` and `never`, and from when until when these two hold. */
function choices( int $post ): array {
	return sanitize_choices( get_post_meta( $post, CHOICES, true ) );
}

function sanitize_choices( $given ): array {
	$given = is_array( $given ) ? $given : array();
	return array(
		'pins'   => sanitize_chosen( $given['pins'] ?? array(), MOST_PINS ),
		'blocks' => sanitize_chosen( $given['blocks'] ?? array(), MOST_BLOCKS ),
	) + sanitize_flag( $given, 'no_list' ) + sanitize_flag( $given, 'never' );
}

/** A choice that is made or not; only one that is made has times. */
function sanitize_flag( array $given, string $flag ): array {
	$chosen = ! empty( $given[ $flag ] );
	$times  = sanitize_times( $chosen ? ( $given[ "{$flag}_from" ] ?? '' ) : '', $chosen ? ( $given[ "{$flag}_until" ] ?? '' ) : '' );
	return array( $flag => $chosen, "{$flag}_from" => $times['from'], "{$flag}_until" => $times['until'] );
}

/** From when until when something holds; what ends before it begins has no end. */
function sanitize_times( $from, $until ): array {
	$from  = sanitize_moment( is_scalar( $from ) ? (string) $from : '' );
	$until = sanitize_moment( is_scalar( $until ) ? (string) $until : '' );
	return array( 'from' => $from, 'until' => '' !== $from && '' !== $until && $until <= $from ? '' : $until );
}

/** Each once: a post of this site by its number, another article of the service by its id and headline. */
function sanitize_chosen( $given, int $most ): array {
	$chosen = array();
	foreach ( is_array( $given ) ? $given : array() as $one ) {
		$one     = array_filter( is_array( $one ) ? $one : array(), 'is_scalar' );
		$post    = absint( $one['post'] ?? 0 );
		$article = $post ? '' : substr( preg_replace( '/[^A-Za-z0-9._:~-]/', '', (string) ( $one['article'] ?? '' ) ), 0, 200 );
		if ( $post || '' !== $article ) {
			$chosen[ "$post $article" ] = array(
				'post'    => $post,
				'article' => $article,
				'title'   => $post ? '' : cut( sanitize_text_field( (string) ( $one['title'] ?? '' ) ), 300 ),
			) + sanitize_times( $one['from'] ?? '', $one['until'] ?? '' );
		}
	}
	return array_slice( array_values( $chosen ), 0, $most );
}

/** A time with an offset, in UTC; nothing where it is none. */
function sanitize_moment( string $given ): string {
	$time = preg_match( '/^\d{4}-\d\d-\d\dT\d\d:\d\d\S*(?:Z|[+-]\d\d:\d\d)$/', $given ) ? strtotime( $given ) : false;
	return false === $time ? '' : gmdate( 'Y-m-d\TH:i:s\Z', $time );
}

/** The id under which the service knows a chosen article. */
function chosen_id( array $one ): string {
	return $one['post'] ? article_id( $one['post'] ) : $one['article'];
}

/** Whether a pin or a block holds now. */
function holds_now( array $one ): bool {
	$now = gmdate( 'Y-m-d\TH:i:s\Z' );
	return $one['from'] <= $now && ( '' === $one['until'] || $now < $one['until'] );
}

/** Whether `no_list` or `never` holds now. */
function holds_flag( array $choices, string $flag ): bool {
	return $choices[ $flag ] && holds_now( array( 'from' => $choices[ "{$flag}_from" ], 'until' => $choices[ "{$flag}_until" ] ) );
}

/** The ids of the articles that may not stand in the list of a post now. */
function blocked_now( int $post ): array {
	return array_map( __NAMESPACE__ . '\\chosen_id', array_filter( choices( $post )['blocks'], __NAMESPACE__ . '\\holds_now' ) );
}

/** Whether a post may have a list; none is shown where an editor or one of its terms says so, whatever the service answers. */
function wants_list( int $post ): bool {
	return ! holds_flag( choices( $post ), 'no_list' ) && ! has_term_among( get_post( $post ), settings()['no_list_terms'] );
}

/** The two choices that are fields of the article, while they hold. */
function with_choices( $fields, $post ) {
	$choices = choices( $post->ID );
	if ( holds_flag( $choices, 'no_list' ) || has_term_among( $post, settings()['no_list_terms'] ) ) {
		$fields['no_related'] = true;
	}
	if ( holds_flag( $choices, 'never' ) ) {
		$fields['never_recommend'] = true;
	}
	return $fields;
}
