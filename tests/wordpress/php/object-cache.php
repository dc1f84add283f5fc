<?php
/* What WordPress caches lies in Redis, so that requests share it, as on a site of some size. */

function wp_cache_init() {
	$GLOBALS['wp_object_cache'] = new WP_Object_Cache();
}
function wp_cache_add( $key, $data, $group = '', $expire = 0 ) {
	return ! wp_suspend_cache_addition() && $GLOBALS['wp_object_cache']->store( $key, $data, $group, (int) $expire, array( 'nx' ) );
}
function wp_cache_replace( $key, $data, $group = '', $expire = 0 ) {
	return $GLOBALS['wp_object_cache']->store( $key, $data, $group, (int) $expire, array( 'xx' ) );
}
function wp_cache_set( $key, $data, $group = '', $expire = 0 ) {
	return $GLOBALS['wp_object_cache']->store( $key, $data, $group, (int) $expire, array() );
}
function wp_cache_get( $key, $group = '', $force = false, &$found = null ) {
	return $GLOBALS['wp_object_cache']->fetch( $key, $group, $force, $found );
}
function wp_cache_delete( $key, $group = '' ) {
	return $GLOBALS['wp_object_cache']->forget( $key, $group );
}
function wp_cache_incr( $key, $offset = 1, $group = '' ) {
	$value = wp_cache_get( $key, $group, true );
	return false !== $value && wp_cache_set( $key, max( 0, (int) $value + $offset ), $group ) ? max( 0, (int) $value + $offset ) : false;
}
function wp_cache_decr( $key, $offset = 1, $group = '' ) {
	return wp_cache_incr( $key, -$offset, $group );
}
function wp_cache_flush() {
	return $GLOBALS['wp_object_cache']->flush();
}
function wp_cache_close() {
	return true;
}
function wp_cache_switch_to_blog( $blog ) {
	$GLOBALS['wp_object_cache']->blog = (int) $blog;
}
function wp_cache_add_global_groups( $groups ) {
	$GLOBALS['wp_object_cache']->shared += array_fill_keys( (array) $groups, true );
}
function wp_cache_add_non_persistent_groups( $groups ) {
	$GLOBALS['wp_object_cache']->own += array_fill_keys( (array) $groups, true );
}

class WP_Object_Cache {
	public $blog   = 1;
	public $shared = array(); // Groups that all sites of a network have in common.
	public $own    = array(); // Groups that a request keeps for itself.
	private $seen  = array(); // What this request has read or written.
	private $redis;

	public function __construct() {
		$this->blog  = function_exists( 'get_current_blog_id' ) ? get_current_blog_id() : 1;
		$this->redis = new Redis();
		$this->redis->connect( SITE . '/redis.sock' );
	}

	private function name( $key, $group ) {
		$group = '' === (string) $group ? 'default' : $group;
		return ( isset( $this->shared[ $group ] ) ? '' : $this->blog ) . ":$group:$key";
	}

	public function store( $key, $data, $group, $expire, $how ) {
		$name = $this->name( $key, $group );
		if ( isset( $this->own[ $group ] ) ) {
			$there = array_key_exists( $name, $this->seen );
			if ( ( array( 'nx' ) === $how && $there ) || ( array( 'xx' ) === $how && ! $there ) ) {
				return false;
			}
		} elseif ( ! $this->redis->set( $name, serialize( $data ), $expire > 0 ? $how + array( 'ex' => $expire ) : $how ) ) {
			return false;
		}
		$this->seen[ $name ] = is_object( $data ) ? clone $data : $data;
		return true;
	}

	public function fetch( $key, $group, $force, &$found ) {
		$name  = $this->name( $key, $group );
		$found = array_key_exists( $name, $this->seen );
		if ( ! isset( $this->own[ $group ] ) && ( ! $found || $force ) ) {
			$kept  = $this->redis->get( $name );
			$found = is_string( $kept );
			if ( $found ) {
				$this->seen[ $name ] = unserialize( $kept );
			}
		}
		$data = $found ? $this->seen[ $name ] : false;
		return is_object( $data ) ? clone $data : $data;
	}

	public function forget( $key, $group ) {
		$name = $this->name( $key, $group );
		$seen = array_key_exists( $name, $this->seen );
		unset( $this->seen[ $name ] );
		return isset( $this->own[ $group ] ) ? $seen : $this->redis->del( $name ) > 0;
	}

	public function flush() {
		$this->seen = array();
		return $this->redis->flushDb();
	}
}
