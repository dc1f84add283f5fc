"""Feeds the live collection of a Milvus server with the changes of the store, in their order.

The store is the truth: the position in its change log is noted beside the rows after these are
written. Whoever is killed between the two writes them once more, which changes nothing.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from index import BadRows, IndexFault, Rows
from index.changes import write_changes
from index.milvus import LazyMilvus, Milvus
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.errors import StoreRestored, StoreUnusable
from recommender.indexing.collection_catalog import (
    OpenedCollection,
    open_collection,
    write_position,
)
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.live.replica import MOST_UNREAD
from recommender.logs import RepeatedFault
from recommender.settings import Settings
from recommender.store import ArticleStore, LogPosition, Pause, Update

__all__ = ["CollectionFeed", "feed_of"]

ARTICLES_AT_ONCE: Final = 100
LOOK_SECONDS: Final = 0.1  # between two looks where nothing tells of commits
AWAY_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class CollectionFeed:
    """Writes changes to the live collection, in a thread of its own while the `with` block runs."""

    def __init__(
        self,
        milvus: Callable[[], Milvus],
        store: Callable[[], ArticleStore],
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        """Write nothing yet.

        Args:
            milvus: connects to the server, or raises EngineAway.
            store: opens the store, or raises StoreUnusable.
            may_write: whether this process is the one that writes now.
        """
        self._milvus = milvus
        self._store = store
        self._may_write = may_write
        self._opened: OpenedCollection | None = None
        self._point: LogPosition | None = None
        self._fault = RepeatedFault(_log, "changes do not reach the collection")
        self._pause = Pause(store, LOOK_SECONDS)
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._pause.stop()
        self._thread.join()

    def step(self) -> bool:
        """Write the next page of the change log; return whether its end was reached.

        Raises:
            IndexFault: there is no collection, or the server does not answer.
            StoreUnusable: the store cannot be read.
            StoreRestored: this is another store than that of the collection.
        """
        milvus, store = self._milvus(), self._store()
        opened, point = self._open(milvus, store)
        reached, page = store.updates_after(
            point,
            epoch=opened.origin.epoch,
            analyzer=ANALYZER_VERSION,
            model=opened.origin.model,
            limit=ARTICLES_AT_ONCE,
        )
        self._write(opened, page.updates)
        if reached != point:
            write_position(milvus, opened.name, reached)
            self._point = reached
        return page.complete

    def _open(self, milvus: Milvus, store: ArticleStore) -> tuple[OpenedCollection, LogPosition]:
        """The live collection and its position; after a switch those of the new one."""
        if self._opened is None or self._point is None or milvus.live() != self._opened.name:
            self._opened = open_collection(milvus)
            self._point = self._opened.position()
            # A snapshot has no articles whose text was never read; they may be seeds all the same.
            unread = store.unread_before(self._opened.origin.point, MOST_UNREAD)
            self._write(self._opened, unread)
        return self._opened, self._point

    def _write(self, opened: OpenedCollection, updates: Sequence[Update]) -> None:
        """Write updates; of several for one article, the last one counts."""
        newest = {update.id: update for update in updates}
        present = sorted(one for one, update in newest.items() if update.outline is not None)
        removed = newest.keys() - {*present}
        rows = _rows_of([newest[one] for one in present], opened)
        try:
            write_changes(opened.index, opened.statistics, rows, removed)
        except BadRows:
            self._write_alone(opened, [newest[one] for one in present])

    def _write_alone(self, opened: OpenedCollection, updates: Sequence[Update]) -> None:
        """Write updates one by one; what no collection can hold leaves it, and is logged."""
        for update in updates:
            try:
                write_changes(opened.index, opened.statistics, _rows_of([update], opened), ())
            except BadRows as fault:
                _log.error("article %s is not in the collection: %s", update.id, fault)
                opened.index.remove([update.id])

    def _run(self) -> None:
        while self._pause.wait():
            if not self._may_write():
                self._opened = None
                continue
            try:
                while not self.step() and not self._pause.is_over:
                    pass
                self._fault.clear()
            except (IndexFault, StoreUnusable, StoreRestored) as fault:
                self._opened = None
                self._fault.note(fault)
                self._pause.rest(AWAY_SECONDS)
            except Exception as fault:  # noqa: BLE001 - a surprise is logged, and must not end the thread
                self._opened = None
                self._fault.note(fault, trace=True)
                self._pause.rest(AWAY_SECONDS)


def _rows_of(updates: Sequence[Update], opened: OpenedCollection) -> Rows:
    manifest = opened.statistics.manifest
    documents = [
        IndexedDocument(one.outline, one.features, one.change, one.up_to_date)
        for one in updates
        if one.outline is not None
    ]
    return build_rows(documents, opened.origin, manifest.dim, manifest.passage_dim)


def feed_of(
    settings: Settings, store: Callable[[], ArticleStore], may_write: Callable[[], bool]
) -> CollectionFeed:
    """The feed of a deployment whose settings name a server."""
    return CollectionFeed(LazyMilvus(settings.milvus), store, may_write)
