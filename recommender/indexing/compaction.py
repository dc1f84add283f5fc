"""Compaction: build the changes since the live snapshot into a new one, in a process of its own."""

import logging
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from recommender.child_processes import module_command

__all__ = ["Compaction", "is_compaction_due"]

FIRST_ENTRIES: Final = 64
ENTRIES_SHARE: Final = 0.2
MOST_ENTRIES: Final = 10_000  # 5 KB of each in every worker
FIRST_RETRY_SECONDS: Final = 60.0
MOST_RETRY_SECONDS: Final = 3_600.0
_log = logging.getLogger(__name__)


def is_compaction_due(entries: int, base: int, *, idle: bool) -> bool:
    """Whether the delta has grown so much that a new snapshot should be built.

    Args:
        entries: how many entries the change log has since the live snapshot: one for a write, and
            one when its text was analyzed. Each may be a row in the memory of every worker, also
            if the same article is edited again and again.
        base: how many articles the live snapshot has.
        idle: whether the queue is empty; otherwise a new snapshot would soon be out of date.
    """
    if idle:
        least = FIRST_ENTRIES if base else 0
        return entries > min(max(least, ENTRIES_SHARE * base), MOST_ENTRIES)
    return entries > MOST_ENTRIES


class Compaction:
    """Runs compactions and rebuilds, one process at a time; pauses longer after each failure."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._due_at = 0.0
        self._failures = 0

    def run(self, command: str) -> None:
        """Start a command of `read-also`, unless one runs or a pause after a failure lasts."""
        if self.is_running() or time.monotonic() < self._due_at:
            return
        _log.info("starting: %s", command)
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, constant words
            _niced(module_command("recommender", command)), stdin=subprocess.DEVNULL
        )

    @property
    def was_started(self) -> bool:
        """Whether a process was started and `is_running` has not noticed its end yet."""
        return self._process is not None

    def stop(self) -> None:
        """Terminate the process; the next one removes what it built aside."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def is_running(self) -> bool:
        """Whether a process runs; the end of one is noticed here."""
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        self._process = None
        self._failures = 0 if code == 0 else self._failures + 1
        if code:
            pause = min(FIRST_RETRY_SECONDS * 2 ** (self._failures - 1), MOST_RETRY_SECONDS)
            self._due_at = time.monotonic() + pause
            _log.error("compaction failed with %d; tried again in %.0f s", code, pause)
        return False


def _niced(command: Sequence[str]) -> list[str]:
    nice = Path("/usr/bin/nice")
    return [str(nice), "-n", "10", *command] if nice.exists() else list(command)
