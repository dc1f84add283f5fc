<?php
/**
 * Plugin Name:       Read Also
 * Description:       Related articles under every post, from a Read Also service of your own.
 * Version:           0.1.0
 * Requires at least: 6.0
 * Requires PHP:      7.4
 * Author:            Read Also
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/old-licenses/gpl-2.0.html
 * Text Domain:       read-also
 * Domain Path:       /languages
 *
 * Two halves that do not wait for each other. Pushing: a post that changed is written down at once, as
 * a row of the options table. The request's end sends it, or a run of WP-Cron every minute. A row is
 * put off before its post is rendered and goes when the service has it, so neither an outage, a kill
 * nor a post whose content ends the request loses anything or holds the others up. Placing: a page
 * shows the copy of the list it has, without what WordPress knows to be withdrawn. It asks for a newer
 * one at most every few seconds, never waits longer than PAGE_SECONDS, and does not ask a service that
 * fails more often than it answers.
 */

namespace ReadAlso;

defined( 'ABSPATH' ) || exit;

const PAGE_SECONDS    = 0.4;     // A page waits no longer for its list.
const PUSH_SECONDS    = 2.0;     // All that is sent when a request ends.
const CALL_SECONDS    = 5.0;     // One call that tells of a change.
const BULK_SECONDS    = 10.0;    // One call that tells of many.
const LEAST_SECONDS   = 0.3;     // With less time left no call is begun.
const CRON_SECONDS    = 20.0;    // All that is sent by one run of WP-Cron; "Push all" takes half of it at a time.
const AWAY_SECONDS    = 30;      // A service that does not answer is left alone for so long at most.
const PATIENCE        = array(   // So many failures more than answers stop all calls, for so many seconds at first.
	'read'  => array( 3, 5 ),
	'write' => array( 1, AWAY_SECONDS ),
);
const LONGEST_BACKOFF = 900;     // Seconds after which a post that failed is tried again at the latest.
const FRESH_SECONDS   = 60;      // A list is shown without asking again, where the service does not say.
const FEW             = 20;      // So many posts of a renamed term are sent when the request ends, more by WP-Cron.
const BATCH           = 50;      // Changes of one bulk call.
const BATCH_BYTES     = 1048576; // Of one bulk call; a larger article goes alone.
const WITHDRAWALS     = 250;     // Of one bulk call; nothing is rendered for them.
const ANSWER_BYTES    = 65536;   // An answer is shorter than that.
const DUE             = 'read_also_due_';
const PLACED          = '<!-- read-also -->';
const PLUGIN_FILE     = __FILE__;

require_once __DIR__ . '/includes/loading.php';
load_plugin();
