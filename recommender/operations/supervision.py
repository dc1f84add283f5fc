"""Keeps the processes of one machine running: the web workers and the indexer.

The supervisor itself only starts processes, waits and starts again; it holds no model and no index.
"""

import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import FrameType
from typing import Final, NoReturn

__all__ = [
    "SUPERVISOR",
    "Program",
    "become_supervisor",
    "die_with_supervisor",
    "supervise",
    "wait_seconds",
]

SUPERVISOR: Final = "SUPERVISOR_PID"
"""The environment variable by which a program knows that it is supervised, and by whom."""

STOPPING_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 0.1
STEADY_SECONDS: Final = 10.0  # whoever ran so long is started again at once
MOST_WAIT_SECONDS: Final = 10.0
_SET_DEATH_SIGNAL: Final = 1  # prctl(2): PR_SET_PDEATHSIG
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Program:
    """Something to keep running; when the first start of an essential one fails, all stops."""

    name: str
    command: Sequence[str]
    essential: bool = False


@dataclass(slots=True)
class _Run:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    begun_at: float = 0.0
    due_at: float = 0.0
    deaths: int = 0
    steady: bool = False


@dataclass(slots=True)
class _Stop:
    """Set by a signal."""

    asked: bool = field(default=False)

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def become_supervisor(programs: Sequence[Program], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by a supervisor of programs, which holds nothing in memory."""
    told = json.dumps([asdict(program) for program in programs])
    command = [sys.executable, "-m", "recommender.operations.supervision", told]
    sys.stdout.flush()
    os.execve(command[0], command, dict(environment))  # noqa: S606 - no shell: our own arguments


def supervise(programs: Sequence[Program], environment: Mapping[str, str]) -> int:
    """Run programs until told to stop (SIGTERM, SIGINT), starting again those that die.

    Returns:
        0, or the code of an essential program that did not even start.
    """
    stop = _Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.ask)
    environment = {**environment, SUPERVISOR: str(os.getpid())}
    runs = [_Run(program) for program in programs]
    try:
        while not stop.asked:
            for run in runs:
                failed = _look_after(run, environment)
                if failed is not None:
                    return failed
            time.sleep(LOOK_SECONDS)
        return 0
    finally:
        _end([run.process for run in runs if run.process is not None])


def wait_seconds(deaths: int, ran_seconds: float) -> float:
    """How long to wait before a program that died is started again."""
    if ran_seconds >= STEADY_SECONDS:
        return 0.0
    return float(min(MOST_WAIT_SECONDS, 0.5 * 2 ** min(deaths - 1, 10)))


def die_with_supervisor() -> None:
    """Ask the system to stop this process when its supervisor dies, if it has one.

    For programs that `supervise` started; elsewhere nothing happens.
    """
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != int(supervisor):  # it died before the system was asked
        os.kill(os.getpid(), signal.SIGTERM)


def _look_after(run: _Run, environment: Mapping[str, str]) -> int | None:
    """Start what should run and does not; the code of an essential program that cannot start."""
    now = time.monotonic()
    if run.process is None:
        if now >= run.due_at:
            run.begun_at = now
            run.process = subprocess.Popen(  # noqa: S603 - commands of our own, no shell
                run.program.command, env=environment, stdin=subprocess.DEVNULL
            )
        return None
    ran = now - run.begun_at
    run.steady |= ran >= STEADY_SECONDS
    code = run.process.poll()
    if code is None:
        return None
    if run.program.essential and not run.steady:
        return code or 1
    run.deaths = 1 if ran >= STEADY_SECONDS else run.deaths + 1
    run.due_at = now + wait_seconds(run.deaths, ran)
    run.process = None
    _log.error("%s ended with %d and is started again", run.program.name, code)
    return None


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    until = time.monotonic() + STOPPING_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s supervisor: %(message)s")
    sys.exit(supervise([Program(**told) for told in json.loads(sys.argv[1])], os.environ))
