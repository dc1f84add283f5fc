"""Collections of a Milvus server, searched as snapshots are; the home of its driver, pymilvus.

A collection holds stored rows under one set of statistics. Beside each lies a second one with its
notes: the statistics, and how far a change log was followed. An alias names the live collection.
Each row tells who wrote it, and rows of a writer that was replaced do not count: see `Tenures`.

Everything is read and written at the consistency level Strong: a search sees every upsert and every
deletion that was acknowledged before it began.
"""

from __future__ import annotations

import json
import logging
import threading
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pymilvus import MilvusClient, MilvusException

from index.conditions import HasId
from index.errors import NoSnapshot, RowsRefused
from index.milvus_faults import away as _away
from index.milvus_language import (
    OUTPUT,
    Entity,
    SearchedColumns,
    batches_of,
    connection_to,
    entities_of,
    expression_of,
    late_rows,
    packed_in,
    padded,
    stamp_in,
    written_before,
)
from index.milvus_notes import read_note, read_short_notes, write_note
from index.milvus_schema import indexes_of_notes, indexes_of_rows, schema_of, schema_of_notes
from index.searchable import FoundRows
from index.stored_rows import RowLayout, StoredRows
from index.tenures import FILLING, Stamp, Tenures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from index.arrays import Floats
    from index.conditions import Condition
    from index.lexical import Query

__all__ = ["LazyMilvus", "Milvus", "MilvusCollection"]

STRONG: Final = "Strong"
NOT_LOADED: Final = 101
NOTES: Final = "_notes"
"""What the name of the collection of notes ends with."""
READ_SECONDS: Final = 5.0
WRITE_SECONDS: Final = 60.0
UPSERT: Final = {"service": "milvus.proto.milvus.MilvusService", "method": "Upsert"}
BOUNDED: Final = {
    "grpc.service_config": json.dumps(
        {"methodConfig": [{"name": [UPSERT], "timeout": f"{WRITE_SECONDS:.0f}s"}]}
    )
}
ONCE: Final = {"retry_times": 0}
"""For rows that the driver sends once: what it sent first may arrive after what is written next.
With a time-out it repeats a call for so long, so that one is an option of the connection.
"""
CALM: Final = {
    "grpc.keepalive_permit_without_calls": False,
    "grpc.keepalive_time_ms": 300_000,
    "grpc.max_reconnect_backoff_ms": 1_000,
}
"""The driver asks every ten seconds whether an idle server lives, for which servers hang up.
A server that was away long is else looked for two minutes after it is back."""
LEAST_VISITED: Final = 1_024
"""A search for vectors looks at so many rows at least; with the 64 of a server's default it missed
a quarter of the 200 nearest of 10,000."""
MOST_FOUND: Final = 16_384
"""A server gives no more rows at once."""
REFUSALS: Final = {6, 1_100, 1_101, 1_102}
"""What a server says of rows that it does not take: no argument of ours, not valid, too large."""
_AT_ONCE: Final = 200


class Milvus:
    """A database of a Milvus server, or a file of milvus-lite. Safe to share between threads."""

    def __init__(self, address: str, *, alias: str = "read_also") -> None:
        """Connect.

        Args:
            address: `http://user:password@host:19530/database`, each part but the host optional;
                or the path of a file, which one process alone can use.
            alias: names the live collection; what all names of collections begin with.

        Raises:
            EngineAway: it does not answer.
        """
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs what it raises
        self._alias = alias
        given = connection_to(address)
        with _away():
            self.client = MilvusClient(**given, timeout=READ_SECONDS, grpc_options=CALM | BOUNDED)

    def close(self) -> None:
        """End the connection."""
        self.client.close()

    def name_of(self, generation: str) -> str:
        """The name of the collection of a generation."""
        return f"{self._alias}_{generation.replace('-', '_')}"

    def live(self) -> str:
        """The name of the live collection.

        Raises:
            NoSnapshot: none was published.
            EngineAway: the server does not answer.
        """
        with _away(missing="no collection is published; run: read-also rebuild"):
            found = self.client.describe_alias(self._alias, timeout=READ_SECONDS)
        return str(found["collection_name"])

    def publish(self, name: str) -> None:
        """Make a collection the live one, at once: a search reads the one before or this one."""
        try:
            before = self.live()
        except NoSnapshot:
            before = ""
        change = self.client.alter_alias if before else self.client.create_alias
        with _away():
            change(collection_name=name, alias=self._alias, timeout=WRITE_SECONDS)

    def collections(self) -> list[str]:
        """The names of the collections of rows, the oldest first; also of those made in part."""
        with _away():
            names = self.client.list_collections(timeout=READ_SECONDS)
        own = (name for name in names if name.startswith(f"{self._alias}_"))
        return sorted({name.removesuffix(NOTES) for name in own})

    def create(self, name: str, layout: RowLayout, searched: SearchedColumns) -> MilvusCollection:
        """Make an empty collection; one of that name is dropped before."""
        self.drop(name)
        given: dict[str, Any] = {"consistency_level": STRONG, "timeout": WRITE_SECONDS}
        notes = {"schema": schema_of_notes(), "index_params": indexes_of_notes()}
        rows = {"schema": schema_of(layout, searched), "index_params": indexes_of_rows()}
        with _away():
            self.client.create_collection(name + NOTES, **notes, **given)
            self.client.create_collection(name, **rows, **given)
        return MilvusCollection(self.client, name, layout, searched)

    def open(self, name: str, layout: RowLayout, searched: SearchedColumns) -> MilvusCollection:
        """Use a collection that `create` has made; its statistics tell the layout."""
        return MilvusCollection(self.client, name, layout, searched)

    def drop(self, name: str) -> None:
        """Remove a collection and its notes; does nothing where there is none."""
        with _away():
            for one in (name, name + NOTES):
                if self.client.has_collection(one, timeout=READ_SECONDS):
                    self.client.drop_collection(one, timeout=WRITE_SECONDS)

    def write_note(self, name: str, key: str, data: bytes) -> None:
        """Write a note beside a collection, in the place of that of the same key.

        However it ends, a reader has the whole of this note, or of the one before.
        """
        write_note(_NoteRows(self.client, name), key, data)

    def read_note(self, name: str, key: str) -> bytes:
        """Read a note.

        Raises:
            NoSnapshot: there is none.
            SnapshotDamaged: it is not what was written.
        """
        return read_note(_NoteRows(self.client, name), key)

    def read_notes(self, name: str, prefix: str) -> dict[str, bytes]:
        """Read the short notes whose keys begin so, by the rest of the key."""
        return read_short_notes(_NoteRows(self.client, name), prefix)

    def remove_notes(self, name: str, keys: Iterable[str]) -> None:
        """Remove short notes, present or not."""
        _NoteRows(self.client, name).forget(expression_of(HasId(frozenset(keys))))


class LazyMilvus:
    """A connection, made when it is first needed, and kept; safe to share between threads."""

    def __init__(self, address: str) -> None:
        """Connect to nothing yet; the address is as for `Milvus`."""
        self._address = address
        self._made: Milvus | None = None
        self._making = threading.Lock()

    def __call__(self) -> Milvus:
        """The connection.

        Raises:
            EngineAway: the server does not answer.
        """
        if self._made is None:
            with self._making:
                self._made = self._made or Milvus(self._address)
        return self._made


class _NoteRows:
    """The rows of the collection of notes beside another one."""

    def __init__(self, client: MilvusClient, name: str) -> None:
        self.name = name
        self._client = client

    def put(self, note_id: str, text: str) -> None:
        row = {"id": note_id, "text": text, "place": [0.0, 0.0]}
        with _away():
            self._client.upsert(self.name + NOTES, [row], timeout=WRITE_SECONDS)

    def find(self, condition: str) -> dict[str, str]:
        given = {"filter": condition, "output_fields": ["text"], "limit": MOST_FOUND}
        ask = partial(self._client.query, self.name + NOTES, timeout=READ_SECONDS, **given)
        with _away(missing=f"{self.name}: there is no such collection"):
            found = _loaded(self._client, self.name + NOTES, ask)
        return {str(row["id"]): str(row["text"]) for row in found}

    def forget(self, condition: str) -> None:
        with _away():
            self._client.delete(self.name + NOTES, filter=condition, timeout=WRITE_SECONDS)


class MilvusCollection:
    """The rows of one generation, and what came after it."""

    def __init__(
        self, client: MilvusClient, name: str, layout: RowLayout, searched: SearchedColumns
    ) -> None:
        """Use a collection of a client: as the one that fills it, until `by` or `under` is said."""
        self.name = name
        self._client = client
        self._layout = layout
        self._searched = searched
        self._stamp, self._tenures = FILLING, Tenures()

    def by(self, stamp: Stamp) -> MilvusCollection:
        """The same, as a later writer writes it."""
        other = copy(self)
        other._stamp = stamp  # noqa: SLF001 - of this class
        return other

    def under(self, tenures: Tenures) -> MilvusCollection:
        """The same without the rows that writers wrote after they were replaced.

        Nothing else may be read: it counts them, and a search finds fewer rows for each.
        """
        other = copy(self)
        other._tenures = tenures  # noqa: SLF001 - of this class
        return other

    def count(self) -> int:
        """How many rows there are."""
        with _away():
            found = self._ask(
                self._client.query, filter="", output_fields=["count(*)"], timeout=READ_SECONDS
            )
        return int(found[0]["count(*)"])

    def upsert(self, stored: StoredRows) -> None:
        """Add rows, or replace those of the same ids: seen by every search that begins after it.

        Raises:
            RowsRefused: some do not fit; all others are there, and nothing under the ids of these.
            EngineAway: the server does not answer; some rows may be there.
        """
        entities = [*entities_of(self._layout, self._searched, stored, self._stamp)]
        refused = {one.id: one.fault for one in entities if one.fault}
        with _away():
            for some in batches_of([one for one in entities if not one.fault], _AT_ONCE):
                refused |= self._put(some)
        if refused:
            self.remove(refused)
            raise RowsRefused(refused)

    def _put(self, some: list[Entity]) -> dict[str, str]:
        """Write a batch; if the server refuses it, row by row. What it refuses, and why."""
        try:
            limits = {"timeout": WRITE_SECONDS} if self._stamp == FILLING else ONCE
            self._client.upsert(self.name, [one.fields for one in some], **limits)
        except MilvusException as fault:
            if fault.code not in REFUSALS:
                raise
            if len(some) == 1:
                return {some[0].id: str(fault.message)}
            return {key: why for one in some for key, why in self._put([one]).items()}
        return {}

    def remove(self, ids: Iterable[str]) -> None:
        """Remove rows, present or not: no search that begins after it finds them.

        A row that is written later stays, whenever this arrives.
        """
        wanted = sorted(ids)
        with _away():
            for at in range(0, len(wanted), _AT_ONCE):
                some = expression_of(HasId(frozenset(wanted[at : at + _AT_ONCE])))
                condition = f"{some} and {written_before(self._stamp)}"
                self._ask(self._client.delete, filter=condition, timeout=WRITE_SECONDS)

    def late_ids(self, limit: int) -> list[str]:
        """The ids of some rows that do not count: a writer wrote them after it was replaced."""
        if not self._tenures.began:
            return []
        given = {"output_fields": ["id"], "limit": limit, "timeout": READ_SECONDS}
        with _away():
            found = self._ask(self._client.query, filter=late_rows(self._tenures), **given)
        return [str(row["id"]) for row in found]

    def settle(self) -> None:
        """Let the server write what it has, and index it; waits until that is done."""
        with _away():
            self._client.flush(self.name, timeout=WRITE_SECONDS)
            self._client.load_collection(self.name, timeout=WRITE_SECONDS)

    def nearest(self, vector: Floats, limit: int, wanted: Condition) -> FoundRows:
        """Find the rows most similar to a unit vector that meet a condition."""
        return self._search("vector", padded(vector), limit, wanted)

    def nearest_by_terms(self, query: Query, limit: int, wanted: Condition) -> FoundRows:
        """Find the rows whose terms are most similar that meet a condition, above 0 only."""
        pairs = zip(query.buckets.tolist(), query.weights.tolist(), strict=True)
        terms = dict(pairs)
        return self._search("terms", terms, limit, wanted) if terms else self._none()

    def newest(self, limit: int, wanted: Condition) -> FoundRows:
        """Find the rows with the highest numbers in the ordering column that meet a condition.

        Numbers are compared in float32, so that of times some seconds apart either may come first.
        """
        return self._search("place", [1.0, 0.0], limit, wanted)

    def matching(self, limit: int, wanted: Condition) -> StoredRows:
        """Find rows that meet a condition, in any order."""
        with _away():
            found = self._ask(
                self._client.query,
                filter=expression_of(wanted),
                output_fields=[*OUTPUT],
                limit=min(limit, MOST_FOUND),
                timeout=READ_SECONDS,
            )
        return self._layout.unpack([packed_in(row) for row in found if self._counts(row)])

    def fetch(self, ids: Iterable[str]) -> StoredRows:
        """Read the rows of some ids, of those that are there, in any order."""
        wanted = frozenset(ids)
        return self.matching(len(wanted), HasId(wanted)) if wanted else self._none().stored

    def _search(self, field: str, query: Any, limit: int, wanted: Condition) -> FoundRows:  # noqa: ANN401 - a vector, or weights by bucket
        # As the server demands it, no less than the rows that are asked for.
        visited = {"ef": max(LEAST_VISITED, 2 * limit)} if field == "vector" else {}
        with _away():
            (hits,) = self._ask(
                self._client.search,
                data=[query],
                anns_field=field,
                filter=expression_of(wanted),
                limit=min(limit, MOST_FOUND),
                search_params={"params": visited},
                output_fields=[*OUTPUT],
                timeout=READ_SECONDS,
            )
        hits = [hit for hit in hits if self._counts(hit["entity"])]
        stored = self._layout.unpack([packed_in(hit["entity"]) for hit in hits])
        return FoundRows(stored, np.array([hit["distance"] for hit in hits], np.float32))

    def _counts(self, row: Any) -> bool:  # noqa: ANN401 - a row as pymilvus gives it
        return self._tenures.admit(stamp_in(row))

    def _ask(self, call: Callable[..., Any], **given: object) -> Any:  # noqa: ANN401 - what pymilvus gives
        return _loaded(self._client, self.name, partial(call, self.name, **given))

    def _none(self) -> FoundRows:
        return FoundRows(self._layout.unpack([]), np.empty(0, np.float32))


def _loaded(client: MilvusClient, name: str, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - what pymilvus gives
    """Ask a collection; if its server was started anew and has not loaded it, load it first."""
    try:
        return ask()
    except MilvusException as fault:
        if fault.code != NOT_LOADED:
            raise
    client.load_collection(name, timeout=WRITE_SECONDS)
    return ask()
