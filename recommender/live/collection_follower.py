"""Follows the live collection of a Milvus server, and the change log, without any row in memory.

The indexer puts changes into the collection. A worker reads the change log all the same: policy,
pins and blocks stand there, and who may be listed. So what is withdrawn leaves the lists when the
log says it, also while the collection does not know it yet.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from index import Catalog, IndexFault, NoSnapshot, View
from index.delta import Delta
from index.errors import EngineAway
from index.milvus import Milvus
from recommender.analysis.embedding import Model
from recommender.errors import NotReady, StoreRestored
from recommender.indexing.collection_catalog import OpenedCollection, open_collection
from recommender.live.engine_guard import EngineGuard, GuardedIndex
from recommender.live.follower import Follower, LiveState
from recommender.live.gathering import FoundArchive, Standing
from recommender.live.heartbeat import Heartbeats
from recommender.live.journal import Journal
from recommender.live.replica import BaseSnapshot, OpenedReplica, Replica, catch_up
from recommender.ranking.filters import visibility_columns
from recommender.store import ArticleStore, Update

__all__ = ["CollectionFollower", "CollectionView"]

LOOK_SECONDS: Final = 1.0  # between two looks at the alias
START_SECONDS: Final = 3.0
COUNT_SECONDS: Final = 2.0
NOTED_SECONDS: Final = 10.0
"""So long after a collection noted its position, no list is under way that was begun before."""


@dataclass(frozen=True, slots=True, eq=False)
class CollectionView(View):
    """A view without rows: those are in a collection, and found for each list.

    Attributes:
        collection: where they are.
        standings: by id, what the change log says of articles that changed lately.
        guard: asks the server of the collection.
    """

    collection: OpenedCollection
    standings: Mapping[str, Standing]
    guard: EngineGuard

    @classmethod
    def over(
        cls, collection: OpenedCollection, standings: Mapping[str, Standing], guard: EngineGuard
    ) -> "CollectionView":
        """The view over a collection."""
        statistics = collection.statistics
        none = (Delta.empty(statistics), np.ones(0, np.bool_))
        return cls(statistics, *none, {}, collection, standings, guard)

    def count(self) -> int:
        """How many rows the collection has.

        Raises:
            EngineAway: its server does not answer.
        """
        return self.guard.ask(self.collection.index.count, time.monotonic() + COUNT_SECONDS)

    def found(self, ids: Iterable[str], until: float) -> FoundArchive:
        """The rows of some ids, to begin a list with that is made until a moment.

        Args:
            ids: those of the seeds, and of what the list shows in any case.
            until: a moment of the monotonic clock; what is asked after it raises EngineAway.

        Raises:
            EngineAway: the server does not answer.
        """
        index = GuardedIndex(self.collection.index, self.guard, until)
        return FoundArchive.of(index, self.collection.statistics, self.standings, ids)

    def has_found(self, archive: FoundArchive) -> bool:
        """Whether rows were found in the collection of this view, opened once."""
        return archive.statistics is self.collection.statistics


class CollectionReplica(Replica):
    """What a worker knows of a collection: who may be listed by the changes after its position."""

    def __init__(self, collection: OpenedCollection, guard: EngineGuard) -> None:
        """Begin at the position of a collection.

        Raises:
            NoSnapshot: it is gone.
            EngineAway: the server does not answer.
        """
        origin = replace(collection.origin, point=collection.position())
        super().__init__(BaseSnapshot(collection.statistics, origin, collection.name))
        # Lists read it while it changes: they may see a later state of the log, but none is copied.
        self._standings = dict[str, Standing]()
        self._view = CollectionView.over(collection, self._standings, guard)
        self._arriving = dict[str, Standing]()
        self._pages = deque[tuple[int, dict[str, Standing]]]()

    @property
    def view(self) -> View:
        """The view at this moment."""
        return self._view

    def apply(self, updates: Iterable[Update]) -> None:
        """Note what updates say of their articles."""
        for one in updates:
            standing = _standing_of(one, self._standings.get(one.id))
            self._standings[one.id] = self._arriving[one.id] = standing

    def follow(self, store: ArticleStore) -> tuple[bool, tuple[Update, ...]]:
        """Note what the next page of the change log says; see `Replica.follow`."""
        complete, updates = super().follow(store)
        if self._arriving:
            self._pages.append((self.point.number, self._arriving))
            self._arriving = {}
        return complete, updates

    def noted(self) -> tuple[float, int]:
        """Up to which change all is in the collection, -1 if that is unknown; and when it was so.

        From then on, rows that came from a writer after it was replaced do not count.
        """
        try:
            number = self._view.collection.position().number
        except IndexFault:
            number = -1
        return time.monotonic(), number

    def forget(self, number: int) -> None:
        """Keep nothing that the log said up to a change: the collection has it.

        The log must have been read to its end since that was noted. Else an article that changed
        again meanwhile would be forgotten, though the collection passed over it to its next page.
        """
        while self._pages and self._pages[0][0] <= number:
            _, page = self._pages.popleft()
            for article_id, standing in page.items():
                if self._standings.get(article_id) is standing:
                    del self._standings[article_id]


def _standing_of(update: Update, before: Standing | None) -> Standing:
    """What an update says of its article, of which something was known before or not.

    An article of which no text was read yet is new, or was deleted and written anew.
    """
    if update.outline is None:
        return Standing(update.change, since=update.change)
    columns = {name: column[0] for name, column in visibility_columns([update.outline]).items()}
    recommendable = not update.outline.never_recommend
    since = 0 if before is None else before.since
    if update.features is None:
        since = update.change
    return Standing(update.change, {**columns, "recommendable": recommendable}, since)


class NoJournal(Journal):
    """The journal of a worker that keeps none: its rows are not on this machine."""

    def __init__(self) -> None:
        """Write nothing."""
        super().__init__(Path())

    @property
    def is_writable(self) -> bool:
        """Whether this process writes it: never."""
        return False

    def acquire(self) -> bool:
        """Become the process that writes it: never."""
        return False


class CollectionFollower(Follower):
    """Follows the live collection of a server, and the change log of the store."""

    def __init__(
        self,
        milvus: Callable[[], Milvus],
        store: Callable[[], ArticleStore],
        heartbeats: Heartbeats,
    ) -> None:
        """Follow nothing yet: call `start`, or `refresh` again and again.

        Args:
            milvus: connects to the server, or raises EngineAway.
            store: opens the store, or raises StoreUnusable.
            heartbeats: where this worker writes up to which change it shows the archive.
        """
        super().__init__(Catalog(Path()), store, _no_model, NoJournal(), heartbeats)
        self._milvus = milvus
        self._looked_at = -math.inf
        self._look: Future[str | None] | None = None
        self._guard = EngineGuard(self._probe)
        self._unopened: str | None = None
        self._noting: tuple[Replica, Future[tuple[float, int]]] | None = None

    def current(self) -> LiveState:
        """The state to answer from.

        Raises:
            NotReady: no collection could be opened yet.
        """
        if self._state is None and self._unopened is not None:
            raise NotReady(self._unopened)
        return super().current()

    def start(self) -> None:
        """Follow in a thread until `stop`, and wait a moment for the first look.

        A server that hangs does not keep the worker from its other calls.
        """
        self._start_threads()
        self.await_refresh(START_SECONDS)

    def stop(self) -> None:
        """End the threads and remove the heartbeat."""
        self._guard.close()
        super().stop()

    def _begin(self) -> None:
        """Open for the first time.

        Raises:
            NoSnapshot: no collection is published yet.
            EngineAway: the server does not answer.
            StoreUnusable: the store cannot be read.
        """
        try:
            self._adopt(self._open())
        except (EngineAway, NoSnapshot) as fault:
            self._unopened = str(fault)
            if self._thread is not None:
                self._pause.rest(LOOK_SECONDS)
            raise

    def _open(self) -> OpenedReplica:
        replica = CollectionReplica(open_collection(self._milvus()), self._guard)
        try:
            catch_up(replica, self._store(), begin=True)
        except StoreRestored as fault:
            raise NoSnapshot(
                "the collection is of another store; run: read-also rebuild"
            ) from fault
        return OpenedReplica(replica, None)

    def _pointer_moved(self, base: BaseSnapshot) -> bool:
        """Whether another collection was made live; once a second it is asked.

        A server that hangs keeps the change log waiting for nothing: another thread asks it.
        """
        if self._look is None and time.monotonic() >= self._looked_at + LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._look = self._opener.submit(self._live_name)
        # Where no thread follows, whoever calls waits.
        if self._look is None or not (self._look.done() or self._thread is None):
            return False
        look, self._look = self._look, None
        return look.result() not in {base.live_name, None}

    def _confirm(self) -> None:
        """Note that the log was read to its end; forget what the collection has of it."""
        super()._confirm()
        replica = self._replica
        if not isinstance(replica, CollectionReplica):
            return
        if self._noting is not None:
            asked, noting = self._noting
            if not noting.done():
                return
            noted_at, number = noting.result()
            if time.monotonic() < noted_at + NOTED_SECONDS:
                return
            if asked is replica:
                replica.forget(number)
        self._noting = replica, self._opener.submit(replica.noted)

    def _live_name(self) -> str | None:
        """The name of the live collection; None while that is unknown."""
        try:
            return self._milvus().live()
        except (EngineAway, NoSnapshot):
            return None

    def _probe(self) -> None:
        """Ask the live collection for no row."""
        view = self.current().view
        if isinstance(view, CollectionView):
            view.collection.index.fetch([""])


def _no_model() -> Model:
    raise NoSnapshot("a worker over a collection has no model")
