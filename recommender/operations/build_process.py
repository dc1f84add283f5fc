"""Long work that the indexer starts in processes of their own: compactions, rebuilds, jobs."""

import logging
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from recommender.child_processes import module_command

__all__ = ["BuildProcess"]

FIRST_RETRY_SECONDS: Final = 60.0
MOST_RETRY_SECONDS: Final = 3_600.0
_log = logging.getLogger(__name__)


class BuildProcess:
    """Runs commands of this program, one process at a time; pauses longer after each failure."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._command = ""
        self._due_at = 0.0
        self._failures = 0

    def run(self, command: str, *options: str) -> None:
        """Start a command of `read-also`, unless one runs or a pause after a failure lasts."""
        if self.is_running() or time.monotonic() < self._due_at:
            return
        _log.info("starting: %s", command)
        self._command = command
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, constant words
            _niced(module_command("recommender", command, *options)), stdin=subprocess.DEVNULL
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
        """Whether a process runs.

        Call it regularly: it also collects the exit code of a process that ended.
        """
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
            _log.error("%s failed with %d; tried again in %.0f s", self._command, code, pause)
        return False


def _niced(command: Sequence[str]) -> list[str]:
    nice = Path("/usr/bin/nice")
    return [str(nice), "-n", "10", *command] if nice.exists() else list(command)
