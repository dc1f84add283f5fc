<?php
/* Run scripts, each in a fork of this process, so that WordPress is compiled once. A socket brings the site, the script and what it reads; it takes the output and, after \x02, the exit status. */
pcntl_signal( SIGCHLD, SIG_IGN ); // Nobody waits for those who wait.
fclose( STDIN );
$listening = stream_socket_server( 'unix://' . getenv( 'FORKS' ) );
fclose( STDOUT ); // A call takes its place, and with it all that is printed.
while ( $call = stream_socket_accept( $listening, -1 ) ) {
	if ( pcntl_fork() ) {
		fclose( $call );
		continue;
	}
	fclose( $listening );
	pcntl_signal( SIGCHLD, SIG_DFL );
	$run = pcntl_fork();
	if ( $run ) {
		pcntl_waitpid( $run, $status );
		fwrite( $call, "\x02" . ( pcntl_wifexited( $status ) ? pcntl_wexitstatus( $status ) : 'killed' ) );
		exit;
	}
	list( $site, $script, $text ) = explode( "\n", stream_get_contents( $call ), 3 );
	putenv( "SITE=$site" );
	$_SERVER['REQUEST_TIME']       = time();
	$_SERVER['REQUEST_TIME_FLOAT'] = microtime( true );
	require __DIR__ . "/$script";
	exit;
}
