/* Do what is due, as wp-cron.php does, and end when it is done. */
foreach ( wp_get_ready_cron_jobs() as $time => $hooks ) {
	foreach ( $hooks as $hook => $jobs ) {
		foreach ( $jobs as $job ) {
			if ( $job['schedule'] ) {
				wp_reschedule_event( $time, $job['schedule'], $hook, $job['args'] );
			}
			wp_unschedule_event( $time, $hook, $job['args'] );
			do_action_ref_array( $hook, $job['args'] );
		}
	}
}
return true;
