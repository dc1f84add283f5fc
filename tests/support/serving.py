"""`read-also serve` as its operators run it: its processes, and how to find and end them.

What runs is this checkout's program, from a data folder of its own, on 127.0.0.1.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import httpx

from recommender.settings import PREFIX
from tests.support.archives import clean_environment
from tests.support.processes import console_among
from tests.support.waiting import free_port, until

__all__ = ["KEY", "ROOT", "Place", "Server", "end_by_sigterm", "holder_of"]

KEY: Final = "abcdefgh12345678"
WORKERS: Final = 2
ROOT: Final = Path(__file__).parents[2]
STARTING_SECONDS: Final = 300.0
STOPPING_SECONDS: Final = 25.0
ANOTHER_REBUILD: Final = 75
"""The exit code of a command if another process does the same work."""
PROC: Final = Path("/proc")


def end_by_sigterm() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that its servers end with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@dataclass(frozen=True, slots=True)
class Place:
    """An archive: its folder, the address of its store, and more environment for its processes."""

    folder: Path
    database_url: str | None = None
    more: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        """The file of the store, where it is SQLite's."""
        return self.folder / "read-also.db"

    def spawn(
        self, log: str, *words: str, more: dict[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a command of `read-also` in a session of its own; what it says goes to a log.

        `more` is added to its environment.
        """
        environment = clean_environment(
            DATA_DIR=self.folder,
            DATABASE_URL=self.database_url or f"sqlite:///{self.store}",
            API_KEYS=f"t:read+write:{KEY}",
        )
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(  # noqa: S603 - words of our own
                [sys.executable, "-m", "recommender", *words],
                env=environment | self.more | (more or {}),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def run(self, *words: str, seconds: float = 300.0) -> None:
        """Run a command to its end; repeat it while another rebuild runs, as operators do.

        Raises:
            RuntimeError: it failed.
            subprocess.TimeoutExpired: it did not end in time.
        """
        end = time.monotonic() + seconds
        while (code := self._run_once(words, seconds)) == ANOTHER_REBUILD:
            if time.monotonic() > end:
                break
            time.sleep(1)
        if code:
            said = (self.folder / "commands.log").read_text("utf-8", "replace")[-2_000:]
            raise RuntimeError(f"read-also {' '.join(words)} ended with {code}; {said}")

    def _run_once(self, words: Iterable[str], seconds: float) -> int:
        with self.spawn("commands.log", *words) as process:
            try:
                return process.wait(seconds)
            except BaseException:
                process.kill()
                raise


class Server:
    """`serve` with two web workers and an indexer; it may be started again at the same port."""

    def __init__(self, place: Place, *, ready: bool = True) -> None:
        """Start nothing yet.

        Args:
            place: what is served.
            ready: whether there is something to serve; an empty archive is alive, not ready.
        """
        self.place = place
        self.port = free_port()
        self.operators_port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._probe = "/readyz" if ready else "/healthz"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until all its processes are there and somebody answers."""
        words = ("serve", "--port", str(self.port), "--workers", str(WORKERS))
        operators = {f"{PREFIX}OPERATORS_ADDRESS": f"127.0.0.1:{self.operators_port}"}
        if self._process is not None:
            self._process.wait(STOPPING_SECONDS)
        self._process = self.place.spawn("serve.log", *words, more=operators)
        whole = False
        try:
            whole = until(self.is_whole, STARTING_SECONDS)
        finally:
            if not whole:
                self.stop()
        if not whole:
            raise RuntimeError(f"serve did not start: {self.words()[-2_000:]}")

    @property
    def supervisor(self) -> int:
        """Its process id, which is that of the session too."""
        if self._process is None:
            raise RuntimeError("serve was not started")
        return self._process.pid

    @property
    def indexer(self) -> int | None:
        """The process that reads texts."""
        return self._child("indexer")

    @property
    def master(self) -> int | None:
        """The process of gunicorn that starts the web workers."""
        return self._child("recommender.operations.web_server")

    @property
    def workers(self) -> list[int]:
        """The web workers that there are now, without the console's process."""
        children = self._forked
        return [one for one in children if one != console_among(children)]

    @property
    def console(self) -> int | None:
        """The process that answers the console."""
        return console_among(self._forked)

    @property
    def processes(self) -> set[int]:
        """Everything that `serve` started and that still lives."""
        numbers = {int(path.name) for path in PROC.iterdir() if path.name.isdigit()}
        return {number for number in numbers if _session_of(number) == self.supervisor}

    def is_whole(self) -> bool:
        """Whether every process that there should be is there, and somebody answers."""
        if not self._is_running():
            raise RuntimeError(f"serve ended by itself: {self.words()[-2_000:]}")
        are_there = len(self.workers) == WORKERS and None not in {self.console, self.indexer}
        return are_there and self._answers()

    def words(self) -> str:
        """What it has logged."""
        return (self.place.folder / "serve.log").read_text("utf-8", "replace")

    def ended_by(self, number: signal.Signals, seconds: float) -> bool:
        """Send a signal to the supervisor; whether every process was gone in time."""
        os.kill(self.supervisor, number)
        return until(lambda: not self._is_running() and not self.processes, seconds)

    def stop(self) -> None:
        """End it, politely first; no process is left."""
        if self._process is None:
            return
        if self._is_running():
            self.ended_by(signal.SIGTERM, STOPPING_SECONDS)
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait(STOPPING_SECONDS)

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _child(self, word: str) -> int | None:
        children = _children_of(self.supervisor)
        return next(
            (one for one in children if word in _proc_file_of(one, "cmdline").split("\0")), None
        )

    @property
    def _forked(self) -> list[int]:
        master = self.master
        return [] if master is None else _children_of(master)

    def _answers(self) -> bool:
        try:
            answer = httpx.get(self.address + self._probe, headers={"X-API-Key": KEY}, timeout=5)
        except httpx.TransportError:
            return False
        return answer.status_code == 200


# --- reading /proc ---


def holder_of(server_port: int, client_port: int, among: Iterable[int]) -> int | None:
    """Which process holds the server's end of a connection on this machine."""
    lines = (PROC / "net/tcp").read_text().splitlines()[1:]
    ends = f":{server_port:04X}", f":{client_port:04X}"
    fields = next(
        (f for f in map(str.split, lines) if f[1][-5:] + f[2][-5:] == "".join(ends)), None
    )
    if fields is None:
        return None
    return next((process for process in among if _holds(process, f"socket:[{fields[9]}]")), None)


def _proc_file_of(process: int, name: str) -> str:
    """A file about a process; empty where it is gone."""
    try:
        return (PROC / f"{process}/{name}").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def _children_of(process: int) -> list[int]:
    return sorted(map(int, _proc_file_of(process, f"task/{process}/children").split()))


def _session_of(process: int) -> int | None:
    fields = (
        _proc_file_of(process, "stat").rpartition(")")[2].split()
    )  # state, parent, group, session
    return None if not fields or fields[0] in "ZX" else int(fields[3])


def _holds(process: int, target: str) -> bool:
    for path in (PROC / f"{process}/fd").glob("*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if str(path.readlink()) == target:
                return True
    return False
