"""Keeps a worker's view of the archive up to date, in a thread of its own.

The view that requests read is one reference, swapped whole: a request never waits for the store,
and never sees half of a change.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from index import Catalog, IndexFault, View
from recommender.analysis.embedding import Model
from recommender.errors import NotReady, StoreRestored, StoreUnusable
from recommender.live.base import Base, newest_change, pointed_generation, sound_bases
from recommender.live.board import Board
from recommender.live.copier import Copier
from recommender.live.copy import ChangesCopy
from recommender.live.followed import Followed, Opened, catch_up, open_followed
from recommender.ranking.overrides import OverridesByArticle
from recommender.ranking.policies import InForce
from recommender.store import ArticleStore

__all__ = ["TICK_SECONDS", "Follower", "Live"]

TICK_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """What a worker answers from.

    Attributes:
        view: the archive.
        in_force: the policy that its lists are made by.
        chosen: what editors chose under its articles.
        change: every change up to this number shows.
        store_fault: why the store could not be asked when it was last tried; None if it could.
        seen_at: when the store last told that this was all, by the monotonic clock; minus infinity
            if it never did.
        unserved: the published generation that this is not, and why; None where it is.
    """

    view: View
    in_force: InForce
    overrides: OverridesByArticle
    change: int
    store_fault: str | None
    seen_at: float
    unserved: str | None = None


class Follower:
    """Follows the pointer to the live generation and the change log of the store."""

    def __init__(
        self,
        catalog: Catalog,
        store: Callable[[], ArticleStore],
        model: Callable[[], Model],
        copy: ChangesCopy,
        board: Board,
    ) -> None:
        """Follow nothing yet; `start`, or `refresh` by hand.

        Args:
            catalog: where generations are published.
            store: opens the store, or raises StoreUnusable.
            model: the encoder of the settings, asked for only where no generation names one.
            copy: this machine's copy of what came after the generation.
            board: where this worker says what it shows.
        """
        self._catalog = catalog
        self._store = store
        self._model = model
        self._copier = Copier(copy, store)
        self.board = board
        self._live: Live | None = None
        self._followed: Followed | None = None
        self._opening: Future[Opened] | None = None
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="opener")
        self._turn = threading.Lock()
        self._ticked = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def current(self) -> Live:
        """What to answer from.

        Raises:
            NotReady: nothing could be opened yet.
        """
        if self._live is None:
            raise NotReady("neither the article store nor an own copy of its changes can be read")
        return self._live

    def start(self) -> None:
        """Open what there is, then follow in a thread until `stop`."""
        self._tick()
        self._copier.start()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and leave the board."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._opener.shutdown(wait=True)
        self._copier.stop()
        self.board.close()

    def await_tick(self, seconds: float) -> None:
        """Wait until the log was looked at once more, at most so long."""
        if self._thread is None:
            self._tick()
            return
        with self._ticked:
            self._ticked.wait(seconds)

    def refresh(self) -> None:
        """Look at the pointer and at the log once, in the calling thread."""
        with self._turn:
            self._take_opened()
            if self._followed is None:
                self._begin()
            elif self._opening is None and self._moved(self._followed.base):
                self._open_aside()
            if self._followed is not None:
                self._follow(self._followed)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            self._tick()

    def _tick(self) -> None:
        try:
            self.refresh()
        except Exception:  # noqa: BLE001 - a surprise is logged, and must not end the following
            _log.exception("the view could not be refreshed")
        with self._ticked:
            self._ticked.notify_all()

    def _moved(self, base: Base) -> bool:
        return pointed_generation(self._catalog) not in {base.pointed, None}

    def _begin(self) -> None:
        """Open for the first time: from the store, or from the own copy while that is away."""
        try:
            self._show(self._open())
        except StoreUnusable as fault:
            _log.warning("starting without the store: %s", fault)
            self._restore(str(fault))

    def _restore(self, fault: str) -> None:
        """Go on from the copy that reaches furthest, unless a generation reaches further."""
        best: Followed | None = None
        for base in sound_bases(self._catalog):
            origin, copied = base.origin, self._copier.load(base.snapshot.generation)
            if copied is None or copied.epoch != origin.epoch:
                continue
            if best is None or copied.point.number > best.point.number:
                best = Followed(base)
                best.apply(copied.updates)
                best.point = copied.point
                best.in_force = InForce.of(copied.policies)
                best.overrides = best.overrides.after(copied.overrides)
        # Where a generation was built after the copy ends, what came between is not known here.
        if best is not None and best.point.number >= newest_change(self._catalog, best.base):
            _log.warning("going on with what was known up to change %d", best.point.number)
            self._followed = best
            self._publish(best, fault, seen_at=-math.inf)

    def _open(self) -> Opened:
        keep = self._copier.writes
        return open_followed(self._catalog, self._store(), self._model, keep=keep)

    def _open_aside(self) -> None:
        """Open what is to be shown next beside what is shown now."""
        if self._thread is None:
            self._show(self._open())
        else:
            self._opening = self._opener.submit(self._open)

    def _take_opened(self) -> None:
        if self._opening is None or not self._opening.done():
            return
        opening, self._opening = self._opening, None
        try:
            opened = opening.result()
            # What came since it was opened is shown already: going back, if only for a moment,
            # would show again what was withdrawn.
            more = catch_up(opened.followed, self._store(), keep=opened.updates is not None)
            whole = None if more is None else (opened.updates or ()) + more
            self._show(Opened(opened.followed, whole))
        except (StoreUnusable, StoreRestored, IndexFault, OSError) as fault:
            _log.error("the new generation could not be opened yet: %s", fault)

    def _show(self, opened: Opened) -> None:
        followed = opened.followed
        self._followed = followed
        self._publish(followed, None, seen_at=time.monotonic())
        _log.info("serving %s with %d rows", followed.view.generation, len(followed.view))
        self._copier.renew(followed, opened.updates)

    def _follow(self, followed: Followed) -> None:
        """Take in the log page by page, showing each."""
        try:
            complete = False
            while not complete:
                before, policy = followed.point, followed.in_force
                complete, updates = followed.follow(self._store())
                moved = (before, policy) != (followed.point, followed.in_force)
                if moved or self._live is None or self._live.store_fault:
                    self._publish(followed, None)
                if moved:
                    self._copier.extend(followed, before, updates)
            self._confirm()
            self._copier.mend(followed)
        except StoreUnusable as fault:
            self._publish(followed, str(fault))
        except StoreRestored as fault:
            _log.error("%s", fault)
            if self._opening is None:
                self._open_aside()

    def _confirm(self) -> None:
        """Note that the store told nothing more just now."""
        live = self._live
        if live is not None:
            self._live = replace(live, store_fault=None, seen_at=time.monotonic())
            self.board.post(live.change)

    def _publish(self, followed: Followed, fault: str | None, seen_at: float | None = None) -> None:
        if seen_at is None:
            seen_at = -math.inf if self._live is None else self._live.seen_at
        number, in_force = followed.point.number, followed.in_force
        self._tell_of(in_force)
        told = followed.base.unserved
        self._live = Live(followed.view, in_force, followed.overrides, number, fault, seen_at, told)
        self.board.post(number)

    def _tell_of(self, in_force: InForce) -> None:
        """Log once what keeps the newest policy from being in force."""
        told = None if self._live is None else self._live.in_force.fault
        if in_force.fault not in {None, told}:
            version, fault = in_force.version, in_force.fault
            _log.error("version %d of the policy stays in force: %s", version, fault)
