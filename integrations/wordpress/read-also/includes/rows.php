<?php
/** Rows of the options table that many requests write, past the cache of options. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

function keep_row( string $name, string $value ) {
	global $wpdb;
	$wpdb->query(
		$wpdb->prepare(
			"INSERT INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')
			ON DUPLICATE KEY UPDATE option_value = VALUES(option_value)",
			$name,
			$value
		)
	);
}

/** Change a row if it is as it was read; whether it was. */
function swap_row( string $name, string $old, string $new ): bool {
	global $wpdb;
	return 1 === $wpdb->update( $wpdb->options, array( 'option_value' => $new ), array( 'option_name' => $name, 'option_value' => $old ) );
}

function drop_row( string $name, string $value ) {
	global $wpdb;
	$wpdb->delete( $wpdb->options, array( 'option_name' => $name, 'option_value' => $value ) );
}

/** Drop the rows of changes, those that are as they were read, in one query. */
function drop_rows( array $changes ) {
	global $wpdb;
	if ( $changes ) {
		$names  = array_column( $changes, 'name' );
		$values = array_map(
			function ( $change ) {
				return "{$change['name']}={$change['value']}";
			},
			$changes
		);
		$places = implode( ',', array_fill( 0, count( $changes ), '%s' ) );
		$query  = "DELETE FROM {$wpdb->options} WHERE option_name IN ($places) AND CONCAT(option_name, '=', option_value) IN ($places)";
		$wpdb->query( $wpdb->prepare( $query, array_merge( $names, $values ) ) );
	}
}
