<?php
add_action(
	'after_setup_theme',
	function () {
		add_theme_support( 'title-tag' );
		add_theme_support( 'post-thumbnails' );
	}
);
add_action(
	'wp_enqueue_scripts',
	function () {
		wp_enqueue_style( 'classic', get_stylesheet_uri(), array(), '1' );
	}
);
add_action(
	'widgets_init',
	function () {
		register_sidebar( array( 'id' => 'side', 'before_widget' => '<aside class="widget">', 'after_widget' => '</aside>' ) );
	}
);
