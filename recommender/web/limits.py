"""Concurrency limits: how much slow work a worker does at once, and how long a request waits."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from recommender.errors import Busy

__all__ = ["ConcurrencyLimit", "WorkerLimits", "hold_if_free"]

PATIENCE_SECONDS: Final = 0.2
"""How long a request waits before it is refused."""
REST_SECONDS: Final = 1.0
"""After a request waited without success, no other request waits for this long."""

SLOW_THREADS: Final = 7
"""While so many requests work or wait, no further one waits; a worker has eight threads."""
READS: Final = 2
HEAVY: Final = 3
WRITES: Final = 4
BODIES: Final = 2
VISIBILITY_WAITS: Final = 2
ENGINE: Final = 6


class ConcurrencyLimit:
    """Limits how many requests of a worker do one kind of work at the same time.

    A request above the limit waits a moment and is then refused, so that it does not hold a thread.
    """

    def __init__(self, at_once: int, threads: threading.Semaphore | None = None) -> None:
        """Start without any work.

        Args:
            at_once: how many requests may work at the same time.
            threads: shared between limits; a request that finds none free may not wait. None if
                no request may wait.
        """
        self._free = threading.BoundedSemaphore(at_once)
        self._threads = threads or threading.Semaphore(0)
        self._rests_until = 0.0

    @contextmanager
    def hold(self, work: str) -> Iterator[None]:
        """Count this request as working while the block runs.

        Raises:
            Busy: the limit is reached, and no request finished in time. The error names `work`.
        """
        with hold_if_free(self._threads) as may_wait:
            if not self._free.acquire(blocking=False) and not (may_wait and self.wait()):
                raise Busy(work)
            try:
                yield
            finally:
                self._free.release()

    def wait(self) -> bool:
        """Wait until another request finishes; False if none does in time.

        After a wait without success, no request waits for REST_SECONDS: a worker has few threads
        for slow work.
        """
        if time.monotonic() < self._rests_until:
            return False
        if self._free.acquire(timeout=PATIENCE_SECONDS):
            return True
        self._rests_until = time.monotonic() + REST_SECONDS
        return False


@contextmanager
def hold_if_free(permits: threading.Semaphore) -> Iterator[bool]:
    """Hold a permit while the block runs, if one is free at once; the block gets whether it is."""
    is_held = permits.acquire(blocking=False)
    try:
        yield is_held
    finally:
        if is_held:
            permits.release()


class WorkerLimits:
    """The limits of one worker.

    Attributes:
        reads: requests that read the article store.
        heavy: drafts, explanations and searches for the lists that show an article.
        writes: requests that write to the article store.
        bodies: requests that parse a large body.
        bulk: bulk loads, each up to 16 MiB in memory; a second one is refused at once.
        engine: requests that ask an index server for rows; the others answer while it hangs.
        unknown_ids: a request for an id that is not in the view and waits for the next refresh;
            the others look once and wait for nothing.
        backlog: a request that counts what is not done yet; the others leave the count out.
        visibility: requests that wait until their write is visible; the others get 202 at once.
        heavy_calls: by the name of a key, its heavy calls and bulk loads: one less than all keys
            may make together, so that no key takes every place.
    """

    def __init__(self) -> None:
        threads = threading.BoundedSemaphore(SLOW_THREADS)
        self.reads = ConcurrencyLimit(READS, threads)
        self.heavy = ConcurrencyLimit(HEAVY, threads)
        self.writes = ConcurrencyLimit(WRITES, threads)
        self.bodies = ConcurrencyLimit(BODIES, threads)
        self.bulk = ConcurrencyLimit(1)
        self.engine = ConcurrencyLimit(ENGINE, threads)
        self.unknown_ids = threading.BoundedSemaphore(1)
        self.backlog = threading.BoundedSemaphore(1)
        self.visibility = threading.BoundedSemaphore(VISIBILITY_WAITS)
        self.heavy_calls = defaultdict[str, ConcurrencyLimit](
            lambda: ConcurrencyLimit(HEAVY - 1, threads)
        )
