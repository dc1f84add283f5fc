"""A server on loopback that embeds as OpenAI's or text-embeddings-inference do, or fails."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from recommender.analysis.embedding import Encoder
from tests.support.archives import HashedWords
from tests.support.websites import HOST, listening, reply

__all__ = ["Answer", "Received", "Server", "open_encoder_server"]

OPENAI, TEI = "/v1/embeddings", "/embed"


@dataclass(frozen=True)
class Received:
    """A request: its path, its headers by lower-case name, and its body."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def texts(self) -> list[str]:
        texts: list[str] = self.body.get("input") or self.body["inputs"]
        return texts


@dataclass(frozen=True)
class Answer:
    """A status, headers and a body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """Embeds by words, unless `fail` gives another answer to a request.

    `rows_of` makes the vectors of texts, as lists of numbers.
    """

    port: int
    encoder: Encoder = field(default_factory=HashedWords)
    fail: Callable[[Received], Answer | None] = lambda _: None
    received: list[Received] = field(default_factory=list)

    @property
    def openai_url(self) -> str:
        return f"http://{HOST}:{self.port}{OPENAI}"

    @property
    def tei_url(self) -> str:
        return f"http://{HOST}:{self.port}{TEI}"

    def fail_once(self, *answers: Answer) -> None:
        """Give these answers to the next requests, each to one."""
        waiting = list(answers)
        self.fail = lambda _: waiting.pop(0) if waiting else None

    def rows_of(self, received: Received) -> list[list[float]]:
        rows = self.encoder.encode(received.texts, lambda _: None)
        size = received.body.get("dimensions") or rows.shape[1]
        return [[float(number) for number in row[:size]] for row in rows]

    def answer(self, received: Received) -> Answer:
        """The answer to a request; OpenAI's vectors come in another order than the texts."""
        self.received.append(received)
        if (failure := self.fail(received)) is not None:
            return failure
        rows: Any = self.rows_of(received)
        if received.path == OPENAI:
            data = [{"index": at, "embedding": row} for at, row in enumerate(rows)]
            rows = {"model": received.body["model"], "data": data[::-1]}
        return Answer(body=json.dumps(rows).encode())


@contextmanager
def open_encoder_server() -> Iterator[Server]:
    """A server that is there as long as the context."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(self.rfile.read(int(headers["content-length"])))
            answer = server.answer(Received(self.path, headers, body))
            try:
                reply(self, answer.status, answer.headers, answer.body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # whoever asked has heard enough

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as port:
        server = Server(port)
        yield server
