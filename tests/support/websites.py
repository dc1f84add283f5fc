"""A web site on loopback: answers are set by path, and requests are recorded."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["HOST", "Answering", "Asked", "Site", "listening", "open_site", "reply"]

HOST = "127.0.0.1"

Answering = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Asked:
    """A received request: path and query, and headers by lower-case name."""

    path: str
    headers: Mapping[str, str]


@dataclass
class Site:
    """Answers by path; a path may have several answers, of which the last one stays."""

    port: int
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, list[Answering]] = field(default_factory=dict)
    rest: Answering | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def add(self, path: str, answering: Answering) -> str:
        """Answer a path by a function, or do so after those given before; returns the address."""
        self.answers.setdefault(path, []).append(answering)
        return self.url + path

    def serve(
        self, path: str, body: bytes = b"", status: int = 200, headers: Mapping[str, str] = {}
    ) -> str:
        """Answer a path with a body, or do so after those given before; returns the address."""
        given = dict(headers)
        return self.add(path, lambda request: reply(request, status, given, body))

    def serve_tagged(self, path: str, body: bytes, tag: str) -> str:
        """Answer with a body and its ETag, or with 304 to who names that."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            known = request.headers.get("If-None-Match") == tag
            reply(request, 304 if known else 200, {"ETag": tag}, b"" if known else body)

        self.answers.pop(path, None)
        return self.add(path, answer)

    def answer_all(self, answering: Answering) -> None:
        """Answer every path that has no answer of its own by a function."""
        self.rest = answering

    def _next(self, path: str) -> Answering:
        answers = self.answers.get(path) or [self.rest or _find_nothing]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _find_nothing(request: BaseHTTPRequestHandler) -> None:
    reply(request, 404, {}, b"nothing")


def reply(
    request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Send a whole answer."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port at which requests are handled as long as the context."""
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def open_site() -> Iterator[Site]:
    """A site that is there as long as the context."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            site.asked.append(Asked(self.path, headers))
            try:
                site._next(self.path)(self)  # noqa: SLF001 - its own part
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # whoever asked has heard enough

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as port:
        site = Site(port)
        yield site
