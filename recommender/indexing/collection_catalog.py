"""Generations that are published to a Milvus server too, for the web workers of all machines.

A rebuild builds and judges a snapshot as always. When the gate has admitted it, its rows are put
into a collection of their own, and the alias is switched to that. Nothing reads a collection that
is not whole: the note of its position in the change log is written last.
"""

import json
import logging
from pathlib import Path
from typing import Final

from index import Catalog, NoSnapshot, Snapshot, SnapshotDamaged, StagedSnapshot
from index.milvus import Milvus, MilvusCollection
from index.milvus_language import SearchedColumns
from index.statistics import Statistics, read_statistics, write_statistics
from index.stored_rows import read_stored
from recommender.indexing.snapshots import Origin
from recommender.ranking.conditions import SEARCHED_COLUMNS
from recommender.settings import Settings
from recommender.store import LogPosition

__all__ = [
    "CollectionCatalog",
    "OpenedCollection",
    "catalog_over",
    "open_collection",
    "write_position",
]

STATISTICS: Final = "statistics"
POSITION: Final = "position"
SEARCHED: Final = SearchedColumns(SEARCHED_COLUMNS, "published_at")
_log = logging.getLogger(__name__)


class OpenedCollection:
    """A collection that is whole, with what is known of it beside its rows.

    Attributes:
        name: of the collection.
        index: its rows.
        statistics: of the snapshot that it was filled from.
    """

    def __init__(self, milvus: Milvus, name: str, statistics: Statistics) -> None:
        self.name = name
        self.statistics = statistics
        self.index: MilvusCollection = milvus.open(name, statistics.layout, SEARCHED)
        self._milvus = milvus

    @property
    def origin(self) -> Origin:
        """Where the rows came from when it was filled."""
        return Origin.of(self.statistics.manifest)

    def position(self) -> LogPosition:
        """Up to where in the change log all is in the collection.

        Raises:
            NoSnapshot: it is gone.
            EngineAway: the server does not answer.
        """
        return _read_position(self._milvus, self.name)


def open_collection(milvus: Milvus) -> OpenedCollection:
    """Open the live collection.

    Raises:
        NoSnapshot: none is published.
        SnapshotDamaged: its statistics are not what was written.
        EngineAway: the server does not answer.
    """
    name = milvus.live()
    return OpenedCollection(milvus, name, read_statistics(milvus.read_note(name, STATISTICS)))


def write_position(milvus: Milvus, name: str, point: LogPosition) -> None:
    """Note up to where in the change log all is in a collection."""
    milvus.write_note(name, POSITION, json.dumps([point.number, point.mark]).encode())


def _read_position(milvus: Milvus, name: str) -> LogPosition:
    data = milvus.read_note(name, POSITION)
    try:
        number, mark = json.loads(data)
    except ValueError as fault:
        raise SnapshotDamaged(f"{name}: its position is not one ({fault}); rebuild") from fault
    return LogPosition(number, mark)


def catalog_over(settings: Settings) -> "CollectionCatalog":
    """The catalog of a deployment whose settings name a server.

    Raises:
        EngineAway: the server does not answer.
    """
    return CollectionCatalog(settings.data.snapshots, Milvus(settings.milvus))


class CollectionCatalog(Catalog):
    """A catalog of which each generation that goes live is live in Milvus too."""

    def __init__(self, folder: Path, milvus: Milvus) -> None:
        """Publish what is published in a folder also to a server."""
        super().__init__(folder)
        self._milvus = milvus

    def publish(self, staged: StagedSnapshot) -> str:
        """Put a staged snapshot into a collection, make it live here, then there.

        Raises:
            EngineAway: the server does not answer; what was live stays live on both sides.
        """
        try:
            self._fill(staged.snapshot)
        except BaseException:
            self.discard(staged)
            raise
        generation = super().publish(staged)
        self._switch(generation)
        return generation

    def flip(self, snapshot: Snapshot) -> None:
        """Make an older or newer generation the live one, here and there."""
        self._fill(snapshot)
        super().flip(snapshot)
        self._switch(snapshot.generation)

    def catch_up(self) -> None:
        """Publish the live generation to the server if it is not live there.

        A publication may have ended between the two.
        """
        snapshot = self.open_live()
        if self._live() != self._milvus.name_of(snapshot.generation):
            self.flip(snapshot)

    def _live(self) -> str | None:
        try:
            return self._milvus.live()
        except NoSnapshot:
            return None

    def _fill(self, snapshot: Snapshot) -> None:
        """Make the collection of a snapshot whole, unless it is."""
        name = self._milvus.name_of(snapshot.generation)
        if self._is_whole(name):
            return
        statistics = read_statistics(write_statistics(snapshot))
        collection = self._milvus.create(name, statistics.layout, SEARCHED)
        for rows in read_stored(snapshot):
            collection.upsert(rows)
        collection.settle()
        self._milvus.write_note(name, STATISTICS, write_statistics(snapshot))
        write_position(self._milvus, name, Origin.of(snapshot.manifest).point)
        _log.info("put %d rows into the collection %s", len(snapshot), name)

    def _is_whole(self, name: str) -> bool:
        try:
            _read_position(self._milvus, name)
        except NoSnapshot:
            return False
        return True

    def _switch(self, generation: str) -> None:
        """Switch the alias, and drop all collections but the live one and the one before."""
        before, name = self._live(), self._milvus.name_of(generation)
        self._milvus.publish(name)
        for one in self._milvus.collections():
            if one not in {before, name}:
                self._milvus.drop(one)
