/* Insert posts in bulk, each given by the fields of wp_insert_post; their ids, in order. */
wp_defer_term_counting( true );
wp_defer_comment_counting( true );
remove_action( 'post_updated', 'wp_save_post_revision' );
$ids = array();
foreach ( $given['posts'] as $post ) {
	$id = wp_insert_post( wp_slash( $post ), true );
	if ( is_wp_error( $id ) ) {
		throw new RuntimeException( $id->get_error_message() );
	}
	$ids[] = $id;
}
wp_defer_term_counting( false );
return $ids;
