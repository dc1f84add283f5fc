<?php
/** The list in an editor: the one of the page, of a draft, or of an example; else a sentence that says why there is none. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const EXAMPLES = 3; // The newest articles, of which one may have no list yet.

add_filter( 'rest_request_before_callbacks', __NAMESPACE__ . '\\begin_preview', 10, 3 );
add_filter( 'rest_request_after_callbacks', __NAMESPACE__ . '\\end_preview' );

/** Only the call by which editors show this block; where a text is read over REST, it has no list. */
function begin_preview( $response, $handler, $request ) {
	if ( '/wp/v2/block-renderer/' . BLOCK === $request->get_route() ) {
		$previewed = &previewed();
		$previewed = (int) $request['post_id'];
	}
	return $response;
}

function end_preview( $response ) {
	$previewed = &previewed();
	$previewed = null;
	return $response;
}

function preview_html( int $post, array $options ): string {
	if ( ! configured() ) {
		return said( __( 'Here the related articles will stand, as soon as the address of the service is set under Settings, Read Also.', 'read-also' ) );
	}
	$own = $post ? get_post( $post ) : null;
	if ( ! $own || ! is_post_type_viewable( $own->post_type ) ) { // A template, a pattern or a widget area.
		return example_html( $options );
	}
	if ( ! in_array( $own->post_type, settings()['types'], true ) ) {
		return said( __( 'There will be no list: what is of this type is no article. See Settings, Read Also.', 'read-also' ) );
	}
	if ( ! is_public( $own ) ) {
		return draft_html( $own, $options );
	}
	$html = list_html( $post, $options, DRAFT_SECONDS );
	return '' === $html ? said( __( 'There is no list yet: the service has nothing related to this article, has not read it yet, or does not answer.', 'read-also' ) ) : $html;
}

/** The list of one of the newest articles stands for those of all. */
function example_html( array $options ): string {
	foreach ( array_slice( recent_posts(), 0, EXAMPLES ) as $post ) {
		$html = list_html( $post->ID, $options, DRAFT_SECONDS / EXAMPLES );
		if ( '' !== $html ) {
			return $html;
		}
	}
	return said( __( 'Here stand the articles that are related to the one on the page.', 'read-also' ) );
}

/** The list that a text would get if it were published as it was saved last. */
function draft_html( \WP_Post $post, array $options ): string {
	$draft = draft_fields( $post, array() );
	if ( ! array_intersect_key( $draft, array( 'title' => 0, 'body_html' => 0, 'body' => 0 ) ) ) {
		return said( __( 'There is no list yet, since there is no text. Write some, and save the draft.', 'read-also' ) );
	}
	$asked  = array_filter( array_intersect_key( $options, array_flip( array( 'limit', 'mode', 'section' ) ) ) ) + array( 'exclude' => array( article_id( $post->ID ) ) ) + draft_limits();
	$answer = call( 'POST', '/v1/related', DRAFT_SECONDS, wp_json_encode( $draft + overrides_of( choices( $post->ID ) ) + array( 'options' => $asked ) ), array( 'Content-Type' => 'application/json' ) );
	if ( in_array( status( $answer ), array( 401, 403 ), true ) ) {
		return said( __( 'Here the list will stand when this is published. To see it before, the key of this site needs the scope "read".', 'read-also' ) );
	}
	$items = json( $answer )['items'] ?? null;
	if ( ! is_array( $items ) ) {
		/* translators: %s: what went wrong */
		return said( sprintf( __( 'Here the list will stand when this is published. It cannot be shown now: %s', 'read-also' ), reason( $answer ) ) );
	}
	return $items ? items_html( $items, $options ) : said( __( 'The service has nothing related to this text as it was saved last.', 'read-also' ) );
}

/** A list of a draft in the form of the service's. */
function items_html( array $items, array $options ): string {
	$heading = '' === $options['heading'] ? __( 'Read also', 'read-also' ) : $options['heading'];
	$rows    = '';
	foreach ( $items as $item ) {
		$rows .= item_html( $item + array( 'title' => '', 'url' => '', 'section' => '' ), $options['images'] );
	}
	return with_pictures(
		'<section class="read-also read-also--' . esc_attr( $options['layout'] ) . '"><h2 class="read-also__heading">' . esc_html( $heading )
			. '</h2><ul class="read-also__list" role="list">' . $rows . '</ul></section>',
		posts_of( array_column( $items, 'id' ) ),
		$options['layout']
	);
}

function item_html( array $item, bool $images ): string {
	$image  = $images ? esc_url( (string) ( $item['image_url'] ?? '' ), array( 'http', 'https' ) ) : '';
	$moment = strtotime( (string) ( $item['published_at'] ?? '' ) );
	return '<li class="read-also__item' . ( $image ? ' read-also__item--pictured' : '' ) . '">'
		. '<a class="read-also__link" href="' . esc_url( (string) $item['url'], array( 'http', 'https' ) ) . '">'
		. ( $image ? '<img class="read-also__image" src="' . $image . '" alt="" loading="lazy">' : '' )
		. '<span class="read-also__title" dir="auto">' . esc_html( $item['title'] ) . '</span></a> <span class="read-also__meta">'
		. ( $item['section'] ? '<span class="read-also__section" dir="auto">' . esc_html( $item['section'] ) . '</span> ' : '' )
		. ( $moment ? '<time class="read-also__time">' . esc_html( (string) wp_date( get_option( 'date_format' ), $moment ) ) . '</time>' : '' )
		. '</span></li>';
}

function said( string $sentence ): string {
	return '<p class="read-also-preview">' . esc_html( $sentence ) . '</p>';
}
