/** The panel in a box under the post: it reads the form of the classic editor, and writes into a hidden field of it. */
( function ( wp, given, Panel, $ ) {
	'use strict';

	const { createElement: el, useEffect, useRef, useState } = wp.element;
	const box = document.getElementById( 'read-also-box' );
	const field = document.getElementById( 'read-also-choices' );
	const value = ( id ) => {
		const found = document.getElementById( id );
		return found ? found.value : undefined;
	};

	/** The text, from the visual editor where that is open. */
	function content() {
		const visual = window.tinymce && window.tinymce.get( 'content' );
		return visual && ! visual.isHidden() ? visual.getContent() : value( 'content' );
	}

	/** Boxes that are ticked, or names that are typed with commas between them. */
	function terms() {
		const found = {};
		Object.keys( given.taxonomies ).forEach( ( name ) => {
			const ticked = document.querySelectorAll( '#' + name + 'checklist input:checked' );
			const names = value( 'tax-input-' + name );
			if ( undefined !== names ) {
				found[ name ] = names.split( ',' ).map( ( one ) => one.trim() ).filter( Boolean );
			} else if ( document.getElementById( name + 'checklist' ) ) {
				found[ name ] = Array.from( ticked ).map( ( one ) => Number( one.value ) );
			}
		} );
		return found;
	}

	/** What the form shows, or the block editor above it, whose terms count once they are saved. */
	function draft() {
		const editor = wp.data && wp.data.select( 'core/editor' );
		const shown = editor && editor.getCurrentPostId()
			? { title: editor.getEditedPostAttribute( 'title' ), content: editor.getEditedPostContent(), excerpt: editor.getEditedPostAttribute( 'excerpt' ) }
			: { title: value( 'title' ), content: content(), excerpt: value( 'excerpt' ), terms: terms() };
		return Object.fromEntries( Object.entries( shown ).filter( ( [ , one ] ) => undefined !== one ) );
	}

	/** Ctrl+Z, on a keyboard of other letters too, where the key has no letter of the alphabet. */
	function isUndo( event ) {
		const isKey = 'z' === event.key.toLowerCase() || ( 'KeyZ' === event.code && ! /^[a-z]$/i.test( event.key ) );
		return isKey && ( event.ctrlKey || event.metaKey ) && ! event.shiftKey && ! event.target.matches( 'input:not([type="checkbox"])' );
	}

	/** The key undoes while the focus is in the box, but for a field of words, which has an undo of its own; the focus stays in the box. */
	function useUndoKey( undo, steps ) {
		const before = useRef( 1 );
		useEffect( () => {
			const onKey = ( event ) => {
				if ( isUndo( event ) ) {
					event.preventDefault();
					event.stopPropagation();
					if ( undo ) {
						undo();
					}
				}
			};
			box.addEventListener( 'keydown', onKey );
			return () => box.removeEventListener( 'keydown', onKey );
		} );
		useEffect( () => {
			if ( before.current > steps.length && ! box.contains( document.activeElement ) ) { // What had it is gone.
				box.querySelector( '.read-also-panel' ).focus();
			}
			before.current = steps.length;
		}, [ steps ] );
	}

	function HostedPanel() {
		const [ steps, setSteps ] = useState( [ given.choices ] ); // What was chosen one after another; the last one holds.
		const choices = steps[ steps.length - 1 ];
		const setChoices = ( next ) => setSteps( ( before ) => before.concat( [ next ] ) );
		const undo = steps.length < 2 ? null : () => {
			setSteps( steps.slice( 0, -1 ) );
			wp.a11y.speak( given.words.undone );
		};
		useUndoKey( undo, steps );
		const [ version, setVersion ] = useState( '' );
		useEffect( () => {
			const look = () => setVersion( JSON.stringify( draft() ) );
			const timer = setInterval( look, 1500 ); // The visual editor and other boxes tell of no change.
			return () => clearInterval( timer );
		}, [] );
		useEffect( () => {
			if ( field && field.value !== JSON.stringify( choices ) ) {
				field.value = JSON.stringify( choices );
				$( field ).trigger( 'change' );
			}
		}, [ choices ] );
		return el( Panel, { draft, watched: [ version ], choices, setChoices, undo, mayChoose: given.mayChoose && !! field } );
	}

	if ( box ) {
		if ( wp.element.createRoot ) {
			wp.element.createRoot( box ).render( el( HostedPanel ) );
		} else {
			wp.element.render( el( HostedPanel ), box ); // Before WordPress 6.2.
		}
	}
}( window.wp, window.readAlsoEditor, window.readAlsoPanel, window.jQuery ) );
