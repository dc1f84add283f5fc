"""The recipes of `integrations/`, as an integrator starts: from nothing, by their pages alone."""

import hmac
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from read_also_client import Client, NotFound
from tests.support.serving import KEY, Server
from tests.support.shown_commands import blocks_of
from tests.support.waiting import PATIENCE_SECONDS, free_port, until

pytestmark = pytest.mark.long
RECIPES = Path(__file__).parents[2] / "integrations"
CLIENT = Path(__file__).parents[2] / "clients" / "python"
MOST_LINES = 60
URLS = """
from django.shortcuts import get_object_or_404, render
from django.urls import path

from news.models import Story


def show(request, number):
    return render(request, "story.html", {"story": get_object_or_404(Story, pk=number)})


urlpatterns = [path("<int:number>/", show)]
"""
"""What an integrator has anyhow: a page of a story."""


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language on a page of the recipes."""
    return [one.text for one in blocks_of(f"integrations/{page}") if one.language == language]


class Site:
    """A Django project that was started from nothing, and connected as the page says."""

    def __init__(self, folder: Path, service: str) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (folder, RECIPES / "django", CLIENT))),
            "DJANGO_SETTINGS_MODULE": "site_of_test.settings",
            "READ_ALSO_WRITE_KEY": KEY,
            "READ_ALSO_LISTS_KEY": KEY,
        }
        self.run("-m", "django", "startproject", "site_of_test", ".", settings="")
        self.run("manage.py", "startapp", "news")
        settings, model = blocks("django/README.md", "python")
        (template,) = blocks("django/README.md", "html")
        settings = f'import os\nINSTALLED_APPS += ["news"]\n{settings}'
        self.own = [settings, model, template]
        with (folder / "site_of_test" / "settings.py").open("a") as file:
            file.write(settings.replace("http://127.0.0.1:8080", service))
        with (folder / "news" / "models.py").open("a") as file:
            file.write(model)
        (folder / "news" / "templates").mkdir()
        (folder / "news" / "templates" / "story.html").write_text(template)
        (folder / "site_of_test" / "urls.py").write_text(URLS)
        self.run("manage.py", "makemigrations", "news")
        self.run("manage.py", "migrate")

    def run(self, *words: str, settings: str = "site_of_test.settings") -> str:
        environment = self.environment | {"DJANGO_SETTINGS_MODULE": settings}
        if not settings:
            del environment["DJANGO_SETTINGS_MODULE"]
        done = subprocess.run(  # noqa: S603 - words of our own
            [sys.executable, *words],
            cwd=self.folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shell(self, code: str) -> str:
        return self.run("manage.py", "shell", "--no-imports", "-c", START + code)


START = """
from django.db import transaction
from django.test import Client
from django.utils.timezone import now
from news.models import Story
page = lambda number: Client(headers={"host": "localhost"}).get(f"/{number}/").content.decode()
"""
WRITE = """
for number, title in enumerate(("A tram line opens in Osh", "Osh plans a second tram line"), 1):
    Story.objects.create(pk=number, title=title, text="Rails reach the bazaar.", published=now())
"""
ROLL_BACK = """
try:
    with transaction.atomic():
        Story.objects.create(pk=9, title="Never", text="Nothing.", published=now())
        raise ValueError
except ValueError:
    print("rolled back")
"""
SHOW = "print(page(1))"


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("django"), server.address)


def test_a_django_site_is_connected_in_few_lines_of_its_own(site: Site) -> None:
    lines = [line for part in site.own for line in part.splitlines() if line.strip()]
    assert len(lines) < MOST_LINES


def test_what_django_saves_edits_and_deletes_is_in_the_lists(site: Site, api: Client) -> None:
    site.shell(WRITE)
    assert api.get(1).title == "A tram line opens in Osh"
    assert until(lambda: [item.id for item in api.related(1).items] == ["2"])
    assert until(lambda: "Osh plans a second tram line" in site.shell(SHOW))
    shown = site.shell(SHOW)
    assert "<h1>A tram line opens in Osh</h1>" in shown
    assert 'class="read-also"' in shown
    site.shell('story = Story.objects.get(pk=2); story.title = "A <b> line"; story.save()')
    assert until(lambda: [item.title for item in api.related(1).items] == ["A <b> line"])
    assert until(lambda: "A &lt;b&gt; line" in site.shell(SHOW))
    site.shell("Story.objects.get(pk=2).delete()")
    assert until(lambda: api.related(1).items == ())
    assert until(lambda: "read-also" not in site.shell(SHOW))


OTHER = """
from django.core.management import call_command
from django.db import connections
connections.databases["other"] = {**connections.databases["default"], "NAME": ":memory:"}
call_command("migrate", database="other", verbosity=0)
Story.objects = Story.objects.using("other")
"""


@pytest.mark.parametrize("code", [ROLL_BACK, OTHER + ROLL_BACK.replace("()", "(using='other')", 1)])
def test_what_django_rolls_back_is_never_sent(site: Site, api: Client, code: str) -> None:
    assert site.shell(code).strip() == "rolled back"
    with pytest.raises(NotFound):
        api.get(9)


def test_everything_of_a_django_site_is_sent_by_one_command(site: Site, api: Client) -> None:
    site.shell(
        "Story.objects.bulk_create([Story(pk=n, title='S', text='T', published=now()) "
        "for n in range(20, 25)])"
    )
    assert site.run("manage.py", "read_also_push").strip().endswith("articles sent")
    assert [api.get(number).title for number in range(20, 25)] == ["S"] * 5


def test_a_django_site_saves_and_shows_a_story_while_the_service_is_away(site: Site) -> None:
    code = """
from django.conf import settings
settings.READ_ALSO["URL"] = "http://127.0.0.1:1"
Story.objects.create(pk=30, title="Alone", text="Alone.", published=now())
print(page(30))
"""
    shown = site.shell(code)
    assert "<h1>Alone</h1>" in shown
    assert "read-also" not in shown


def test_plain_php_puts_shows_and_deletes(server: Server, api: Client, tmp_path: Path) -> None:
    (page,) = blocks("php/README.md", "php")
    api.put({"id": 18, "title": "To delete", "body": "B"})
    api.put({"id": 19, "title": "Cranes in the river", "body": "A crane stood in the river."})
    page = page.replace("http://127.0.0.1:8080", server.address)
    require = json.dumps(str(RECIPES / "php" / "read_also.php"))
    page = page.replace("'read_also.php'", require)
    script = tmp_path / "page.php"
    script.write_text(f"<?php $write_key = $lists_key = '{KEY}';\n{page}")

    def shown() -> str:
        done = subprocess.run(  # noqa: S603 - words of our own
            ["php", "-d", "error_reporting=E_ALL", str(script)],  # noqa: S607 - from the path
            check=True,
            capture_output=True,
            text=True,
        )
        assert "Warning" not in done.stdout + done.stderr
        return done.stdout

    assert until(lambda: "Cranes in the river" in shown())
    assert api.get(17).title == "A crane returns"
    with pytest.raises(NotFound):
        api.get(18)


class Moved(BaseHTTPRequestHandler):
    """Answers as a proxy that sends everybody to https."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(301)
        self.send_header("Location", "https://127.0.0.1:1/")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"Moved")

    do_GET = do_PUT = do_DELETE = answer  # noqa: N815 - names of the base class


def test_plain_php_takes_a_redirect_for_no_answer() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Moved) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        service = f"'http://127.0.0.1:{proxy.server_address[1]}', '{KEY}'"
        code = f"""require {json.dumps(str(RECIPES / "php" / "read_also.php"))};
        echo json_encode([
            read_also_put({service}, ['id' => '1', 'title' => 'T']),
            read_also_delete({service}, '1'),
            read_also_list({service}, '1'),
        ]);"""
        told = subprocess.run(["php", "-r", code], check=True, capture_output=True, text=True)  # noqa: S603, S607 - words of our own
        proxy.shutdown()
    assert json.loads(told.stdout) == [False, False, ""]


POST = {
    "id": "6530a1",
    "title": "A ferry leaves Khujand",
    "html": "<p>The ferry crossed the river at dawn.</p>",
    "custom_excerpt": None,
    "status": "published",
    "url": "https://news.example/ferry/",
    "feature_image": None,
    "published_at": "2026-10-01T09:00:00.000Z",
    "updated_at": "2026-10-01T09:00:00.000Z",
    "primary_tag": {"name": "City", "visibility": "public"},
    "tags": [
        {"name": "City", "visibility": "public"},
        {"name": "#hidden", "visibility": "internal"},
    ],
    "authors": [{"name": "Anna Petrova"}],
}
"""A post as Ghost sends it, without what the recipe does not read."""
GHOST_ID = "ghost:6530a1"
GHOST_SECRET = "of the newsroom"  # noqa: S105 - of this test
EDITED = POST | {"title": "A ferry sinks", "updated_at": "2026-10-01T10:00:00.000Z"}
HIDDEN = EDITED | {"status": "draft", "updated_at": "2026-10-01T11:00:00.000Z"}


class Ghost:
    """What stands for Ghost: it posts signed messages to a receiver, as started by the page."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}/"

    def send(self, post: dict[str, object], secret: str = "", *, age_seconds: float = 0) -> int:
        """The status of the answer to a message about a post."""
        body = json.dumps({"post": post}).encode()
        sent_at = str(int((time.time() - age_seconds) * 1000))
        digest = hmac.new((secret or GHOST_SECRET).encode(), body + sent_at.encode(), "sha256")
        signature = {"X-Ghost-Signature": f"sha256={digest.hexdigest()}, t={sent_at}"}
        return httpx.post(
            self.address, content=body, headers=signature, timeout=PATIENCE_SECONDS
        ).status_code


@contextmanager
def receiver_of_ghost(service: str) -> Iterator[Ghost]:
    """The receiver runs by the page's own commands, with its placeholders filled in."""
    (commands,) = blocks("ghost/README.md", "sh")
    port = free_port()
    for shown, meant in {
        "http://127.0.0.1:8080": service,
        "ANOTHER-SECRET": f"'{GHOST_SECRET}'",
        "=SECRET": f"={KEY}",
        "8090": str(port),
        " python ": f" exec '{sys.executable}' ",
    }.items():
        assert shown in commands
        commands = commands.replace(shown, meant)
    with subprocess.Popen(  # noqa: S603 - commands of our own page
        ["/bin/bash", "-c", commands],
        cwd=RECIPES.parent,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CLIENT)},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert until(lambda: holds_port(port))
            yield Ghost(port)
        finally:
            process.kill()


def holds_port(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_what_ghost_publishes_edits_hides_and_deletes_is_stored(
    server: Server, api: Client
) -> None:
    with receiver_of_ghost(server.address) as ghost:
        assert ghost.send({"current": POST, "previous": {"status": "draft"}}) == 204
        stored = api.get(GHOST_ID)
        assert (stored.title, stored.section, stored.tags) == (POST["title"], "City", ("City",))
        assert (stored.authors, stored.url) == (("Anna Petrova",), POST["url"])
        assert ghost.send({"current": EDITED, "previous": {}}) == 204
        assert ghost.send({"current": POST, "previous": {}}) == 204  # overtaken
        assert api.get(GHOST_ID).title == "A ferry sinks"
        assert ghost.send({"current": HIDDEN, "previous": {"status": "published"}}) == 204
        assert api.get(GHOST_ID).status == "draft"
        assert ghost.send({"current": {}, "previous": HIDDEN}) == 204
        with pytest.raises(NotFound):
            api.get(GHOST_ID)


def test_a_message_that_ghost_has_not_signed_now_changes_nothing(
    server: Server, api: Client
) -> None:
    message: dict[str, object] = {"current": POST | {"id": "forged"}, "previous": {}}
    with receiver_of_ghost(server.address) as ghost:
        assert ghost.send(message, "another secret") == 401
        assert ghost.send(message, age_seconds=600) == 401
        assert httpx.post(ghost.address, content=b"{}", timeout=PATIENCE_SECONDS).status_code == 401
    with pytest.raises(NotFound):
        api.get("ghost:forged")


def test_ghost_hears_that_the_service_is_away() -> None:
    with receiver_of_ghost("http://127.0.0.1:1") as ghost:
        assert ghost.send({"current": POST, "previous": {}}) == 503
