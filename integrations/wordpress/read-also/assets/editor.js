/** The panel in the block editor: a sidebar of its own, and a look at the list before publishing. */
( function ( wp, given, Panel ) {
	'use strict';

	const { createElement: el, Fragment } = wp.element;
	const { useDispatch, useSelect, select } = wp.data;
	// Since WordPress 6.6 in wp.editor, before in wp.editPost.
	const slots = wp.editor && wp.editor.PluginSidebar ? wp.editor : wp.editPost;
	const META = '_read_also';
	const icon = 'list-view';

	/** The text and the terms as they are in the editor now. */
	function draft() {
		const editor = select( 'core/editor' );
		const terms = {};
		Object.keys( given.taxonomies ).forEach( ( name ) => {
			terms[ name ] = editor.getEditedPostAttribute( given.taxonomies[ name ] ) || [];
		} );
		return {
			title: editor.getEditedPostAttribute( 'title' ) || '',
			content: editor.getEditedPostContent(),
			excerpt: editor.getEditedPostAttribute( 'excerpt' ) || '',
			terms,
		};
	}

	/** The panel with what this editor knows; choices are edits of the post, so they are saved and undone with it. */
	function HostedPanel( { brief } ) {
		const { editPost } = useDispatch( 'core/editor' );
		const { watched, choices } = useSelect( ( get ) => {
			const editor = get( 'core/editor' );
			const meta = editor.getEditedPostAttribute( 'meta' );
			const terms = Object.values( given.taxonomies ).map( ( base ) => ( editor.getEditedPostAttribute( base ) || [] ).join() );
			return {
				watched: [ editor.getEditedPostAttribute( 'title' ), editor.getEditedPostAttribute( 'excerpt' ), terms.join( ' ' ),
					get( 'core/block-editor' ).getBlocks(), editor.getCurrentPostAttribute( 'modified' ) ],
				choices: meta && meta[ META ],
			};
		}, [] );
		return el( Panel, {
			brief,
			draft,
			watched,
			choices: choices || given.choices,
			mayChoose: given.mayChoose && !! choices,
			setChoices: ( next ) => editPost( { meta: { [ META ]: next } } ),
		} );
	}

	wp.plugins.registerPlugin( 'read-also', {
		icon,
		render: () => el( Fragment, null,
			el( slots.PluginSidebarMoreMenuItem, { target: 'read-also', icon }, given.words.name ),
			el( slots.PluginSidebar, { name: 'read-also', title: given.words.name, icon }, el( HostedPanel ) ),
			el( slots.PluginPrePublishPanel, { title: given.words.name, initialOpen: true, icon: null }, el( HostedPanel, { brief: true } ) ) ),
	} );
}( window.wp, window.readAlsoEditor, window.readAlsoPanel ) );
