<?php
/** In which language a post is, and of which other post it is a translation. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const TEXT_SAMPLE = 4000; // Letters of a text that are looked at for their script.

/** Languages of WordPress that have a two-letter tag, which it does not use. */
const SHORT_TAGS = array(
	'bel' => 'be',
	'bre' => 'br',
	'cor' => 'kw',
	'dzo' => 'dz',
	'ewe' => 'ee',
	'hau' => 'ha',
	'ibo' => 'ig',
	'kal' => 'kl',
	'kin' => 'rw',
	'kir' => 'ky',
	'lin' => 'ln',
	'lug' => 'lg',
	'mlt' => 'mt',
	'mri' => 'mi',
	'oci' => 'oc',
	'ory' => 'or',
	'roh' => 'rm',
	'sna' => 'sn',
	'snd' => 'sd',
	'srd' => 'sc',
	'ssw' => 'ss',
	'tah' => 'ty',
	'tir' => 'ti',
	'tuk' => 'tk',
	'uig' => 'ug',
	'wol' => 'wo',
	'xho' => 'xh',
	'yor' => 'yo',
	'zul' => 'zu',
);

/** By PCRE's name of a script, the languages that are written in it, and maybe in Latin letters too. */
const SCRIPTS = array(
	'Arabic'     => 'ar ary azb ckb fa haz ps sd skr ug ur',
	'Armenian'   => 'hy',
	'Bengali'    => 'as bn',
	'Cyrillic'   => 'ba be bg kk ky mk mn os ru sah sr tg tt uk',
	'Devanagari' => 'hi mr ne sa',
	'Ethiopic'   => 'am ti',
	'Georgian'   => 'ka',
	'Greek'      => 'el',
	'Gujarati'   => 'gu',
	'Gurmukhi'   => 'pa',
	'Han'        => 'ja zh',
	'Hangul'     => 'ko',
	'Hebrew'     => 'he',
	'Kannada'    => 'kn',
	'Khmer'      => 'km',
	'Lao'        => 'lo',
	'Malayalam'  => 'ml',
	'Myanmar'    => 'my',
	'Oriya'      => 'or',
	'Sinhala'    => 'si',
	'Tamil'      => 'ta',
	'Telugu'     => 'te',
	'Thai'       => 'th',
	'Tibetan'    => 'bo dz',
);
const EITHER  = array( 'bs', 'kk', 'ku', 'sr', 'uz' ); // Languages that newsrooms write in more than one script.

add_filter( 'read_also_article', __NAMESPACE__ . '\\with_language', 1, 2 );
add_action( 'edited_term', __NAMESPACE__ . '\\on_language_term', 10, 3 );
add_action( 'wpml_translation_update', __NAMESPACE__ . '\\on_wpml' );

/** The article with its language and the id of its original. Other filters of `read_also_article` come after this one. */
function with_language( $fields, $post ) {
	$language = language_by_plugin( $post );
	return array(
		'language'       => null === $language ? language_of_site( $fields ) : $language,
		'translation_of' => original_of( $post ),
	) + $fields;
}

/** The language that Polylang or WPML has for a post, empty where it has none; null without such a plugin. */
function language_by_plugin( \WP_Post $post ): ?string {
	if ( function_exists( 'pll_get_post_language' ) ) {
		return language_tag( (string) pll_get_post_language( $post->ID, 'locale' ) );
	}
	if ( ! has_filter( 'wpml_post_language_details' ) ) {
		return null;
	}
	$details = apply_filters( 'wpml_post_language_details', null, $post->ID );
	$code    = is_array( $details ) ? (string) ( $details['language_code'] ?? '' ) : '';
	return '' === $code ? '' : language_tag( empty( $details['locale'] ) ? $code : $details['locale'] );
}

/**
 * The language that somebody chose for the site, unless the text is in another script or the site has several languages.
 *
 * WordPress is in English (United States) where nobody chose: then the service finds the language in the text.
 */
function language_of_site( array $fields ): string {
	$chosen = get_option( 'WPLANG' );
	$chosen = false === $chosen && is_multisite() ? get_site_option( 'WPLANG' ) : $chosen;
	$tag    = settings()['one_language'] ? language_tag( (string) $chosen ) : '';
	$text   = ( $fields['title'] ?? '' ) . ' ' . plain( cut( $fields['body_html'] ?? '', TEXT_SAMPLE ) );
	return '' !== $tag && is_written( $text, strtok( $tag, '-' ) ) ? $tag : '';
}

/** A locale of WordPress as BCP 47: `pt_PT_ao90` is `pt-PT`, `bel` is `be`; nothing where it names no language. */
function language_tag( string $locale ): string {
	if ( ! preg_match( '/^([a-z]{2,3})(?:[_-]([a-z]{4}))?(?:[_-]([a-z]{2}))?(?![a-z])/i', $locale, $found ) || 'art' === $found[1] ) {
		return '';
	}
	$language = strtolower( $found[1] );
	$parts    = array( SHORT_TAGS[ $language ] ?? $language, ucfirst( strtolower( $found[2] ?? '' ) ), strtoupper( $found[3] ?? '' ) );
	return implode( '-', array_filter( $parts, 'strlen' ) );
}

/** Whether half of a text's letters or more are of the script of a language; a text without letters may be in any. */
function is_written( string $text, string $language ): bool {
	if ( in_array( $language, EITHER, true ) ) {
		return true;
	}
	$script = 'Latin';
	foreach ( SCRIPTS as $name => $languages ) {
		$script = in_array( $language, explode( ' ', $languages ), true ) ? $name : $script;
	}
	$letters = (int) preg_match_all( '/\p{L}/u', $text );
	// Japanese has two scripts more.
	$pattern = 'ja' === $language ? '/[\p{Han}\p{Hiragana}\p{Katakana}]/u' : "/\\p{{$script}}/u";
	return 2 * (int) preg_match_all( $pattern, $text ) >= $letters;
}

/** The id of the post that a post translates: the first that was made of those that say the same. */
function original_of( \WP_Post $post ): string {
	$group = array_filter( translations_of( $post ) );
	$first = $group ? min( $group ) : $post->ID;
	return $first === $post->ID ? '' : article_id( $first );
}

/** The posts that say the same in different languages, the post itself among them; none where no plugin knows any. */
function translations_of( \WP_Post $post ): array {
	if ( function_exists( 'pll_get_post_translations' ) ) {
		return array_map( 'intval', array_values( (array) pll_get_post_translations( $post->ID ) ) );
	}
	$type = 'post_' . $post->post_type;
	return wpml_translations( (int) apply_filters( 'wpml_element_trid', null, $post->ID, $type ), $type );
}

/** The posts of a group of WPML's. */
function wpml_translations( int $group, string $type ): array {
	$found = $group ? apply_filters( 'wpml_get_element_translations', null, $group, $type ) : array();
	return array_map( 'intval', wp_list_pluck( is_array( $found ) ? $found : array(), 'element_id' ) );
}

/** Polylang keeps a language and a group of translations as a term. Its other changes set the terms of posts. */
function on_language_term( $term, $number, $taxonomy ) {
	global $wpdb;
	if ( in_array( $taxonomy, array( 'language', 'post_translations' ), true ) ) {
		mark_all( "ID IN (SELECT object_id FROM {$wpdb->term_relationships} WHERE term_taxonomy_id = %d)", $number );
	}
}

/** WPML put a post into a group, took it out, or gave it another language. */
function on_wpml( $change ) {
	$change = array_merge( array( 'trid' => 0, 'element_id' => 0, 'element_type' => '' ), (array) $change );
	if ( 0 === strpos( (string) $change['element_type'], 'post_' ) ) {
		$concerned = wpml_translations( (int) $change['trid'], $change['element_type'] );
		array_map( __NAMESPACE__ . '\\on_touched', array_filter( array_unique( array_merge( $concerned, array( (int) $change['element_id'] ) ) ) ) );
	}
}

function has_language_plugin(): bool {
	return function_exists( 'pll_get_post_language' ) || has_filter( 'wpml_post_language_details' );
}
