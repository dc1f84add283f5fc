"""How many requests of a worker may do the same slow thing at once, and who may wait for that."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from recommender.errors import Busy

__all__ = ["Turns", "TurnsOfWorker"]

PATIENCE_SECONDS: Final = 0.2
REST_SECONDS: Final = 1.0
"""For so long after somebody waited in vain nobody waits."""

SEATS: Final = 7  # of the eight threads of a worker: waiting leaves one to who reads the view
WRITERS: Final = 4  # the other threads go on reading while these wait
WAITERS: Final = 2  # for a write to be visible
ASKERS: Final = 1  # of the store, for the list under an article that the view does not hold
FETCHERS: Final = 2  # of an article
DRAFTERS: Final = 2
SEEKERS: Final = 1  # of an article in the lists of others
EXPLAINERS: Final = 2  # of a list, from reading its texts to the last word


class Turns:
    """A few turns; whoever finds them taken is refused before long instead of holding a thread."""

    def __init__(self, count: int, seats: threading.Semaphore | None = None) -> None:
        """Give out no turn yet.

        Args:
            count: how many may be taken at once.
            seats: one for each who may wait, there and then at work, shared with other turns;
                None where nobody may.
        """
        self._free = threading.BoundedSemaphore(count)
        self._seats = seats or threading.Semaphore(0)
        self._rests_until = 0.0

    def take(self) -> bool:
        """Take a turn, if one is free."""
        return self._free.acquire(blocking=False)

    def wait(self) -> bool:
        """Wait for a turn, unless somebody just did so in vain: what is slow gets few threads."""
        if time.monotonic() < self._rests_until:
            return False
        if self._free.acquire(timeout=PATIENCE_SECONDS):
            return True
        self._rests_until = time.monotonic() + REST_SECONDS
        return False

    def give_back(self) -> None:
        """Give a turn back that was taken."""
        self._free.release()

    @contextmanager
    def one_of(self, what: str) -> Iterator[None]:
        """Hold a turn while the block runs.

        Raises:
            Busy: all are taken, and none was given back in time.
        """
        seated = self._seats.acquire(blocking=False)
        try:
            if not self.take() and not (seated and self.wait()):
                raise Busy(what)
            try:
                yield
            finally:
                self.give_back()
        finally:
            if seated:
                self._seats.release()


class TurnsOfWorker:
    """The turns of a worker; who may wait for one shares the seats with all who wait."""

    def __init__(self) -> None:
        seats = threading.BoundedSemaphore(SEATS)
        self.writers = Turns(WRITERS, seats)
        self.waiters = Turns(WAITERS)
        self.askers = Turns(ASKERS, seats)
        self.fetchers = Turns(FETCHERS, seats)
        self.latecomers = Turns(ASKERS)
        self.scrapers = Turns(ASKERS)
        self.drafters = Turns(DRAFTERS, seats)
        self.seekers = Turns(SEEKERS)
        self.explainers = Turns(EXPLAINERS, seats)
