"""`read-also serve` as its operators run it: its processes, and how to find and end them.

What runs is the program that lies beside this file, from a data folder of its own, on 127.0.0.1.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.faults.serving_processes import children_of, processes_of_session, words_of

__all__ = ["KEY", "WORKERS", "Place", "Server", "end_when_told", "until"]

KEY: Final = "abcdefgh12345678"
WORKERS: Final = 2
ROOT: Final = Path(__file__).parents[2]
STOPPING_SECONDS: Final = 25.0
STARTING_SECONDS: Final = 120.0


def end_when_told() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that its servers end with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def until(condition: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


@dataclass(frozen=True, slots=True)
class Place:
    """An archive: its folder, where its store is, and what else its processes are told."""

    folder: Path
    database_url: str | None = None
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Of every process of this archive."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith("READ_ALSO_")}
        return kept | {
            "READ_ALSO_DATA_DIR": str(self.folder),
            "READ_ALSO_DATABASE_URL": self.database_url or f"sqlite:///{self.store}",
            "READ_ALSO_API_KEYS": f"t:read+write:{KEY}",
            **self.more,
        }

    @property
    def store(self) -> Path:
        """The file of the store, where it is SQLite's."""
        return self.folder / "read-also.db"

    def command(self, *words: str) -> list[str]:
        """A command of `read-also`."""
        return [sys.executable, "-m", "recommender", *words]

    def spawn(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command beside everything else; its words go to a log."""
        with (self.folder / "commands.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - words of our own
                self.command(*words),
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, *words: str, seconds: float = 300.0) -> None:
        """Run a command to its end.

        Raises:
            RuntimeError: it failed, or did not end in time.
        """
        process = self.spawn(*words)
        try:
            code = process.wait(seconds)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code:
            raise RuntimeError(f"read-also {' '.join(words)} ended with {code}; {self.log()}")

    def log(self) -> str:
        """The last words of the commands."""
        return (self.folder / "commands.log").read_text("utf-8", "replace")[-2_000:]


class Server:
    """`serve` with two workers in a session of its own, so that Ctrl-C reaches only us."""

    def __init__(self, place: Place, workers: int = WORKERS, *, ready: bool = True) -> None:
        """Start nothing yet.

        Args:
            place: what is served.
            workers: how many web workers.
            ready: whether there is something to serve; an empty archive is alive, not ready.
        """
        self.place = place
        self.port = _free_port()
        self.log = place.folder / "serve.log"
        self._workers = workers
        self._probe = "/readyz" if ready else "/healthz"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - words of our own
                self.place.command(
                    "serve", "--port", str(self.port), "--workers", str(self._workers)
                ),
                env=self.place.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._await_whole()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def supervisor(self) -> int:
        """Its process id, which is that of the session too."""
        if self._process is None:
            raise RuntimeError("serve was not started")
        return self._process.pid

    @property
    def master(self) -> int | None:
        """The process that forks the workers."""
        return self._child("web_server")

    @property
    def indexer(self) -> int | None:
        """The process that reads texts."""
        return self._child("indexer")

    @property
    def workers(self) -> list[int]:
        """The web workers that there are now."""
        master = self.master
        return [] if master is None else sorted(children_of(master))

    @property
    def processes(self) -> set[int]:
        """Everything that `serve` started and that still lives."""
        return processes_of_session(self.supervisor)

    def is_whole(self) -> bool:
        """Whether every process that there should be is there, and somebody answers."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"serve ended by itself: {self.words()[-2_000:]}")
        return len(self.workers) == self._workers and self.indexer is not None and self._answers()

    def words(self) -> str:
        """What it has logged."""
        return self.log.read_text("utf-8", "replace")

    def ended_by(self, number: signal.Signals, seconds: float) -> bool:
        """Send a signal to the supervisor; whether every process was gone in time."""
        os.kill(self.supervisor, number)
        return until(lambda: not self._is_running() and not self.processes, seconds)

    def stop(self) -> None:
        """End it, politely first; no process is left."""
        if self._process is None:
            return
        if self._is_running():
            self._process.terminate()
            until(lambda: not self._is_running(), STOPPING_SECONDS)
        for process in self.processes:
            _kill(process)
        self._process.wait(STOPPING_SECONDS)

    def _await_whole(self) -> None:
        if not until(self.is_whole, STARTING_SECONDS):
            raise RuntimeError(f"serve did not start: {self.words()[-2_000:]}")

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _child(self, word: str) -> int | None:
        found = (child for child in children_of(self.supervisor) if word in words_of(child))
        return next(found, None)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self._probe, headers={"X-API-Key": KEY})
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
