<?php
/** The archive as a whole: when all of it is sent by itself, and which articles of the service have no public post. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const IDS = 300; // Of a page of ids, so that the longest ones stay below ANSWER_BYTES.

foreach ( array( 'home', 'siteurl', 'permalink_structure', 'category_base', 'read_also' ) as $read_also_option ) {
	add_action( "update_option_$read_also_option", __NAMESPACE__ . '\\compare_at_the_end' );
}
unset( $read_also_option );

/** Once, when all options of the request are saved. */
function compare_at_the_end() {
	add_action( 'shutdown', __NAMESPACE__ . '\\compare_origin' );
}

/** What all articles are made of, but their posts: the address of the site, how links are built, which types there are. */
function origin_of_articles(): array {
	global $wp_rewrite;
	$types = settings()['types'];
	sort( $types );
	$links = array();
	foreach ( array_filter( $types, 'post_type_exists' ) as $type ) { // Some are only there in the administration.
		$links[ $type ] = (string) $wp_rewrite->get_extra_permastruct( $type );
	}
	$made = array( get_option( 'permalink_structure' ), get_option( 'category_base' ), get_option( 'siteurl' ), get_option( 'home' ) );
	return array(
		'home'    => hidden( (string) get_option( 'home' ) ),
		'types'   => $types,
		'links'   => $links,
		'made'    => md5( (string) wp_json_encode( $made ) ),
		'service' => md5( origin( settings()['url'] ) ),
	);
}

/** An address as no search and replace over the database finds it: a copy has to know where it came from. */
function hidden( string $address ): string {
	return base64_encode( $address ); // phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions
}

/** An address that was hidden; earlier versions kept it as it is, with a colon, which hidden ones do not have. */
function unhidden( string $kept ): string {
	$address = base64_decode( $kept, true ); // phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions
	return false === $address ? $kept : $address;
}

/** Compare it with what it was, and send what differs. All that sends does so first: constants and databases change without a hook. */
function compare_origin() {
	$before = get_option( 'read_also_origin' );
	$now    = origin_of_articles();
	if ( ! configured() || $before === $now ) {
		return;
	}
	$moved = is_array( $before ) && own_site() !== site( unhidden( $before['home'] ) );
	if ( $moved ) { // First of all: another request may send at this moment.
		ask_about_move( unhidden( $before['home'] ) );
	}
	update_option( 'read_also_origin', $now, false );
	if ( is_array( $before ) && ! $moved ) { // To a new site the first push is begun by a person.
		send_what_differs( $before, $now );
	}
}

/** Send what articles are made of otherwise than before, or all to another service that has none of them. */
function send_what_differs( array $before, array $now ) {
	if ( ( $before['service'] ?? $now['service'] ) !== $now['service'] && false !== get_option( 'read_also_full_push' ) ) {
		announce( __( 'The address of the service has changed. All posts are sent there.', 'read-also' ) );
		push_all();
	} elseif ( $before['made'] !== $now['made'] || array_diff_assoc( array_intersect_key( $now['links'], $before['links'] ), $before['links'] ) ) {
		announce( __( 'The addresses of posts have changed. All posts are sent anew.', 'read-also' ) );
		push_all();
	} else {
		exchange_types( array_diff( $before['types'], $now['types'] ), array_diff( $now['types'], $before['types'] ) );
	}
}

/** Send the posts of types that were chosen; have those of the others deleted, before anything else is sent. */
function exchange_types( array $dropped, array $added ) {
	if ( $dropped ) {
		announce( __( 'Posts of a type that is no longer chosen are deleted from the service.', 'read-also' ) );
		put_in_line( 'post_type IN (' . in_quotes( $dropped ) . ") AND post_status = 'publish'", microtime( true ) );
		note_withdrawal();
		tell_of_pages( null );
	}
	if ( $added ) {
		announce( __( 'Posts of a type that was chosen now are sent to the service.', 'read-also' ) );
		put_in_line( 'post_type IN (' . in_quotes( $added ) . ") AND post_status = 'publish'" );
	}
}

function in_quotes( array $names ): string {
	return "'" . implode( "','", array_map( 'esc_sql', $names ) ) . "'";
}

/* --- What the service has, and WordPress does not publish --- */

/** How all ids of a site begin. */
function id_prefix( string $site ): string {
	return substr( foreign_id( 'wp', $site, '0' ), 0, -1 );
}

/** From now on compare the ids of the service with what is published, and then delete all those of former addresses. */
function begin_sweep( array $former = array() ) {
	if ( ! configured() ) {
		return;
	}
	$begun = open_sweep();
	$sites = array_merge( array( '' ), $begun ? $begun['sites'] : array(), array_diff( $former, array( own_site() ) ) );
	update_option( 'read_also_sweep', array( 'of' => hidden( own_site() ), 'sites' => array_values( array_unique( $sites ) ), 'cursor' => '' ), false );
}

/**
 * What is still to be compared: of this site (`` in `sites`) and of former addresses. Null where nothing is.
 *
 * A copy of the database has what the other site began. That is forgotten: it would delete the articles of that site.
 */
function open_sweep(): ?array {
	$sweep = get_option( 'read_also_sweep' );
	if ( is_array( $sweep ) && hidden( own_site() ) === ( $sweep['of'] ?? '' ) ) {
		return $sweep;
	}
	if ( false !== $sweep ) {
		delete_option( 'read_also_sweep' );
	}
	return null;
}

function own_site(): string {
	return site( (string) get_option( 'home' ) );
}

add_action( 'read_also_pushed', __NAMESPACE__ . '\\sweep_after', 10, 2 );

/** When all new articles are sent, those of a former address can go. */
function sweep_after( $since, $until ) {
	if ( 0.0 === $since ) {
		sweep( $until );
	}
}

/** Compare page after page while there is time. */
function sweep( float $until ) {
	while ( microtime( true ) < $until - LEAST_SECONDS && ( $state = open_sweep() ) ) {
		$next = sweep_page( $state['sites'][0], (string) $state['cursor'], $until );
		if ( null === $next ) { // It does not answer, or the new articles have to come first.
			return;
		}
		if ( '' === $next ) {
			array_shift( $state['sites'] );
		}
		$state['cursor'] = $next;
		if ( $state['sites'] ) {
			update_option( 'read_also_sweep', $state, false );
		} else {
			delete_option( 'read_also_sweep' );
		}
	}
}

/** Compare the ids of a page; where the next page begins, `` if there is none, null if this has to be done again. */
function sweep_page( string $site, string $cursor, float $until ): ?string {
	$own = in_array( $site, array( '', own_site() ), true );
	if ( ! $own && anew_in_line() ) {
		return null;
	}
	$page = ids_of( $own ? own_site() : $site, $cursor, min( CALL_SECONDS, $until - microtime( true ) ) );
	if ( null === $page ) {
		return null;
	}
	$done = $own ? mark_unpublished( $page['ids'] ) : delete_ids( $page['ids'], $until );
	return $done ? $page['next'] : null;
}

/** A page of ids, and where the next one begins; null where the service does not say. */
function ids_of( string $site, string $cursor, float $seconds ): ?array {
	$query  = array( 'prefix' => id_prefix( $site ), 'limit' => IDS ) + ( '' === $cursor ? array() : array( 'cursor' => $cursor ) );
	$answer = call( 'GET', '/v1/article-ids?' . http_build_query( $query ), $seconds );
	if ( 404 === status( $answer ) && is_problem( $answer ) ) { // An older release lists no ids.
		return array( 'ids' => array(), 'next' => '' );
	}
	$page = json( $answer );
	if ( 200 !== status( $answer ) || ! is_array( $page['ids'] ?? null ) ) {
		/* translators: %s: what the service said */
		complain( sprintf( __( 'The articles of the service cannot be compared with the posts: %s', 'read-also' ), reason( $answer ) ) );
		return null;
	}
	return array( 'ids' => array_filter( $page['ids'], 'is_string' ), 'next' => (string) ( $page['next'] ?? '' ) );
}

/** Have the service told of those posts that are not public. */
function mark_unpublished( array $ids ): bool {
	$numbers = array_filter( array_map( __NAMESPACE__ . '\\number_of', $ids ) );
	foreach ( array_diff( $numbers, public_among( $numbers ) ) as $number ) {
		keep_row( DUE . $number, token( microtime( true ) ) );
		note_withdrawal();
	}
	return true;
}

/** The number of the post that has an id on this site; 0 where there is none. */
function number_of( string $id ): int {
	$number = (int) substr( $id, strlen( id_prefix( own_site() ) ) );
	return $number > 0 && article_id( $number ) === $id ? $number : 0;
}

/** Delete articles in one call; whether the service did. */
function delete_ids( array $ids, float $until ): bool {
	if ( ! $ids ) {
		return true;
	}
	$lines = '';
	foreach ( $ids as $id ) {
		$lines .= wp_json_encode( array( 'delete' => array( 'id' => $id ) ) ) . "\n";
	}
	$answer = call( 'POST', '/v1/bulk', min( BULK_SECONDS, $until - microtime( true ) ), $lines, array( 'Content-Type' => 'application/x-ndjson' ) );
	$items  = (array) ( json( $answer )['items'] ?? array() );
	note_withdrawal();
	return 200 === status( $answer ) && count( $items ) === count( $ids ) && ! array_diff( array_column( $items, 'status' ), array( 204, 404 ) );
}

/* --- What is told of it --- */

/** Say in the administration why so much is sent. */
function announce( string $text ) {
	update_option( 'read_also_news', array( 'at' => time(), 'text' => $text ), false );
}

add_action( 'admin_notices', __NAMESPACE__ . '\\print_news' );

/** While it goes on, and once more when it is done. */
function print_news() {
	$news = current_user_can( 'manage_options' ) ? get_option( 'read_also_news' ) : null;
	if ( ! is_array( $news ) ) {
		return;
	}
	$state = look_at_queue();
	if ( ! $state['waiting'] && ! open_sweep() ) {
		delete_option( 'read_also_news' );
	}
	printf( '<div class="notice notice-info"><p><strong>%1$s</strong> %2$s %3$s</p></div>', esc_html__( 'Read Also:', 'read-also' ), esc_html( $news['text'] ), esc_html( $state['text'] ) );
}
