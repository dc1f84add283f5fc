<?php
/** The list that a post would get as the editor shows it now, with the words that say why. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const DRAFT_SECONDS = 8.0; // An editor waits longer than a reader does, beside the work.
const SAME_TEXT     = 0.9; // From this score on two texts are the same to the reader.

/**
 * The post with what the editor shows and has not saved.
 *
 * @param \WP_Post $post  As it is saved.
 * @param array    $shown `title`, `content` and `excerpt`, each where it differs.
 */
function draft_of( \WP_Post $post, array $shown ): \WP_Post {
	$draft = clone $post;
	if ( 'auto-draft' === $post->post_status ) {
		$draft->post_title = ''; // WordPress calls it "Auto Draft" until it is saved.
	}
	foreach ( array( 'title', 'content', 'excerpt' ) as $name ) {
		if ( isset( $shown[ $name ] ) ) {
			$draft->{"post_$name"} = (string) $shown[ $name ];
		}
	}
	return $draft;
}

/**
 * The article that a draft would be, without what belongs to stored ones alone.
 *
 * @param \WP_Post $draft What the editor shows.
 * @param array    $terms By taxonomy the numbers or names of its terms.
 */
function draft_fields( \WP_Post $draft, array $terms ): array {
	$instead = function ( $saved, $post, $taxonomy ) use ( $draft, $terms ) {
		return (int) $post === $draft->ID && isset( $terms[ $taxonomy ] ) ? draft_terms( $terms[ $taxonomy ], $taxonomy ) : $saved;
	};
	add_filter( 'get_the_terms', $instead, 10, 3 );
	try {
		$fields = as_visitor(
			function () use ( $draft ) {
				return apply_filters( 'read_also_article', fields( $draft ), $draft );
			}
		);
	} finally {
		remove_filter( 'get_the_terms', $instead, 10 );
	}
	$fields = array_intersect_key(
		is_array( $fields ) ? $fields : array(),
		array_flip( array( 'title', 'body', 'body_html', 'summary', 'section', 'tags', 'authors', 'language', 'translation_of', 'attributes', 'published_at' ) )
	);
	if ( 'publish' !== $draft->post_status ) {
		$fields['published_at'] = gmdate( 'Y-m-d\TH:i:s\Z' ); // The list that it would get if it was published now.
	}
	return array_filter(
		$fields,
		function ( $value ) {
			return ! in_array( $value, array( '', null, array() ), true );
		}
	);
}

/** Terms by number, or by a name that was typed and is not saved yet. */
function draft_terms( array $given, string $taxonomy ): array {
	$terms = array();
	foreach ( $given as $one ) {
		$term    = is_int( $one ) ? get_term( $one, $taxonomy ) : get_term_by( 'name', (string) $one, $taxonomy );
		$terms[] = $term instanceof \WP_Term || is_int( $one ) ? $term : new \WP_Term( (object) array( 'term_id' => PHP_INT_MAX, 'name' => (string) $one, 'taxonomy' => $taxonomy ) );
	}
	return array_filter(
		$terms,
		function ( $term ) {
			return $term instanceof \WP_Term;
		}
	);
}

/**
 * The list of a draft: what is pinned, what follows by itself, what is blocked, and texts that are the same.
 *
 * Pins and blocks are those that the editor shows, saved or not.
 *
 * @param \WP_Post $draft   What the editor shows.
 * @param array    $terms   By taxonomy its terms.
 * @param array    $choices As of `sanitize_choices`.
 */
function list_of_draft( \WP_Post $draft, array $terms, array $choices ): array {
	$shown = array(
		'limit'      => list_options( array() )['limit'],
		'pins'       => array_map( __NAMESPACE__ . '\\chosen_item', $choices['pins'] ),
		'blocks'     => array_map( __NAMESPACE__ . '\\chosen_item', $choices['blocks'] ),
		'items'      => array(),
		'duplicates' => array(),
		'live'       => false,  // Whether the list is that of the draft.
		'again'      => 0,      // Seconds after which to ask again; 0 where there is no need.
		'setUp'      => false,  // Whether an administrator has something to do first.
		'note'       => '',
	);
	$said  = ask_for_draft( $draft, $terms, $choices, $shown['limit'] );
	if ( is_string( $said ) ) {
		$shown['note'] = $said;
		return $shown;
	}
	$listed = $said['pinned'] ?? null;
	if ( null !== $listed && count( $listed ) < $shown['limit'] ) {
		$shown['pins'] = array_map(
			function ( $row, $pin ) use ( $listed ) {
				return holds_now( $pin ) && ! in_array( chosen_id( $pin ), $listed, true ) ? not_listed( $row ) : $row;
			},
			$shown['pins'],
			$choices['pins']
		);
	}
	return array_merge( $shown, array_diff_key( $said, array( 'pinned' => 0 ) ) );
}

/** A row for a pin that holds and that the list is without. */
function not_listed( array $row ): array {
	return $row['hidden'] ? $row : array(
		'hidden' => true,
		'why'    => __( 'Readers do not see it here: the service does not list it now.', 'read-also' ),
	) + $row;
}

/**
 * What the service says of a draft; or why it says nothing.
 *
 * `items`, `duplicates`, `live`, `note`, `again` as in the panel, and `pinned`, the ids of the pins that the list has.
 */
function ask_for_draft( \WP_Post $draft, array $terms, array $choices, int $limit ) {
	$fields = draft_fields( $draft, $terms );
	if ( ! configured() ) {
		return array(
			'note'  => __( 'Read Also is not set up yet. Pins and blocks are saved with the post and hold from then on.', 'read-also' ),
			'setUp' => true,
		);
	}
	if ( ! array_intersect_key( $fields, array( 'title' => 0, 'body_html' => 0, 'body' => 0 ) ) ) {
		return __( 'Write a headline or some text, and the list appears here.', 'read-also' );
	}
	$fields += overrides_of( $choices );
	$fields['options'] = array( 'limit' => $limit, 'exclude' => array( article_id( $draft->ID ) ), 'explain' => 'all' ) + draft_limits();
	$body              = wp_json_encode( $fields, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE );
	$answer = call( 'POST', '/v1/related', DRAFT_SECONDS, false === $body ? '{}' : $body, array( 'Content-Type' => 'application/json' ) );
	if ( 200 === status( $answer ) && is_array( json( $answer )['items'] ?? null ) ) {
		list( $pinned, $others ) = pins_and_others( json( $answer )['items'] );
		return array(
			'pinned'     => array_column( $pinned, 'id' ),
			'items'      => array_map( __NAMESPACE__ . '\\listed_item', $others ),
			'duplicates' => duplicates( (array) ( json( $answer )['dropped'] ?? array() ) ),
			'live'       => true,
		);
	}
	return without_draft( $answer, $draft, $choices, $limit );
}

/** What can be said where the service makes no list of a draft: the list of the saved text, or a reason. */
function without_draft( $answer, \WP_Post $draft, array $choices, int $limit ) {
	if ( in_array( status( $answer ), array( 401, 403 ), true ) && is_problem( $answer ) ) {
		$saved = get_post( $draft->ID );
		$note  = __( 'The key of this site may not ask for the list of a draft.', 'read-also' ) . ' ' . ( current_user_can( 'manage_options' )
			/* translators: %s: a command */
			? sprintf( __( 'Make one that may, and enter it in the settings: %s', 'read-also' ), 'read-also keys add wordpress --scopes read+write' )
			: __( 'An administrator can change that.', 'read-also' ) );
		return is_public( $saved ) ? list_of_saved( $saved->ID, $choices, $limit, $note ) : $note;
	}
	if ( in_array( status( $answer ), array( 429, 503 ), true ) && is_problem( $answer ) ) {
		return array( 'note' => __( 'The service is busy. The list follows in a moment.', 'read-also' ), 'again' => max( 2, min( 30, (int) header_of( $answer, 'retry-after' ) ) ) );
	}
	if ( status( $answer ) > 0 && is_problem( $answer ) ) {
		/* translators: %s: what the service said */
		return sprintf( __( 'The service made no list of this text: %s', 'read-also' ), reason( $answer ) );
	}
	return array( 'note' => __( 'The service does not answer now. Pins and blocks are saved with the post and sent as soon as it does.', 'read-also' ), 'again' => 30 );
}

/** The list of the saved text, which every key may ask for. */
function list_of_saved( int $post, array $choices, int $limit, string $note ) {
	$chosen = array_map( __NAMESPACE__ . '\\chosen_id', array_filter( array_merge( $choices['pins'], $choices['blocks'] ), __NAMESPACE__ . '\\holds_now' ) );
	$most   = min( 100, $limit + count( $chosen ) );
	$query  = http_build_query( array( 'limit' => $most ) + list_limits(), '', '&', PHP_QUERY_RFC3986 );
	$answer = call( 'GET', '/v1/articles/' . article_id( $post ) . "/related?$query", DRAFT_SECONDS );
	$items  = array_filter(
		pins_and_others( (array) ( json( $answer )['items'] ?? array() ) )[1],
		function ( $item ) use ( $chosen ) {
			return ! in_array( $item['id'] ?? '', $chosen, true );
		}
	);
	return array(
		'items' => array_map( __NAMESPACE__ . '\\listed_item', array_slice( array_values( $items ), 0, $limit ) ),
		'note'  => __( 'This is the list of the saved text.', 'read-also' ) . ' ' . $note,
	);
}

/** The items of an answer that are pinned, and those that follow by themselves. */
function pins_and_others( array $items ): array {
	$pinned = array_filter(
		$items,
		function ( $item ) {
			return is_array( $item ) && 'pinned' === ( $item['reason'] ?? '' );
		}
	);
	return array( array_values( $pinned ), array_values( array_filter( array_diff_key( $items, $pinned ), 'is_array' ) ) );
}

/** A row of the panel for an item of the service's answer. */
function listed_item( array $item ): array {
	$post = post_of_article( (string) ( $item['id'] ?? '' ) );
	$date = strtotime( (string) ( $item['published_at'] ?? '' ) );
	return array(
		'post'    => $post,
		'article' => $post ? '' : (string) ( $item['id'] ?? '' ),
		'title'   => (string) ( $item['title'] ?? '' ),
		'url'     => esc_url_raw( (string) ( $item['url'] ?? '' ), array( 'http', 'https' ) ),
		'date'    => $date ? (string) wp_date( get_option( 'date_format' ), $date ) : '',
		'section' => (string) ( $item['section'] ?? '' ),
		'why'     => why( $item ),
		'hidden'  => false,
	);
}

/** A row of the panel for a pin or a block, by what this site knows of it. */
function chosen_item( array $one ): array {
	$post = $one['post'] ? get_post( $one['post'] ) : null;
	$row  = array(
		'post'    => $one['post'],
		'article' => $one['article'],
		'title'   => $one['title'],
		'url'     => '',
		'date'    => '',
		'section' => '',
		'why'     => '',
		'hidden'  => false,
	);
	if ( ! $one['post'] ) {
		return $row;
	}
	if ( ! is_public( $post ) ) {
		return array(
			'hidden' => true,
			'title'  => $post && current_user_can( 'read_post', $post->ID ) ? plain( get_the_title( $post ) ) : sprintf( '#%d', $one['post'] ),
			'why'    => __( 'Not public now. Readers see it here when it is.', 'read-also' ),
		) + $row;
	}
	return array(
		'title'   => plain( get_the_title( $post ) ),
		'url'     => (string) get_permalink( $post ),
		'date'    => (string) get_the_date( '', $post ),
		'section' => section( $post ),
	) + $row;
}

/** The post of this site that an article of the service is; 0 where it is another's. */
function post_of_article( string $article ): int {
	$known = substr( article_id( 0 ), 0, -1 );
	$rest  = 0 === strpos( $article, $known ) ? substr( $article, strlen( $known ) ) : '';
	return ctype_digit( $rest ) ? (int) $rest : 0;
}

/** Why an item is in the list, in words for people who do not know how lists are made. */
function why( array $item ): string {
	$reason = (string) ( $item['reason'] ?? '' );
	if ( 'fallback:section' === $reason ) {
		/* translators: %s: name of a section */
		return sprintf( __( 'Fills the list up: among the newest of %s.', 'read-also' ), (string) ( $item['section'] ?? '' ) );
	}
	if ( 0 === strpos( $reason, 'fallback:' ) ) {
		return __( 'Fills the list up: among the newest of all.', 'read-also' );
	}
	$shared = shared_words( (array) ( $item['explanation']['grounds'] ?? array() ) );
	if ( $shared ) {
		/* translators: %s: some words, with commas between them */
		return sprintf( __( 'In both texts: %s.', 'read-also' ), implode( ', ', $shared ) );
	}
	return 'words' === $reason ? __( 'Shares words with this text.', 'read-also' ) : __( 'Close to this text in meaning.', 'read-also' );
}

/** Up to four names and words that both texts have, those that tell most first. */
function shared_words( array $grounds ): array {
	$words = array();
	foreach ( array_merge( (array) ( $grounds['names'] ?? array() ), array_column( (array) ( $grounds['terms'] ?? array() ), 'word' ) ) as $word ) {
		$inside = false;
		foreach ( array_keys( $words ) as $before ) { // "Osh" says nothing beside "Osh City".
			$inside = $inside || preg_match( '/' . preg_quote( (string) $word, '/' ) . '/iu', (string) $before ); // WordPress runs without mb_stripos() too.
		}
		if ( ! $inside && is_string( $word ) ) {
			$words[ $word ] = $word;
		}
	}
	return array_slice( array_values( $words ), 0, 4 );
}

/** Articles that tell the same as the draft. They are in no list of it, so the editor does not see them there. */
function duplicates( array $dropped ): array {
	$same = array();
	foreach ( $dropped as $one ) {
		if ( is_array( $one ) && in_array( $one['rule'] ?? '', array( 'duplicate_of_seed', 'translation' ), true ) && count( $same ) < 3 ) {
			$row         = listed_item( $one );
			$post        = $row['post'] ? get_post( $row['post'] ) : null;
			$row['url']  = is_public( $post ) ? (string) get_permalink( $post ) : '';
			$row['date'] = $post ? (string) get_the_date( '', $post ) : '';
			$row['edit'] = $post && current_user_can( 'edit_post', $post->ID ) ? (string) get_edit_post_link( $post->ID, 'raw' ) : '';
			$row['why']  = duplicate_words( $one );
			$same[]      = $row;
		}
	}
	return $same;
}

function duplicate_words( array $one ): string {
	if ( 'translation' === $one['rule'] ) {
		return __( 'Tells the same in another language.', 'read-also' );
	}
	return (float) ( $one['score'] ?? 0 ) >= SAME_TEXT ? __( 'The same text.', 'read-also' ) : __( 'Nearly the same text.', 'read-also' );
}
