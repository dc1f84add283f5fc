"""Generations that are published to a Milvus server too, for the web workers of all machines.

A rebuild builds and judges a snapshot as always. When the gate has admitted it, its rows are put
into a collection of their own, and the alias is switched to that. Nothing reads a collection that
is not whole: the note of its first tenure is written last.

Several machines may publish one generation at a time, so each fills under a name of its own. While
it does, it notes the time again and again: a collection that never was live is left to its maker
until that note is an hour old.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final

from index import Catalog, IndexFault, NoSnapshot, Snapshot, SnapshotDamaged, StagedSnapshot
from index.errors import RowsRefused
from index.milvus import Milvus, MilvusCollection
from index.milvus_language import SearchedColumns
from index.statistics import Statistics, read_statistics, statistics_of, write_statistics
from index.stored_rows import read_stored
from index.tenures import FILLING, Tenures, later_than
from recommender.indexing.snapshots import FULL_NOTE, Origin
from recommender.ranking.conditions import SEARCHED_COLUMNS
from recommender.settings import Settings
from recommender.store import LogPosition, open_store

__all__ = [
    "CollectionCatalog",
    "OpenedCollection",
    "catalog_over",
    "deletions_of",
    "open_collection",
    "read_tenures",
]

STATISTICS: Final = "statistics"
TENURE: Final = "tenure-"
REFUSED: Final = "refused"
STATE: Final = "state"
FORGOTTEN_SECONDS: Final = 3_600.0
"""So long after its last sign of life a filling has died: it gives one every few seconds."""
SIGN_SECONDS: Final = 10.0
MOST_TENURES: Final = 10_000
SEARCHED: Final = SearchedColumns(SEARCHED_COLUMNS, "published_at")
_ATTEMPT: Final = re.compile(r"_([0-9a-f]{8,})x[0-9a-f]{8}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tenure:
    """The note of one writer of a collection.

    Attributes:
        began: the place in the change log where it began.
        position: up to where it has written all.
    """

    began: int
    position: LogPosition

    def to_bytes(self) -> bytes:
        """Write it."""
        return json.dumps([self.began, self.position.number, self.position.mark]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Tenure":
        """Read it.

        Raises:
            SnapshotDamaged: the bytes are anything else.
        """
        try:
            began, number, mark = json.loads(data)
        except ValueError as fault:
            raise SnapshotDamaged(f"a position is not one ({fault}); rebuild") from fault
        return cls(began, LogPosition(number, mark))


class OpenedCollection:
    """A collection that is whole, with what is known of it beside its rows.

    Attributes:
        name: of the collection.
        index: its rows, without what was written by a writer that was replaced before the last
            call of `position`.
        statistics: of the snapshot that it was filled from.
    """

    def __init__(self, milvus: Milvus, name: str, statistics: Statistics) -> None:
        self.name = name
        self.statistics = statistics
        self.index: MilvusCollection = milvus.open(name, statistics.layout, SEARCHED)
        self._milvus = milvus
        self.position()

    @property
    def origin(self) -> Origin:
        """Where the rows came from when it was filled."""
        return Origin.of(self.statistics.manifest)

    def position(self) -> LogPosition:
        """Up to where in the change log all is in the collection.

        From now on, what the writers before the present one may still write does not count. Who
        began to follow the log earlier does not need that: it holds each row against the log.

        Raises:
            NoSnapshot: it is gone.
            EngineAway: the server does not answer.
        """
        tenures = read_tenures(self._milvus, self.name)
        began = {number: one.began for number, one in tenures.items() if number != FILLING.tenure}
        self.index = self.index.under(Tenures.of(began))
        return tenures[max(tenures)].position

    def begin_tenure(self) -> int:
        """Become the writer of the collection, where the last one noted its position.

        Returns:
            The number of the tenure: `note_position` and `Stamp` want it.
        """
        number, tenures = -1, read_tenures(self._milvus, self.name)
        while number < max(tenures):  # another process may have chosen a later one meanwhile
            began = tenures[max(tenures)].position
            number = later_than(tenures)
            self._note(number, Tenure(began.number, began))
            tenures = read_tenures(self._milvus, self.name)
        self.position()
        self._forget_needless(tenures)
        return number

    def _forget_needless(self, tenures: Mapping[int, Tenure]) -> None:
        """Remove the notes of tenures without which the same rows count.

        While a server takes notes and no rows, each attempt has a tenure that begins at one place.
        """
        needed = Tenures.of({number: one.began for number, one in tenures.items()}).began
        if needless := tenures.keys() - needed.keys() - {FILLING.tenure}:
            self._milvus.remove_notes(self.name, (f"{TENURE}{one}" for one in needless))

    def newest_tenure(self) -> int:
        """The number of the tenure that is the present one, by what is noted now."""
        return max(read_tenures(self._milvus, self.name))

    def note_position(self, tenure: int, began: int, point: LogPosition) -> None:
        """Note up to where in the change log a writer has written all."""
        self._note(tenure, Tenure(began, point))

    def refused(self) -> dict[str, str]:
        """By id, why an article is not in the collection though it should be."""
        try:
            said: dict[str, str] = json.loads(self._milvus.read_note(self.name, REFUSED))
        except NoSnapshot:
            return {}
        return said

    def note_refused(self, reasons: Mapping[str, str]) -> None:
        """Note them, in the place of those that were noted before."""
        self._milvus.write_note(self.name, REFUSED, json.dumps({**reasons}).encode())

    def _note(self, number: int, tenure: Tenure) -> None:
        self._milvus.write_note(self.name, f"{TENURE}{number}", tenure.to_bytes())


def open_collection(milvus: Milvus) -> OpenedCollection:
    """Open the live collection.

    Raises:
        NoSnapshot: none is published.
        SnapshotDamaged: its statistics are not what was written.
        EngineAway: the server does not answer.
    """
    name = milvus.live()
    return OpenedCollection(milvus, name, read_statistics(milvus.read_note(name, STATISTICS)))


def read_tenures(milvus: Milvus, name: str) -> dict[int, Tenure]:
    """The tenures of a collection by number; 0 is its filling.

    Raises:
        NoSnapshot: it is gone, or not whole.
        SnapshotDamaged: a note is not what was written.
        EngineAway: the server does not answer.
    """
    found = milvus.read_notes(name, TENURE)
    tenures = {int(number): Tenure.from_bytes(data) for number, data in found.items()}
    if len(found) > MOST_TENURES:
        raise SnapshotDamaged(f"{name}: it has had {len(found)} writers; run: read-also rebuild")
    if FILLING.tenure not in tenures:
        raise NoSnapshot(f"{name}: it is not whole; run: read-also rebuild")
    return tenures


def catalog_over(settings: Settings) -> "CollectionCatalog":
    """The catalog of a deployment whose settings name a server.

    Raises:
        EngineAway: the server does not answer.
    """
    deletions = deletions_of(settings.database_url)
    return CollectionCatalog(settings.data.snapshots, Milvus(settings.milvus), deletions)


def deletions_of(database_url: str) -> Callable[[Origin], frozenset[str]]:
    """What tells which articles were deleted from a store since a snapshot of it was built."""

    def deleted_since(origin: Origin) -> frozenset[str]:
        with closing(open_store(database_url)) as store:
            if not store.has_position(origin.point, origin.epoch):
                return frozenset()  # no writer follows this store into such a collection
            return store.deleted_since(origin.point.number)

    return deleted_since


class CollectionCatalog(Catalog):
    """A catalog of which each generation that goes live is live in Milvus too."""

    def __init__(
        self,
        folder: Path,
        milvus: Milvus,
        deleted_since: Callable[[Origin], frozenset[str]] = lambda _: frozenset(),
    ) -> None:
        """Publish what is published in a folder also to a server.

        Rows of what was deleted since do not go live: another machine may have erased some.
        """
        super().__init__(folder)
        self._milvus = milvus
        self._deleted_since = deleted_since

    def publish(self, staged: StagedSnapshot) -> str:
        """Put a staged snapshot into a collection, and make it live there, then here.

        If this machine ends between the two, what it publishes next is live on both sides.

        Raises:
            EngineAway: the server does not answer; what was live stays live on both sides.
        """
        try:
            self._go_live(staged.snapshot)
        except BaseException:
            self.discard(staged)
            raise
        return super().publish(staged)

    def flip(self, snapshot: Snapshot) -> None:
        """Make an older or newer generation the live one, there and here."""
        self._go_live(snapshot)
        super().flip(snapshot)

    def is_held_elsewhere(self, change: int) -> bool:
        """Whether the live collection may hold what a change has removed, or be counted from it.

        Raises:
            EngineAway: the server does not answer.
        """
        live = self._live()
        return live is not None and self._may_hold(live, change)

    def remove_elsewhere(self, change: int) -> tuple[str, ...]:
        """Drop all collections but the live one that may hold what a change has removed.

        A filling that goes on may hold it too: it is ended, and its rebuild fails.
        """
        doomed = (one for one in self._milvus.collections() if self._may_hold(one, change))
        return tuple(one for one in doomed if self._drop_unless_live(one))

    def _may_hold(self, name: str, change: int) -> bool:
        """Whether a collection or its statistics are older than a change, or it is not whole."""
        try:
            data = self._milvus.read_note(name, STATISTICS)
            read_tenures(self._milvus, name)
            manifest = read_statistics(data).manifest
        except (NoSnapshot, SnapshotDamaged):
            return True
        return manifest.change < change or FULL_NOTE in manifest.notes

    def _live(self) -> str | None:
        try:
            return self._milvus.live()
        except NoSnapshot:
            return None

    def _go_live(self, snapshot: Snapshot) -> None:
        """Make the collection of a snapshot the live one, and drop those that nobody needs."""
        name, before = self._whole(snapshot), self._live()
        if name == before:
            return
        if gone := self._deleted_since(Origin.of(snapshot.manifest)):
            layout = statistics_of(snapshot).layout
            self._milvus.open(name, layout, SEARCHED).remove(gone)
        self._milvus.publish(name)
        try:
            self._sign(name, is_filling=False)
            for one in self._milvus.collections():
                # Another machine may have made a later one live meanwhile.
                if one != before and one < name and self._is_over(one):
                    self._drop_unless_live(one)
        except IndexFault as fault:
            _log.warning("collections that nobody needs stay until the next publication: %s", fault)

    def _drop_unless_live(self, name: str) -> bool:
        """Drop a collection, unless it is the live one just before; whether it was dropped."""
        if name == self._live():
            return False
        self._milvus.drop(name)
        return True

    def _whole(self, snapshot: Snapshot) -> str:
        """The name of a whole collection of a snapshot; if there is none, it is filled."""
        found = self._find_whole(snapshot.generation)
        if found is not None:
            self._sign(found, is_filling=True)  # nobody drops it before it is live
            return found
        own = f"{self._milvus.name_of(snapshot.generation)}_{int(time.time()):x}x{token_hex(4)}"
        self._fill(own, snapshot)
        found = self._find_whole(snapshot.generation)
        if found in {own, None}:
            return own
        self._milvus.drop(own)  # another machine was faster, and its one is live
        return found or own

    def _find_whole(self, generation: str) -> str | None:
        """A whole collection of a generation, the live one if that is of it."""
        begin, live = f"{self._milvus.name_of(generation)}_", self._live()
        names = [name for name in self._milvus.collections() if name.startswith(begin)]
        for name in sorted(names, key=lambda one: one != live):
            if self._is_whole(name):
                return name
        return None

    def _is_whole(self, name: str) -> bool:
        try:
            read_tenures(self._milvus, name)
        except (NoSnapshot, SnapshotDamaged):
            return False
        return True

    def _fill(self, name: str, snapshot: Snapshot) -> None:
        """Fill a collection; what it cannot hold is left out."""
        data = write_statistics(snapshot)
        statistics = read_statistics(data)
        collection = self._milvus.create(name, statistics.layout, SEARCHED)
        signed_at, refused = -SIGN_SECONDS, dict[str, str]()
        for rows in read_stored(snapshot):
            if time.monotonic() >= signed_at + SIGN_SECONDS:
                self._sign(name, is_filling=True)
                signed_at = time.monotonic()
            try:
                collection.upsert(rows)
            except RowsRefused as fault:
                refused |= fault.reasons
        self._sign(name, is_filling=True)
        collection.settle()
        for article_id, reason in sorted(refused.items()):
            _log.warning("article %s is not in the collection: %s", article_id, reason)
        self._milvus.write_note(name, STATISTICS, data)
        self._milvus.write_note(name, REFUSED, json.dumps(refused).encode())
        point = Origin.of(snapshot.manifest).point
        self._milvus.write_note(name, f"{TENURE}{FILLING.tenure}", Tenure(-1, point).to_bytes())
        _log.info("put %d rows into the collection %s", len(snapshot) - len(refused), name)

    def _sign(self, name: str, *, is_filling: bool) -> None:
        """Note that somebody needs a collection now, or that it was live."""
        state = {"filling": is_filling, "at": time.time()}
        self._milvus.write_note(name, STATE, json.dumps(state).encode())

    def _is_over(self, name: str) -> bool:
        """Whether nobody fills a collection that is not live: it was live, or its maker died."""
        attempt = _ATTEMPT.search(name)
        last = int(attempt[1], 16) if attempt else 0.0
        try:
            state = json.loads(self._milvus.read_note(name, STATE))
        except (NoSnapshot, SnapshotDamaged):
            state = {"filling": True, "at": last}
        return not state["filling"] or state["at"] < time.time() - FORGOTTEN_SECONDS
