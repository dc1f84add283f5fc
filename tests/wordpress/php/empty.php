/* Take every post and every category and tag but the default away, as if the site were new. */
global $wpdb;
foreach ( array( 'posts', 'postmeta', 'term_relationships', 'comments', 'commentmeta' ) as $table ) {
	$wpdb->query( "TRUNCATE TABLE {$wpdb->$table}" );
}
foreach ( get_terms( array( 'taxonomy' => array( 'category', 'post_tag' ), 'hide_empty' => false ) ) as $term ) {
	if ( (int) get_option( 'default_category' ) !== $term->term_id ) {
		wp_delete_term( $term->term_id, $term->taxonomy );
	}
}
delete_option( 'sticky_posts' );
wp_cache_flush();
_set_cron_array( array() );
return true;
