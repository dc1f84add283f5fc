"""The service of a site's plugin: the real one, and a stub whose answers a test writes."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx

from tests.support.serving import KEY, Place, Server
from tests.support.waiting import PATIENCE_SECONDS, until

__all__ = [
    "HTML",
    "PLUGIN_KEY",
    "PROBLEM",
    "READER_KEY",
    "Answer",
    "Asked",
    "Service",
    "Stage",
    "accept",
]

READY = ("ready-1", "ready-2")
"""Articles that are there from the start, each in the list of the other."""
MOST_IDS = 1_000  # on a page
PLUGIN_KEY = "plugin-0123456789abcdef"
"""Of the service itself: it opens lists and writes, and shows no draft."""
READER_KEY = "reader-0123456789abcdef"
"""It opens lists, and writes nothing."""
HTML = {"Content-Type": "text/html; charset=utf-8"}
PROBLEM = {"Content-Type": "application/problem+json"}


class Service(Server):
    """`read-also serve` on an empty archive with the bundled model, web workers and indexer."""

    def __init__(self, folder: Path) -> None:
        keys = f"t:read+write:{KEY},plugin:lists+write:{PLUGIN_KEY},reader:lists:{READER_KEY}"
        super().__init__(Place(folder, more={"READ_ALSO_API_KEYS": keys}), ready=False)

    def start(self) -> None:
        """Start it, and wait until the indexer has loaded its model and reads what is put."""
        super().start()
        first, second = READY
        self.put(first, "Ready", "The first article of an archive.")
        self.put(second, "Steady", "It was the second of all.")
        if not until(lambda: second in self.titles(first), PATIENCE_SECONDS):
            raise RuntimeError(self.words())

    def empty(self) -> None:
        """Delete whatever was put since it started, and with it what was pinned and blocked."""
        with self.client() as client:
            while lines := "\n".join(map(_deletion, self._ids(client) - set(READY))):
                headers = {"Content-Type": "application/x-ndjson"}
                answer = client.post("/v1/bulk", content=lines, headers=headers)
                if answer.raise_for_status().json()["errors"]:
                    raise RuntimeError(answer.text[:2_000])

    def _ids(self, client: httpx.Client) -> set[str]:
        answer = client.get("/v1/article-ids", params={"limit": MOST_IDS})
        return set(answer.raise_for_status().json()["ids"])

    def client(self) -> httpx.Client:
        """A client with a key that may read everything."""
        bearer = {"Authorization": f"Bearer {KEY}"}
        return httpx.Client(base_url=self.address, headers=bearer, timeout=PATIENCE_SECONDS)

    def put(self, article_id: str, title: str, body: str) -> None:
        """Store an article in addition to those of the site."""
        with self.client() as client:
            document = {"title": title, "body": body}
            client.put(f"/v1/articles/{article_id}", json=document).raise_for_status()

    def article(self, article_id: str) -> dict[str, object] | None:
        """An article as it was pushed; None where there is none."""
        with self.client() as client:
            answer = client.get(f"/v1/articles/{article_id}")
        stored: dict[str, object] = answer.json()
        return stored if answer.status_code == 200 else None

    def titles(self, article_id: str) -> dict[str, str]:
        """The list under an article: by id the titles."""
        with self.client() as client:
            answer = client.get(f"/v1/articles/{article_id}/related", params={"limit": 50})
        return {item["id"]: item["title"] for item in answer.json().get("items", ())}


def _deletion(article_id: str) -> str:
    return json.dumps({"delete": {"id": article_id}})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that a stub service received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a stub service."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    more_headers: tuple[tuple[str, str], ...] = ()


def accept(asked: Asked) -> Answer:
    """Answer as a service does that takes every change and knows no article."""
    written = {"id": "x", "result": "updated", "change": 1, "status": 200}
    if asked.method == "GET":
        return Answer(404, headers=PROBLEM)
    if asked.method == "DELETE":
        return Answer(204)
    if asked.method == "PUT":
        return Answer(200, json.dumps(written))
    items = [written for _ in asked.body.splitlines()]
    return Answer(200, json.dumps({"errors": False, "items": items}))


@dataclass(slots=True)
class Stage:
    """A service on loopback whose answers are written by a test, and that remembers what it got."""

    port: int = 0
    answer: Callable[[Asked], Answer] = lambda _asked: Answer(404)
    asked: list[Asked] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def open(self) -> Iterator["Stage"]:
        """Answer in threads of this process until the end."""
        stage = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, self.rfile.read(length))
                stage.asked.append(asked)
                said = stage.answer(asked)
                self.send_response(said.status)
                for name, value in (*said.headers.items(), *said.more_headers):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.body.encode())))
                self.end_headers()
                self.wfile.write(said.body.encode())

            do_GET = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_address[1]
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()
