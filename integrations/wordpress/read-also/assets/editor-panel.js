/**
 * The panel beside a post: the list that it will get, and what an editor chooses for it.
 *
 * It knows nothing of the editor that it stands in. A host gives it the draft and the choices, and
 * keeps what is chosen: `editor.js` for the block editor, `meta-box.js` for the classic one.
 */
( function ( wp, given, chosen ) {
	'use strict';

	const { keyOf, placeOf, stateOf, timesOfFlag } = chosen;
	const { createElement: el, Fragment, useEffect, useRef, useState } = wp.element;
	const { Button, Notice, Spinner, ToggleControl } = wp.components;
	const { sprintf } = wp.i18n;
	const words = given.words;
	const PAUSE_MS = 900; // So long nothing is typed before the list is asked for.

	/* --- Times: the service's are in UTC, the editor's in the time zone of the site --- */

	const formats = () => ( wp.date.getSettings || wp.date.__experimentalGetSettings )().formats;
	const shown = ( moment ) => wp.date.dateI18n( formats().datetime || 'Y-m-d H:i', moment );
	const typed = ( moment ) => ( moment ? wp.date.date( 'Y-m-d\\TH:i', moment ) : '' );
	const momentOf = ( text ) => ( text ? wp.date.getDate( text ).toISOString().replace( /\.\d+Z$/, 'Z' ) : '' );

	/* --- The list --- */

	function ask( host, signal ) {
		const data = host.draft();
		if ( host.mayChoose ) {
			data.choices = host.choices;
		}
		return wp.apiFetch( { path: '/read-also/v1/posts/' + given.post + '/list', method: 'POST', data, signal } );
	}

	/** The last answer, and whether a newer one is on its way; asked for anew after a pause in writing. */
	function useAnswer( host ) {
		const [ state, setState ] = useState( { answer: null, busy: true, failed: '' } );
		const [ round, setRound ] = useState( 0 );
		const again = () => setRound( ( before ) => before + 1 );
		useEffect( () => {
			const controller = new window.AbortController();
			let later;
			const timer = setTimeout( () => {
				setState( ( before ) => ( { ...before, busy: true } ) );
				ask( host, controller.signal ).then( ( answer ) => {
					setState( ( before ) => ( {
						// A busy service has no list to say; the one of before stays.
						answer: answer.again && before.answer ? { ...before.answer, note: answer.note } : answer,
						busy: false,
						failed: '',
					} ) );
					later = answer.again ? setTimeout( again, 1000 * answer.again ) : 0;
				} ).catch( ( error ) => {
					if ( ! controller.signal.aborted ) {
						setState( ( before ) => ( { ...before, busy: false, failed: ( error && error.message ) || words.failed } ) );
					}
				} );
			}, state.answer ? PAUSE_MS : 0 );
			return () => {
				clearTimeout( timer );
				clearTimeout( later );
				controller.abort();
			};
		}, [ ...host.watched, JSON.stringify( host.choices ), round ] );
		return { ...state, again };
	}

	/** Whether readers see a row: a pin may wait, be over, or be of an article that is not public. */
	const isListed = ( row ) => ! row.pin || ( 'now' === row.state && ! row.hidden );

	/** What stands in the list: the pins in order, then what follows by itself and is neither pinned nor blocked. */
	function rowsOf( answer, choices, known ) {
		const pins = choices.pins.map( ( one ) => ( { ...( known[ keyOf( one ) ] || one ), pin: one, state: stateOf( one ) } ) );
		const holding = pins.filter( isListed );
		const blocks = choices.blocks.filter( ( one ) => 'now' === stateOf( one ) );
		const taken = new Set( holding.concat( blocks ).map( keyOf ) );
		const items = ( answer ? answer.items : [] ).filter( ( row ) => ! taken.has( keyOf( row ) ) );
		return pins.concat( answer ? items.slice( 0, Math.max( 0, answer.limit - holding.length ) ) : [] );
	}

	function IconButton( { icon, label, name, act, ...more } ) {
		return el( Button, { icon, label, 'aria-label': name, 'data-act': act, className: 'read-also-act', ...more } );
	}

	/** From when until when a choice holds. What ends before it begins is not kept. */
	function Times( { from, until, onChange } ) {
		const [ times, setTimes ] = useState( { from: typed( from ), until: typed( until ) } );
		useEffect( () => { // Undone, it is another one than was typed last.
			setTimes( ( before ) => ( momentOf( before.from ) === from && momentOf( before.until ) === until ? before : { from: typed( from ), until: typed( until ) } ) );
		}, [ from, until ] );
		const backwards = times.from && times.until && times.until <= times.from;
		const change = ( name ) => ( event ) => {
			const next = { ...times, [ name ]: event.target.value };
			setTimes( next );
			if ( ! ( next.from && next.until && next.until <= next.from ) ) {
				onChange( momentOf( next.from ), momentOf( next.until ) );
			}
		};
		const field = ( name ) => el( 'label', { className: 'read-also-time' }, el( 'span', null, words[ name ] ),
			el( 'input', { type: 'datetime-local', value: times[ name ], onChange: change( name ), 'aria-invalid': backwards || undefined } ) );
		const always = () => {
			setTimes( { from: '', until: '' } );
			onChange( '', '' );
		};
		return el( 'div', { className: 'read-also-times' }, field( 'from' ), field( 'until' ),
			backwards ? el( 'p', { className: 'read-also-fault', role: 'alert' }, words.backwards ) : null,
			el( Button, { variant: 'link', onClick: always }, words.always ) );
	}

	/** When a choice holds, in words; `now` is what is said of one that holds. */
	function whenOf( one, now ) {
		const state = stateOf( one );
		return [
			{ now, waits: words.waits, over: words.over }[ state ],
			one.from && 'waits' === state ? sprintf( words.pinnedFrom, shown( one.from ) ) : '',
			one.until && 'over' !== state ? sprintf( words.pinnedUntil, shown( one.until ) ) : '',
		].filter( Boolean ).join( ' ' );
	}

	/** Why a row is there: what the service says, and for a pin when it holds. */
	function reasonOf( row ) {
		return row.pin ? [ whenOf( row.pin, words.pinned ), row.hidden ? row.why : '' ].filter( Boolean ).join( ' ' ) : row.why;
	}

	/** Shows and hides the times of a choice. */
	function Clock( { of, timing, setTiming } ) {
		return el( IconButton, { icon: 'clock', act: 'time', label: words.time, name: sprintf( words.timeIt, of ),
			onClick: () => setTiming( ! timing ), 'aria-expanded': timing, isPressed: timing } );
	}

	/** At the side of a row what every row has: pin and block. */
	function SideActs( { row, pins, button, panel } ) {
		return el( 'div', { className: 'read-also-acts is-side' },
			row.pin ? button( 'admin-post', 'unpin', () => panel.unpin( row ), { isPressed: true } )
				: button( 'admin-post', 'pin', () => panel.pinAt( row, pins, 'unpin' ) ),
			button( 'hidden', 'block', () => panel.block( row ) ) );
	}

	/** Below a pin its place and its time. */
	function PinActs( { row, place, pins, button, timing, setTiming, panel } ) {
		return el( 'div', { className: 'read-also-acts' },
			button( 'arrow-up-alt2', 'up', () => panel.pinAt( row, place - 1, 'up' ), { disabled: 0 === place } ),
			button( 'arrow-down-alt2', 'down', () => panel.pinAt( row, place + 2, 'down' ), { disabled: place === pins - 1 } ),
			el( Clock, { of: row.title, timing, setTiming } ) );
	}

	function Row( { row, place, number, pins, panel } ) {
		const [ timing, setTiming ] = useState( false );
		const classes = [ 'read-also-row', row.pin ? 'is-pinned' : '', isListed( row ) ? '' : 'is-idle', panel.over === place ? 'is-target' : '' ];
		const about = [ row.date, row.section ].filter( Boolean ).join( ' · ' );
		const button = ( icon, act, onClick, more ) => el( IconButton, { icon, act, onClick, label: words[ act ], name: sprintf( words[ act + 'It' ], row.title ), ...more } );
		const acts = { row, place, pins, button, timing, setTiming, panel };
		return el( 'li', { className: classes.filter( Boolean ).join( ' ' ), 'data-key': keyOf( row ), ...panel.dragging( row, place ) },
			el( 'span', { className: 'read-also-number', 'aria-hidden': true }, number ),
			el( 'div', { className: 'read-also-what' },
				row.url ? el( 'a', { href: row.url, target: '_blank', rel: 'noopener', draggable: false, dir: 'auto' }, row.title ) : el( 'span', { dir: 'auto' }, row.title ),
				about ? el( 'div', { className: 'read-also-about' }, about ) : null,
				el( 'div', { className: 'read-also-why' }, reasonOf( row ) ),
				panel.mayChoose && row.pin ? el( PinActs, acts ) : null,
				timing && row.pin ? el( Times, { ...row.pin, onChange: ( from, until ) => panel.limitTime( 'pins', row, from, until ) } ) : null ),
			panel.mayChoose ? el( SideActs, acts ) : null );
	}

	function Rows( { rows, panel } ) {
		const pins = rows.filter( ( row ) => row.pin ).length;
		let number = 0;
		return el( 'ol', { className: 'read-also-rows' }, rows.map( ( row, place ) => {
			const idle = ! isListed( row ); // Its article may stand further down by itself.
			number += idle ? 0 : 1;
			return el( Row, { key: ( idle ? 'idle-' : '' ) + keyOf( row ), row, place, pins, panel, number: idle ? '–' : number } );
		} ) );
	}

	/* --- Around the list --- */

	function Duplicates( { rows } ) {
		if ( ! rows.length ) {
			return null;
		}
		const link = ( address, text ) => ( address ? el( 'a', { href: address, target: '_blank', rel: 'noopener' }, text ) : null );
		return el( Notice, { status: 'warning', isDismissible: false, className: 'read-also-duplicates' },
			el( 'strong', null, words.duplicates ),
			el( 'ul', null, rows.map( ( row ) => el( 'li', { key: keyOf( row ) },
				el( 'span', { dir: 'auto' }, row.title ),
				el( 'span', { className: 'read-also-about' }, [ row.why, row.date ].filter( Boolean ).join( ' ' ) ),
				el( 'span', { className: 'read-also-links' }, link( row.url, words.open ), link( row.edit, words.edit ) ) ) ) ) );
	}

	/** Posts by their words; those that stand in the list as pins, and the post itself, are not named. */
	function Search( { choices, onPin } ) {
		const [ text, setText ] = useState( '' );
		const [ found, setFound ] = useState( null );
		useEffect( () => {
			if ( ! text.trim() ) {
				setFound( null );
				return undefined;
			}
			const timer = setTimeout( () => {
				const parts = [ given.post ].concat( choices.pins.map( ( one ) => one.post ) ).filter( Boolean ).map( ( id ) => '&exclude[]=' + id );
				wp.apiFetch( { path: '/read-also/v1/posts?search=' + encodeURIComponent( text ) + parts.join( '' ) } )
					.then( ( rows ) => {
						setFound( rows );
						wp.a11y.speak( rows.length ? words.found + ' ' + rows.length : words.notFound );
					} )
					.catch( ( error ) => setFound( [ { fault: error.message } ] ) );
			}, 300 );
			return () => clearTimeout( timer );
		}, [ text, JSON.stringify( choices.pins ) ] );
		const choose = ( row ) => {
			setText( '' );
			onPin( row );
		};
		const result = ( row ) => row.fault
			? el( 'li', { key: 'fault', className: 'read-also-fault' }, row.fault )
			: el( 'li', { key: keyOf( row ) }, el( Button, { className: 'read-also-found', onClick: () => choose( row ) },
				el( 'span', { dir: 'auto' }, row.title ), el( 'span', { className: 'read-also-about' }, [ row.date, row.section ].filter( Boolean ).join( ' · ' ) ) ) );
		return el( 'div', { className: 'read-also-search' },
			el( 'label', null, el( 'span', { className: 'read-also-label' }, words.search ),
				el( 'input', { type: 'search', className: 'components-text-control__input', value: text, placeholder: words.searchHelp,
					onChange: ( event ) => setText( event.target.value ),
					onKeyDown: ( event ) => 'Enter' === event.key && event.preventDefault() } ) ),
			found && ! found.length ? el( 'p', { className: 'read-also-about' }, words.notFound ) : null,
			found && found.length ? el( 'ul', { className: 'read-also-results', 'aria-label': words.found }, found.map( result ) ) : null );
	}

	function BlockedRow( { row, panel } ) {
		const [ timing, setTiming ] = useState( false );
		const when = whenOf( row.block, '' );
		return el( 'li', { className: 'now' === stateOf( row.block ) ? '' : 'is-idle' },
			el( 'div', { className: 'read-also-what' }, el( 'span', { dir: 'auto' }, row.title ), when ? el( 'div', { className: 'read-also-why' }, when ) : null,
				timing ? el( Times, { ...row.block, onChange: ( from, until ) => panel.limitTime( 'blocks', row, from, until ) } ) : null ),
			panel.mayChoose ? el( 'div', { className: 'read-also-acts' }, el( Clock, { of: row.title, timing, setTiming } ),
				el( Button, { variant: 'link', onClick: () => panel.allow( row ), 'aria-label': sprintf( words.allowIt, row.title ) }, words.allow ) ) : null );
	}

	function Blocked( { rows, panel } ) {
		return rows.length ? el( 'div', { className: 'read-also-blocked' },
			el( 'span', { className: 'read-also-label' }, words.blocks ),
			el( 'ul', null, rows.map( ( row ) => el( BlockedRow, { key: keyOf( row ), row, panel } ) ) ) ) : null;
	}

	/** Why the list of readers is as it is: a page of the service in a frame, by an address that the site has signed. */
	function Reasons() {
		const [ frame, setFrame ] = useState( null ); // Null is shut; it is empty while it is asked for.
		const [ failed, setFailed ] = useState( '' );
		const toggle = () => {
			setFailed( '' );
			setFrame( null === frame ? '' : null );
			if ( null === frame ) {
				wp.apiFetch( { path: '/read-also/v1/posts/' + given.post + '/why' } )
					.then( ( { address } ) => setFrame( ( before ) => ( null === before ? null : address ) ) )
					.catch( ( error ) => {
						setFrame( null );
						setFailed( ( error && error.message ) || words.failed );
					} );
			}
		};
		return el( 'div', { className: 'read-also-reasons' },
			el( Button, { variant: 'secondary', onClick: toggle, 'aria-expanded': null !== frame }, words.why ),
			'' === frame ? el( Spinner ) : null,
			failed ? el( 'p', { className: 'read-also-fault', role: 'alert' }, failed ) : null,
			frame ? el( Fragment, null,
				el( 'iframe', { src: frame, title: words.whyFrame, sandbox: '', referrerPolicy: 'no-referrer' } ),
				el( 'a', { href: frame, target: '_blank', rel: 'noopener noreferrer' }, words.whyOpen ) ) : null );
	}

	/** "No list here" or "never in other lists", with its times. */
	function Flag( { flag, label, choices, host } ) {
		const [ timing, setTiming ] = useState( false );
		const { from, until } = timesOfFlag( choices, flag );
		const set = ( value, begin, end ) => host.setChoices( chosen.setFlag( choices, flag, value, begin, end ) );
		const when = choices[ flag ] ? whenOf( { from, until }, '' ) : '';
		return el( 'div', { className: 'read-also-flag' },
			el( 'div', { className: 'read-also-switch' },
				el( ToggleControl, { label, checked: choices[ flag ], disabled: ! host.mayChoose, __nextHasNoMarginBottom: true, onChange: ( value ) => set( value, '', '' ) } ),
				host.mayChoose && choices[ flag ] ? el( Clock, { of: label, timing, setTiming } ) : null ),
			when ? el( 'div', { className: 'read-also-why' }, when ) : null,
			host.mayChoose && choices[ flag ] && timing ? el( Times, { from, until, onChange: ( begin, end ) => set( true, begin, end ) } ) : null );
	}

	function Status( { state, rows } ) {
		const { answer, busy, failed, again } = state;
		if ( failed ) {
			return el( Notice, { status: 'error', isDismissible: false, actions: [ { label: words.again, onClick: again } ] }, failed );
		}
		return el( Fragment, null,
			answer && answer.note ? el( Notice, { status: 'info', isDismissible: false, className: 'read-also-note' }, answer.note,
				given.setUp && answer.setUp ? el( 'p', null, el( 'a', { href: given.setUp }, words.setUp ) ) : null ) : null,
			! answer && busy ? el( 'p', { className: 'read-also-about' }, el( Spinner ), ' ', words.asking ) : null,
			answer && answer.live && ! busy && ! rows.length ? el( 'p', { className: 'read-also-about' }, words.none ) : null );
	}

	/* --- The whole --- */

	/** What can be done with the rows; each says what it did, and the focus stays with the article or near it. */
	function usePanel( host, rows, known ) {
		const root = useRef();
		const focus = useRef();
		const [ drag, setDrag ] = useState( { row: null, over: -1 } );
		useEffect( () => {
			if ( focus.current && root.current ) {
				const { key, acts } = focus.current;
				const found = acts.map( ( act ) => root.current.querySelector( '[data-key="' + key + '"] [data-act="' + act + '"]:not([disabled])' ) );
				( found.find( Boolean ) || root.current ).focus();
				focus.current = null;
			}
		} );
		function choose( next, said, row, key, acts ) {
			known[ keyOf( row ) ] = { ...row, pin: undefined, block: undefined };
			focus.current = { key: window.CSS.escape( key ), acts };
			host.setChoices( next );
			wp.a11y.speak( said );
		}
		const neighbour = ( row ) => {
			const at = placeOf( rows, row );
			const next = rows[ at + 1 ] || rows[ at - 1 ];
			return next ? keyOf( next ) : '';
		};
		const pinAt = ( row, place, act ) => {
			const next = chosen.pin( host.choices, row, place );
			choose( next, sprintf( words.movedTo, row.title, placeOf( next.pins, row ) + 1 ), row, keyOf( row ), [ act, 'down', 'up', 'unpin' ] );
		};
		return {
			root,
			over: drag.over,
			mayChoose: host.mayChoose,
			pinAt,
			unpin: ( row ) => choose( chosen.unpin( host.choices, row ), sprintf( words.unpinnedIt, row.title ), row, keyOf( row ), [ 'pin' ] ),
			block: ( row ) => choose( chosen.block( host.choices, row ), sprintf( words.blockedIt, row.title ), row, neighbour( row ), [ 'block' ] ),
			allow: ( row ) => choose( chosen.allow( host.choices, row ), sprintf( words.allowedIt, row.title ), row, '', [] ),
			limitTime: ( kind, row, from, until ) => host.setChoices( chosen.limitTime( host.choices, kind, row, from, until ) ),
			dragging: ( row, place ) => ! host.mayChoose ? {} : {
				draggable: true,
				onDragStart: ( event ) => {
					event.dataTransfer.setData( 'text/plain', row.title );
					event.dataTransfer.effectAllowed = 'move';
					setDrag( { row, over: -1 } );
				},
				onDragEnd: () => setDrag( { row: null, over: -1 } ),
				onDragOver: ( event ) => {
					if ( drag.row ) {
						event.preventDefault();
						event.stopPropagation();
						if ( drag.over !== place ) {
							setDrag( { ...drag, over: place } );
						}
					}
				},
				onDrop: ( event ) => {
					if ( drag.row ) {
						event.preventDefault();
						event.stopPropagation();
						const from = placeOf( rows, drag.row );
						const target = Math.min( from >= 0 && from < place ? place + 1 : place, host.choices.pins.length );
						pinAt( drag.row, target, 'unpin' );
						setDrag( { row: null, over: -1 } );
					}
				},
			},
		};
	}

	/** Where nothing may be chosen, what is chosen comes with the answer. */
	function choicesIn( answer ) {
		const all = answer || { pins: [], blocks: [] };
		return { ...given.choices, pins: given.choices.pins.filter( ( one ) => placeOf( all.pins, one ) >= 0 ) };
	}

	/**
	 * The panel. A host has `draft()` (title, content, excerpt, terms), `watched` (values that change with
	 * it), `choices`, `setChoices`, `mayChoose`, and `undo`, null where nothing is to be undone, if its editor
	 * has no undo of its own; with `brief` only the list and the warning are shown.
	 */
	function Panel( host ) {
		const state = useAnswer( host );
		const known = useRef( {} ).current;
		const choices = host.mayChoose ? host.choices : choicesIn( state.answer );
		if ( state.answer ) {
			[ 'items', 'pins', 'blocks' ].forEach( ( kind ) => state.answer[ kind ].forEach( ( row ) => {
				known[ keyOf( row ) ] = row;
			} ) );
		}
		const rows = rowsOf( state.answer, choices, known );
		const panel = usePanel( { ...host, choices }, rows, known );
		const off = choices.no_list && 'now' === stateOf( timesOfFlag( choices, 'no_list' ) );
		const flag = ( name, label ) => el( Flag, { flag: name, label, choices, host } );
		return el( 'div', { className: 'read-also-panel' + ( state.busy ? ' is-busy' : '' ), ref: panel.root, tabIndex: -1, 'aria-busy': state.busy },
			host.mayChoose && undefined !== host.undo ? el( Button, { className: 'read-also-undo', variant: 'tertiary', icon: 'undo', disabled: ! host.undo, onClick: host.undo,
				label: words.undo, showTooltip: true, shortcut: wp.keycodes.displayShortcut.primary( 'z' ) }, words.undo ) : null,
			el( Duplicates, { rows: state.answer ? state.answer.duplicates : [] } ),
			off ? el( Notice, { status: 'info', isDismissible: false }, words.off )
				: el( Fragment, null,
					host.brief ? null : el( 'p', { className: 'read-also-intro' }, state.answer && state.answer.live ? words.intro : words.introSaved, ' ',
						host.mayChoose ? words.dragHelp : words.readOnly ),
					el( Status, { state, rows } ),
					el( Rows, { rows, panel: host.brief ? { ...panel, mayChoose: false, dragging: () => ( {} ) } : panel } ),
					given.explains && ! host.brief ? el( Reasons ) : null,
					host.mayChoose && ! host.brief ? el( Search, { choices, onPin: ( row ) => panel.pinAt( row, choices.pins.length, 'unpin' ) } ) : null,
					host.brief ? null : el( Blocked, { rows: choices.blocks.map( ( one ) => ( { ...( known[ keyOf( one ) ] || one ), block: one } ) ), panel } ) ),
			host.brief ? null : el( 'div', { className: 'read-also-flags' }, el( 'span', { className: 'read-also-label' }, words.settings ),
				flag( 'no_list', words.noList ), flag( 'never', words.never ) ) );
	}

	window.readAlsoPanel = Panel;
}( window.wp, window.readAlsoEditor, window.readAlsoChoices ) );
