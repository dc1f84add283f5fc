"""A real WordPress of the tests' own: a copy of the system's, served on loopback."""

import json
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import httpx

from tests.support.waiting import PATIENCE_SECONDS, free_port, until
from tests.wordpress.command_line import CommandLine, Said
from tests.wordpress.mariadb import MariaDB, ends
from tests.wordpress.web import serve_by_nginx, serve_by_php, start_redis

__all__ = ["NEEDED", "SERVER", "Site", "missing_packages", "unpacked"]

HERE = Path(__file__).parent / "php"
INSTALLED = Path("/usr/share/wordpress")
SERVER = Path("/usr/sbin/mariadbd")
NEEDED = {
    "wordpress": INSTALLED / "wp-includes/version.php",
    "mariadb-server": SERVER,
    "php-cli": Path("/usr/bin/php"),
}
"""By Debian's name of a package, a file of it that the tests need."""
MODULES = {"mysqli": "php-mysql", "dom": "php-xml", "curl": "php-curl", "mbstring": "php-mbstring"}
MORE_NEEDED = {
    "nginx": Path("/usr/sbin/nginx"),
    "redis-server": Path("/usr/bin/redis-server"),
}
"""Of a site behind nginx, in addition."""

Fields = Mapping[str, object]
_NUMBERS = count(1)


def missing_packages(*, behind_nginx: bool = False) -> list[str]:
    """Debian's names of the packages that a site needs and this machine lacks."""
    needed = NEEDED | (MORE_NEEDED if behind_nginx else {})
    modules = MODULES | ({"redis": "php-redis"} if behind_nginx else {})
    missing = [name for name, path in needed.items() if not path.exists()]
    if behind_nginx and not list(Path("/usr/sbin").glob("php-fpm8*")):
        missing.append("php-fpm")
    if "php-cli" in missing:
        return [*missing, *modules.values()]
    listed = subprocess.run(["/usr/bin/php", "-m"], capture_output=True, text=True, check=True)
    loaded = listed.stdout.lower().split()
    return missing + [package for module, package in modules.items() if module not in loaded]


@contextmanager
def unpacked() -> Iterator[Path]:
    """A copy of WordPress's files, for any number of sites; taken away at the end.

    PHP resolves `__DIR__` through symlinks, so the copy has none.
    """
    folder = Path(tempfile.mkdtemp(prefix="wordpress-", dir="/tmp"))
    try:
        root = folder / "root"
        shutil.copytree(INSTALLED, root)
        shutil.copy(HERE / "wp-config.php", root)
        yield root
    finally:
        shutil.rmtree(folder)


@dataclass(slots=True)
class Site:
    """A site and its web server; posts are made by PHP inside it, or over its REST interface."""

    folder: Path
    """Of what the site has for itself: settings, content, logs."""
    root: Path
    """Of WordPress's own files."""
    php: CommandLine
    port: int
    passwords: dict[str, str] = field(default_factory=dict)
    """By login (admin, editor, reader) an application password."""
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    """What all three log in with."""
    behind_nginx: bool = False
    """Whether nginx and PHP-FPM serve it, with an object cache in Redis; else PHP's own server."""
    _web: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def running(
        cls, server: MariaDB, root: Path, php: CommandLine, *, behind_nginx: bool = False
    ) -> Iterator["Site"]:
        """A new site without a post, served on loopback; stopped and taken away at the end."""
        folder = Path(tempfile.mkdtemp(prefix="site-", dir="/tmp"))
        site = cls(folder, root, php, free_port(), behind_nginx=behind_nginx)
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, folder)
            site._set_up(server)
            if behind_nginx:
                stack.callback(ends, start_redis(folder))
            site._install()
            stack.callback(site.stop)
            site.start()
            yield site

    @property
    def home(self) -> str:
        """The address of the front page, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What PHP complained of so far."""
        path = self.folder / "php.log"
        return path.read_text() if path.exists() else ""

    # --- its life ---

    def _set_up(self, server: MariaDB) -> None:
        content = self.folder / "content"
        shutil.copytree(HERE / "theme", content / "themes/stage")
        for name in ("plugins", "mu-plugins", "uploads"):
            (content / name).mkdir()
        shutil.copy(HERE / "offline.php", content / "mu-plugins")
        settings = {
            "database": f"site_{next(_NUMBERS)}",
            "socket": str(server.socket),
            "home": self.home,
            "secret": secrets.token_hex(16),
        }
        (self.folder / "site.json").write_text(json.dumps(settings))

    def _install(self) -> None:
        self._run_script("create_database.php")
        self._run_script("install.php", password=self.password)
        made = """
            flush_rewrite_rules(false);
            foreach ($given['logins'] as $login) {
                $id = get_user_by('login', $login)->ID;
                $made[$login] = WP_Application_Passwords::create_new_application_password(
                    $id, ['name' => 'tests'])[0];
            }
            return $made;"""
        self.passwords = self.run(made, logins=["admin", "editor", "reader"])

    def start(self) -> None:
        """Serve it, and wait until it answers."""
        serve = serve_by_nginx if self.behind_nginx else serve_by_php
        self._web = serve(self.root, self.folder, self.port)
        web = self._web[-1]
        until(lambda: self._answers() or web.poll() is not None, PATIENCE_SECONDS)
        if not self._answers():
            raise RuntimeError((self.folder / "web.log").read_text())

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Serve it no longer; the site itself stays."""
        while self._web:
            ends(self._web.pop())

    # --- PHP inside it ---

    def run(self, code: str, *, without: str = "", **arguments: object) -> Any:
        """Run PHP code as the administrator: it finds its arguments in `$given` and returns JSON.

        Args:
            code: what stands in a function.
            without: a function of PHP's own that is not to be there.
            arguments: of JSON types.

        Raises:
            RuntimeError: the code failed; what PHP said.
        """
        given = self._given(code=code, arguments=arguments)
        if without:
            said = self.php.run_without(without, self.folder, "run.php", given)
        else:
            said = self.php.run(self.folder, "run.php", given)
        parts = said.output.split("\x01")
        if len(parts) != 3 or not said.is_whole:
            self._fail(said)
        return json.loads(parts[1])

    def _run_script(self, script: str, **given: object) -> None:
        said = self.php.run(self.folder, script, self._given(**given))
        if not said.is_whole:
            self._fail(said)

    def _given(self, **more: object) -> str:
        return json.dumps(more | {"home": self.home, "folder": str(self.root)})

    def _fail(self, said: Said) -> NoReturn:
        raise RuntimeError(said.output[-2000:] + said.errors[-2000:] + self.log[-2000:])

    def fill(self, posts: Sequence[Fields]) -> list[int]:
        """Insert posts, each by the fields of `wp_insert_post`; their ids, in order."""
        ids: list[int] = self.run((HERE / "fill.php").read_text(), posts=posts)
        return ids

    def insert(self, **fields: object) -> int:
        """Insert one post, published by default; return its id."""
        return self.fill([{"post_status": "publish", "post_author": 1} | fields])[0]

    def update(self, post: int, **fields: object) -> None:
        """Change fields of a post, as `wp_update_post` does."""
        self.run("return wp_update_post(wp_slash($given['post']));", post={"ID": post} | fields)

    def trash(self, post: int) -> None:
        """Put a post into the trash."""
        self.run("return (bool) wp_trash_post($given['post']);", post=post)

    def delete(self, post: int) -> None:
        """Delete a post for good."""
        self.run("return (bool) wp_delete_post($given['post'], true);", post=post)

    def make_network(self) -> int:
        """Make it the first site of a network, `/two/` the second, whose number is returned."""
        failed = self.run((HERE / "network.php").read_text(), home=self.home)
        if failed:
            raise RuntimeError(failed)
        path = self.folder / "site.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"network": True}))
        second: int = self.run(
            """return wp_insert_site(['domain' => $given['host'], 'path' => '/two/',
                'title' => 'Two', 'user_id' => 1, 'network_id' => 1]);""",
            host=self.home.removeprefix("http://"),
        )
        return second

    def category(self, name: str) -> int:
        """Make a category; its term id."""
        made = "return wp_insert_term(wp_slash($given['name']), 'category')['term_id'];"
        term: int = self.run(made, name=name)
        return term

    def empty(self) -> None:
        """Take every post, category and tag away, the ids counting from one again."""
        self.run((HERE / "empty.php").read_text())

    def add_plugin(self, source: Path) -> None:
        """Copy a plugin's folder into the site and activate it."""
        shutil.copytree(source, self.folder / "content/plugins" / source.name)
        activate = """
            require_once ABSPATH . 'wp-admin/includes/plugin.php';
            $failed = activate_plugin($given['plugin']);
            return is_wp_error($failed) ? $failed->get_error_message() : '';"""
        failed = self.run(activate, plugin=f"{source.name}/{source.name}.php")
        if failed:
            raise RuntimeError(failed)

    # --- over HTTP ---

    def client(self, login: str | None = None) -> httpx.Client:
        """A client of the site, by an application password of that user where one is named."""
        auth = (login, self.passwords[login]) if login else None
        return httpx.Client(base_url=self.home, auth=auth, timeout=PATIENCE_SECONDS)

    def finish(self) -> None:
        """Wait until PHP has done what it does after its visitors have their answers."""
        if not self.behind_nginx:  # its visitors wait for that themselves
            return
        with self.client() as client:
            quiet = until(lambda: _active(client) == 1, PATIENCE_SECONDS)  # the one that says so
        if not quiet:
            raise RuntimeError("PHP does not finish a request")

    def cron(self) -> None:
        """Do what is due by now, scheduled posts among it, as the next visit would."""
        with self.client() as client:
            client.get("/wp-cron.php").raise_for_status()
        self.finish()


def _active(client: httpx.Client) -> int:
    said = client.get("/php-status", params={"json": ""}).raise_for_status().json()
    return int(said["active processes"])
