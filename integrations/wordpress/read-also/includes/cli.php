<?php
/** `wp read-also`: the commands of WP-CLI. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

if ( defined( 'WP_CLI' ) && \WP_CLI ) {
	\WP_CLI::add_command( 'read-also', __NAMESPACE__ . '\\Command' );
}

/**
 * Sends posts to a Read Also service, and compares both.
 */
class Command {

	/**
	 * Says how the connection is, what waits to be sent, and what went wrong last.
	 *
	 * @when after_wp_load
	 */
	public function status() {
		$set     = settings();
		$trouble = get_option( 'read_also_trouble' );
		\WP_CLI::log( __( 'Service:', 'read-also' ) . ' ' . ( '' === $set['url'] ? '-' : $set['url'] ) );
		\WP_CLI::log( __( 'Post types:', 'read-also' ) . ' ' . implode( ', ', $set['types'] ) );
		\WP_CLI::log( __( 'Connection:', 'read-also' ) . ' ' . test_saved()['text'] );
		\WP_CLI::log( __( 'Queue:', 'read-also' ) . ' ' . state_of_queue() );
		if ( is_on_hold() ) {
			\WP_CLI::warning( move_remedy() );
		}
		if ( is_array( $trouble ) ) {
			\WP_CLI::log( __( 'Last trouble:', 'read-also' ) . ' ' . wp_date( 'Y-m-d H:i:s', (int) $trouble['at'] ) . ' ' . $trouble['text'] );
		}
	}

	/**
	 * Sends all posts, deletes from the service what is not published, and waits until that is done.
	 *
	 * ## OPTIONS
	 *
	 * [<post>...]
	 * : Numbers of posts; then only these are sent.
	 *
	 * [--waiting]
	 * : Send only what waits already.
	 *
	 * [--moved]
	 * : The site has another address now: replace the articles of the old one.
	 *
	 * [--copied]
	 * : The site is a copy, or another one: leave the articles of the old address.
	 */
	public function push( $posts, $given ) {
		$this->need_service();
		compare_origin();
		if ( open_move() && array_intersect_key( $given, array( 'moved' => 0, 'copied' => 0 ) ) ) {
			finish_move( isset( $given['moved'] ) );
		} elseif ( is_on_hold() ) {
			\WP_CLI::error( move_in_words( open_move() ) . ' ' . __( 'Say --moved or --copied.', 'read-also' ) );
		} elseif ( $posts ) {
			$this->mark( $posts );
		} elseif ( ! isset( $given['waiting'] ) ) {
			push_all();
		}
		$this->send();
		if ( waiting() || open_sweep() ) {
			\WP_CLI::warning( state_of_queue() . ' ' . $this->trouble() );
		} else {
			\WP_CLI::success( state_of_queue() );
		}
	}

	/** Send what is due, until nothing is left or nothing goes on. */
	private function send() {
		hold_line( false );
		do {
			$before = array( waiting(), open_sweep() );
			if ( ! push_due( 0, CRON_SECONDS, BATCH ) ) {
				\WP_CLI::error( __( 'The service does not take posts now; WP-Cron goes on.', 'read-also' ) . ' ' . $this->trouble() );
			}
			\WP_CLI::log( state_of_queue() );
		} while ( array( waiting(), open_sweep() ) !== $before );
	}

	/**
	 * Compares the posts that are published with the articles that the service has.
	 *
	 * The exit code is 1 if they differ. `wp read-also push` puts it right.
	 */
	public function check() {
		$this->need_service();
		$stored  = array_filter( array_map( __NAMESPACE__ . '\\number_of', $this->ids( own_site() ) ) );
		$shown   = $this->published();
		$missing = array_diff( $shown, $stored );
		$extra   = array_diff( $stored, $shown );
		/* translators: 1: number of posts, 2: number of articles */
		\WP_CLI::log( sprintf( __( '%1$d posts are published, %2$d articles are in the service.', 'read-also' ), count( $shown ), count( $stored ) ) );
		$this->tell( __( 'Published, but not in the service (or refused by it, or left out by a filter):', 'read-also' ), $missing );
		$this->tell( __( 'In the service, but not published:', 'read-also' ), $extra );
		if ( $missing || $extra ) {
			\WP_CLI::error( state_of_queue() );
		}
		\WP_CLI::success( __( 'The service has the posts that are published, and no others.', 'read-also' ) );
	}

	/**
	 * Deletes all articles of this site, or of a former address, from the service.
	 *
	 * ## OPTIONS
	 *
	 * [--site=<address>]
	 * : The home address whose articles are deleted; this site's if it is left out.
	 *
	 * [--yes]
	 * : Do not ask.
	 */
	public function purge( $arguments, $given ) {
		$this->need_service();
		$site = isset( $given['site'] ) ? site( false === strpos( $given['site'], '://' ) ? 'https://' . $given['site'] : $given['site'] ) : own_site();
		$ids  = $this->ids( $site );
		/* translators: 1: number of articles, 2: address */
		\WP_CLI::confirm( sprintf( __( 'Delete %1$d articles of %2$s from the service?', 'read-also' ), count( $ids ), $site ), $given );
		foreach ( array_chunk( $ids, IDS ) as $some ) {
			if ( ! delete_ids( $some, microtime( true ) + BULK_SECONDS ) ) {
				\WP_CLI::error( __( 'The service does not delete them now. Try again.', 'read-also' ) );
			}
		}
		if ( own_site() === $site ) {
			forget_queue();
			\WP_CLI::warning( __( 'Posts that are edited from now on are sent again, until the plugin is deactivated.', 'read-also' ) );
		}
		/* translators: %d: number of articles */
		\WP_CLI::success( sprintf( __( '%d articles were deleted.', 'read-also' ), count( $ids ) ) );
	}

	private function need_service() {
		if ( ! configured() ) {
			\WP_CLI::error( connection()['text'] );
		}
	}

	private function mark( array $posts ) {
		foreach ( $posts as $post ) {
			if ( ! is_numeric( $post ) || (int) $post < 1 ) {
				/* translators: %s: what was typed */
				\WP_CLI::error( sprintf( __( '%s is no number of a post.', 'read-also' ), $post ) );
			}
			keep_row( DUE . (int) $post, token( microtime( true ) ) );
		}
	}

	/** All ids of a site. */
	private function ids( string $site ): array {
		$ids  = array();
		$next = '';
		do {
			$page = ids_of( $site, $next, CALL_SECONDS );
			if ( null === $page ) {
				\WP_CLI::error( $this->trouble() );
			}
			$ids  = array_merge( $ids, $page['ids'] );
			$next = $page['next'];
		} while ( '' !== $next );
		return $ids;
	}

	private function published(): array {
		global $wpdb;
		$types = settings()['types'];
		$query = "SELECT ID FROM {$wpdb->posts} WHERE post_status = 'publish' AND post_password = '' AND post_type IN (" . in_quotes( $types ) . ')';
		return array_map( 'intval', $wpdb->get_col( $query ) );
	}

	private function tell( string $what, array $posts ) {
		if ( $posts ) {
			$more = count( $posts ) > 20 ? ', …' : '';
			\WP_CLI::log( "$what " . count( $posts ) . ': ' . implode( ', ', array_slice( $posts, 0, 20 ) ) . $more );
		}
	}

	private function trouble(): string {
		$trouble = get_option( 'read_also_trouble' );
		return is_array( $trouble ) ? $trouble['text'] : '';
	}
}
