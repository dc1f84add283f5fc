/* The settings page, and the hint that leads to it. No build step: browsers run this file as it is. */
( function () {
	'use strict';

	const AGAIN_MILLISECONDS = 10000; // After a service that did not answer.
	const IDLE_MILLISECONDS = 2000; // After a step in which nothing was sent: another request sends, or all is on hold.
	const { ajax, nonce, saved, expired, odd } = window.readAlsoSettings;

	/** Ask WordPress to do something; what it answers. */
	async function ask( what, fields ) {
		const form = new FormData();
		form.append( 'action', 'read_also_' + what );
		form.append( '_ajax_nonce', nonce );
		Object.entries( fields || {} ).forEach( ( [ name, value ] ) => form.append( name, value ) );
		const answer = await fetch( ajax, { method: 'POST', body: form, credentials: 'same-origin' } );
		const said = await answer.json().catch( () => null );
		if ( said && said.success ) {
			return said.data;
		}
		if ( said && said.data && said.data.text ) {
			throw new Error( said.data.text );
		}
		throw new Error( 403 === answer.status ? expired : odd + ' ' + answer.status );
	}

	/** What is typed into fields of the form, by the names that they have there. */
	function typed( ids ) {
		const fields = ids.map( ( id ) => document.getElementById( id ) );
		return Object.fromEntries( fields.filter( ( one ) => one && ! one.disabled ).map( ( one ) => [ one.name, one.value ] ) );
	}

	function wireTest( button, place ) {
		button.addEventListener( 'click', async () => {
			button.disabled = true;
			place.textContent = '…';
			place.className = '';
			try {
				const found = await ask( 'test', typed( [ 'read-also-url', 'read-also-key' ] ) );
				place.textContent = found.text;
				place.className = 'notice inline notice-' + ( found.fine ? 'success' : 'error' );
			} catch ( error ) {
				place.textContent = error.message;
				place.className = 'notice inline notice-error';
			}
			button.disabled = false;
		} );
	}

	function wirePush( panel, whenDone ) {
		const bar = panel.querySelector( 'progress' );
		const words = panel.querySelector( '.read-also-progress' );
		const buttons = Object.fromEntries( [ ...panel.querySelectorAll( '[data-step]' ) ].map( ( one ) => [ one.dataset.step, one ] ) );
		let turn = 0; // Only the loop that began last goes on and shows something.

		function show( state ) {
			const under = state.left > 0;
			const next = document.getElementById( 'read-also-next' );
			if ( under && next ) {
				next.remove(); // It asks for what is under way.
			}
			bar.hidden = ! under;
			bar.max = Math.max( 1, state.total );
			bar.value = state.total - state.left;
			words.textContent = state.text;
			buttons.start.hidden = under && ! state.held;
			buttons.stop.hidden = ! under || state.held;
			buttons.resume.hidden = ! under || ! state.held;
		}

		/** Take a step, and then one after the other while posts are left and nobody stops it. */
		async function go( first ) {
			const mine = ++turn;
			let step = first;
			let left = -1;
			while ( mine === turn ) {
				try {
					const state = await ask( 'push', { step } );
					if ( mine !== turn ) {
						return;
					}
					show( state );
					if ( ! state.left ) {
						whenDone();
					}
					if ( ! state.left || state.held ) {
						return;
					}
					if ( ! state.there || state.left === left ) {
						await new Promise( ( done ) => setTimeout( done, state.there ? IDLE_MILLISECONDS : AGAIN_MILLISECONDS ) );
					}
					left = state.left;
					step = 'go';
				} catch ( error ) {
					words.textContent = error.message;
					return;
				}
			}
		}

		Object.entries( buttons ).forEach( ( [ step, button ] ) => button.addEventListener( 'click', () => go( step ) ) );
		const state = JSON.parse( panel.dataset.state );
		show( state );
		if ( state.left && ! state.held ) {
			go( 'go' );
		}
	}

	/** Show a page in a frame that is as high as it; links and scripts of it do nothing. */
	function fill( frame, page ) {
		frame.onload = () => {
			frame.style.blockSize = frame.contentDocument.documentElement.scrollHeight + 'px';
		};
		frame.hidden = ! page;
		frame.srcdoc = page;
	}

	function wirePreview( place, layout, limit ) {
		const frame = place.querySelector( 'iframe' );
		const words = place.querySelector( '[role=status]' );
		let turn = 0; // Only what was chosen last is shown.

		async function show() {
			const mine = ++turn;
			try {
				const found = await ask( 'preview', { layout: layout.value, limit: limit.value } );
				if ( mine === turn ) {
					words.textContent = found.text;
					fill( frame, found.page );
				}
			} catch ( error ) {
				words.textContent = error.message;
			}
		}
		layout.addEventListener( 'change', show );
		limit.addEventListener( 'change', show );
		show();
		return show;
	}

	function wirePeer( panel ) {
		const peer = panel.dataset.peer;
		const words = panel.querySelector( '.read-also-said' );
		const pair = panel.querySelector( '.read-also-pair' );
		let place = -1; // Of the post among the recent ones; each press shows the next.

		async function compare() {
			const found = await ask( 'compare', { peer, place: ++place } );
			words.textContent = found.text;
			pair.hidden = false;
			const [ theirs, ours ] = pair.querySelectorAll( 'iframe' );
			fill( theirs, found.theirs );
			fill( ours, found.ours );
		}

		async function take() {
			let after = 0;
			do {
				const done = await ask( 'take', { peer, after } );
				words.textContent = done.text;
				after = done.after;
			} while ( after );
		}

		const actions = { compare, take };
		panel.querySelectorAll( '[data-does]' ).forEach( ( button ) => button.addEventListener( 'click', async () => {
			button.disabled = true;
			await actions[ button.dataset.does ]().catch( ( error ) => {
				words.textContent = error.message;
			} );
			button.disabled = false;
		} ) );
	}

	const test = document.getElementById( 'read-also-test' );
	const panel = document.getElementById( 'read-also-push' );
	const hint = document.getElementById( 'read-also-hint' );
	if ( panel ) { // The settings page.
		const url = document.getElementById( 'read-also-url' );
		const layout = document.getElementById( 'read-also-layout' );
		wireTest( test, document.getElementById( 'read-also-tested' ) );
		if ( saved && url.value ) {
			test.click();
		}
		wirePush( panel, wirePreview( document.getElementById( 'read-also-preview' ), layout, document.getElementById( 'read-also-limit' ) ) );
	}
	document.querySelectorAll( '.read-also-peer' ).forEach( wirePeer );
	if ( hint ) { // WordPress adds the button that closes it later.
		hint.addEventListener( 'click', ( event ) => {
			if ( event.target.closest( '.notice-dismiss' ) ) {
				ask( 'hint' ).catch( () => {} ); // It comes back on the next page: nothing is lost.
			}
		} );
	}
} )();
