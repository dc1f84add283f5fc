<?php
/** Which articles the lists of this site may hold: of which languages, of which sites of a network, of which stock. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

add_action( 'update_option_read_also', __NAMESPACE__ . '\\on_other_limits', 10, 2 );

/** What the form chose. What it did not show stays as it was. */
function chosen_limits( array $given ): array {
	$set = array_intersect_key( settings(), default_limits() );
	// The first save of an option is sanitized twice, the second time without `limits`, by which the form says that boxes may be missing.
	$given = array_intersect_key( $given, $set ) + ( empty( $given['limits'] ) ? $set : array() );
	return array(
		'languages'    => 'all' === ( $given['languages'] ?? '' ) ? 'all' : 'same',
		'one_language' => has_language_plugin() ? $set['one_language'] : ! empty( $given['one_language'] ),
		'network'      => is_multisite() ? ! empty( $given['network'] ) : $set['network'],
		'sold_out'     => function_exists( 'wc_get_product' ) ? ! empty( $given['sold_out'] ) : $set['sold_out'],
	);
}

/** Posts that say another thing than before are sent again. */
function on_other_limits( $old, $new ) {
	$said = array( 'one_language' => true, 'sold_out' => true );
	if ( array_intersect_key( (array) $old, $said ) + $said !== array_intersect_key( (array) $new, $said ) + $said ) {
		push_all();
		purge_when_pushed();
	}
}

/** The same as the options of a text that is posted for its list. */
function draft_limits(): array {
	$limits = list_limits();
	return array_diff_key( $limits, array( 'attr.site' => 0 ) ) + ( isset( $limits['attr.site'] ) ? array( 'attr' => array( 'site' => $limits['attr.site'] ) ) : array() );
}
