"""Keeps a worker's view of the archive up to date, in a thread of its own.

Requests read one reference, which is replaced as a whole. So no request waits for the store, and no
request sees half of a change.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from index import Catalog, IndexFault, View
from recommender.analysis.embedding import Model
from recommender.errors import NotReady, StoreRestored, StoreUnusable
from recommender.indexing.snapshots import read_live_name, touch_catalog
from recommender.live.archive_reading import ArchiveReading
from recommender.live.heartbeat import Heartbeats
from recommender.live.journal import Journal, JournalWriter
from recommender.live.replica import (
    BaseSnapshot,
    OpenedReplica,
    Replica,
    catch_up,
    newest_change,
    open_base_snapshots,
    open_replica,
)
from recommender.logs import RepeatedFault
from recommender.ranking.filters import row_is_visible
from recommender.ranking.overrides import OverridesByArticle
from recommender.ranking.policy import ActivePolicy
from recommender.store import ArticleStore, Pause

__all__ = ["REFRESH_SECONDS", "Follower", "LiveState"]

REFRESH_SECONDS: Final = 0.1  # between two looks where nothing tells of commits
READING_SECONDS: Final = 1.0  # between two counts of what waits to be read
REPORT_SECONDS: Final = 3_600.0
REPORT_AGAIN_SECONDS: Final = 10.0  # after a report failed
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class LiveState:
    """The state that a worker answers from.

    Attributes:
        view: the archive.
        active_policy: the current policy.
        overrides: the current pins and blocks.
        change: every change up to this number is in the view.
        store_fault: why the store could not be read at the last try; None if it could.
        seen_at: when the view was last known to be complete, by the monotonic clock; minus infinity
            if it never was.
        unserved: the live generation and why it is not served; None if it is served.
        reading: how far the archive is read, while a large part of it waits; else None.
    """

    view: View
    active_policy: ActivePolicy
    overrides: OverridesByArticle
    change: int
    store_fault: str | None
    seen_at: float
    unserved: str | None = None
    reading: ArchiveReading | None = None

    def makes_lists_of(self, other: "LiveState") -> bool:
        """Whether lists that are made from it are those of another state: nothing came between.

        A look that finds nothing new makes another state too, which was seen later.
        """
        return (
            self.view is other.view
            and self.active_policy is other.active_policy
            and self.overrides is other.overrides
            and self.reading == other.reading
        )

    def row_on_show(self, article_id: str, now: float, *, public: bool) -> int | None:
        """The row of an article in the view. For the public, one that is not on show is not there.

        It is looked for as long as an id that does not exist, so that the time of an answer tells
        nobody of a draft.
        """
        view, row = self.view, self.view.row_of(article_id)
        return row if row is not None and (not public or row_is_visible(view, row, now)) else None


class Follower:
    """Follows the live generation of the catalog and the change log of the store."""

    def __init__(
        self,
        catalog: Catalog,
        store: Callable[[], ArticleStore],
        model: Callable[[], Model],
        journal: Journal,
        heartbeats: Heartbeats,
    ) -> None:
        """Follow nothing yet: call `start`, or `refresh` again and again.

        Args:
            catalog: where generations are published.
            store: opens the store, or raises StoreUnusable.
            model: finds the encoder of the settings; called only if no generation can be used.
            journal: this machine's copy of the changes after the generation.
            heartbeats: where this worker writes up to which change it shows the archive.
        """
        self._catalog = catalog
        self._store = store
        self._model = model
        self._journal = journal
        self._writer = JournalWriter(journal, store)
        self.heartbeats = heartbeats
        self._state: LiveState | None = None
        self._replica: Replica | None = None
        self._opening: Future[OpenedReplica] | None = None
        self._pointer_state: object = None
        self._complete_at: Hashable = None
        self._tried_files: object = None
        self._reading: ArchiveReading | None = None
        self._counted_at: tuple[float, Hashable] = (-math.inf, None)
        self._report_at = -math.inf
        self._report_fault = RepeatedFault(
            _log, "the store does not know which changes this machine needs"
        )
        self._refresh_fault = RepeatedFault(_log, "the view could not be refreshed")
        self._store_fault = RepeatedFault(_log, "the store is away, and lists go on without it")
        self._heartbeat_fault = RepeatedFault(_log, "no worker learns which changes this one shows")
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="opener")
        self._refreshing = threading.Lock()
        self._refreshed = threading.Condition()
        self._pause = Pause(store, REFRESH_SECONDS)
        self._thread: threading.Thread | None = None

    def current(self) -> LiveState:
        """The state to answer from.

        Raises:
            NotReady: nothing could be opened yet.
        """
        if self._state is None:
            raise NotReady("neither the article store nor the journal of its changes can be read")
        return self._state

    def start(self) -> None:
        """Open what there is, then follow in a thread until `stop`."""
        self._try_refresh()
        self._start_threads()

    def _start_threads(self) -> None:
        self._writer.start()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the threads and remove the heartbeat."""
        self._pause.stop()
        if self._thread is not None:
            self._thread.join()
        self._opener.shutdown(wait=True)
        self._writer.stop()
        self.heartbeats.close()

    def await_refresh(self, seconds: float) -> None:
        """Wait until the change log was read once more, or the time is over."""
        if self._thread is None:
            self._try_refresh()
            return
        with self._refreshed:
            self._refreshed.wait(seconds)

    def refresh(self) -> None:
        """Read the pointer and the change log once, in the calling thread."""
        with self._refreshing:
            self._take_opened()
            if self._replica is None:
                self._begin()
            elif self._opening is None and self._pointer_moved(self._replica.base):
                self._open_aside()
            if self._replica is not None:
                self._follow(self._replica)

    def _run(self) -> None:
        while self._pause.wait():
            self._try_refresh()

    def _try_refresh(self) -> None:
        try:
            self.refresh()
            self._refresh_fault.clear()
        except Exception as fault:  # noqa: BLE001 - a surprise is logged, and must not end the thread
            self._refresh_fault.note(fault, trace=True)
        with self._refreshed:
            self._refreshed.notify_all()

    def _pointer_moved(self, base: BaseSnapshot) -> bool:
        """Whether another generation than a replica's was made live."""
        state = self._catalog.pointer_state()
        if state == self._pointer_state:
            return False
        name = read_live_name(self._catalog)
        if name == base.live_name:
            self._pointer_state = state
        return name not in {base.live_name, None}

    def _begin(self) -> None:
        """Open for the first time: from the store, or from the journal while the store is away."""
        try:
            self._adopt(self._open())
        except StoreUnusable as fault:
            files = self._catalog.generations(), self._journal.files()
            if files != self._tried_files:  # else the same files would be verified again
                self._tried_files = files
                _log.warning("starting without the store: %s", fault)
                self._restore(str(fault))

    def _restore(self, fault: str) -> None:
        """Start from the journal that reaches furthest, unless a generation reaches further."""
        best: Replica | None = None
        for base in open_base_snapshots(self._catalog):
            content = self._journal.load(base.snapshot.generation)
            if content is None or content.epoch != base.origin.epoch:
                continue
            if best is None or content.point.number > best.point.number:
                best = Replica(base)
                best.apply(content.updates)
                best.point = content.point
                best.active_policy = ActivePolicy.of(content.policies)
                best.overrides = best.overrides.after(content.overrides)
        # If a generation was built after the end of the journal, the changes between are unknown.
        if best is not None and best.point.number >= newest_change(self._catalog, best.base):
            _log.warning("serving from the journal, up to change %d", best.point.number)
            self._replica = best
            self._publish(best, fault, seen_at=-math.inf)

    def _open(self) -> OpenedReplica:
        for_journal = self._journal.is_writable
        return open_replica(self._catalog, self._store(), self._model, return_updates=for_journal)

    def _open_aside(self) -> None:
        """Open the next base snapshot while the present one goes on serving."""
        if self._thread is None:
            self._adopt(self._open())
        else:
            self._opening = self._opener.submit(self._open)
            self._opening.add_done_callback(lambda _: self._pause.hurry())

    def _take_opened(self) -> None:
        if self._opening is None or not self._opening.done():
            return
        opening, self._opening = self._opening, None
        try:
            opened = opening.result()
            # The present view shows newer changes by now. Without them, an article that was
            # withdrawn meanwhile would be shown again for a moment.
            for_journal = opened.updates is not None
            more = catch_up(opened.replica, self._store(), return_updates=for_journal)
            updates = None if more is None else (opened.updates or ()) + more
            self._adopt(OpenedReplica(opened.replica, updates))
        except (StoreUnusable, StoreRestored, IndexFault, OSError) as fault:
            _log.error("the new generation could not be opened yet: %s", fault)

    def _adopt(self, opened: OpenedReplica) -> None:
        """Answer from another replica from now on."""
        replica = opened.replica
        self._replica = replica
        self._publish(replica, None, seen_at=time.monotonic())
        _log.info("serving %s with %d rows", replica.view.snapshot.generation, len(replica.view))
        self._writer.restart(replica, opened.updates)

    def _follow(self, replica: Replica) -> None:
        """Bring the view up to date, unless nothing was committed since it was."""
        try:
            store = self._store()
            # The signal is read before the log, so that a later change is noticed.
            committed = store.change_signal.read()
            signal = (replica, committed)
            if signal != self._complete_at:
                self._complete_at = None
                self._apply_log(replica, store)
                self._complete_at = signal
            self._count_unread(store, committed)
            self._confirm()
            self._writer.repair(replica)
            self._report_catalog(store)
        except StoreUnusable as fault:
            self._complete_at = None
            self._store_fault.note(fault)
            self._publish(replica, str(fault))
        except StoreRestored as fault:
            _log.error("%s", fault)
            if self._opening is None:
                self._open_aside()

    def _apply_log(self, replica: Replica, store: ArticleStore) -> None:
        """Apply the log page by page, and show each page."""
        complete = False
        while not complete:
            before, policy = replica.point, replica.active_policy
            complete, updates = replica.follow(store)
            moved = (before, policy) != (replica.point, replica.active_policy)
            if moved or self._state is None or self._state.store_fault:
                self._publish(replica, None)
            if moved:
                self._writer.append(replica, before, updates)

    def _count_unread(self, store: ArticleStore, committed: Hashable) -> None:
        """Count what waits to be read, once a second if something was committed since.

        What is kept of it names no replica: that would keep a snapshot open until the next write.
        """
        counted_at, counted = self._counted_at
        if committed == counted or time.monotonic() < counted_at + READING_SECONDS:
            return
        self._counted_at = time.monotonic(), committed
        self._reading = ArchiveReading.of(store)

    def _report_catalog(self, store: ArticleStore) -> None:
        """Write hourly to the store which changes the generations of this machine need.

        A write may wait for others, so it is not done in the thread that follows.
        """
        if not self._journal.is_writable or time.monotonic() < self._report_at:
            return
        self._report_at = time.monotonic() + REPORT_SECONDS
        if self._thread is None:
            self._touch_catalog(store)
        else:
            self._opener.submit(self._touch_catalog, store)

    def _touch_catalog(self, store: ArticleStore) -> None:
        """Report; if that fails, say why, and let it be tried again in a while."""
        try:
            touch_catalog(store, self._catalog)
            self._report_fault.clear()
        except Exception as fault:  # noqa: BLE001 - nobody waits for it in a thread
            self._report_at = time.monotonic() + REPORT_AGAIN_SECONDS
            self._report_fault.note(fault)

    def _confirm(self) -> None:
        """Note that the view is complete at this moment."""
        if self._state is not None:
            self._state = replace(
                self._state, store_fault=None, seen_at=time.monotonic(), reading=self._reading
            )
            self._write_heartbeat(self._state.change)
        self._store_fault.clear()

    def _write_heartbeat(self, change: int) -> None:
        """Say which changes this worker shows; on a full disk it goes on without saying so."""
        try:
            self.heartbeats.write(change)
            self._heartbeat_fault.clear()
        except OSError as fault:
            self._heartbeat_fault.note(fault)

    def _publish(self, replica: Replica, fault: str | None, seen_at: float | None = None) -> None:
        if seen_at is None:
            seen_at = -math.inf if self._state is None else self._state.seen_at
        number, active_policy = replica.point.number, replica.active_policy
        self._log_policy_fault(active_policy)
        unserved = replica.base.unserved
        self._state = LiveState(
            *(replica.view, active_policy, replica.overrides, number),
            *(fault, seen_at, unserved, self._reading),
        )
        self._write_heartbeat(number)

    def _log_policy_fault(self, active_policy: ActivePolicy) -> None:
        """Log once why the newest policy is not active."""
        logged = None if self._state is None else self._state.active_policy.fault
        if active_policy.fault not in {None, logged}:
            version, fault = active_policy.version, active_policy.fault
            _log.error("version %d of the policy stays active: %s", version, fault)
