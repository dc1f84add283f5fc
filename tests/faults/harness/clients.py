"""Clients of a server that is under test: single calls, and readers who read all the time."""

import json
import re
import select
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import count
from typing import Any, Final, Self

from tests.support.serving import KEY, Server, holder_of
from tests.support.waiting import until

NO_ANSWER: Final = 0
PATIENCE_SECONDS: Final = 20.0
VISIBLE_SECONDS: Final = 300.0  # of a busy machine, on which a model loads for minutes
MOST_BEHIND_SECONDS: Final = 1.0
MOST_FAULTS: Final = 1_000
_GENERATION: Final = re.compile(rb'"generation": ?"([^"]*)"')


class Line:
    """One keep-alive connection; which worker holds its other end can be asked."""

    def __init__(self, port: int, seconds: float = PATIENCE_SECONDS) -> None:
        self._port = port
        self._connection = HTTPConnection("127.0.0.1", port, timeout=seconds)

    def ask(self, method: str, path: str, document: object = None) -> tuple[int, bytes]:
        """Call once; the connection stays open. One that was closed while idle is opened anew.

        Raises:
            OSError: the connection broke.
            HTTPException: the answer is cut off.
        """
        if self.is_closed():
            self.close()
        body = None if document is None else json.dumps(document)
        try:
            self._connection.request(method, path, body, {"X-API-Key": KEY})
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException):
            self.close()
            raise

    def is_closed(self) -> bool:
        """Whether the server has closed it, or it was never opened."""
        if (connected := self._connection.sock) is None:
            return True
        asked = select.poll()  # select() refuses a process with more than a thousand files
        asked.register(connected, select.POLLIN)
        return bool(asked.poll(0))

    def is_served_by(self, worker: int) -> bool:
        """Whether this process answers here."""
        connected = self._connection.sock
        if connected is None:
            return False
        return holder_of(self._port, connected.getsockname()[1], [worker]) == worker

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def ask(port: int, method: str, path: str, document: object = None) -> tuple[int, bytes]:
    """Call once on a connection of its own; status 0 where there is no whole answer."""
    with closing(Line(port)) as line:
        try:
            return line.ask(method, path, document)
        except (OSError, HTTPException) as fault:
            return NO_ANSWER, repr(fault).encode()


def put(port: int, document: dict[str, Any], *, visible: bool = False) -> int:
    """Write one article; the status of the answer."""
    wait = "?wait=visible" if visible else ""
    return ask(port, "PUT", f"/v1/articles/{document['id']}{wait}", document)[0]


def put_until_visible(
    port: int, document: dict[str, Any], seconds: float = VISIBLE_SECONDS
) -> bool:
    """Write one article as a patient CMS does, until it is acknowledged and visible."""
    return until(lambda: put(port, document, visible=True) in {200, 201}, seconds, every=0.2)


def line_to(server: Server, worker: int, seconds: float = 30.0) -> Line:
    """A connection to a given worker.

    Raises:
        TimeoutError: that worker took none of those that were opened.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        line = Line(server.port)
        with suppress(OSError, HTTPException):
            line.ask("GET", "/healthz")
            if line.is_served_by(worker):
                return line
        line.close()
        time.sleep(0.01)
    raise TimeoutError(f"worker {worker} answers nobody")


def listed(body: bytes) -> list[str]:
    """The ids of a list, in order."""
    return [item["id"] for item in json.loads(body)["items"]]


# --- readers ---


@dataclass(frozen=True, slots=True)
class Answer:
    """When a read was due (monotonic), how long it took, and its status; 0 where it failed.

    `cut`: its first connection broke.
    """

    due_at: float
    seconds: float
    status: int
    cut: bool

    @property
    def good(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300


class Load:
    """So many reads a second of some paths by turns, in threads, while the block runs.

    A read is due at its moment whether or not the ones before it were answered; its seconds count
    from then. A connection that is more than a second behind leaves out what it missed, which the
    reads a second show. One that breaks after a read was sent cuts that read off: it is counted,
    and asked once more, as browsers and proxies do; it failed if that is in vain too.
    """

    def __init__(self, port: int, paths: Sequence[str], rate: float, lines: int = 12) -> None:
        self.answers: list[Answer] = []
        self.generations: set[bytes] = set()
        self.faults: list[tuple[float, str]] = []
        self._port, self._paths, self._rate = port, paths, rate
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._read_on, args=(number, lines), daemon=True)
            for number in range(lines)
        ]

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_SECONDS)

    def between(self, begun: float, ended: float) -> list[Answer]:
        """The answers that came in a span of monotonic time."""
        return [a for a in list(self.answers) if begun <= a.due_at + a.seconds < ended]

    def _open(self, number: int) -> Line:  # noqa: ARG002 - which line it is
        """Make one of the connections; it is opened when something is read."""
        return Line(self._port)

    def _read_on(self, number: int, lines: int) -> None:
        with closing(self._open(number)) as line:
            for step in count(number, lines):
                due = self._begun + step / self._rate
                wait = due - time.monotonic()
                if wait < -MOST_BEHIND_SECONDS:
                    continue
                if self._stopping.wait(max(0.0, wait)):
                    return
                path = self._paths[step % len(self._paths)]
                first = self._read(line, path)
                status = first or self._read(line, path)
                seconds = time.monotonic() - due
                self.answers.append(Answer(due, seconds, status, cut=first == NO_ANSWER))

    def _read(self, line: Line, path: str) -> int:
        begun = time.monotonic()
        try:
            status, body = line.ask("GET", path)
        except (OSError, HTTPException) as fault:
            status, body = NO_ANSWER, repr(fault).encode()
        if not 200 <= status < 300 and len(self.faults) < MOST_FAULTS:
            words = f"{status} {body[:200].decode('utf-8', 'replace')}"
            self.faults.append((time.monotonic(), words))
        self._see(begun, body)
        return status

    def _see(self, begun: float, body: bytes) -> None:  # noqa: ARG002 - others need the moment
        """Look at an answer to what was asked at a moment, by the monotonic clock."""
        self.generations.update(_GENERATION.findall(body))
