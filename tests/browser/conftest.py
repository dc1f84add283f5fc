"""Chromium, the real application over an archive of hostile and of plain stories, and a CMS."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect, sync_playwright
from werkzeug.serving import make_server

from recommender.api_keys import ApiKey
from recommender.settings import Settings
from service import create_app
from tests.browser.editors import LOOKS, Editor, Editors
from tests.browser.hostile import articles as hostile_articles
from tests.browser.newspaper import SKIES, drawing
from tests.browser.newspaper import stories as newspaper_stories
from tests.browser.tabs import AXE, LOOPBACK, SECRET, Tab
from tests.support.missing_software import skip_or_fail
from tests.support.waiting import PATIENCE_SECONDS

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
SHIP = "کشتی اسکله بندر ملوان دریا طوفان لنگر قایق ماهی تور موج ساحل"
LATIN = "A ship, a quay (and a gull)."
BOAT = "киштӣ бандар баҳр маллоҳ лангар мавҷ соҳил моҳӣ тӯр шамол"

Story = dict[str, Any]
Pages = dict[str, tuple[dict[str, str], str]]


def plain_stories(make_story: Callable[..., Story]) -> Iterator[Story]:
    """Stories in three languages: a seed of each, five others, and one with a Latin headline."""
    for language, words in (("fa", SHIP), ("tg", BOAT), ("en", "")):
        for number in range(6):
            title = {} if language == "en" else {"title": _turned(words, number)}
            yield make_story(
                f"plain-{language}-{number}",
                language=language,
                section="port",
                url=f"https://news.example/{language}/{number}",
                published_at=f"2024-05-0{number + 1}T08:00:00Z",
                **title,
            )
    for language in ("en", "fa"):
        mixed = {"title": LATIN, "section": "port", "language": language}
        yield make_story(f"mixed-{language}", url=f"https://news.example/{language}", **mixed)


def _turned(words: str, number: int) -> str:
    parts = words.split()
    return " ".join(parts[number:] + parts[:number])


@dataclass
class Site:
    """The application on loopback, and the answers to what was put into it."""

    address: str
    client: FlaskClient
    stories: dict[str, Story]


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of an application on loopback."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{LOOPBACK}{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serve_stories(
    folder: Path, stories: dict[str, Story], rebuild: Callable[..., object]
) -> Iterator[Site]:
    """The application with public reads over stories that came in through the API."""
    key = ApiKey.of("cms", {"write", "read", "admin"}, SECRET)
    settings = Settings(f"sqlite:///{folder / 'a.db'}", folder, api_keys=(key,), public_reads=True)
    app = create_app(settings, reader_pages=True, follows=False)
    shared = app.extensions["read-also"]
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = SECRET
    shared.follower.refresh()
    for story_id, story in stories.items():
        assert client.put(f"/v1/articles/{story_id}", json=story).status_code == 201, story
    rebuild(replace(settings, api_keys=()))
    shared.follower.refresh()
    with served(app) as address:
        yield Site(address, client, stories)
    shared.stop()


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    make_story: Callable[..., Story],
    rebuild_with_fake: Callable[..., object],
) -> Iterator[Site]:
    """Hostile stories, and plain ones."""
    folder = tmp_path_factory.mktemp("hostile")
    stories = {s["id"]: s for s in [*hostile_articles(make_story), *plain_stories(make_story)]}
    with serve_stories(folder, stories, rebuild_with_fake) as site:
        yield site


@pytest.fixture(scope="module")
def following(
    tmp_path_factory: pytest.TempPathFactory,
    make_story: Callable[..., Story],
    rebuild_with_fake: Callable[..., object],
) -> Iterator[Site]:
    """Plain stories, in a service that follows its store by itself."""
    stories = {story["id"]: story for story in plain_stories(make_story)}
    with serve_stories(tmp_path_factory.mktemp("plain"), stories, rebuild_with_fake) as site:
        settings = site.client.application.extensions["read-also"].settings
    app = create_app(settings)  # alone: a change waits until every worker shows it
    with served(app) as address:
        yield Site(address, app.test_client(), stories)
    app.extensions["read-also"].stop()


@dataclass
class Cms:
    """A site of its own, whose pages a test writes."""

    address: str
    pages: Pages

    def put_file(self, path: str, text: str, kind: str) -> str:
        """A text file of a media type; its address."""
        self.pages[path] = ({"Content-Type": kind}, text)
        return self.address + path

    def put(self, path: str, body: str, policy: str = "", style: str = "", **of_html: str) -> str:
        """A page around a body; its address."""
        attributes = "".join(f' {name}="{value}"' for name, value in of_html.items())
        link = f'<link rel="stylesheet" href="{escape(style)}">' if style else ""
        headers = {"Content-Security-Policy": policy} if policy else {}
        html = (
            f"<!doctype html><html{attributes}><head><meta charset=utf-8><title>CMS</title>"
            f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
            f"{link}</head><body>{body}</body></html>"
        )
        self.pages[path] = (headers, html)
        return self.address + path


@pytest.fixture(scope="module")
def cms() -> Iterator[Cms]:
    """Another origin than the application's."""
    pages: Pages = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers, html = pages.get(self.path, ({}, ""))
            self.send_response(200 if html else 404)
            for name, value in ({"Content-Type": "text/html; charset=utf-8"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Cms(f"{LOOPBACK}{server.server_port}", pages)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    """A page may take longer than the five seconds of Playwright where the machine is busy."""
    expect.set_options(timeout=1_000 * PATIENCE_SECONDS)
    yield
    expect.set_options(timeout=None)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium. Of the module alone: while it runs, its thread runs an event loop."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        skip_or_fail("Chromium is not installed: apt-get install chromium")
    home = tmp_path_factory.mktemp("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*FLAGS], env={"HOME": str(home)}
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def paper(
    tmp_path_factory: pytest.TempPathFactory,
    cms: Cms,
    make_story: Callable[..., Any],
    rebuild_with_fake: Callable[..., object],
) -> Iterator[Site]:
    """The service with the stories of the newspaper, whose pictures the CMS has."""
    for number in range(len(SKIES)):
        cms.put_file(f"/{number}.svg", drawing(number), "image/svg+xml")
    told = {one["id"]: one for one in newspaper_stories(cms.address, datetime.now(UTC), make_story)}
    with serve_stories(tmp_path_factory.mktemp("paper"), told, rebuild_with_fake) as site:
        pin = {"pins": [{"id": "en-2"}]}
        assert site.client.put("/v1/articles/en/pins", json=pin).status_code == 200
        site.client.application.extensions["read-also"].follower.refresh()
        yield site


@pytest.fixture
def tab(browser: Browser) -> Iterator[Callable[..., Tab]]:
    """Opens tabs: `tab(color_scheme="dark", viewport={"width": 320, "height": 640})`."""
    opened = []

    def make(**options: Any) -> Tab:
        opened.append(browser.new_context(**options))
        opened[-1].set_default_timeout(1_000 * PATIENCE_SECONDS)
        return Tab(opened[-1].new_page())

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def editor(tab: Callable[..., Tab]) -> Iterator[Editors]:
    """Signs people in: `editor(address, key=…, person=…, color_scheme="dark")`."""
    if not AXE.exists():
        skip_or_fail("axe is not installed: make generators")
    everybody = []

    def sign_in(address: str, key: str = SECRET, person: str = "Anna", **look: Any) -> Editor:
        everybody.append(Editor(tab(**(LOOKS["light"] | look)), address))
        everybody[-1].sign_in(key, person)
        return everybody[-1]

    yield sign_in
    for one in everybody:
        one.check_last()
