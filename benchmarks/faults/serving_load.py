"""Constant reads over keep-alive connections, each answer noted with its time.

A read is due at its moment whether or not the ones before it were answered; its seconds count
from then. A connection that is more than a second behind leaves out what it missed, which the
reads a second tell. A connection that the server closed between two reads is opened anew, as every
client does. One that breaks after a read was sent cuts that read off: it is counted, and asked once
more over a new connection, as browsers and proxies do; it failed if that is in vain too.
"""

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Final, Self

from benchmarks.faults.serving import KEY

__all__ = ["FAILED", "Answer", "Load"]

FAILED: Final = 0
PATIENCE_SECONDS: Final = 15.0
MOST_BEHIND_SECONDS: Final = 1.0
_GENERATION: Final = re.compile(rb'"generation": ?"([^"]*)"')
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """When a read was due (monotonic), how long it took, and its status; 0 where it failed.

    `cut` tells that its first connection broke.
    """

    due_at: float
    seconds: float
    status: int
    cut: bool = False

    @property
    def good(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300


@dataclass(slots=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def is_closed(self) -> bool:
        return self.reader.at_eof() or self.reader.exception() is not None


class Load:
    """So many reads a second of some paths by turns, in a thread, while the block runs."""

    def __init__(self, port: int, paths: Sequence[str], rate: float, lines: int = 12) -> None:
        self.answers: list[Answer] = []
        self.generations: Counter[str] = Counter()
        self.reopened = 0
        self.faults: list[tuple[float, str]] = []
        self._port, self._rate, self._lines = port, rate, lines
        self._requests = [
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {KEY}\r\n\r\n".encode()
            for path in paths
        ]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_SECONDS + 5)

    def between(self, begun: float, ended: float) -> list[Answer]:
        """The answers that came in a span of monotonic time."""
        return [a for a in list(self.answers) if begun <= a.due_at + a.seconds < ended]

    def _run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        begun = time.monotonic()
        await asyncio.gather(*(self._line(begun, number) for number in range(self._lines)))

    async def _line(self, begun: float, number: int) -> None:
        line: _Line | None = None
        for step in count(number, self._lines):
            due = begun + step / self._rate
            if time.monotonic() - due > MOST_BEHIND_SECONDS:
                continue
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self._stopping.is_set():
                break
            line = await self._ask(line, due, self._requests[step % len(self._requests)])
        if line is not None:
            line.writer.close()

    async def _ask(self, line: _Line | None, due: float, request: bytes) -> _Line | None:
        """One read, noted; the connection to go on with, if there is one."""
        line, status = await self._try(line, request)
        cut = status == FAILED
        if cut:
            line, status = await self._try(None, request)
        self.answers.append(Answer(due, time.monotonic() - due, status, cut))
        return line

    async def _try(self, line: _Line | None, request: bytes) -> tuple[_Line | None, int]:
        """Ask once: the connection to go on with, and the status."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                line = await self._fit(line)
                line.writer.write(request)
                status, goes_on = await self._read(line.reader)
        except (OSError, EOFError, asyncio.LimitOverrunError) as fault:
            status, goes_on = FAILED, False
            self._blame(time.monotonic(), repr(fault))
        if line is not None and not goes_on:
            line.writer.close()
            line = None
        return line, status

    async def _fit(self, line: _Line | None) -> _Line:
        if line is not None and line.is_closed():
            line.writer.close()
            line = None
            self.reopened += 1
        return line or _Line(*await asyncio.open_connection("127.0.0.1", self._port))

    async def _read(self, reader: asyncio.StreamReader) -> tuple[int, bool]:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        named = _GENERATION.search(body)
        if named:
            self.generations[named[1].decode()] += 1
        status = int(head[9:12])
        if not 200 <= status < 300:
            self._blame(time.monotonic(), f"{status} {body[:200].decode('utf-8', 'replace')}")
        return status, b"connection: close" not in head.lower()

    def _blame(self, at: float, words: str) -> None:
        if len(self.faults) < 1_000:
            self.faults.append((at, words))
