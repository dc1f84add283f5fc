"""When what changed since the live snapshot is built into the next one, and by whom."""

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
PAUSE_SECONDS: Final = 60.0
MOST_PAUSE_SECONDS: Final = 3_600.0
_log = logging.getLogger(__name__)


def is_compaction_due(entries: int, base: int, *, idle: bool) -> bool:
    """Whether what happened since the live snapshot should be built into the next one.

    Args:
        entries: of the log since then: a write is one, and that its text was read is another. Each
            may have left a row in memory, also where an article is edited over and over.
        base: how many articles the snapshot has.
        idle: whether nothing waits to be read; a snapshot built meanwhile is soon out of date.
    """
    if idle:
        least = FIRST_ENTRIES if base else 0
        return entries > min(max(least, ENTRIES_SHARE * base), MOST_ENTRIES)
    return entries > MOST_ENTRIES


class Compaction:
    """A rebuild in a process of its own, at most one at a time; after a refusal it pauses."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._due_at = 0.0
        self._refusals = 0

    def run(self, command: str) -> None:
        """Start a command of `read-also`, unless one runs or has just failed."""
        if self.is_running() or time.monotonic() < self._due_at:
            return
        _log.info("starting: %s", command)
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, words of our own
            _niced(module_command("recommender", command)), stdin=subprocess.DEVNULL
        )

    @property
    def was_started(self) -> bool:
        """Whether a process was started whose end was not noticed yet by `is_running`."""
        return self._process is not None

    def stop(self) -> None:
        """End what runs; what it built aside is swept up by the next one."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def is_running(self) -> bool:
        """Whether one runs; one that has ended is taken note of."""
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        self._process = None
        self._refusals = 0 if code == 0 else self._refusals + 1
        if code:
            pause = min(PAUSE_SECONDS * 2 ** (self._refusals - 1), MOST_PAUSE_SECONDS)
            self._due_at = time.monotonic() + pause
            _log.error("compaction failed with %d; tried again in %.0f s", code, pause)
        return False


def _niced(command: Sequence[str]) -> list[str]:
    nice = Path("/usr/bin/nice")
    return [str(nice), "-n", "10", *command] if nice.exists() else list(command)
