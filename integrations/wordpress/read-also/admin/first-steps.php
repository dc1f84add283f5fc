<?php
/** What an administrator meets first: a hint after activation, a link to the settings, words for the privacy policy. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const HINT_SEEN = 'read_also_hint_seen';

add_action( 'admin_notices', __NAMESPACE__ . '\\print_hint' );
add_action( 'admin_init', __NAMESPACE__ . '\\suggest_privacy_text' );
add_action( 'wp_ajax_read_also_hint', __NAMESPACE__ . '\\answer_hint' );
add_filter( 'plugin_action_links_' . plugin_basename( PLUGIN_FILE ), __NAMESPACE__ . '\\add_settings_link' );

function settings_address(): string {
	return admin_url( 'options-general.php?page=read-also' );
}

function add_settings_link( $links ) {
	$link = '<a href="' . esc_url( settings_address() ) . '" aria-label="' . esc_attr__( 'Settings of Read Also', 'read-also' ) . '">' . esc_html__( 'Settings', 'read-also' ) . '</a>';
	return array_merge( array( 'settings' => $link ), (array) $links );
}

/** Whether to say what comes next: to who may do it, where one looks after activating, until it is done or waved away. */
function needs_hint(): bool {
	$screen = function_exists( 'get_current_screen' ) ? get_current_screen() : null;
	return ! configured() && current_user_can( 'manage_options' ) && $screen
		&& in_array( $screen->id, array( 'dashboard', 'plugins' ), true ) && ! get_user_option( HINT_SEEN );
}

function print_hint() {
	if ( ! needs_hint() ) {
		return;
	}
	load_page_files();
	?>
	<div class="notice notice-info is-dismissible" id="read-also-hint">
	<p><strong><?php esc_html_e( 'Read Also is active. Three steps are left:', 'read-also' ); ?></strong></p>
	<ol>
	<li><?php esc_html_e( 'Enter the address of your Read Also service, and a key.', 'read-also' ); ?></li>
	<li><?php esc_html_e( 'Test the connection.', 'read-also' ); ?></li>
	<li><?php esc_html_e( 'Push all posts. Lists stand under your posts as soon as they are sent.', 'read-also' ); ?></li>
	</ol>
	<p><a class="button button-primary" href="<?php echo esc_url( settings_address() ); ?>"><?php esc_html_e( 'Open the settings', 'read-also' ); ?></a></p>
	</div>
	<?php
}

/** Whoever waves the hint away does not see it again on this site. */
function answer_hint() {
	admit();
	update_user_option( get_current_user_id(), HINT_SEEN, '1' );
	wp_send_json_success();
}

function suggest_privacy_text() {
	wp_add_privacy_policy_content( 'Read Also', wp_kses_post( wpautop( privacy_text() ) ) );
}

/** For the guide under Settings, Privacy: what leaves this site, and what does not. */
function privacy_text(): string {
	return implode(
		"\n\n",
		array(
			__( 'Under our articles we show links to related ones. A server that we chose finds them (a "Read Also" service). It gets the public text of our articles, with titles, addresses, dates, sections, tags, pictures\' addresses and the names of the authors as they stand on the page.', 'read-also' ),
			__( 'While an editor writes, the text of the draft may be sent there too, to show its list. It is not stored there.', 'read-also' ),
			__( 'Nothing about visitors is sent to it: our own server asks for the list, so the service sees neither who reads nor from where. The list sets no cookies, counts no clicks and runs no scripts. Pictures in the list are loaded from where the pictures of our articles are.', 'read-also' ),
		)
	);
}
