"""Single calls of a client to a server that is under test."""

import json
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from benchmarks.faults.serving import KEY, Server, until
from benchmarks.faults.serving_processes import holder_of

__all__ = ["AWAY", "Line", "ask", "delete", "line_to", "listed", "put", "put_until_kept"]

AWAY: Final = 0
PATIENCE_SECONDS: Final = 20.0


class Line:
    """One keep-alive connection; which worker holds its other end is known."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def ask(self, method: str, path: str, document: object = None) -> tuple[int, bytes]:
        """Call once; the connection stays open.

        Raises:
            OSError: the connection broke.
            HTTPException: the answer is cut off.
        """
        body = None if document is None else json.dumps(document)
        self._connection.request(method, path, body, {"X-API-Key": KEY})
        response = self._connection.getresponse()
        return response.status, response.read()

    def holder(self, among: list[int]) -> int | None:
        """Which process answers here; it must have answered once."""
        if self._connection.sock is None:
            return None
        return holder_of(self._port, self._connection.sock.getsockname()[1], among)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def ask(port: int, method: str, path: str, document: object = None) -> tuple[int, bytes]:
    """Call once on a connection of its own; status 0 where there is no whole answer."""
    line = Line(port)
    try:
        return line.ask(method, path, document)
    except (OSError, HTTPException) as fault:
        return AWAY, repr(fault).encode()
    finally:
        line.close()


def put(port: int, document: dict[str, Any], *, visible: bool = False) -> int:
    """Write one article; the status of the answer."""
    wait = "?wait=visible" if visible else ""
    return ask(port, "PUT", f"/v1/articles/{document['id']}{wait}", document)[0]


def put_until_kept(port: int, document: dict[str, Any], seconds: float = 60.0) -> bool:
    """Write one article as a patient CMS does, until it is acknowledged and visible."""
    return until(lambda: put(port, document, visible=True) in {200, 201}, seconds, every=0.2)


def delete(port: int, article_id: str) -> int:
    """Delete one article; the status of the answer."""
    return ask(port, "DELETE", f"/v1/articles/{article_id}")[0]


def line_to(server: Server, worker: int, path: str = "/healthz", seconds: float = 30.0) -> Line:
    """A connection that a certain worker holds.

    Raises:
        TimeoutError: that worker took none of those that were opened.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        line = Line(server.port)
        with suppress(OSError, HTTPException):
            line.ask("GET", path)
            if line.holder([worker]) == worker:
                return line
        line.close()
        time.sleep(0.01)
    raise TimeoutError(f"worker {worker} answers nobody")


def listed(body: bytes) -> list[str]:
    """The ids of a list, in order."""
    return [item["id"] for item in json.loads(body)["items"]]
