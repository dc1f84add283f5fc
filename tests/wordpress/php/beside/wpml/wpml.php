<?php
/*
 * Plugin Name: Stand-in for WPML, which is sold and cannot be installed by the tests.
 *
 * The data are WPML's own: the table `icl_translations`, a row for each post with its group (`trid`), its language and the
 * language that it was translated from. The filters answer from it as WPML documents them: `wpml_post_language_details`,
 * `wpml_element_trid` and `wpml_get_element_translations`. The test tells of changes by `wpml_translation_update`, as
 * WPML does after each write.
 */
function wpml_rows( $where ) {
	global $wpdb;
	return $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}icl_translations WHERE $where" );
}

add_filter(
	'wpml_post_language_details',
	function ( $empty, $post ) {
		$locales = array( 'ar' => 'ar', 'en' => 'en_US', 'pt-br' => 'pt_BR' );
		$rows    = wpml_rows( 'element_id = ' . (int) $post );
		$code    = $rows ? $rows[0]->language_code : null;
		return array( 'language_code' => $code, 'locale' => $locales[ $code ] ?? '', 'text_direction' => 'ar' === $code );
	},
	10,
	2
);
add_filter(
	'wpml_element_trid',
	function ( $empty, $post, $type ) {
		$rows = wpml_rows( 'element_id = ' . (int) $post . " AND element_type = '" . esc_sql( $type ) . "'" );
		return $rows ? $rows[0]->trid : $empty;
	},
	10,
	3
);
add_filter(
	'wpml_get_element_translations',
	function ( $empty, $group ) {
		return array_column( wpml_rows( 'trid = ' . (int) $group ), null, 'language_code' );
	},
	10,
	2
);
