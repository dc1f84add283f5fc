"""The supervisor restarts programs that die, and every program ends with it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recommender.operations.supervision import SUPERVISOR, StopSignal, wait_seconds
from tests.support.waiting import PATIENCE_SECONDS, until

# A program that says its name and pid in a file, and then waits.
NOTE = """
import os, sys, time
from recommender.operations.supervision import die_with_supervisor
die_with_supervisor()
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(600)
"""


def test_a_signal_is_received_though_the_parent_had_blocked_it() -> None:
    """A mask is inherited; without SIGCHLD no program would be started again."""
    number = signal.SIGUSR1
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    handler = signal.getsignal(number)
    try:
        listening = StopSignal(number).listen(lambda: None)
        os.kill(os.getpid(), number)
        assert listening.has_come
    finally:
        signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


@contextmanager
def supervised(*programs: dict[str, object]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "recommender.operations.supervision", json.dumps(programs)]
    environment = {name: value for name, value in os.environ.items() if name != SUPERVISOR}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def waiting(path: Path, **more: object) -> dict[str, object]:
    return {"name": path.name, "command": [sys.executable, "-c", NOTE, str(path)], **more}


@pytest.mark.parametrize(
    ("deaths", "ran", "seconds"),
    [(1, 0.0, 0.5), (2, 0.0, 1.0), (4, 9.9, 4.0), (9, 0.0, 10.0), (999, 0.0, 10.0), (7, 10.0, 0.0)],
)
def test_the_wait_doubles_up_to_ten_seconds_and_is_reset_after_a_steady_run(
    deaths: int, ran: float, seconds: float
) -> None:
    assert wait_seconds(deaths, ran) == seconds


def test_a_program_that_is_killed_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with supervised(waiting(one), waiting(two)):
        assert until(lambda: len(pids(one)) == 1 and len(pids(two)) == 1, PATIENCE_SECONDS)
        os.kill(pids(one)[0], signal.SIGKILL)
        assert until(lambda: len(pids(one)) == 2, PATIENCE_SECONDS)
        assert is_running(pids(one)[1])
        assert is_running(pids(two)[0])
        assert len(pids(two)) == 1


def test_a_stopped_supervisor_ends_every_program_and_leaves_with_0(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with supervised(waiting(one), waiting(two)) as process:
        assert until(lambda: len(pids(one)) == 1 and len(pids(two)) == 1, PATIENCE_SECONDS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert not is_running(pids(one)[0])
        assert not is_running(pids(two)[0])


def test_its_programs_end_when_it_is_killed(tmp_path: Path) -> None:
    one = tmp_path / "one"
    with supervised(waiting(one)) as process:
        assert until(lambda: len(pids(one)) == 1, PATIENCE_SECONDS)
        process.kill()
        assert until(lambda: not is_running(pids(one)[0]), PATIENCE_SECONDS)


def test_an_essential_program_that_cannot_start_ends_all_with_its_code(tmp_path: Path) -> None:
    one = tmp_path / "one"
    failing = {"name": "web", "command": [sys.executable, "-c", "raise SystemExit(3)"]}
    with supervised(waiting(one), failing | {"essential": True}) as process:
        assert process.wait(PATIENCE_SECONDS) == 3
        assert all(not is_running(pid) for pid in pids(one))


def test_a_program_that_is_killed_soon_after_its_first_start_is_started_again(
    tmp_path: Path,
) -> None:
    one = tmp_path / "one"
    with supervised(waiting(one, essential=True)):
        assert until(lambda: len(pids(one)) == 1, PATIENCE_SECONDS)
        os.kill(pids(one)[0], signal.SIGKILL)
        assert until(lambda: len(pids(one)) == 2, PATIENCE_SECONDS)


def test_sighup_renews_every_program_by_its_signal(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    reloads = waiting(two, renewal=signal.SIGCONT)  # which does nothing to it
    with supervised(waiting(one), reloads) as process:
        assert until(lambda: len(pids(one)) == 1 and len(pids(two)) == 1, PATIENCE_SECONDS)
        process.send_signal(signal.SIGHUP)
        assert until(lambda: len(pids(one)) == 2, PATIENCE_SECONDS)
        assert is_running(pids(two)[0])
        assert process.poll() is None
