<!DOCTYPE html>
<html <?php language_attributes(); ?>>
<head><meta charset="<?php bloginfo( 'charset' ); ?>"><meta name="viewport" content="width=device-width, initial-scale=1"><?php wp_head(); ?></head>
<body <?php body_class(); ?>>
<div class="page">
<header class="masthead"><?php bloginfo( 'name' ); ?></header>
<main>
<?php
while ( have_posts() ) :
	the_post();
	?>
<article id="post-<?php the_ID(); ?>">
<h1><?php the_title(); ?></h1>
<div class="entry"><?php is_singular() ? the_content() : the_excerpt(); ?></div>
</article>
	<?php
endwhile;
?>
<footer class="after">The end of the page.</footer>
</main>
<div class="side"><?php dynamic_sidebar( 'side' ); ?></div>
</div>
<?php wp_footer(); ?>
</body>
</html>
