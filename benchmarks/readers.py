"""Readers who ask a running service for lists at a rate, and what they wait."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Final

from benchmarks.served_archive import id_of

__all__ = ["Line", "read_lists"]

PATIENCE_SECONDS: Final = 60.0
LINES: Final = 8
"""Connections over which readers ask by turns; a list that is late delays the next of its own."""


class Line:
    """One connection to the service, of somebody with a cookie or a key."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        self._headers = headers

    def ask(self, path: str) -> tuple[int, float]:
        """Status of an answer, and the seconds until its first byte."""
        begun = time.perf_counter()
        try:
            self._connection.request("GET", path, headers=dict(self._headers))
            answer = self._connection.getresponse()
            seconds = time.perf_counter() - begun
            answer.read()
        except (OSError, HTTPException):
            self.close()
            return 0, time.perf_counter() - begun
        return answer.status, seconds

    def time(self, path: str) -> float:
        """Milliseconds until the first byte of an answer, which must be good."""
        status, seconds = self.ask(path)
        assert status == 200, (path, status)
        return 1e3 * seconds

    def close(self) -> None:
        """Close it; the next request opens another."""
        self._connection.close()


def read_lists(
    port: int, headers: Mapping[str, str], articles: int, seconds: float, rate: float, turn: int
) -> list[float]:
    """Milliseconds that readers wait for lists from when each was due; infinite where refused.

    Args:
        port: of the service.
        headers: of each request.
        articles: of the archive; each is asked for as often as another.
        seconds: for how long they ask.
        rate: lists a second, evenly spread.
        turn: another one asks for other articles.
    """
    draw = Random(100 + turn)  # noqa: S311
    begun = time.monotonic() + 0.1
    due = [begun + number / rate for number in range(round(seconds * rate))]
    paths = [f"/v1/articles/{id_of(draw.randrange(articles))}/related" for _ in due]

    def read(share: int) -> list[float]:
        waits = list[float]()
        with closing(Line(port, headers)) as line:
            for at, path in zip(due[share::LINES], paths[share::LINES], strict=True):
                time.sleep(max(0.0, at - time.monotonic()))
                status, _ = line.ask(path)
                waits.append(1e3 * (time.monotonic() - at) if status == 200 else float("inf"))
        return waits

    with ThreadPoolExecutor(LINES) as threads:
        return [wait for waits in threads.map(read, range(LINES)) for wait in waits]
