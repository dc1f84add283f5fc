"""Writes articles of the store to one collection of a Milvus server, for one tenure.

A tenure begins where the writer before has noted its position, and writes all after it once more.
What a writer that was replaced had under way may arrive later: workers do not count it (see
`Tenures`), deletions among it remove nothing that was written since, and what it has overwritten
is written again.
"""

import logging
import time
from collections.abc import Sequence
from typing import Final

from index import BadRows, Rows
from index.changes import write_changes
from index.errors import RowsRefused
from index.milvus import Milvus, MilvusCollection
from index.tenures import Stamp
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.errors import StoreRestored
from recommender.indexing.collection_catalog import OpenedCollection, open_collection
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.live.replica import MOST_UNREAD
from recommender.store import ArticleStore, Update

__all__ = ["CollectionWriter"]

ARTICLES_AT_ONCE: Final = 100
REPAIR_SECONDS: Final = 10.0
MOST_REPAIRED: Final = 500
_log = logging.getLogger(__name__)


class CollectionWriter:
    """The writer of a collection, from when it is made until another one is."""

    def __init__(self, milvus: Milvus, store: ArticleStore) -> None:
        """Begin a tenure in the live collection, if that is of this store.

        Raises:
            IndexFault: there is none, or the server does not answer.
            StoreUnusable: the store cannot be read.
            StoreRestored: this is another store than that of the collection.
        """
        self._opened = open_collection(milvus)
        found = self._opened.position()
        if not store.has_position(found, self._opened.origin.epoch):
            raise StoreRestored(found.number)
        self._tenure = self._opened.begin_tenure()
        self._point = self._opened.position()
        self._began = self._point.number
        self._refused = self._opened.refused()
        self._repair_at = time.monotonic()
        # A snapshot has no articles whose text was never read; they may be seeds all the same.
        self._write(store.unread_before(self._opened.origin.point, MOST_UNREAD))

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self._opened.name

    def is_overtaken(self) -> bool:
        """Whether a later tenure was noted than this one; a look for it is due now and then.

        The note of a writer that was replaced may arrive late, and its number may be the higher:
        what this writer has written does not count then. Who was elected begins anew.
        """
        return self._is_look_due() and self._opened.newest_tenure() > self._tenure

    def step(self, store: ArticleStore) -> bool:
        """Write the next page of the change log; return whether its end was reached.

        Raises:
            IndexFault: the server does not answer as it should.
            StoreUnusable: the store cannot be read.
            StoreRestored: this is another store than that of the collection.
        """
        self._repair_if_due(store)
        origin = self._opened.origin
        reached, page = store.updates_after(
            self._point,
            epoch=origin.epoch,
            analyzer=ANALYZER_VERSION,
            model=origin.model,
            limit=ARTICLES_AT_ONCE,
        )
        self._write(page.updates)
        if reached != self._point:
            self._opened.note_position(self._tenure, self._began, reached)
            self._point = reached
        return page.complete

    def _repair_if_due(self, store: ArticleStore) -> None:
        """Write again what somebody has overwritten after being replaced."""
        if not self._is_look_due():
            return
        self._repair_at = time.monotonic() + REPAIR_SECONDS
        ids = self._opened.index.late_ids(MOST_REPAIRED)
        if not ids:
            return
        model = self._opened.origin.model
        present = store.updates_of(ids, analyzer=ANALYZER_VERSION, model=model)
        self._index.remove({*ids} - {one.id for one in present})
        self._write(present)
        _log.warning("%d articles that a replaced indexer had overwritten are repaired", len(ids))

    def _is_look_due(self) -> bool:
        return time.monotonic() >= self._repair_at

    @property
    def _index(self) -> MilvusCollection:
        return self._opened.index.by(Stamp(self._tenure, self._point.number))

    def _write(self, updates: Sequence[Update]) -> None:
        """Write updates; of several for one article, the last one counts."""
        newest = {update.id: update for update in updates}
        present = [newest[one] for one in sorted(newest) if newest[one].outline is not None]
        removed = newest.keys() - {one.id for one in present}
        refused = self._put(present, removed)
        for article_id, reason in sorted(refused.items()):
            _log.error("article %s is not in the collection: %s", article_id, reason)
        kept = {one: why for one, why in self._refused.items() if one not in newest}
        if kept | refused != self._refused:
            self._refused = kept | refused
            self._opened.note_refused(self._refused)

    def _put(self, present: Sequence[Update], removed: set[str]) -> dict[str, str]:
        """Write and remove; by id, why something could not be written: that leaves the index."""
        index, statistics = self._index, self._opened.statistics
        try:
            write_changes(index, statistics, _rows_of(present, self._opened), removed)
        except RowsRefused as fault:
            return {**fault.reasons}
        except BadRows as fault:
            if len(present) == 1:
                index.remove([present[0].id])
                return {present[0].id: str(fault)}
            return {key: why for one in present for key, why in self._put([one], set()).items()}
        return {}


def _rows_of(updates: Sequence[Update], opened: OpenedCollection) -> Rows:
    manifest = opened.statistics.manifest
    documents = [
        IndexedDocument(one.outline, one.features, one.change, one.up_to_date)
        for one in updates
        if one.outline is not None
    ]
    return build_rows(documents, opened.origin, manifest.dim, manifest.passage_dim)
