<?php
/** What Contextual Related Posts and YARPP keep in this site, read for taking it over. Nothing of theirs is changed. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const PEERS = array(
	'crp'   => array( 'title' => 'Contextual Related Posts', 'option' => 'crp_settings', 'metas' => array( 'crp_post_meta', '\\_crp\\_manual\\_related', '\\_crp\\_exclude\\_%', '\\_crp\\_%disable\\_here' ) ),
	'yarpp' => array( 'title' => 'YARPP', 'option' => 'yarpp', 'metas' => array( 'yarpp_meta' ) ),
);

/** The plugins whose settings are kept here. */
function peers(): array {
	return array_filter( array_map( __NAMESPACE__ . '\\peer', array_keys( PEERS ) ) );
}

/** A plugin whose settings are kept here: `name`, `title`, its settings as `stored`, whether it `shows` lists now; else null. */
function peer( string $name ): ?array {
	$stored = isset( PEERS[ $name ] ) ? get_option( PEERS[ $name ]['option'] ) : null;
	$shows  = 'crp' === $name ? shortcode_exists( 'crp' ) : function_exists( 'yarpp_related' );
	return is_array( $stored ) ? array( 'name' => $name, 'title' => PEERS[ $name ]['title'], 'stored' => $stored, 'shows' => $shows ) : null;
}

/** The list that the other plugin shows under a post. */
function list_of_peer( string $name, \WP_Post $post ): string {
	$outer           = $GLOBALS['post'] ?? null;
	$GLOBALS['post'] = $post;
	setup_postdata( $post );
	try {
		$html = 'crp' === $name ? do_shortcode( '[crp]' ) : (string) \yarpp_related( array(), $post->ID, false );
	} finally {
		$GLOBALS['post'] = $outer;
		wp_reset_postdata();
	}
	return wp_kses_post( $html );
}

/** What of a plugin's settings can be taken over: numbers, layout, places, terms and posts, by the names that they have here. */
function taken_from( string $name, array $stored ): array {
	return 'crp' === $name ? taken_from_crp( $stored ) : taken_from_yarpp( $stored );
}

function taken_from_crp( array $stored ): array {
	$taken = array( 'terms' => ids_in( $stored['exclude_categories'] ?? '' ), 'never' => ids_in( $stored['exclude_post_ids'] ?? '' ), 'no_list' => ids_in( $stored['exclude_on_post_ids'] ?? '' ) );
	$taken['terms'] = with_named_terms( $taken['terms'], $stored['exclude_cat_slugs'] ?? '' );
	if ( isset( $stored['exclude_on_categories'] ) || isset( $stored['exclude_on_cat_slugs'] ) ) {
		$taken['no_list_terms'] = with_named_terms( ids_in( $stored['exclude_on_categories'] ?? '' ), $stored['exclude_on_cat_slugs'] ?? '' );
	}
	if ( isset( $stored['limit'] ) ) {
		$taken['limit'] = clamp( $stored['limit'] );
	}
	if ( isset( $stored['post_thumb_op'] ) || isset( $stored['crp_styles'] ) ) {
		$bare            = in_array( 'text_only', array( $stored['post_thumb_op'] ?? '', $stored['crp_styles'] ?? '' ), true );
		$taken['layout'] = $bare ? 'list' : 'cards';
	}
	if ( isset( $stored['add_to'] ) ) {
		$taken['place'] = (bool) array_intersect( array( 'single', 'page' ), names_in( $stored['add_to'] ) );
	}
	return $taken;
}

/** Terms, and those that CRP names as "News (category:3)". */
function with_named_terms( array $terms, $names ): array {
	preg_match_all( '/\([^():]+:(\d+)\)/', is_string( $names ) ? $names : '', $found );
	return array_values( array_unique( array_merge( $terms, array_map( 'intval', $found[1] ) ) ) );
}

function taken_from_yarpp( array $stored ): array {
	$taken = array( 'terms' => ids_in( $stored['exclude'] ?? '' ), 'never' => array(), 'no_list' => array() );
	if ( isset( $stored['limit'] ) ) {
		$taken['limit'] = clamp( $stored['limit'] );
	}
	if ( isset( $stored['template'] ) ) {
		$taken['layout'] = 'thumbnails' === $stored['template'] ? 'cards' : 'list';
	}
	if ( isset( $stored['auto_display_post_types'] ) ) {
		$taken['place']       = (bool) array_filter( (array) $stored['auto_display_post_types'] );
		$taken['place_types'] = array_values( array_filter( (array) $stored['auto_display_post_types'], 'is_string' ) );
	}
	return $taken;
}

/** Numbers of a list with commas, or of an array; none twice, no zero. */
function ids_in( $given ): array {
	return array_values( array_filter( wp_parse_id_list( is_scalar( $given ) || is_array( $given ) ? $given : '' ) ) );
}

/** Names that are kept as an array, as "single,page", or as "single=single&page=page". */
function names_in( $given ): array {
	if ( is_string( $given ) && false !== strpos( $given, '=' ) ) {
		parse_str( $given, $given );
	}
	return is_array( $given ) ? array_values( array_filter( $given, 'is_string' ) ) : array_map( 'trim', explode( ',', (string) $given ) );
}

/** Posts after one, in order, of which the other plugin keeps something. */
function posts_of_peer( string $name, int $after, int $most ): array {
	global $wpdb;
	$where = implode( ' OR ', array_fill( 0, count( PEERS[ $name ]['metas'] ), 'meta_key LIKE %s' ) );
	$query = "SELECT DISTINCT post_id FROM {$wpdb->postmeta} WHERE ($where) AND post_id > %d ORDER BY post_id LIMIT %d";
	return array_map( 'intval', $wpdb->get_col( $wpdb->prepare( $query, array_merge( PEERS[ $name ]['metas'], array( $after, $most ) ) ) ) );
}

/** What the other plugin keeps of one post, as choices of an editor: `pins`, `blocks`, `no_list`, `never`. */
function choices_of_peer( string $name, int $post ): array {
	if ( 'yarpp' === $name ) {
		$kept = get_post_meta( $post, 'yarpp_meta', true );
		return array( 'pins' => array(), 'blocks' => array(), 'no_list' => is_array( $kept ) && isset( $kept['yarpp_display_for_this_post'] ) && ! $kept['yarpp_display_for_this_post'], 'never' => false );
	}
	$kept = get_post_meta( $post, 'crp_post_meta', true );
	$kept = is_array( $kept ) ? $kept : array();
	foreach ( array( 'manual_related', 'exclude_post_ids', 'exclude_this_post', 'crp_disable_here', 'disable_here' ) as $key ) {
		$newer        = get_post_meta( $post, "_crp_$key", true ); // Since version 4.2 each stands for itself.
		$kept[ $key ] = '' === $newer ? $kept[ $key ] ?? '' : $newer;
	}
	return array(
		'pins'    => ids_in( $kept['manual_related'] ),
		'blocks'  => ids_in( $kept['exclude_post_ids'] ),
		'no_list' => ! empty( $kept['crp_disable_here'] ) || ! empty( $kept['disable_here'] ),
		'never'   => ! empty( $kept['exclude_this_post'] ),
	);
}
