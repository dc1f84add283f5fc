"""A clock that can be moved for every process of a server, without a change to the product.

Python imports `sitecustomize` from PYTHONPATH before anything else. Ours replaces `time.time` and
`time.monotonic` by ones that add what a file says. Gunicorn's own timers keep the true monotonic
clock: a jump would close every idle connection, which a long outage does not.

What this shows: nothing that is kept for the outage expires by its age, embargoes and expiries
come due, and a worker starts from a copy that is a day old. What it does not show: what a day of
retries adds up to (memory, open files); and `datetime.now`, which is C, tells the true time.
"""

import os
from pathlib import Path
from typing import Final

__all__ = ["HOUR_SECONDS", "MovedClock"]

HOUR_SECONDS: Final = 3_600.0
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
    """The folder of the hook, and how far the clock is moved now."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_HOOK)
        self._folder = folder
        self._file = folder / "moved"
        self._seconds = 0.0
        self.move(0.0)

    @property
    def environment(self) -> dict[str, str]:
        """Of the processes whose clock it is."""
        return {"PYTHONPATH": str(self._folder), "MOVED_CLOCK": str(self._file)}

    @property
    def hours(self) -> float:
        """How far it was moved."""
        return self._seconds / HOUR_SECONDS

    def move(self, seconds: float) -> None:
        """Move it on, for everybody within a tenth of a second."""
        self._seconds += seconds
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{self._seconds}")
        os.replace(aside, self._file)  # noqa: PTH105 - one call, as in the product
