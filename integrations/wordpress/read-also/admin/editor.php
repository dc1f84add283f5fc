<?php
/** The panel beside a post that is being written: its routes, its scripts, its words. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const ROUTES = 'read-also/v1';

add_action( 'rest_api_init', __NAMESPACE__ . '\\register_routes' );
add_action( 'enqueue_block_editor_assets', __NAMESPACE__ . '\\load_editor_panel' );

/** WordPress itself asks for a nonce: without one a call over these routes is a visitor's. */
function register_routes() {
	register_rest_route(
		ROUTES,
		'/posts/(?P<id>\d+)/list',
		array(
			'methods'             => 'POST',
			'callback'            => __NAMESPACE__ . '\\answer_list',
			'permission_callback' => __NAMESPACE__ . '\\may_see_list',
			'args'                => array(
				'title'   => array( 'type' => 'string' ),
				'content' => array( 'type' => 'string' ),
				'excerpt' => array( 'type' => 'string' ),
				'terms'   => array( 'type' => 'object' ),
				'choices' => array( 'type' => 'object' ),
			),
		)
	);
	register_rest_route(
		ROUTES,
		'/posts',
		array(
			'methods'             => 'GET',
			'callback'            => __NAMESPACE__ . '\\answer_search',
			'permission_callback' => __NAMESPACE__ . '\\may_search',
			'args'                => array(
				'search'  => array( 'type' => 'string', 'default' => '' ),
				'exclude' => array( 'type' => 'array', 'items' => array( 'type' => 'integer' ), 'default' => array() ),
			),
		)
	);
}

/** Whoever edits a post sees its list; only who may choose tries other pins and blocks. */
function may_see_list( \WP_REST_Request $request ) {
	$post = (int) $request['id'];
	if ( ! current_user_can( 'edit_post', $post ) || ( isset( $request['choices'] ) && ! may_choose( $post ) ) ) {
		return refused_choice();
	}
	return true;
}

function may_search() {
	foreach ( settings()['types'] as $name ) {
		$type = get_post_type_object( $name );
		if ( $type && current_user_can( $type->cap->edit_others_posts ) ) {
			return true;
		}
	}
	return refused_choice();
}

function refused_choice(): \WP_Error {
	return new \WP_Error(
		'read_also_forbidden',
		__( 'Only those who may edit the posts of others choose what stands in a list.', 'read-also' ),
		array( 'status' => rest_authorization_required_code() )
	);
}

function answer_list( \WP_REST_Request $request ) {
	$post = get_post( (int) $request['id'] );
	if ( ! $post instanceof \WP_Post || ! in_array( $post->post_type, settings()['types'], true ) ) {
		return new \WP_Error( 'read_also_none', __( 'Posts of this type have no list.', 'read-also' ), array( 'status' => 404 ) );
	}
	$choices = isset( $request['choices'] ) ? sanitize_choices( $request['choices'] ) : choices( $post->ID );
	$terms   = array_filter( (array) $request['terms'], 'is_array' );
	$answer  = new \WP_REST_Response( list_of_draft( draft_of( $post, $request->get_params() ), $terms, $choices ) );
	$answer->header( 'Cache-Control', 'no-store' );
	return $answer;
}

/** Public posts by their words, by their number, or by an address that was pasted; without words the newest. */
function answer_search( \WP_REST_Request $request ): array {
	$search = trim( (string) $request['search'] );
	$exact  = preg_match( '~^https?://~i', $search ) ? url_to_postid( $search ) : ( ctype_digit( $search ) ? (int) $search : 0 );
	$query  = array(
		'post_type'           => settings()['types'],
		'post_status'         => 'publish',
		'has_password'        => false,
		'posts_per_page'      => 8,
		'ignore_sticky_posts' => true,
		'no_found_rows'       => true,
		'post__not_in'        => array_map( 'intval', (array) $request['exclude'] ),
	);
	$posts  = $exact && is_public( get_post( $exact ) ) ? array( get_post( $exact ) ) : get_posts( array( 'suppress_filters' => false ) + $query + ( '' === $search ? array() : array( 's' => $search ) ) );
	return array_map(
		function ( $post ) {
			return chosen_item( array( 'post' => $post->ID, 'article' => '', 'title' => '', 'from' => '', 'until' => '' ) );
		},
		$posts
	);
}

/** In the editor of posts of a type that has lists, and whose meta that editor saves; else there is the meta box. */
function load_editor_panel() {
	$screen = get_current_screen();
	$post   = get_post();
	if ( $screen && 'post' === $screen->base && $post && has_panel( $post->post_type ) ) {
		load_panel( $post );
		$uses = array( 'read-also-panel', 'wp-plugins', 'wp-data', 'wp-edit-post', 'wp-editor' );
		wp_enqueue_script( 'read-also-editor', plugins_url( 'assets/editor.js', PLUGIN_FILE ), $uses, version_of( 'editor.js' ), true );
	}
}

/** Whether the block editor saves the choices for posts of a type: it saves meta where custom fields are supported. */
function has_panel( string $type ): bool {
	return in_array( $type, settings()['types'], true ) && post_type_supports( $type, 'custom-fields' );
}

/** What the panel is made of, in either editor. */
function load_panel( \WP_Post $post ) {
	$uses = array( 'read-also-choices', 'wp-element', 'wp-components', 'wp-api-fetch', 'wp-i18n', 'wp-date', 'wp-a11y', 'wp-keycodes' );
	wp_register_script( 'read-also-choices', plugins_url( 'assets/editor-choices.js', PLUGIN_FILE ), array(), version_of( 'editor-choices.js' ), true );
	wp_enqueue_script( 'read-also-panel', plugins_url( 'assets/editor-panel.js', PLUGIN_FILE ), $uses, version_of( 'editor-panel.js' ), true );
	wp_enqueue_style( 'read-also-panel', plugins_url( 'assets/editor.css', PLUGIN_FILE ), array( 'wp-components', 'dashicons' ), version_of( 'editor.css' ) );
	$given = array(
		'post'       => $post->ID,
		'mayChoose'  => may_choose( $post->ID ),
		'choices'    => choices( $post->ID ),
		'taxonomies' => bases_of_taxonomies( $post->post_type ),
		'explains'   => explains( $post ),
		'setUp'      => current_user_can( 'manage_options' ) ? admin_url( 'options-general.php?page=read-also' ) : '',
		'words'      => require __DIR__ . '/panel-words.php',
	);
	wp_add_inline_script( 'read-also-panel', 'window.readAlsoEditor = ' . wp_json_encode( $given, JSON_HEX_TAG | JSON_HEX_AMP ) . ';', 'before' );
}

/** So a browser asks anew after an update of the plugin. */
function version_of( string $asset ): string {
	return (string) filemtime( dirname( PLUGIN_FILE ) . "/assets/$asset" );
}

/** By taxonomy the name under which the editor knows the terms of a post. */
function bases_of_taxonomies( string $type ): array {
	$bases = array();
	foreach ( get_object_taxonomies( $type, 'objects' ) as $taxonomy ) {
		if ( $taxonomy->show_in_rest ) {
			$bases[ $taxonomy->name ] = $taxonomy->rest_base ? $taxonomy->rest_base : $taxonomy->name;
		}
	}
	return $bases;
}
