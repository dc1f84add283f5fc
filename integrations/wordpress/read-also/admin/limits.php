<?php
/** The rows of the settings page that say which articles lists may hold. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

function print_limits( array $set ) {
	?>
	<tr><th scope="row"><label for="read-also-languages"><?php esc_html_e( 'Languages', 'read-also' ); ?></label></th>
	<td><input type="hidden" name="read_also[limits]" value="1">
	<select id="read-also-languages" name="read_also[languages]">
	<option value="same"<?php selected( 'same', $set['languages'] ); ?>><?php esc_html_e( 'Lists hold posts in the language of their post', 'read-also' ); ?></option>
	<option value="all"<?php selected( 'all', $set['languages'] ); ?>><?php esc_html_e( 'Lists hold posts in all languages', 'read-also' ); ?></option>
	</select>
	<?php if ( has_language_plugin() ) : ?>
	<p class="description"><?php esc_html_e( 'Your plugin for languages says which language a post is in, and which posts are translations of each other.', 'read-also' ); ?></p>
	<?php else : ?>
	<p><label><input type="checkbox" name="read_also[one_language]" value="1"<?php checked( $set['one_language'] ); ?>> <?php esc_html_e( 'All posts are in the language of this site. Otherwise the service finds the language in the text.', 'read-also' ); ?></label></p>
	<?php endif; ?>
	</td></tr>
	<?php if ( is_multisite() ) : ?>
	<tr><th scope="row"><?php esc_html_e( 'Other sites', 'read-also' ); ?></th>
	<td><label><input type="checkbox" name="read_also[network]" value="1"<?php checked( $set['network'] ); ?>> <?php esc_html_e( 'Lists also hold posts of the other sites of this network that use the same service.', 'read-also' ); ?></label></td></tr>
	<?php endif; ?>
	<?php if ( function_exists( 'wc_get_product' ) ) : ?>
	<tr><th scope="row"><?php esc_html_e( 'Products', 'read-also' ); ?></th>
	<td><label><input type="checkbox" name="read_also[sold_out]" value="1"<?php checked( $set['sold_out'] ); ?>> <?php esc_html_e( 'Lists also hold products that are out of stock, unless the shop hides them.', 'read-also' ); ?></label></td></tr>
	<?php endif; ?>
	<?php
}
