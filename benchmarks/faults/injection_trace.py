"""Runs work under strace: once to learn its calls, then with a fault at one of them."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any, Final

__all__ = [
    "FAULTS",
    "WORKER",
    "Call",
    "Outcome",
    "Point",
    "Tracer",
    "calls_in",
    "open_tracer",
    "refusal",
]

SYSCALLS: Final = (
    *("openat", "write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate", "fallocate"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
    *("fcntl", "flock"),
)
FAULTS: Final = {"KILL": "signal=KILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC"}
ROOT: Final = Path(__file__).parents[2]
WORKER: Final = ("-m", "benchmarks.faults.injection_worker")
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_LINE: Final = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\(")


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that touched the archive: which of its name, from 1, and what strace says."""

    name: str
    number: int
    text: str

    @property
    def unlocks(self) -> bool:
        """Whether it gives a lock back, which no local disk refuses."""
        return "F_UNLCK" in self.text


@dataclass(frozen=True, slots=True)
class Point:
    """A fault at a call."""

    call: Call
    fault: str

    @property
    def rule(self) -> str:
        """What strace is told."""
        return f"inject={self.call.name}:{FAULTS[self.fault]}:when={self.call.number}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a child told of its work, and what strace wrote.

    Attributes:
        steps: by step (work, again, tidy, prepare) what the child told.
        status: how it ended, as `os.waitpid` says it.
        trace: strace's lines.
    """

    steps: dict[str, dict[str, Any]]
    status: int
    trace: list[str]

    @property
    def acknowledged(self) -> bool:
        """Whether the work was done, at the first attempt or the second."""
        return any(self.steps.get(step, {}).get("done") for step in ("work", "again"))


class Tracer:
    """A worker whose children are traced, and where they leave their traces."""

    def __init__(self, worker: "subprocess.Popen[bytes]", folder: Path) -> None:
        self._worker = worker
        self._log = folder / "strace.log"

    def run(self, work: str, folder: Path, *options: str) -> Outcome:
        """Do a piece of work in a fresh child under strace."""
        self._send(json.dumps([work, str(folder)]).encode())
        facts = [self._hear()]
        if "ready" in facts[0]:
            with self._tracing(int(facts[0]["ready"]), options):
                self._send(b"\n")
                facts += self._until_gone()
        else:
            facts += self._until_gone()
        steps = {fact["step"]: fact for fact in facts if "step" in fact}
        trace = self._log.read_text("utf-8", "replace").splitlines()
        return Outcome(steps, int(facts[-1]["status"]), trace)

    def calls(self, work: str, folder: Path) -> list[Call]:
        """Do it once without a fault, and list the calls that touch the folder."""
        outcome = self.run(work, folder)
        if outcome.status or not outcome.acknowledged:
            raise RuntimeError(f"{work} fails without a fault: {outcome.steps}")
        return list(calls_in(outcome.trace, folder))

    def _until_gone(self) -> Iterator[dict[str, Any]]:
        while True:
            fact = self._hear()
            yield fact
            if "status" in fact:
                return

    @contextmanager
    def _tracing(self, pid: int, options: Iterable[str]) -> Iterator[None]:
        traced = ",".join(SYSCALLS)
        command = ["strace", "-f", "-y", "-s", "300", "-e", f"trace={traced}", "-o", str(self._log)]
        command += [*options, "-p", str(pid)]
        # Ours, and strace from the path.
        with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:  # noqa: S603
            assert strace.stderr is not None
            said = strace.stderr.readline()
            if b"attached" not in said:
                os.kill(pid, 9)
                raise PermissionError(f"strace cannot attach: {said.decode().strip()}")
            try:
                yield
            except BaseException:
                strace.terminate()  # else it waits for a child that waits for us
                raise
            strace.stderr.read()

    def _send(self, data: bytes) -> None:
        assert self._worker.stdin is not None
        self._worker.stdin.write(data)
        self._worker.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._worker.stdout is not None
        line = self._worker.stdout.readline()
        if not line:
            raise RuntimeError("the worker is gone")
        fact: dict[str, Any] = json.loads(line)
        return fact


@contextmanager
def open_tracer(worker_options: Sequence[str] = WORKER) -> Iterator[Tracer]:
    """Start a worker, by what the interpreter is told to run, and stop it at the end."""
    command = [sys.executable, *worker_options]
    with (
        tempfile.TemporaryDirectory(prefix="strace-") as folder,
        subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=os.environ | ONE_THREAD,
            process_group=0,  # a Ctrl-C is for the process that injects
        ) as worker,
    ):
        try:
            yield Tracer(worker, Path(folder))
        finally:
            worker.kill()


def calls_in(trace: Iterable[str], folder: Path) -> Iterator[Call]:
    """The calls of a trace that touch a folder; strace counts those of a name per thread."""
    seen: Counter[tuple[str, str]] = Counter()
    for line in trace:
        if not (start := _LINE.match(line)):
            continue
        key = (start["pid"], start["name"])
        seen[key] += 1
        if str(folder) in line:
            yield Call(start["name"], seen[key], line.removeprefix(start["pid"]).strip())


def refusal() -> str | None:
    """Why nothing can be traced here; None where it can."""
    if which("strace") is None:
        return "strace is not installed: apt-get install strace"
    with subprocess.Popen(["sleep", "60"]) as sleeper:  # noqa: S607 - from the path
        command = ["strace", "-p", str(sleeper.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:  # noqa: S603
            assert strace.stderr is not None
            said = strace.stderr.readline()  # that it is attached, or why it is not
            strace.terminate()
        sleeper.kill()
    return None if "attached" in said else f"strace may not trace here: {said.strip()}"
