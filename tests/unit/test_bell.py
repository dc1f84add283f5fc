"""What threads wait with."""

import subprocess
import sys
from pathlib import Path

from recommender.bell import Bell

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
