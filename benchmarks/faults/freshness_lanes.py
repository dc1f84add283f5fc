"""Connections to every worker of a server, so that each can be asked what it shows."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from queue import LifoQueue
from typing import Any

from benchmarks.faults.serving import Server
from benchmarks.faults.serving_calls import Line, line_to, listed

__all__ = ["Lane", "Lanes", "list_path"]


def list_path(seed: int, tag: str) -> str:
    """The list of a seed with the articles of a tag alone, and only where their text was read."""
    return f"/v1/articles/seed-{seed}/related?tag={tag}&min_score=0.01"


class Lane:
    """One connection to each worker, for one asker at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lines: dict[int, Line] = {}

    @property
    def workers(self) -> list[int]:
        """Whom there is to ask."""
        return self._server.workers

    def lists(self, worker: int, path: str) -> list[str]:
        """The ids in a list, as a certain worker answers."""
        status, body = self._ask(worker, "GET", path, None)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:200]!r}")
        return listed(body)

    def write(self, method: str, path: str, document: Mapping[str, Any] | None) -> int:
        """Call any worker; the status of its answer."""
        worker = next(iter(self._lines), self.workers[0])
        return self._ask(worker, method, path, document)[0]

    def close(self) -> None:
        """Hang up."""
        for line in self._lines.values():
            line.close()

    def _ask(self, worker: int, method: str, path: str, document: object) -> tuple[int, bytes]:
        """Call; where the idle connection was closed meanwhile, over a new one."""
        if worker in self._lines:
            try:
                return self._lines[worker].ask(method, path, document)
            except (OSError, HTTPException, json.JSONDecodeError):
                self._lines.pop(worker).close()
        self._lines[worker] = line_to(self._server, worker)
        return self._lines[worker].ask(method, path, document)


class Lanes:
    """As many lanes as there are askers at once."""

    def __init__(self, server: Server, count: int) -> None:
        self._free: LifoQueue[Lane] = LifoQueue()
        self._all = [Lane(server) for _ in range(count)]
        for lane in self._all:
            self._free.put(lane)

    @contextmanager
    def one(self) -> Iterator[Lane]:
        """A lane that nobody else uses while the block runs."""
        lane = self._free.get()
        try:
            yield lane
        finally:
            self._free.put(lane)

    def close(self) -> None:
        """Hang up all."""
        for lane in self._all:
            lane.close()
