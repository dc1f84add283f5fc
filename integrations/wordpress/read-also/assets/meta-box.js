/** The panel in a box under the post: it reads the form of the classic editor, and writes into a hidden field of it. */
( function ( wp, given, Panel, $ ) {
	'use strict';

	const { createElement: el, useEffect, useState } = wp.element;
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

	function HostedPanel() {
		const [ choices, setChoices ] = useState( given.choices );
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
		return el( Panel, { draft, watched: [ version ], choices, setChoices, mayChoose: given.mayChoose && !! field } );
	}

	if ( box ) {
		if ( wp.element.createRoot ) {
			wp.element.createRoot( box ).render( el( HostedPanel ) );
		} else {
			wp.element.render( el( HostedPanel ), box ); // Before WordPress 6.2.
		}
	}
}( window.wp, window.readAlsoEditor, window.readAlsoPanel, window.jQuery ) );
