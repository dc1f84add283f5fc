"""The web servers of a site: PHP's own, or nginx before PHP-FPM with an object cache in Redis."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.support.waiting import until

__all__ = ["QUICK", "serve_by_nginx", "serve_by_php", "start_redis"]

HERE: Final = Path(__file__).parent / "php"
PATIENCE_SECONDS: Final = 120
WORKERS: Final = 4
QUICK: Final = ("-d", "opcache.enable=1", "-d", "opcache.enable_cli=1", "-d", "memory_limit=512M")
POOL: Final = """\
[global]
error_log = {folder}/fpm.log
daemonize = no
[site]
listen = {folder}/fpm.sock
{user}
pm = static
pm.max_children = {workers}
pm.status_path = /php-status
env[SITE] = {folder}
catch_workers_output = yes
php_admin_value[memory_limit] = 512M
php_admin_value[opcache.enable] = 1
php_admin_value[max_input_vars] = 5000
"""
SITE: Final = """\
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    proxy_temp_path {folder}/nginx-proxy;
    scgi_temp_path {folder}/nginx-scgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        index index.php;
        location ^~ /wp-content/ {{ alias {folder}/content/; }}
        location = /php-status {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_pass unix:{folder}/fpm.sock;
        }}
        location / {{ try_files $uri $uri/ /index.php?$args; }}
        location ~ \\.php$ {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_param HTTP_HOST $http_host;
            fastcgi_read_timeout 600s;
            fastcgi_pass unix:{folder}/fpm.sock;
        }}
    }}
}}
"""


def serve_by_php(root: Path, folder: Path, port: int) -> list[subprocess.Popen[bytes]]:
    """PHP's own server with a few workers: a visitor waits for all that a request does."""
    command = ("/usr/bin/php", *QUICK, "-S", f"127.0.0.1:{port}", "-t", root, HERE / "router.php")
    more = {"SITE": str(folder), "PHP_CLI_SERVER_WORKERS": str(WORKERS)}
    return [_start(command, folder / "web.log", more)]


def serve_by_nginx(root: Path, folder: Path, port: int) -> list[subprocess.Popen[bytes]]:
    """nginx and PHP-FPM, where a request may go on after its visitor has the answer."""
    is_root = os.geteuid() == 0
    words = {"root": root, "folder": folder, "port": port, "workers": WORKERS}
    (folder / "fpm.conf").write_text(POOL.format(**words, user="user = root" if is_root else ""))
    (folder / "nginx.conf").write_text(SITE.format(**words, user="user root;" if is_root else ""))
    program = max(Path("/usr/sbin").glob("php-fpm8*"))
    as_root = ["-R"] if is_root else []
    manager: list[str | Path] = [program, "-y", folder / "fpm.conf", *as_root]
    started = [_start(manager, folder / "web.log", {})]
    until(lambda: (folder / "fpm.sock").exists() or started[0].poll() is not None, PATIENCE_SECONDS)
    nginx = ("/usr/sbin/nginx", "-c", folder / "nginx.conf", "-e", folder / "nginx.log")
    return [*started, _start(nginx, folder / "web.log", {})]


def start_redis(folder: Path) -> subprocess.Popen[bytes]:
    """An object cache for a site: Redis in its folder, and the file by which WordPress uses it."""
    socket = folder / "redis.sock"
    nothing_kept = ("--save", "", "--appendonly", "no", "--dir", folder)
    listening = ("--port", "0", "--unixsocket", socket)
    command = ("/usr/bin/redis-server", *listening, *nothing_kept)
    server = _start(command, folder / "redis.log", {})
    until(lambda: socket.exists() or server.poll() is not None, PATIENCE_SECONDS)
    shutil.copy(HERE / "object-cache.php", folder / "content")
    return server


def _start(
    command: Sequence[str | Path], log: Path, more: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with log.open("ab") as written:
        return subprocess.Popen(  # noqa: S603 - a program of the system
            command,
            env={"PATH": "/usr/bin:/bin", **more},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
