<?php
/** Which of WordPress's hooks change which posts. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

add_action( 'transition_post_status', __NAMESPACE__ . '\\on_status', 10, 3 );
add_action( 'clean_post_cache', __NAMESPACE__ . '\\on_cleaned', 10, 2 );
add_action( 'before_delete_post', __NAMESPACE__ . '\\on_deleted', 10, 2 );
add_action( 'set_object_terms', __NAMESPACE__ . '\\on_touched' );
add_action( 'deleted_term_relationships', __NAMESPACE__ . '\\on_touched' );
add_action( 'edited_term', __NAMESPACE__ . '\\on_term', 10, 3 );
add_action( 'profile_update', __NAMESPACE__ . '\\on_profile', 10, 2 );
add_action( 'delete_user', __NAMESPACE__ . '\\on_user_leaves', 10, 2 );
add_action( 'remove_user_from_blog', __NAMESPACE__ . '\\on_user_removed', 10, 3 );
add_action( 'added_post_meta', __NAMESPACE__ . '\\on_meta', 10, 3 );
add_action( 'updated_post_meta', __NAMESPACE__ . '\\on_meta', 10, 3 );
add_action( 'deleted_post_meta', __NAMESPACE__ . '\\on_meta', 10, 3 );

function on_status( $new, $old, $post ) {
	if ( 'publish' === $new || 'publish' === $old ) {
		mark( $post->ID, $post->post_type );
	}
}

/** What the status does not tell: a published post that became one of another type, or is no more. */
function on_cleaned( $id, $before ) {
	global $wpdb;
	if ( 'publish' === $before->post_status ) {
		$type = (string) $wpdb->get_var( $wpdb->prepare( "SELECT post_type FROM {$wpdb->posts} WHERE ID = %d", $id ) );
		if ( $type !== $before->post_type ) {
			mark( $id, $before->post_type );
			mark( $id, $type );
		}
	}
}

function on_deleted( $id, $post ) {
	if ( ! in_array( $post->post_status, array( 'auto-draft', 'draft', 'pending', 'inherit' ), true ) ) {
		mark( $id, $post->post_type );
	}
}

function on_touched( $id ) {
	if ( 'publish' === get_post_status( $id ) ) {
		mark( (int) $id, (string) get_post_type( $id ) );
	}
}

function on_meta( $meta, $id, $key ) {
	if ( '_thumbnail_id' === $key ) {
		on_touched( $id );
	}
}

function on_term( $term, $number, $taxonomy ) {
	global $wpdb;
	if ( in_array( $taxonomy, sent_taxonomies(), true ) ) {
		mark_all( "ID IN (SELECT object_id FROM {$wpdb->term_relationships} WHERE term_taxonomy_id = %d)", $number );
	}
}

function on_profile( $user, $before ) {
	if ( get_userdata( $user )->display_name !== $before->display_name ) {
		mark_all( 'post_author = %d', $user );
	}
}

/** The posts of a user who leaves are another's afterwards. */
function on_user_leaves( $user, $heir ) {
	global $wpdb;
	$posts = $heir ? $wpdb->get_col( $wpdb->prepare( "SELECT ID FROM {$wpdb->posts} WHERE post_author = %d AND post_status = 'publish'", $user ) ) : array();
	if ( $posts ) {
		add_action(
			'deleted_user',
			function ( $gone ) use ( $user, $posts ) {
				if ( $gone === $user ) {
					mark_posts( $posts );
				}
			}
		);
	}
}

/** A user who leaves one site of a network; the site's posts have their new author before the request ends. */
function on_user_removed( $user, $blog, $heir ) {
	if ( $heir ) {
		mark_all( 'post_author = %d', $user );
	}
}

/** Mark some posts; many of them are sent by WP-Cron. */
function mark_posts( array $posts ) {
	if ( count( $posts ) <= FEW ) {
		array_map( __NAMESPACE__ . '\\on_touched', $posts );
		return;
	}
	$types = settings()['types'];
	foreach ( $types ? array_chunk( $posts, 1000 ) : array() as $some ) {
		put_in_line( 'ID IN (' . implode( ',', array_map( 'intval', $some ) ) . ') AND post_type IN (' . in_quotes( $types ) . ')' );
	}
}

/** Mark the published posts that have something in common; many of them are sent by WP-Cron. */
function mark_all( string $where, int $value ) {
	global $wpdb;
	$types = settings()['types'];
	if ( ! configured() || ! $types ) {
		return;
	}
	$where .= " AND post_status = 'publish' AND post_type IN (" . implode( ',', array_fill( 0, count( $types ), '%s' ) ) . ')';
	$where  = $wpdb->prepare( $where, array_merge( array( $value ), $types ) );
	$few    = $wpdb->get_col( "SELECT ID FROM {$wpdb->posts} WHERE $where LIMIT " . ( FEW + 1 ) );
	if ( count( $few ) > FEW ) {
		put_in_line( $where );
	} else {
		array_map( __NAMESPACE__ . '\\on_touched', $few );
	}
}
