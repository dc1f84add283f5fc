"""Keeps the processes of one machine running: the web server and the indexer.

The supervisor only starts processes, waits, and starts again those that end. It holds no model and
no index.
"""

import ctypes
import json
import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Final, NoReturn

from recommender.bell import Bell
from recommender.child_processes import module_command
from recommender.logs import start_logging
from recommender.settings import log_form

__all__ = [
    "SUPERVISOR",
    "Program",
    "StopSignal",
    "become_supervisor",
    "die_with_parent",
    "die_with_supervisor",
    "outlive_parent",
    "supervise",
    "supervisor_lives",
    "wait_seconds",
]

SUPERVISOR: Final = "SUPERVISOR_PID"
"""The environment variable that has the id of the supervisor of a process."""

STOPPING_SECONDS: Final = 15.0  # until a process that does not end is killed
STEADY_SECONDS: Final = 10.0  # a process that ran for this time is started again at once
LONGEST_WAIT_SECONDS: Final = 10.0
_SET_DEATH_SIGNAL: Final = 1  # prctl(2): PR_SET_PDEATHSIG
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Program:
    """A command to keep running.

    Attributes:
        name: in the log.
        command: its words.
        essential: whether all are stopped if it fails at its first start.
        renewal: the signal after which it is a new program: it reloads itself, or it ends and is
            started again.
        sockets: numbers of open files that it inherits; they stay open while it is started again.
    """

    name: str
    command: Sequence[str]
    essential: bool = False
    renewal: int = signal.SIGTERM
    sockets: Sequence[int] = ()


class StopSignal:
    """Whether a signal has come, by default one that stops a program.

    A plain attribute: a signal may interrupt any line, also one that holds the lock of an Event.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self.has_come = False
        self._numbers = numbers or (signal.SIGTERM, signal.SIGINT)
        self._then: Callable[[], None] = lambda: None

    def listen(self, then: Callable[[], None]) -> "StopSignal":
        """Receive the signals of this process from now on.

        Args:
            then: is called at each; it may take no lock. It can ring a `Bell`.
        """
        self._then = then
        for number in self._numbers:
            signal.signal(number, self._receive)
        # Whoever started this process may have blocked them: a mask is inherited.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)
        return self

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        self.has_come = True
        self._then()


@dataclass(slots=True)
class _Run:
    """A program, its process if it runs, and when it may be started again."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    deaths: int = 0
    was_steady: bool = False
    is_renewed: bool = False


def become_supervisor(programs: Sequence[Program], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by a supervisor of programs, so that it holds nothing in memory."""
    arguments = json.dumps([asdict(program) for program in programs])
    command = module_command("recommender.operations.supervision", arguments)
    sys.stdout.flush()
    os.execve(command[0], command, dict(environment))  # noqa: S606 - no shell: our own arguments


def supervise(programs: Sequence[Program], environment: Mapping[str, str]) -> int:
    """Run programs until SIGTERM or SIGINT, and start again those that end. SIGHUP renews all.

    Returns:
        0, or the exit code of an essential program that failed at its first start.
    """
    bell = Bell()
    stop = StopSignal().listen(bell.ring)
    renew = StopSignal(signal.SIGHUP).listen(bell.ring)
    StopSignal(signal.SIGCHLD).listen(bell.ring)  # a program has ended
    environment = {**environment, SUPERVISOR: str(os.getpid())}
    runs = [_Run(program) for program in programs]
    try:
        while not stop.has_come:
            if renew.has_come:
                renew.has_come = False
                _renew(runs)
            for run in runs:
                failure = _keep_running(run, environment)
                if failure is not None:
                    return failure
            bell.wait(min(map(_seconds_left, runs), default=math.inf))
        return 0
    finally:
        for number in (number for run in runs for number in run.program.sockets):
            os.close(number)
        _end([run.process for run in runs if run.process is not None])


def wait_seconds(deaths: int, ran_seconds: float) -> float:
    """How long to wait before a program that ended is started again."""
    if ran_seconds >= STEADY_SECONDS:
        return 0.0
    return float(min(LONGEST_WAIT_SECONDS, 0.5 * 2 ** min(deaths - 1, 10)))


def die_with_supervisor() -> None:
    """Let the system send SIGTERM to this process when its supervisor dies, if it has one."""
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor is not None:
        die_with_parent(int(supervisor))


def supervisor_lives() -> bool:
    """Whether this process has a supervisor that runs."""
    if SUPERVISOR not in os.environ:
        return False
    try:
        os.kill(int(os.environ[SUPERVISOR]), 0)
    except ProcessLookupError:
        return False
    return True


def die_with_parent(parent: int) -> None:
    """Let the system send SIGTERM to this process when its parent dies."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:  # it died before prctl was called
        os.kill(os.getpid(), signal.SIGTERM)


def outlive_parent() -> None:
    """Undo `die_with_parent`."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, 0)


def _keep_running(run: _Run, environment: Mapping[str, str]) -> int | None:
    """Start a program that is due; an exit code if an essential one failed at its first start."""
    now = time.monotonic()
    if run.process is None:
        if now >= run.due_at:
            run.started_at = now
            run.process = subprocess.Popen(  # noqa: S603 - commands of our own, no shell
                run.program.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=run.program.sockets,
            )
        return None
    ran_seconds = now - run.started_at
    run.was_steady |= ran_seconds >= STEADY_SECONDS
    code = run.process.poll()
    if code is None:
        return None
    # What a signal ended had started.
    if run.program.essential and not run.was_steady and code >= 0:
        return code or 1
    run.deaths = 1 if ran_seconds >= STEADY_SECONDS else run.deaths + 1
    run.due_at = now if run.is_renewed else now + wait_seconds(run.deaths, ran_seconds)
    run.process, run.is_renewed = None, False
    _log.error("%s ended with %d and is started again", run.program.name, code)
    return None


def _seconds_left(run: _Run) -> float:
    """How long nothing is to be done for a program, unless a signal comes."""
    return math.inf if run.process is not None else run.due_at - time.monotonic()


def _renew(runs: Sequence[_Run]) -> None:
    """Let every program that runs become a new one; what ends by that is started again at once."""
    for run in runs:
        if run.process is not None and run.process.poll() is None:
            run.process.send_signal(run.program.renewal)
            run.is_renewed = True


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Send SIGTERM to all, and kill those that do not end in time."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOPPING_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    start_logging("supervisor", log_form())
    sys.exit(supervise([Program(**fields) for fields in json.loads(sys.argv[1])], os.environ))
