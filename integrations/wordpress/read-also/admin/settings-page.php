<?php
/** The page under Settings. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

add_action( 'admin_init', __NAMESPACE__ . '\\register' );
add_action( 'admin_menu', __NAMESPACE__ . '\\add_page' );
add_action( 'wp_ajax_read_also_test', __NAMESPACE__ . '\\answer_test' );

function register() {
	register_setting( 'read_also', 'read_also', array( 'type' => 'object', 'sanitize_callback' => __NAMESPACE__ . '\\sanitize' ) );
}

function add_page() {
	$page = add_options_page( __( 'Read Also', 'read-also' ), __( 'Read Also', 'read-also' ), 'manage_options', 'read-also', __NAMESPACE__ . '\\print_page' );
	add_action( "load-$page", __NAMESPACE__ . '\\load_page_files' );
}

/** The script and the style of the page, and of the hint that leads to it. */
function load_page_files() {
	$folder = plugin_dir_path( PLUGIN_FILE );
	wp_enqueue_style( 'read-also-settings', plugins_url( 'assets/settings.css', PLUGIN_FILE ), array(), (string) filemtime( "$folder/assets/settings.css" ) );
	wp_enqueue_script( 'read-also-settings', plugins_url( 'assets/settings.js', PLUGIN_FILE ), array(), (string) filemtime( "$folder/assets/settings.js" ), true );
	$given = array(
		'ajax'    => admin_url( 'admin-ajax.php' ),
		'nonce'   => wp_create_nonce( 'read_also' ),
		'saved'   => isset( $_GET['settings-updated'] ), // Nothing is done with it but a test.
		'expired' => __( 'This page is too old. Load it again.', 'read-also' ),
		'odd'     => __( 'WordPress did not answer as expected:', 'read-also' ),
	);
	wp_add_inline_script( 'read-also-settings', 'window.readAlsoSettings = ' . wp_json_encode( $given ) . ';', 'before' );
}

function print_page() {
	if ( ! current_user_can( 'manage_options' ) ) {
		return;
	}
	$set = settings();
	?>
	<div class="wrap read-also-settings">
	<h1><?php esc_html_e( 'Read Also', 'read-also' ); ?></h1>
	<?php print_next_step(); ?>
	<form method="post" action="options.php">
	<?php settings_fields( 'read_also' ); ?>
	<h2><?php esc_html_e( '1. The service', 'read-also' ); ?></h2>
	<table class="form-table" role="presentation"><?php print_connection( $set ); ?></table>
	<h2><?php esc_html_e( '2. What is sent', 'read-also' ); ?></h2>
	<table class="form-table" role="presentation"><?php print_articles( $set ); ?></table>
	<h2><?php esc_html_e( '3. The list', 'read-also' ); ?></h2>
	<table class="form-table" role="presentation"><?php print_list_settings( $set ); ?></table>
	<?php submit_button(); ?>
	</form>
	<?php print_push(); ?>
	<?php print_peers(); ?>
	</div>
	<?php
}

/** What to do after the address was set: as far as is known, nothing was sent yet. */
function print_next_step() {
	if ( configured() && false === get_option( 'read_also_full_push' ) ) {
		printf(
			'<div class="notice notice-info inline" id="read-also-next"><p>%s <a href="#read-also-push">%s</a></p></div>',
			esc_html__( 'Lists need the posts that are here already.', 'read-also' ),
			esc_html__( 'Push all posts once.', 'read-also' )
		);
	}
}

function print_connection( array $set ) {
	$fixed   = defined( 'READ_ALSO_URL' );
	$has_key = '' !== $set['key'];
	?>
	<tr><th scope="row"><label for="read-also-url"><?php esc_html_e( 'Address of the service', 'read-also' ); ?></label></th>
	<td><input type="url" class="regular-text code" id="read-also-url" name="read_also[url]" value="<?php echo esc_attr( $set['url'] ); ?>" placeholder="http://127.0.0.1:8080"<?php disabled( $fixed ); ?>>
	<?php if ( $fixed ) : ?>
	<p class="description"><?php esc_html_e( 'Address and key are set by READ_ALSO_URL and READ_ALSO_KEY in wp-config.php.', 'read-also' ); ?></p>
	<?php endif; ?></td></tr>
	<tr><th scope="row"><label for="read-also-key"><?php esc_html_e( 'Key', 'read-also' ); ?></label></th>
	<td><input type="password" class="regular-text code" id="read-also-key" name="read_also[key]" value="" autocomplete="off" placeholder="<?php echo esc_attr( $has_key ? '••••••••••••' : '' ); ?>"<?php disabled( $fixed ); ?>>
	<p class="description"><?php echo esc_html( $has_key ? __( 'A key is set. Leave this empty to keep it.', 'read-also' ) : __( 'Made on the service\'s machine by: read-also keys add wordpress --scopes lists+write', 'read-also' ) ); ?></p>
	<?php if ( $has_key && ! $fixed ) : ?>
	<label><input type="checkbox" name="read_also[forget]" value="1"> <?php esc_html_e( 'Forget the key', 'read-also' ); ?></label>
	<?php endif; ?></td></tr>
	<tr><th scope="row"><?php esc_html_e( 'Connection', 'read-also' ); ?></th>
	<td><button type="button" class="button" id="read-also-test"><?php esc_html_e( 'Test the connection', 'read-also' ); ?></button>
	<p id="read-also-tested" role="status"></p></td></tr>
	<?php
}

/** By name the labels of the types that may be articles. */
function public_types(): array {
	return wp_list_pluck( array_diff_key( get_post_types( array( 'public' => true ), 'objects' ), array( 'attachment' => 0 ) ), 'label', 'name' );
}

function print_articles( array $set ) {
	$terms = wp_list_pluck( usable_taxonomies(), 'label', 'name' );
	?>
	<tr><th scope="row"><?php esc_html_e( 'Post types', 'read-also' ); ?></th>
	<td><?php print_choices( __( 'Post types', 'read-also' ), 'types', public_types(), $set['types'] ); ?>
	<p class="description"><?php esc_html_e( 'Published posts of these types are articles, if they have no password.', 'read-also' ); ?></p></td></tr>
	<tr><th scope="row"><label for="read-also-section"><?php esc_html_e( 'Section', 'read-also' ); ?></label></th>
	<td><select id="read-also-section" name="read_also[section_taxonomy]">
	<option value=""><?php esc_html_e( 'None', 'read-also' ); ?></option>
	<?php foreach ( $terms as $name => $label ) : ?>
	<option value="<?php echo esc_attr( $name ); ?>"<?php selected( $set['section_taxonomy'], $name ); ?>><?php echo esc_html( "$label ($name)" ); ?></option>
	<?php endforeach; ?>
	</select>
	<p class="description"><?php esc_html_e( 'The first term of a post here is the section of the article.', 'read-also' ); ?></p></td></tr>
	<tr><th scope="row"><?php esc_html_e( 'Tags', 'read-also' ); ?></th>
	<td><?php print_choices( __( 'Tags', 'read-also' ), 'tag_taxonomies', $terms, $set['tag_taxonomies'] ); ?></td></tr>
	<tr><th scope="row"><?php esc_html_e( 'Never recommended', 'read-also' ); ?></th>
	<td><?php print_sections( __( 'Never recommended', 'read-also' ), 'excluded_terms', $set ); ?>
	<p class="description"><?php esc_html_e( 'Posts with a ticked term are in no list. They are sent, and have lists of their own. A subsection is ticked for itself.', 'read-also' ); ?></p></td></tr>
	<tr><th scope="row"><?php esc_html_e( 'Without a list', 'read-also' ); ?></th>
	<td><?php print_sections( __( 'Without a list', 'read-also' ), 'no_list_terms', $set ); ?>
	<p class="description"><?php esc_html_e( 'Posts with a ticked term have no list on their pages. They are sent, and may be in lists of others.', 'read-also' ); ?></p></td></tr>
	<?php
}

/** Boxes to tick, by value their labels; `depths` says how far one stands to the right. */
function print_choices( string $legend, string $name, array $labels, array $chosen, array $depths = array() ) {
	echo '<fieldset><legend class="screen-reader-text">' . esc_html( $legend ) . '</legend>';
	foreach ( $labels as $value => $label ) {
		printf(
			'<label style="margin-inline-start:%1$dem"><input type="checkbox" name="read_also[%2$s][]" value="%3$s"%4$s> %5$s</label><br>',
			2 * (int) ( $depths[ $value ] ?? 0 ),
			esc_attr( $name ),
			esc_attr( $value ),
			checked( in_array( (string) $value, array_map( 'strval', $chosen ), true ), true, false ),
			esc_html( $label )
		);
	}
	echo '</fieldset>';
}

/** The terms of the section's taxonomy, and whatever else is ticked already. */
function print_sections( string $legend, string $name, array $set ) {
	$taxonomy = $set['section_taxonomy'];
	$terms    = taxonomy_exists( $taxonomy ) ? get_terms( array( 'taxonomy' => $taxonomy, 'hide_empty' => false ) ) : array();
	$labels   = in_a_tree( $terms ) + wp_list_pluck( $terms, 'name', 'term_id' ); // Those of a parent that is gone, too.
	$depths   = array();
	foreach ( array_keys( $labels ) as $id ) {
		$depths[ $id ] = count( get_ancestors( $id, $taxonomy, 'taxonomy' ) );
	}
	foreach ( $set[ $name ] as $id ) {
		$term = get_term( $id );
		if ( $term instanceof \WP_Term ) {
			$labels += array( $id => "$term->name ($term->taxonomy)" );
		}
	}
	echo '<div class="read-also-sections">';
	print_choices( $legend, $name, $labels, $set[ $name ], $depths );
	echo '</div>';
}

/** By id the names of terms, each behind the one that it belongs to. */
function in_a_tree( array $terms, int $parent = 0 ): array {
	$labels = array();
	foreach ( $terms as $term ) {
		if ( $term->parent === $parent ) {
			$labels += array( $term->term_id => $term->name ) + in_a_tree( $terms, $term->term_id );
		}
	}
	return $labels;
}

function print_list_settings( array $set ) {
	$types = public_types();
	?>
	<tr><th scope="row"><label for="read-also-limit"><?php esc_html_e( 'Articles in a list', 'read-also' ); ?></label></th>
	<td><input type="number" min="1" max="20" class="small-text" id="read-also-limit" name="read_also[limit]" value="<?php echo esc_attr( $set['limit'] ); ?>"></td></tr>
	<tr><th scope="row"><?php esc_html_e( 'Placement', 'read-also' ); ?></th>
	<td><label><input type="checkbox" name="read_also[place]" value="1"<?php checked( $set['place'] ); ?>> <?php esc_html_e( 'Under posts of these types, if they are sent:', 'read-also' ); ?></label>
	<div class="read-also-place"><input type="hidden" name="read_also[place_types][]" value="">
	<?php print_choices( __( 'Placement', 'read-also' ), 'place_types', $types, $set['place_types'] ?? array_keys( $types ) ); ?></div>
	<p class="description"><?php esc_html_e( 'The block "Read also" and the shortcode [read-also] work in any case.', 'read-also' ); ?></p></td></tr>
	<tr><th scope="row"><label for="read-also-layout"><?php esc_html_e( 'Layout', 'read-also' ); ?></label></th>
	<td><select id="read-also-layout" name="read_also[layout]">
	<?php foreach ( layout_names() as $name => $label ) : ?>
	<option value="<?php echo esc_attr( $name ); ?>"<?php selected( $set['layout'], $name ); ?>><?php echo esc_html( $label ); ?></option>
	<?php endforeach; ?>
	</select>
	<p><input type="hidden" name="read_also[style]" value="0">
	<label><input type="checkbox" name="read_also[style]" value="1"<?php checked( $set['style'] ); ?>> <?php esc_html_e( 'Load the stylesheet of the plugin. Without it the theme has to have one.', 'read-also' ); ?></label></p>
	<div id="read-also-preview"><p role="status"></p><iframe sandbox="allow-same-origin" title="<?php esc_attr_e( 'Preview of a list', 'read-also' ); ?>" hidden></iframe></div></td></tr>
	<?php print_limits( $set ); ?>
	<?php
}

/** What administrators call the layouts. */
function layout_names(): array {
	return array(
		'list'        => __( 'List', 'read-also' ),
		'list-thumbs' => __( 'List with small pictures', 'read-also' ),
		'cards'       => __( 'Cards', 'read-also' ),
		'compact'     => __( 'Compact: three lines', 'read-also' ),
	);
}

/** The push of all posts: how far it is, and buttons that the script shows when they are of use. */
function print_push() {
	$state   = progress( microtime( true ) );
	$trouble = get_option( 'read_also_trouble' );
	?>
	<h2><?php esc_html_e( '4. Push all posts', 'read-also' ); ?></h2>
	<p><?php esc_html_e( 'Once at the beginning. It goes on while this page is open, and by WP-Cron when it is closed. Afterwards every change is sent by itself.', 'read-also' ); ?></p>
	<div id="read-also-push" data-state="<?php echo esc_attr( wp_json_encode( $state ) ); ?>">
	<p><progress max="<?php echo esc_attr( max( 1, $state['total'] ) ); ?>" value="<?php echo esc_attr( $state['total'] - $state['left'] ); ?>" aria-label="<?php esc_attr_e( 'Posts that were sent', 'read-also' ); ?>" hidden></progress>
	<span class="read-also-progress"><?php echo esc_html( $state['text'] ); ?></span></p>
	<p><button type="button" class="button" data-step="start"><?php esc_html_e( 'Push all posts', 'read-also' ); ?></button>
	<button type="button" class="button" data-step="stop" hidden><?php esc_html_e( 'Stop', 'read-also' ); ?></button>
	<button type="button" class="button button-primary" data-step="resume" hidden><?php esc_html_e( 'Go on', 'read-also' ); ?></button></p>
	</div>
	<?php if ( is_array( $trouble ) ) : ?>
	<p><strong><?php esc_html_e( 'Last trouble:', 'read-also' ); ?></strong> <?php echo esc_html( wp_date( 'Y-m-d H:i:s', (int) $trouble['at'] ) . ' ' . $trouble['text'] ); ?></p>
	<?php endif; ?>
	<?php
}

/** Test what is typed on the page, as if it were saved; what is saved, where the fields are not of use. */
function answer_test() {
	admit();
	$typed = wp_unslash( $_POST['read_also'] ?? array() ); // The nonce was checked; address_and_key() looks at each field.
	if ( ! is_array( $typed ) || ! isset( $typed['url'] ) ) {
		wp_send_json_success( test_saved() );
	}
	$kept  = get_option( 'read_also' );
	$kept  = array_merge( array( 'url' => '', 'key' => '' ), is_array( $kept ) ? $kept : array() );
	$tried = address_and_key( $typed, $kept ) + $kept;
	$fault = get_settings_errors( 'read_also' )[0] ?? null;
	if ( $fault ) {
		$moved = __( 'The key that is set belongs to another address. Enter the one of this address too.', 'read-also' );
		wp_send_json_success( faulty( 'moved' === $fault['code'] ? $moved : $fault['message'] ) );
	}
	wp_send_json_success( $tried === $kept ? test_saved() : test_unsaved( $tried ) );
}

function test_unsaved( array $tried ): array {
	add_filter(
		'pre_option_read_also',
		function () use ( $tried ) {
			return $tried;
		}
	);
	$found          = connection();
	$found['text'] .= $found['fine'] ? ' ' . __( 'Save the changes to keep this address and key.', 'read-also' ) : '';
	return $found;
}
