<?php
/** Whether the service can be reached, is the one that is meant, and opens to the key. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

/** `fine`: whether lists come and articles are taken; `text`: what is wrong and what to do. Nothing is written. */
function connection(): array {
	$set = settings();
	if ( '' === $set['url'] ) {
		return faulty( __( 'No address is set.', 'read-also' ) );
	}
	$answer = call( 'GET', '/readyz', PUSH_SECONDS );
	if ( is_wp_error( $answer ) ) {
		/* translators: 1: address, 2: what went wrong */
		return faulty( sprintf( __( '%1$s cannot be reached: %2$s', 'read-also' ), $set['url'], reason( $answer ) ) );
	}
	if ( ! isset( json( $answer )['status'] ) ) {
		/* translators: 1: address, 2: status code */
		return faulty( sprintf( __( 'Something answers at %1$s, but not Read Also (%2$s). Look at the address.', 'read-also' ), $set['url'], status( $answer ) ) );
	}
	$refused = key_fault( '' !== $set['key'] );
	if ( '' !== $refused ) {
		return faulty( $refused );
	}
	$text = 200 === status( $answer )
		? __( 'All is well: the service shows lists and takes articles.', 'read-also' )
		: __( 'The service takes articles, and shows lists as soon as it has some: push all posts.', 'read-also' );
	$draft = call( 'POST', '/v1/related', PUSH_SECONDS, '{}', array( 'Content-Type' => 'application/json' ) );
	if ( in_array( status( $draft ), array( 401, 403 ), true ) ) {
		$text .= ' ' . __( 'Only the list of a draft, in the editor, needs the scope "read" too.', 'read-also' );
	}
	return array( 'fine' => true, 'text' => $text );
}

function faulty( string $text ): array {
	return array( 'fine' => false, 'text' => $text );
}

/** Why the key does not open lists and writing; nothing where it does. */
function key_fault( bool $has_key ): string {
	$path = '/v1/articles/' . article_id( 0 );
	$read = call( 'GET', $path . '/related.html', PUSH_SECONDS );
	// An article without title and body is never stored: who may write is told what it lacks.
	$write  = call( 'PUT', $path, PUSH_SECONDS, '{}', array( 'Content-Type' => 'application/json' ) );
	$shows  = in_array( status( $read ), array( 200, 404, 410 ), true );
	$denied = $shows ? $write : $read;
	if ( $shows && 422 === status( $write ) ) {
		return '';
	}
	if ( 401 === status( $denied ) ) {
		return $has_key
			/* translators: %s: what the service said */
			? sprintf( __( 'The service is there, but does not know this key (%s). Look whether it was copied whole, or make a new one.', 'read-also' ), reason( $denied ) )
			: __( 'The service is there, and asks for a key. Enter one.', 'read-also' );
	}
	return $shows
		/* translators: %s: what the service said */
		? sprintf( __( 'The service is there and shows lists, but takes no articles with this key: %s', 'read-also' ), reason( $write ) )
		/* translators: %s: what the service said */
		: sprintf( __( 'The service is there, but shows this key no lists: %s', 'read-also' ), reason( $read ) );
}

/** Test what is saved; where it works, nobody waits for the service any longer. */
function test_saved(): array {
	$found = connection();
	if ( $found['fine'] ) {
		note_answer( 'read', true );
		note_answer( 'write', true );
	}
	return $found;
}
