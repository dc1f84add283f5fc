<?php
/* An empty database for a site. */
$site = json_decode( file_get_contents( getenv( 'SITE' ) . '/site.json' ), true );
mysqli_report( MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT );
$server = new mysqli( 'localhost', 'root', '', '', 0, $site['socket'] );
$server->query( "CREATE DATABASE {$site['database']} CHARACTER SET utf8mb4" );
