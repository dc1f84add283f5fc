"""Follows the live collection of a Milvus server, and the change log, without any row in memory.

The indexer puts changes into the collection. A worker reads the change log all the same: policy,
pins and blocks stand there, and who may be listed. So what is withdrawn leaves the lists when the
log says it, also while the collection does not know it yet.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from index import Catalog, NoSnapshot, View
from index.delta import Delta
from index.errors import EngineAway
from index.milvus import Milvus
from recommender.analysis.embedding import Model
from recommender.errors import StoreRestored
from recommender.indexing.collection_catalog import OpenedCollection, open_collection
from recommender.live.follower import Follower
from recommender.live.gathering import Standing
from recommender.live.heartbeat import Heartbeats
from recommender.live.journal import Journal
from recommender.live.replica import BaseSnapshot, OpenedReplica, Replica, catch_up
from recommender.ranking.filters import visibility_columns
from recommender.store import ArticleStore, Update

__all__ = ["CollectionFollower", "CollectionView"]

LOOK_SECONDS: Final = 1.0  # between two looks at the alias


@dataclass(frozen=True, slots=True, eq=False)
class CollectionView(View):
    """A view without rows: those are in a collection, and found for each list.

    Attributes:
        collection: where they are.
        standings: by id, what the change log says of articles that changed lately.
    """

    collection: OpenedCollection
    standings: Mapping[str, Standing]

    @classmethod
    def over(
        cls, collection: OpenedCollection, standings: Mapping[str, Standing]
    ) -> "CollectionView":
        """The view over a collection."""
        statistics = collection.statistics
        none = (Delta.empty(statistics), np.ones(0, np.bool_))
        return cls(statistics, *none, {}, collection, standings)

    def count(self) -> int:
        """How many rows the collection has; 0 while its server does not answer."""
        try:
            return self.collection.index.count()
        except EngineAway:
            return 0


class CollectionReplica(Replica):
    """What a worker knows of a collection: who may be listed by the changes after its position."""

    def __init__(self, collection: OpenedCollection) -> None:
        """Begin at the position of a collection.

        Raises:
            NoSnapshot: it is gone.
            EngineAway: the server does not answer.
        """
        origin = replace(collection.origin, point=collection.position())
        super().__init__(BaseSnapshot(collection.statistics, origin, collection.name))
        self._view = CollectionView.over(collection, {})

    @property
    def view(self) -> View:
        """The view at this moment."""
        return self._view

    def apply(self, updates: Iterable[Update]) -> None:
        """Note what updates say of their articles."""
        standings = {one.id: _standing_of(one) for one in updates}
        if standings:
            known = {**self._view.standings, **standings}
            self._view = CollectionView.over(self._view.collection, known)


def _standing_of(update: Update) -> Standing:
    if update.outline is None:
        return Standing(update.change)
    columns = {name: column[0] for name, column in visibility_columns([update.outline]).items()}
    recommendable = not update.outline.never_recommend
    return Standing(update.change, {**columns, "recommendable": recommendable})


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

    def _begin(self) -> None:
        """Open for the first time.

        Raises:
            NoSnapshot: no collection is published yet.
            EngineAway: the server does not answer.
            StoreUnusable: the store cannot be read.
        """
        self._adopt(self._open())

    def _open(self) -> OpenedReplica:
        replica = CollectionReplica(open_collection(self._milvus()))
        try:
            catch_up(replica, self._store(), begin=True)
        except StoreRestored as fault:
            raise NoSnapshot(
                "the collection is of another store; run: read-also rebuild"
            ) from fault
        return OpenedReplica(replica, None)

    def _pointer_moved(self, base: BaseSnapshot) -> bool:
        """Whether another collection was made live; once a second it is asked."""
        if time.monotonic() < self._looked_at + LOOK_SECONDS:
            return False
        self._looked_at = time.monotonic()
        try:
            return self._milvus().live() != base.live_name
        except (EngineAway, NoSnapshot):
            return False


def _no_model() -> Model:
    raise NoSnapshot("a worker over a collection has no model")
