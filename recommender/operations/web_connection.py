"""A connection to a client: what came and was not read yet, what was answered and not sent yet.

No method waits for the client, but for `BodyReader`: a large body is received while its request is
answered.
"""

import json
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final

from gunicorn.http import RequestParser
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from recommender.errors import Busy, ServerStops, SlowBody

__all__ = [
    "LEAST_BYTES_PER_SECOND",
    "RECEIVING_SECONDS",
    "REFUSALS",
    "Arrival",
    "BodyReader",
    "BufferedSocket",
    "Connection",
    "Listener",
    "arrival_of",
    "length_before_thread",
    "refusing_answer",
]

RECEIVING_SECONDS: Final = 10.0
"""How long a header may take, how long the first part of a body, and how long a pause in it."""
LEAST_BYTES_PER_SECOND: Final = 64 * 2**10
"""The least rate of a large body or answer, beside RECEIVING_SECONDS."""
MOST_HEADER_BYTES: Final = 64 * 2**10
MOST_HELD_BYTES: Final = 64 * 2**10  # of a body, before its request gets a thread
MOST_UNREAD_BYTES: Final = 256 * 2**20
"""Of answers that the clients of a listener do not read; above, the oldest is given up."""
LOOK_SECONDS: Final = 0.2  # between two looks whether the server stops
_END_OF_HEADER: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(  # it never goes back, so its time is linear
    rb"^content-length:[ \t]*+([0-9]{1,12}+)[ \t]*+\r?$", re.IGNORECASE | re.MULTILINE
)
_EXPECT: Final = re.compile(rb"^expect:", re.IGNORECASE | re.MULTILINE)


class Arrival(Enum):
    """How much of a request has come."""

    HEADER = auto()  # a part of its header, or nothing
    BODY = auto()  # its header, and not enough of its body
    ENOUGH = auto()  # it can be answered
    TOO_LONG = auto()  # a header longer than any that is read
    UNREADABLE = auto()  # lines that end without a carriage return


REFUSALS: Final = {
    Arrival.TOO_LONG: (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the header is too long"),
    Arrival.UNREADABLE: (HTTPStatus.BAD_REQUEST, "a line of the header does not end with CRLF"),
}
"""What is answered where no request can come of what has arrived."""


def arrival_of(received: bytes | bytearray, enough: int) -> Arrival:
    """Say how much of a request has come. What it means, only the parser says.

    Args:
        received: what has come.
        enough: `length_before_thread` of it.
    """
    if enough:
        return Arrival.ENOUGH if len(received) >= enough else Arrival.BODY
    if b"\n\n" in received or b"\n\r\n" in received:
        return Arrival.UNREADABLE
    return Arrival.TOO_LONG if len(received) > MOST_HEADER_BYTES else Arrival.HEADER


def length_before_thread(received: bytes | bytearray) -> int:
    """How many bytes of a request come before it gets a thread; 0 while its header is not whole."""
    end = received.find(_END_OF_HEADER)
    return 0 if end < 0 else end + len(_END_OF_HEADER) + _held_length(received[:end])


def _held_length(header: bytes | bytearray) -> int:
    """How many bytes of the body must come before the request gets a thread."""
    length = _LENGTH.search(header)
    if length is None or _EXPECT.search(header):  # a client that expects 100 sends nothing before
        return 0
    return min(int(length[1]), MOST_HELD_BYTES)


def refusing_answer(status: HTTPStatus, detail: str) -> bytes:
    """A whole answer that ends its connection: a problem document, as the application makes it."""
    problem = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    body = json.dumps(problem).encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        "Content-Type: application/problem+json",
        "Cache-Control: no-store",
        f"Content-Length: {len(body)}",
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append("Retry-After: 1")
    return "\r\n".join([*lines, "", ""]).encode() + body


class BufferedSocket(socket.socket):
    """A socket that never waits: what the client does not take yet is kept.

    Attributes:
        listener: the name of the listener that accepted it.
        unsent: what is kept.
    """

    def __init__(self, client: socket.socket, listener: str) -> None:
        """Take over a connected socket."""
        super().__init__(fileno=client.detach())
        self.settimeout(0)
        self.listener = listener
        self.unsent = bytearray()

    def sendall(self, data: Any, flags: int = 0, /) -> None:  # noqa: ANN401 - as socket has it
        """Send what the client takes now, and keep the rest.

        Raises:
            OSError: the connection is broken.
        """
        sent = 0 if self.unsent else self._send_now(data, flags)
        self.unsent += memoryview(data)[sent:]

    def flush(self) -> bool:
        """Send more of what is kept; whether nothing is left.

        Raises:
            OSError: the connection is broken.
        """
        if self.unsent:
            sent = self._send_now(self.unsent)
            del self.unsent[:sent]
        return not self.unsent

    def _send_now(self, data: Any, flags: int = 0) -> int:  # noqa: ANN401 - as socket has it
        try:
            return self.send(data, flags)
        except BlockingIOError:
            return 0


class BodyReader(SocketUnreader):  # type: ignore[misc]
    """Gives the parser what came, and the application the rest of a body while it comes.

    Only a few threads of a worker wait for bodies at the same time.
    """

    def __init__(
        self, client: socket.socket, permits: threading.Semaphore, is_stopping: Callable[[], bool]
    ) -> None:
        """Receive nothing yet.

        Args:
            client: a socket that never waits.
            permits: shared by the connections of a worker; a thread that waits holds one.
            is_stopping: whether the worker stops, so that no thread should wait.
        """
        super().__init__(client)
        self._permits = permits
        self._is_stopping = is_stopping
        self._holds_permit = False
        self._may_wait = False
        self._started = 0.0
        self._received = 0

    def begin_body(self) -> None:
        """From now on wait for the client: its header is read."""
        self._may_wait, self._started, self._received = True, time.monotonic(), 0

    def end_body(self) -> None:
        """From now on wait no more: the request is answered."""
        self._may_wait = False
        if self._holds_permit:
            self._holds_permit = False
            self._permits.release()

    def chunk(self, size_hint: int | None = None) -> bytes:
        """More of the body; nothing if the client ended the connection.

        Raises:
            NoMoreData: nothing is there, and the thread may not wait.
            Busy: too many threads wait for bodies.
            SlowBody: the body does not come at the least rate.
            ServerStops: the worker stops, and the body is not whole.
        """
        try:
            data: bytes = super().chunk(size_hint)
        except BlockingIOError:
            self._wait()
            data = super().chunk(size_hint)
        self._received += len(data)
        return data

    def _wait(self) -> None:
        if not self._may_wait:
            raise NoMoreData
        if not self._holds_permit and not self._permits.acquire(blocking=False):
            raise Busy("their bodies")
        self._holds_permit = True
        earned = self._started + RECEIVING_SECONDS + self._received / LEAST_BYTES_PER_SECOND
        until = min(earned, time.monotonic() + RECEIVING_SECONDS)
        readable = select.poll()
        readable.register(self.sock, select.POLLIN)
        while not readable.poll(1_000 * LOOK_SECONDS):
            if self._is_stopping():
                raise ServerStops
            if time.monotonic() > until:
                raise SlowBody


class Connection(TConn):  # type: ignore[misc]
    """A client's connection, from its acceptance to its end.

    Attributes:
        received: bytes that no parser has seen.
        enough: how many of them make a request that can be answered; 0 while that is unknown.
        stays: whether the next request may come after the answer.
        deadline: when the client is waited for no longer, by the monotonic clock.
        give_up: what is done then.
    """

    sock: BufferedSocket

    def __init__(
        self, cfg: object, client: BufferedSocket, address: object, server: object
    ) -> None:
        """Take over a socket; `address` is the client's, `server` that of the listener."""
        super().__init__(cfg, client, address, server)
        self.data_ready = True  # gunicorn: no thread need wait for a first byte
        self.received = bytearray()
        self.enough = 0
        self.stays = False
        self.deadline = 0.0
        self.give_up: Callable[[Connection], None] | None = None
        self.reader: BodyReader | None = None

    def open_reader(
        self, permits: threading.Semaphore, is_stopping: Callable[[], bool]
    ) -> BodyReader:
        """Give what was received to the parser; one reader serves all requests of a connection."""
        if self.reader is None:
            self.reader = BodyReader(self.sock, permits, is_stopping)
            self.parser = RequestParser(self.cfg, self.sock, self.client)
            self.parser.unreader = self.reader
        self.reader.unread(bytes(self.received))
        self.received.clear()
        return self.reader

    def init(self) -> None:
        """Keep the socket from waiting; gunicorn calls this in the thread after the opposite."""
        self.sock.settimeout(0)

    def arrival(self) -> Arrival:
        """How much of a request has come.

        A whole header is read once, not again for each byte that follows.
        """
        self.enough = self.enough or length_before_thread(self.received)
        return arrival_of(self.received, self.enough)

    def take_rest(self) -> None:
        """After an answer: what the client has already sent of its next request."""
        if self.reader is not None:
            self.received += self.reader.take_buffered()
        self.enough = 0


@dataclass(slots=True)
class Listener:
    """A listening socket, the threads that answer there, and the connections that wait."""

    name: str
    socket: Any
    threads: ThreadPoolExecutor
    requests: int = 0
    waiting: dict[Connection, None] = field(default_factory=dict)

    def oldest(self) -> Connection | None:
        """The connection that waits longest."""
        return next(iter(self.waiting), None)

    def hoarder(self) -> Connection | None:
        """The connection whose answer is unread for longest, if all unread ones are too much."""
        unread = [one for one in self.waiting if one.sock.unsent]
        return unread[0] if sum(len(o.sock.unsent) for o in unread) > MOST_UNREAD_BYTES else None
