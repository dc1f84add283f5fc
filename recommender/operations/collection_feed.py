"""Feeds the live collection of a Milvus server with the changes of the store, in their order.

The store is the truth: the position in its change log is noted beside the rows after these are
written. Whoever is killed between the two writes them once more, which changes nothing.
"""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from index import IndexFault
from index.milvus import LazyMilvus, Milvus
from recommender.errors import StoreRestored, StoreUnusable
from recommender.logs import RepeatedFault
from recommender.operations.collection_writer import CollectionWriter
from recommender.settings import Settings
from recommender.store import ArticleStore, Pause

__all__ = ["CollectionFeed", "feed_of"]

LOOK_SECONDS: Final = 0.1  # between two looks where nothing tells of commits
AWAY_SECONDS: Final = 1.0
LONGEST_AWAY_SECONDS: Final = 8.0
_log = logging.getLogger(__name__)


class CollectionFeed:
    """Writes changes to the live collection, in a thread of its own while the `with` block runs."""

    def __init__(
        self,
        milvus: Callable[[], Milvus],
        store: Callable[[], ArticleStore],
        term: Callable[[], int] = lambda: 1,
    ) -> None:
        """Write nothing yet.

        Args:
            milvus: connects to the server, or raises EngineAway.
            store: opens the store, or raises StoreUnusable.
            term: which time it is that this process may write, 0 if it may not now, or raises
                StoreUnusable; see `Election`. It is called in the thread, before each page.
        """
        self._milvus = milvus
        self._store = store
        self._term_now = term
        self._term = 0
        self._writer: CollectionWriter | None = None
        self._rest_seconds = AWAY_SECONDS
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
        """Write the next page of the change log, if this process may; whether all is written.

        Raises:
            IndexFault: there is no collection, or the server does not answer.
            StoreUnusable: the store cannot be read.
            StoreRestored: this is another store than that of the collection.
        """
        before, self._term = self._term, 0  # if the store does not say
        self._term = self._term_now()
        if self._term != before:  # another process may have written meanwhile
            self._writer = None
        if not self._term:
            return True
        milvus, store = self._milvus(), self._store()
        writer = self._writer
        if writer is None or milvus.live() != writer.name or writer.is_overtaken():
            self._writer = None  # if it cannot begin
            writer = self._writer = CollectionWriter(milvus, store)
        return writer.step(store)

    def _run(self) -> None:
        while self._pause.wait():
            try:
                while not self.step() and not self._pause.is_over:
                    pass
                self._fault.clear()
                self._rest_seconds = AWAY_SECONDS
            except StoreUnusable as fault:
                self._fault.note(fault)
                self._rest()
            except (IndexFault, StoreRestored) as fault:
                # What was sent may arrive later: whatever is written next is of another tenure.
                self._writer = None
                self._fault.note(fault)
                self._rest()
            except Exception as fault:  # noqa: BLE001 - a surprise is logged, and must not end the thread
                self._writer = None
                self._fault.note(fault, trace=True)
                self._rest()

    def _rest(self) -> None:
        self._pause.rest(self._rest_seconds)
        self._rest_seconds = min(2 * self._rest_seconds, LONGEST_AWAY_SECONDS)


def feed_of(
    settings: Settings, store: Callable[[], ArticleStore], term: Callable[[], int]
) -> CollectionFeed:
    """The feed of a deployment whose settings name a server."""
    return CollectionFeed(LazyMilvus(settings.milvus), store, term)
