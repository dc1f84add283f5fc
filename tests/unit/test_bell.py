"""What threads wait with."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recommender.bell import Bell
from recommender.store import Pause

LAST = """
import atexit
atexit.register(lambda: (bell.ring(), print(bell.wait(0))))  # runs after what is registered later
from recommender.bell import Bell
bell = Bell()
"""


def open_files() -> set[str]:
    return {one.name for one in Path("/proc/self/fd").iterdir()}


def test_a_bell_that_is_rung_ends_one_wait() -> None:
    bell = Bell()
    assert not bell.wait(0)
    bell.ring()
    bell.ring()
    assert bell.wait(60)
    assert not bell.wait(0)


def test_a_bell_that_nobody_has_leaves_no_open_files() -> None:
    before = open_files()
    bell = Bell()
    assert len(open_files() - before) == 2
    del bell
    assert open_files() == before


def test_threads_can_wait_until_the_process_is_gone() -> None:
    """A thread that still waits must find no closed file, and write an error into the log."""
    ended = subprocess.run(  # noqa: S603 - words of our own
        [sys.executable, "-c", LAST], capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_who_relies_on_news_looks_within_a_second_though_none_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a clock that only a wait and a look move on."""
    now = 1_000.0

    def pass_time(_: Bell, seconds: float, *_more: object) -> bool:
        nonlocal now
        now += seconds
        return False

    silent = SimpleNamespace(heard=0, is_reliable=True, is_settled=True, listen=lambda: None)
    silent.wait = pass_time
    store: Any = SimpleNamespace(change_signal=SimpleNamespace(news=silent))
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr(Bell, "wait", pass_time)
    pause, waits = Pause(lambda: store, 0.1), list[float]()
    for _ in range(30):
        began = now
        assert pause.wait()
        waits.append(now - began)
        now += 0.037
    assert 0.1 < max(waits) < 1.0
