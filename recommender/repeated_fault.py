"""A fault that comes again and again: logged when it begins, once a minute, and when it is over."""

import logging
import time
from typing import Final

__all__ = ["RepeatedFault"]

EVERY_SECONDS: Final = 60.0


class RepeatedFault:
    """Remembers one kind of fault of a loop that tries again and again.

    Only one thread may use it.
    """

    def __init__(self, log: logging.Logger, meaning: str) -> None:
        """Remember nothing yet.

        Args:
            log: where its lines go.
            meaning: what does not work, as a sentence without its end.
        """
        self._log = log
        self._meaning = meaning
        self._count = 0
        self._logged_count = 0
        self._due_at = 0.0

    def note(self, fault: Exception, *, trace: bool = False) -> None:
        """Count a fault, and log it if a line is due.

        Args:
            fault: why it did not work this time.
            trace: whether the first line has the traceback: nobody foresaw this fault.
        """
        self._count += 1
        now = time.monotonic()
        if self._count == 1:
            self._log.error("%s: %s", self._meaning, fault, exc_info=fault if trace else None)
        elif now >= self._due_at:
            again = self._count - self._logged_count
            self._log.error("%s: %s (%d times more)", self._meaning, fault, again)
        else:
            return
        self._logged_count, self._due_at = self._count, now + EVERY_SECONDS

    def clear(self) -> None:
        """Note that it works; log that if it did not before."""
        if self._count:
            self._log.warning("over, after %d times: %s", self._count, self._meaning)
            self._count = 0
