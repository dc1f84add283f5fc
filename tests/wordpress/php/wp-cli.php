<?php
/* Plugin Name: A stand-in for WP-CLI: the calls that the plugin's commands make, each noted as a line. */
if ( 'cli' === PHP_SAPI && ! defined( 'WP_CLI' ) ) {
	define( 'WP_CLI', true );

	class WP_CLI {
		public static $commands = array();
		public static $said     = array();

		public static function add_command( $name, $class ) {
			self::$commands[ $name ] = $class;
		}

		/** Run `name subcommand`; what it said, and its exit code. */
		public static function call( $name, $method, $arguments = array(), $options = array() ) {
			self::$said = array();
			try {
				( new self::$commands[ $name ]() )->$method( $arguments, $options );
			} catch ( WP_CLI_Error $error ) {
				self::$said[] = 'Error: ' . $error->getMessage();
				return array( self::$said, 1 );
			}
			return array( self::$said, 0 );
		}

		public static function log( $text ) {
			self::$said[] = $text;
		}

		public static function success( $text ) {
			self::$said[] = "Success: $text";
		}

		public static function warning( $text ) {
			self::$said[] = "Warning: $text";
		}

		public static function error( $text ) {
			throw new WP_CLI_Error( $text );
		}

		public static function confirm( $question, $options = array() ) {
			if ( empty( $options['yes'] ) ) {
				throw new WP_CLI_Error( $question );
			}
		}
	}

	class WP_CLI_Error extends Exception {
	}
}
