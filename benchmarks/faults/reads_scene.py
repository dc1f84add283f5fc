"""What disturbances work on: one served archive, and what they note."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Final

from benchmarks.faults.reads_clock import MovedClock
from benchmarks.faults.serving import Server, until
from benchmarks.faults.serving_articles import fresh
from benchmarks.faults.serving_calls import Line, line_to
from tests.support.postgresql import PostgreSQL

__all__ = ["Disturbance", "Phase", "Scene"]

RECOVERY_SECONDS: Final = 60.0


@dataclass(slots=True)
class Phase:
    """A span of monotonic time in which something went on."""

    name: str
    begun: float
    ended: float = 0.0
    workers_killed: int = 0


@dataclass(slots=True)
class Scene:
    """A server, its surroundings, and the phases so far.

    Attributes:
        server: what is disturbed.
        subjects: how many seeds there are.
        pace: what every waiting is multiplied by; 1 but for trials.
        clock: of its processes.
        database: its PostgreSQL; None where the store is SQLite.
        phases: what went on, in order.
        notes: what disturbances saw besides reads.
        wrong: what they saw that should not be.
    """

    server: Server
    subjects: int
    pace: float
    clock: MovedClock
    database: PostgreSQL | None = None
    phases: list[Phase] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    written: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what is answered while the block runs under a name."""
        self.phases.append(Phase(name, time.monotonic()))
        try:
            yield
        finally:
            self.phases[-1].ended = time.monotonic()

    def rest(self, seconds: float) -> None:
        """Let reads go on for a while."""
        time.sleep(max(0.0, seconds * self.pace))

    def next_article(self, **more: object) -> dict[str, Any]:
        """An article that was never written."""
        self.written += 1
        return fresh(self.written, self.written % self.subjects, **more)

    def kill_worker(self) -> None:
        """SIGKILL a web worker, and wait until its successor itself answers reads."""
        before = set(self.server.workers)
        os.kill(min(before), signal.SIGKILL)
        self.phases[-1].workers_killed += 1
        begun = time.monotonic()
        self.check(
            until(lambda: len(set(self.server.workers) - before) == 1, RECOVERY_SECONDS),
            "no new worker came",
        )
        (successor,) = set(self.server.workers) - before or {0}
        status = self._asked_of(successor)
        took = time.monotonic() - begun
        self.check(status == 200, f"the new worker answered {status} to its first reads")
        self.note(f"a new worker answered {status}, {took:.1f} s after the kill")

    def kill_indexer(self) -> None:
        """SIGKILL the indexer, and wait for the next one."""
        before = self.server.indexer
        if before is not None:
            os.kill(before, signal.SIGKILL)
        new = until(lambda: self.server.indexer not in {None, before}, RECOVERY_SECONDS)
        self.check(new, "no new indexer came")

    def note(self, words: str) -> None:
        """Keep what was seen, under the phase in which it was."""
        self.notes.append(f"{self.phases[-1].name}: {words}")

    def check(self, fine: bool, words: str) -> None:  # noqa: FBT001 - as assert has it
        """Keep what should not be."""
        if not fine:
            self.wrong.append(f"{self.phases[-1].name}: {words}")

    def _asked_of(self, worker: int) -> int:
        line: Line | None = None
        try:
            line = line_to(self.server, worker, seconds=RECOVERY_SECONDS)
            return line.ask("GET", "/v1/articles/seed-0/related")[0]
        except (OSError, HTTPException):
            return 0
        finally:
            if line is not None:
                line.close()


Disturbance = Callable[[Scene], None]
