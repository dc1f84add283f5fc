<?php
/** The page under Settings. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

add_action( 'admin_init', __NAMESPACE__ . '\\register' );
add_action( 'admin_menu', __NAMESPACE__ . '\\add_page' );

function register() {
	register_setting( 'read_also', 'read_also', array( 'type' => 'object', 'sanitize_callback' => __NAMESPACE__ . '\\sanitize' ) );
}

function add_page() {
	add_options_page( __( 'Read Also', 'read-also' ), __( 'Read Also', 'read-also' ), 'manage_options', 'read-also', __NAMESPACE__ . '\\print_page' );
}

function print_page() {
	if ( ! current_user_can( 'manage_options' ) ) {
		return;
	}
	$set     = settings();
	$trouble = get_option( 'read_also_trouble' );
	$has_key = '' !== $set['key'];
	?>
	<div class="wrap">
	<h1><?php esc_html_e( 'Read Also', 'read-also' ); ?></h1>
	<form method="post" action="options.php">
	<?php settings_fields( 'read_also' ); ?>
	<table class="form-table" role="presentation">
	<tr><th scope="row"><label for="read-also-url"><?php esc_html_e( 'Address of the service', 'read-also' ); ?></label></th>
	<td><input type="url" class="regular-text code" id="read-also-url" name="read_also[url]" value="<?php echo esc_attr( $set['url'] ); ?>" placeholder="http://127.0.0.1:8080"<?php disabled( defined( 'READ_ALSO_URL' ) ); ?>>
	<?php explain_constants(); ?></td></tr>
	<tr><th scope="row"><label for="read-also-key"><?php esc_html_e( 'Key', 'read-also' ); ?></label></th>
	<td><input type="password" class="regular-text code" id="read-also-key" name="read_also[key]" value="" autocomplete="off" placeholder="<?php echo esc_attr( $has_key ? '••••••••••••' : '' ); ?>"<?php disabled( defined( 'READ_ALSO_URL' ) ); ?>>
	<p class="description"><?php echo esc_html( $has_key ? __( 'A key is set. Leave this empty to keep it.', 'read-also' ) : __( 'A key of 16 characters or more, with the scopes read and write.', 'read-also' ) ); ?></p>
	<?php if ( $has_key && ! defined( 'READ_ALSO_URL' ) ) : ?>
	<label><input type="checkbox" name="read_also[forget]" value="1"> <?php esc_html_e( 'Forget the key', 'read-also' ); ?></label>
	<?php endif; ?>
	</td></tr>
	<tr><th scope="row"><label for="read-also-limit"><?php esc_html_e( 'Articles in a list', 'read-also' ); ?></label></th>
	<td><input type="number" min="1" max="20" class="small-text" id="read-also-limit" name="read_also[limit]" value="<?php echo esc_attr( $set['limit'] ); ?>"></td></tr>
	<tr><th scope="row"><?php esc_html_e( 'Placement', 'read-also' ); ?></th>
	<td><label><input type="checkbox" name="read_also[place]" value="1"<?php checked( $set['place'] ); ?>> <?php esc_html_e( 'Under every post. The block "Read also" and the shortcode [read-also] work in any case.', 'read-also' ); ?></label></td></tr>
	<tr><th scope="row"><?php esc_html_e( 'What is an article', 'read-also' ); ?></th>
	<td>
	<?php foreach ( get_post_types( array( 'public' => true ), 'objects' ) as $type ) : ?>
		<?php if ( 'attachment' !== $type->name ) : ?>
		<label><input type="checkbox" name="read_also[types][]" value="<?php echo esc_attr( $type->name ); ?>"<?php checked( in_array( $type->name, $set['types'], true ) ); ?>> <?php echo esc_html( $type->labels->name ); ?></label><br>
		<?php endif; ?>
	<?php endforeach; ?>
	</td></tr>
	</table>
	<?php submit_button(); ?>
	</form>
	<h2><?php esc_html_e( 'The service', 'read-also' ); ?></h2>
	<p><button type="button" class="button" data-read-also="test"><?php esc_html_e( 'Test the connection', 'read-also' ); ?></button>
	<button type="button" class="button" data-read-also="push"><?php esc_html_e( 'Push all posts', 'read-also' ); ?></button></p>
	<p id="read-also-said" role="status"></p>
	<p><?php echo esc_html( state_of_queue() ); ?></p>
	<?php if ( is_array( $trouble ) ) : ?>
	<p><?php echo esc_html( wp_date( 'Y-m-d H:i:s', (int) $trouble['at'] ) . ' ' . $trouble['text'] ); ?></p>
	<?php endif; ?>
	</div>
	<?php
	print_script();
}

function explain_constants() {
	if ( defined( 'READ_ALSO_URL' ) ) {
		echo '<p class="description">' . esc_html__( 'Address and key are set by READ_ALSO_URL and READ_ALSO_KEY in wp-config.php.', 'read-also' ) . '</p>';
	}
}

function print_script() {
	?>
	<script>
	( function () {
		var said = document.getElementById( 'read-also-said' );
		function ask( what, more ) {
			var form = new FormData();
			form.append( 'action', 'read_also_' + what );
			form.append( '_ajax_nonce', <?php echo wp_json_encode( wp_create_nonce( 'read_also' ) ); ?> );
			form.append( 'start', more ? '0' : '1' );
			return fetch( <?php echo wp_json_encode( admin_url( 'admin-ajax.php' ) ); ?>, { method: 'POST', body: form, credentials: 'same-origin' } )
				.then( function ( answer ) { return answer.json(); } )
				.then( function ( answer ) {
					said.textContent = answer.data.text;
					if ( answer.data.more ) { return ask( what, true ); }
				} )
				.catch( function ( error ) { said.textContent = String( error ); } );
		}
		document.querySelectorAll( '[data-read-also]' ).forEach( function ( button ) {
			button.addEventListener( 'click', function () {
				button.disabled = true;
				said.textContent = '…';
				ask( button.dataset.readAlso, false ).then( function () { button.disabled = false; } );
			} );
		} );
	} )();
	</script>
	<?php
}
