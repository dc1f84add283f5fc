"""Writes the own copy of the changes, one job after the other, where that delays no view."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from recommender.errors import StoreRestored, StoreUnusable
from recommender.live.copy import ChangesCopy, Copied
from recommender.live.followed import Followed
from recommender.ranking.overrides import StoredOverrides
from recommender.store import ArticleStore, LogPosition, StoredPolicy, Update

__all__ = ["Copier"]

MOST_JOBS: Final = 20
_log = logging.getLogger(__name__)


class Copier:
    """Keeps the copy of what a view follows, if this process is the one that writes it."""

    def __init__(self, copy: ChangesCopy, store: Callable[[], ArticleStore]) -> None:
        """Write in the calling thread, until `start`.

        Args:
            copy: the copy.
            store: asked for what was not kept, where another process wrote before.
        """
        self._copy = copy
        self._store = store
        self._thread: ThreadPoolExecutor | None = None
        self._jobs = threading.BoundedSemaphore(MOST_JOBS)
        self._behind = False

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self._copy.is_ours

    def start(self) -> None:
        """Write in a thread from now on."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="copier")

    def stop(self) -> None:
        """Write what is left, and let another process write."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        self._copy.close()

    def load(self, generation: str) -> Copied | None:
        """What the copy of a generation holds; None where there is none."""
        return self._copy.load(generation)

    def renew(self, followed: Followed, updates: tuple[Update, ...] | None) -> None:
        """Start the copy of another generation; what was not kept of its log is read once more."""
        self._do(partial(self._renew, followed, updates, followed.point))

    def extend(self, followed: Followed, before: LogPosition, updates: tuple[Update, ...]) -> None:
        """Add what came after a point."""
        self._do(partial(self._extend, followed, before, updates, followed.point))

    def mend(self, followed: Followed) -> None:
        """Start the copy anew from the log, if something was left out of it."""
        if self._behind:
            self._behind = False
            self.renew(followed, None)

    def _renew(
        self, followed: Followed, updates: tuple[Update, ...] | None, point: LogPosition
    ) -> None:
        if self._copy.take_over():
            told = followed.history(self._store(), point) if updates is None else updates
            generation, epoch = followed.view.generation, followed.base.origin.epoch
            self._copy.restart(generation, epoch, point, told, *_apart(followed))

    def _extend(
        self,
        followed: Followed,
        before: LogPosition,
        updates: tuple[Update, ...],
        point: LogPosition,
    ) -> None:
        if self._copy.stands_at(followed.view.generation, before):
            self._copy.add(updates, point, *_apart(followed))
        else:
            # Whoever wrote it before is gone: start it anew from the log itself.
            self._renew(followed, None, point)

    def _do(self, job: Callable[[], None]) -> None:
        if self._thread is None:
            _attempt(job)
        elif self._jobs.acquire(blocking=False):
            self._thread.submit(self._work_off, job)
        else:
            self._behind = True  # the disk is slower than the log

    def _work_off(self, job: Callable[[], None]) -> None:
        try:
            _attempt(job)
        finally:
            self._jobs.release()


def _apart(followed: Followed) -> tuple[tuple[StoredPolicy, ...], tuple[StoredOverrides, ...]]:
    """What holds beside the articles, whenever it was set."""
    return followed.in_force.history, followed.overrides.in_order


def _attempt(job: Callable[[], None]) -> None:
    try:
        job()
    except (OSError, StoreUnusable, StoreRestored) as fault:
        _log.error("the own copy of the changes could not be written: %s", fault)
