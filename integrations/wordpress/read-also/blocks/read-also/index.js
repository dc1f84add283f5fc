/* The block "Read also" in the editor: its settings, and the list as the server would print it now. */
( function ( wp ) {
	var el = wp.element.createElement;
	var __ = wp.i18n.__;
	var controls = wp.components;

	/* In the order of the service's documentation; an empty value is the one of Settings, Read Also. */
	var LAYOUTS = [
		[ '', __( 'As set for the site', 'read-also' ) ],
		[ 'list', __( 'Headlines', 'read-also' ) ],
		[ 'list-thumbs', __( 'Headlines with small pictures', 'read-also' ) ],
		[ 'cards', __( 'Cards', 'read-also' ) ],
		[ 'compact', __( 'Compact, within a text', 'read-also' ) ],
	];
	var MODES = [
		[ '', __( 'The most related', 'read-also' ) ],
		[ 'background', __( 'Background: only what is older', 'read-also' ) ],
		[ 'latest', __( 'The same story, the newest first', 'read-also' ) ],
	];
	var PICTURED = [ '', 'list-thumbs', 'cards' ];

	/* "City,-Arts\, Culture" is { only: [ "City" ], without: [ "Arts, Culture" ] }. */
	function parseSections( text ) {
		var found = { only: [], without: [] };
		( ( text || '' ).match( /(?:\\.|[^,\\])+/g ) || [] ).forEach( function ( part ) {
			var name = part.trim();
			var list = name.charAt( 0 ) === '-' ? found.without : found.only;
			name = name.replace( /^-/, '' ).replace( /\\(.)/g, '$1' );
			if ( name ) {
				list.push( name );
			}
		} );
		return found;
	}

	function joinSections( found ) {
		function escaped( name ) {
			return name.replace( /[\\,]/g, '\\$&' ).replace( /^-/, '\\-' );
		}
		var without = found.without.map( function ( name ) {
			return '-' + escaped( name );
		} );
		return found.only.map( escaped ).concat( without ).join( ',' ) || undefined;
	}

	function options( pairs ) {
		return pairs.map( function ( pair ) {
			return { value: pair[ 0 ], label: pair[ 1 ] };
		} );
	}

	/* The names of all categories, for suggestions. */
	function useSections() {
		return wp.data.useSelect( function ( select ) {
			var terms = select( 'core' ).getEntityRecords( 'taxonomy', 'category', { per_page: 100, _fields: 'id,name' } );
			return ( terms || [] ).map( function ( term ) {
				return wp.htmlEntities.decodeEntities( term.name );
			} );
		}, [] );
	}

	/* What newer versions of WordPress make the default. */
	var NEXT = { __nextHasNoMarginBottom: true, __next40pxDefaultSize: true };

	function control( type, props ) {
		return el( type, Object.assign( {}, NEXT, props ) );
	}

	function Appearance( props ) {
		var given = props.attributes;
		var set = props.setAttributes;
		var pictured = given.images === undefined ? PICTURED.indexOf( given.layout || '' ) >= 0 : given.images;
		return el(
			controls.PanelBody,
			{ title: __( 'Appearance', 'read-also' ) },
			control( controls.SelectControl, {
				label: __( 'Layout', 'read-also' ),
				value: given.layout || '',
				options: options( LAYOUTS ),
				onChange: function ( value ) {
					set( { layout: value || undefined, images: undefined } );
				},
			} ),
			control( controls.ToggleControl, {
				label: __( 'Pictures', 'read-also' ),
				checked: pictured,
				onChange: function ( value ) {
					set( { images: value } );
				},
			} ),
			control( controls.TextControl, {
				label: __( 'Heading', 'read-also' ),
				help: __( 'If it is empty, it stands in the language of the article.', 'read-also' ),
				value: given.heading || '',
				maxLength: 100,
				onChange: function ( value ) {
					set( { heading: value || undefined } );
				},
			} )
		);
	}

	function Selection( props ) {
		var given = props.attributes;
		var set = props.setAttributes;
		var names = useSections();
		var found = parseSections( given.section );
		function sections( which, label ) {
			return el(
				'div',
				{ style: { marginBottom: 16 } },
				control( controls.FormTokenField, {
					label: label,
					value: found[ which ],
					suggestions: names,
					__experimentalShowHowTo: false,
					__experimentalExpandOnFocus: true,
					onChange: function ( value ) {
						var changed = Object.assign( {}, found );
						changed[ which ] = value;
						set( { section: joinSections( changed ) } );
					},
				} )
			);
		}
		return el(
			controls.PanelBody,
			{ title: __( 'Articles', 'read-also' ) },
			control( controls.RangeControl, {
				label: __( 'Number of articles', 'read-also' ),
				value: given.limit,
				min: 1,
				max: 20,
				allowReset: true,
				onChange: function ( value ) {
					set( { limit: value } );
				},
			} ),
			control( controls.SelectControl, {
				label: __( 'Which ones', 'read-also' ),
				value: given.mode || '',
				options: options( MODES ),
				onChange: function ( value ) {
					set( { mode: value || undefined } );
				},
			} ),
			sections( 'only', __( 'Only from these sections', 'read-also' ) ),
			sections( 'without', __( 'Not from these sections', 'read-also' ) )
		);
	}

	function Edit( props ) {
		var post = props.context.postId;
		return el(
			'div',
			wp.blockEditor.useBlockProps(),
			el(
				wp.blockEditor.InspectorControls,
				null,
				el( Appearance, props ),
				el( Selection, props )
			),
			el(
				controls.Disabled,
				null,
				el( wp.serverSideRender, {
					block: props.name,
					attributes: props.attributes,
					skipBlockSupportAttributes: true,
					urlQueryArgs: typeof post === 'number' ? { post_id: post } : {},
				} )
			)
		);
	}

	/* [read-also limit="6"] becomes a block. */
	function fromShortcode( name, type, read ) {
		return {
			type: type,
			shortcode: function ( given ) {
				return given.named[ name ] && read ? read( given.named[ name ] ) : given.named[ name ];
			},
		};
	}

	wp.blocks.registerBlockType( 'read-also/list', {
		edit: Edit,
		save: function () {
			return null;
		},
		transforms: {
			from: [
				{
					type: 'shortcode',
					tag: 'read-also',
					attributes: {
						limit: fromShortcode( 'limit', 'number', Number ),
						layout: fromShortcode( 'layout', 'string' ),
						mode: fromShortcode( 'mode', 'string' ),
						images: fromShortcode( 'images', 'boolean', function ( text ) {
							return [ '1', 'true', 'yes', 'on' ].indexOf( text ) >= 0;
						} ),
						section: fromShortcode( 'section', 'string' ),
						heading: fromShortcode( 'heading', 'string' ),
					},
				},
			],
		},
	} );
} )( window.wp );
