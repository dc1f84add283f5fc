<?php
/** The words of the panel beside a post; here, so that one file of translations has them all. */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

return array(
	'name'        => __( 'Read also', 'read-also' ),
	'intro'       => __( 'The list that this post will get, as you write.', 'read-also' ),
	'introSaved'  => __( 'The list that this post has.', 'read-also' ),
	'readOnly'    => __( 'An editor can pin and block articles here.', 'read-also' ),
	'asking'      => __( 'The list is being made…', 'read-also' ),
	'failed'      => __( 'The list could not be made.', 'read-also' ),
	'again'       => __( 'Try again', 'read-also' ),
	'none'        => __( 'Nothing is related to this text yet.', 'read-also' ),
	'off'         => __( 'No list is shown under this post.', 'read-also' ),
	'setUp'       => __( 'Set up Read Also', 'read-also' ),
	'why'         => __( 'Why these?', 'read-also' ),
	'whyFrame'    => __( 'The list that readers see, with its reasons', 'read-also' ),
	'whyOpen'     => __( 'Open in a window of its own', 'read-also' ),
	'duplicates'  => __( 'You may have published this already', 'read-also' ),
	'open'        => __( 'View', 'read-also' ),
	'edit'        => __( 'Edit', 'read-also' ),
	'pin'         => __( 'Pin', 'read-also' ),
	/* translators: %s: headline of an article */
	'pinIt'       => __( 'Pin “%s” to this list', 'read-also' ),
	'unpin'       => __( 'Unpin', 'read-also' ),
	/* translators: %s: headline of an article */
	'unpinIt'     => __( 'Unpin “%s”', 'read-also' ),
	'block'       => __( 'Block', 'read-also' ),
	/* translators: %s: headline of an article */
	'blockIt'     => __( 'Keep “%s” out of this list', 'read-also' ),
	'allow'       => __( 'Allow', 'read-also' ),
	/* translators: %s: headline of an article */
	'allowIt'     => __( 'Allow “%s” in this list again', 'read-also' ),
	'up'          => __( 'Move up', 'read-also' ),
	'down'        => __( 'Move down', 'read-also' ),
	'time'        => __( 'From when until when', 'read-also' ),
	/* translators: %s: headline of an article */
	'upIt'        => __( 'Move “%s” up', 'read-also' ),
	/* translators: %s: headline of an article */
	'downIt'      => __( 'Move “%s” down', 'read-also' ),
	/* translators: %s: headline of an article */
	'timeIt'      => __( 'From when until when “%s” holds', 'read-also' ),
	'pinned'      => __( 'Pinned.', 'read-also' ),
	/* translators: %s: a date and a time */
	'pinnedFrom'  => __( 'From %s.', 'read-also' ),
	/* translators: %s: a date and a time */
	'pinnedUntil' => __( 'Until %s.', 'read-also' ),
	'over'        => __( 'Over.', 'read-also' ),
	'waits'       => __( 'Not yet.', 'read-also' ),
	'from'        => __( 'From', 'read-also' ),
	'until'       => __( 'Until', 'read-also' ),
	'always'      => __( 'Always', 'read-also' ),
	'backwards'   => __( 'The end must be after the beginning.', 'read-also' ),
	'undo'        => __( 'Undo', 'read-also' ),
	'undone'      => __( 'The last choice is undone.', 'read-also' ),
	'search'      => __( 'Pin another post', 'read-also' ),
	'searchHelp'  => __( 'Words, or the address of a post.', 'read-also' ),
	'found'       => __( 'Posts that you can pin', 'read-also' ),
	'notFound'    => __( 'No public post has these words.', 'read-also' ),
	'blocks'      => __( 'Kept out of this list', 'read-also' ),
	'settings'    => __( 'This post', 'read-also' ),
	'noList'      => __( 'No list under this post', 'read-also' ),
	'never'       => __( 'Never in the lists of other posts', 'read-also' ),
	'dragHelp'    => __( 'Drag an article to pin it or to move a pin.', 'read-also' ),
	/* translators: 1: headline of an article, 2: its place, a number */
	'movedTo'     => __( '“%1$s” is pinned at place %2$s.', 'read-also' ),
	/* translators: %s: headline of an article */
	'unpinnedIt'  => __( '“%s” is not pinned any more.', 'read-also' ),
	/* translators: %s: headline of an article */
	'blockedIt'   => __( '“%s” is kept out of this list.', 'read-also' ),
	/* translators: %s: headline of an article */
	'allowedIt'   => __( '“%s” may be in this list again.', 'read-also' ),
);
