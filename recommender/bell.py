"""How threads wait: until a bell is rung, or until the moment when all look whether all is well."""

import math
import os
import select
import time
import weakref
from contextlib import suppress
from typing import Final

__all__ = ["IDLE_SECONDS", "Bell", "until_idle_look"]

IDLE_SECONDS: Final = 0.9
"""Between two looks of a thread that somebody wakes when there is something to see.

If once nobody did, it is seen within a second all the same, which is promised of every write.
"""


def until_idle_look() -> float:
    """The seconds until the next look: at the same moment in all threads of all processes.

    So the processor wakes up once for all of them: that costs more than what they do.
    """
    return IDLE_SECONDS - time.monotonic() % IDLE_SECONDS


class Bell:
    """Ends a wait. To ring takes no lock, so a signal handler may do it at any line.

    It stays rung until somebody waits. Its two open files are closed when nobody has it any more.
    """

    def __init__(self) -> None:
        self._inside, self._outside = os.pipe()
        for file in (self._inside, self._outside):
            os.set_blocking(file, False)
            # At the end of the process threads may still wait: then the system closes them.
            weakref.finalize(self, os.close, file).atexit = False

    def ring(self) -> None:
        """End the wait that goes on, or the next one."""
        with suppress(BlockingIOError):  # it was rung thousands of times
            os.write(self._outside, b".")

    def wait(self, seconds: float = math.inf, also: int | None = None) -> bool:
        """Wait until it rings; False if the time is over before.

        Args:
            seconds: at most; infinity for no end.
            also: the number of an open file; that it can be read ends the wait too.
        """
        waiting = select.poll()
        for file in (self._inside, also):
            if file is not None:
                waiting.register(file, select.POLLIN)
        limit = None if math.isinf(seconds) else max(0, math.ceil(seconds * 1_000))
        found = [file for file, _ in waiting.poll(limit)]
        if self._inside in found:
            os.read(self._inside, 2**16)
        return bool(found)
