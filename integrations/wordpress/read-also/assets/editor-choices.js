/** What an editor chooses for a post: values in, values out. The panel shows them, and its host keeps them. */
( function () {
	'use strict';

	const keyOf = ( one ) => ( one.post ? 'post-' + one.post : 'article-' + one.article );
	const chosenOf = ( row ) => ( { post: row.post, article: row.article, title: row.post ? '' : row.title, from: '', until: '' } );
	const without = ( list, row ) => list.filter( ( one ) => keyOf( one ) !== keyOf( row ) );
	const placeOf = ( list, row ) => list.findIndex( ( one ) => keyOf( one ) === keyOf( row ) );

	/** Pin an article before the pin that stands at a place now; one that is pinned moves there. */
	function pin( choices, row, place ) {
		const at = placeOf( choices.pins, row );
		const pins = without( choices.pins, row );
		pins.splice( at >= 0 && at < place ? place - 1 : place, 0, at >= 0 ? choices.pins[ at ] : chosenOf( row ) );
		return { ...choices, pins, blocks: without( choices.blocks, row ) };
	}

	const unpin = ( choices, row ) => ( { ...choices, pins: without( choices.pins, row ) } );
	const block = ( choices, row ) => ( {
		...choices,
		pins: without( choices.pins, row ),
		blocks: without( choices.blocks, row ).concat( chosenOf( row ) ),
	} );
	const allow = ( choices, row ) => ( { ...choices, blocks: without( choices.blocks, row ) } );

	/** From when until when a pin or a block holds; `kind` is `pins` or `blocks`. */
	const limitTime = ( choices, kind, row, from, until ) => ( {
		...choices,
		[ kind ]: choices[ kind ].map( ( one ) => ( keyOf( one ) === keyOf( row ) ? { ...one, from, until } : one ) ),
	} );

	/** `no_list` or `never`; what is taken back has no times. */
	const setFlag = ( choices, flag, chosen, from, until ) => ( {
		...choices,
		[ flag ]: chosen,
		[ flag + '_from' ]: chosen ? from : '',
		[ flag + '_until' ]: chosen ? until : '',
	} );
	const timesOfFlag = ( choices, flag ) => ( { from: choices[ flag + '_from' ] || '', until: choices[ flag + '_until' ] || '' } );

	/** Whether a choice with times holds `now`, `waits` or is `over`. */
	function stateOf( one ) {
		const now = new Date().toISOString();
		return one.until && one.until <= now ? 'over' : one.from > now ? 'waits' : 'now';
	}

	window.readAlsoChoices = { keyOf, placeOf, pin, unpin, block, allow, limitTime, setFlag, timesOfFlag, stateOf };
}() );
