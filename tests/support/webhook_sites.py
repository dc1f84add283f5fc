"""A receiver of webhooks on loopback: what it got, and what it answers."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.websites import HOST, listening, reply

__all__ = ["Delivered", "ReceiverSite", "open_receiver"]


@dataclass(frozen=True)
class Delivered:
    """A message that was posted: its headers by lower-case name, and its body."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"])

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body)["data"]
        return data


@dataclass
class ReceiverSite:
    """Answers each message by the next of `answers`, a status and headers; then always by 204."""

    port: int
    delivered: list[Delivered] = field(default_factory=list)
    answers: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook"

    def of(self, type_: str) -> list[Delivered]:
        """The messages of one type."""
        return [one for one in self.delivered if one.type == type_]


@contextmanager
def open_receiver() -> Iterator[ReceiverSite]:
    """A receiver that is there as long as the context."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            length = int(headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # the sender was killed between the headers and the end
                self.close_connection = True
                return
            site.delivered.append(Delivered(headers, body))
            status, more = site.answers.pop(0) if site.answers else (204, {})
            reply(self, status, more, b"")

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as port:
        site = ReceiverSite(port)
        yield site
