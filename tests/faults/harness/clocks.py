"""Clocks that can be moved for every process of a server, without a change to the product.

A `MovedClock` lets time pass: all clocks go on together. A `WallClock` jumps, as when somebody sets
the clock of a machine: durations, which are measured by the monotonic clock, go on as before.
"""

from pathlib import Path
from typing import Final

from tests.support.missing_software import skip_or_fail

__all__ = ["DAY_SECONDS", "HOUR_SECONDS", "MovedClock", "WallClock"]

DAY_SECONDS: Final = 86_400
HOUR_SECONDS: Final = 3_600
_HOOK: Final = """
import os
import sys
import time

_path = os.environ["MOVED_CLOCK"]
_time, _monotonic = time.time, time.monotonic
_read = [-1.0, 0.0]


def _moved():
    now = _monotonic()
    if now - _read[0] > 0.1:
        _read[0] = now
        try:
            with open(_path) as file:
                _read[1] = float(file.read())
        except (OSError, ValueError):
            pass
    return _read[1]


def _moved_monotonic():
    name = sys._getframe(1).f_globals.get("__name__", "")
    return _monotonic() + (0.0 if name.startswith("gunicorn") else _moved())


time.time = lambda: _time() + _moved()
time.monotonic = _moved_monotonic
if "threading" in sys.modules:
    sys.modules["threading"]._time = _moved_monotonic
"""


class MovedClock:
    """A clock that is moved on by hours; for embargoes and expiries, and what is kept for a time.

    Python imports `sitecustomize` from PYTHONPATH before anything else. Ours replaces `time.time`
    and `time.monotonic` by ones that add what a file says. Gunicorn's own timers keep the true
    monotonic clock: a jump would close every idle connection, which a long outage does not.

    It does not show what a day of retries adds up to (memory, open files); and `datetime.now`,
    which is C, gives the true time.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_HOOK)
        self._file = folder / "moved"
        self.environment = {"PYTHONPATH": str(folder), "MOVED_CLOCK": str(self._file)}
        self.hours = 0

    def move_an_hour(self) -> None:
        """Move it on, for everybody within a tenth of a second."""
        self.hours += 1
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{self.hours * HOUR_SECONDS}")
        aside.replace(self._file)


class WallClock:
    """A clock on the wall that is set, by libfaketime, for everything that asks the C library."""

    def __init__(self, folder: Path) -> None:
        """Begin with the true time.

        Args:
            folder: where the file lies that says how far the clock is off.
        """
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
        if library is None:
            skip_or_fail("libfaketime is not installed: apt-get install libfaketime")
        self._file = folder / "wall-clock"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.set_off(0)

    def set_off(self, seconds: int) -> None:
        """Set the clock so far before or behind the true time, for everybody at once."""
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{seconds:+d}")
        aside.replace(self._file)
