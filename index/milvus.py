"""Collections of a Milvus server, searched as snapshots are; the home of its driver, pymilvus.

A collection holds stored rows under one set of statistics. Beside each lies a second one with its
notes: the statistics, and how far a change log was followed. An alias names the live collection.

Everything is read and written at the consistency level Strong: a search sees every upsert and every
deletion that was acknowledged before it began.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import numpy as np
from pymilvus import DataType, MilvusClient, MilvusException

from index.conditions import HasId
from index.errors import NoSnapshot, SnapshotDamaged
from index.milvus_faults import away as _away
from index.milvus_language import (
    PIECES,
    SearchedColumns,
    entities_of,
    expression_of,
    packed_in,
    padded,
    to_bytes,
    to_text,
)
from index.searchable import FoundRows
from index.stored_rows import RowLayout, StoredRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
CALM: Final = {
    "grpc.keepalive_permit_without_calls": False,
    "grpc.keepalive_time_ms": 300_000,
    "grpc.max_reconnect_backoff_ms": 1_000,
}
"""The driver asks every ten seconds whether an idle server lives, for which servers hang up.
A server that was away long is else looked for two minutes after it is back."""
GRAPH: Final = {"M": 16, "efConstruction": 200}
LEAST_VISITED: Final = 1_024
"""A search for vectors looks at so many rows at least; with the 64 of a server's default it missed
a quarter of the 200 nearest of 10,000."""
MOST_FOUND: Final = 16_384
"""A server gives no more rows at once."""
_NOTE_BYTES: Final = 45_000
_WRITTEN_AT_ONCE: Final = 200


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
        parts = urlsplit(address)
        given: dict[str, str] = {"uri": address}
        if parts.scheme:
            given["uri"] = f"{parts.scheme}://{parts.hostname}:{parts.port or 19530}"
            given |= {
                "user": unquote(parts.username or ""),
                "password": unquote(parts.password or ""),
                "db_name": parts.path.strip("/"),
            }
        with _away():
            self.client = MilvusClient(**given, timeout=READ_SECONDS, grpc_options=CALM)

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
        """The names of the collections of rows, the oldest first."""
        with _away():
            names = self.client.list_collections(timeout=READ_SECONDS)
        own = (name for name in names if name.startswith(f"{self._alias}_"))
        return sorted(name for name in own if not name.endswith(NOTES))

    def create(self, name: str, layout: RowLayout, searched: SearchedColumns) -> MilvusCollection:
        """Make an empty collection; one of that name is dropped before."""
        self.drop(name)
        with _away():
            self._create_notes(name + NOTES)
            schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=800)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=max(layout.dim, 2))
            schema.add_field("terms", DataType.SPARSE_FLOAT_VECTOR)
            schema.add_field("place", DataType.FLOAT_VECTOR, dim=2)
            for field, kind in _scalars(layout, searched).items():
                schema.add_field(field, kind)
            schema.add_field(
                "keywords", DataType.ARRAY, element_type=DataType.INT64, max_capacity=4_096
            )
            schema.add_field("numbers", DataType.JSON)
            for field in PIECES:
                schema.add_field(field, DataType.VARCHAR, max_length=65_535)
            indexes = MilvusClient.prepare_index_params()
            indexes.add_index("vector", index_type="HNSW", metric_type="IP", params=GRAPH)
            indexes.add_index("terms", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
            indexes.add_index("place", index_type="FLAT", metric_type="IP")
            self.client.create_collection(
                name,
                schema=schema,
                index_params=indexes,
                consistency_level=STRONG,
                timeout=WRITE_SECONDS,
            )
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
        """Write a note beside a collection, in the place of that of the same key."""
        starts = range(0, max(len(data), 1), _NOTE_BYTES)
        pieces = [data[start : start + _NOTE_BYTES] for start in starts]
        digest = hashlib.sha256(data).hexdigest()
        texts = [json.dumps({"pieces": len(pieces), "sha256": digest}), *map(to_text, pieces)]
        rows = [
            {"id": f"{key}-{number}", "text": text, "place": [0.0, 0.0]}
            for number, text in enumerate(texts)
        ]
        with _away():
            for row in reversed(rows):  # the head comes last, and names all others
                self.client.upsert(name + NOTES, [row], timeout=WRITE_SECONDS)

    def read_note(self, name: str, key: str) -> bytes:
        """Read a note.

        Raises:
            NoSnapshot: there is none.
            SnapshotDamaged: it is not what was written.
        """
        head = json.loads(self._note_texts(name, [f"{key}-0"])[0])
        wanted = [f"{key}-{number + 1}" for number in range(head["pieces"])]
        texts = [
            text
            for at in range(0, len(wanted), 50)
            for text in self._note_texts(name, wanted[at : at + 50])
        ]
        data = b"".join(map(to_bytes, texts))
        if hashlib.sha256(data).hexdigest() != head["sha256"]:
            raise SnapshotDamaged(f"{name}: the note {key} is not what was written; rebuild")
        return data

    def _note_texts(self, name: str, ids: Sequence[str]) -> list[str]:
        condition = expression_of(HasId(frozenset(ids)))
        given = {"filter": condition, "output_fields": ["text"], "timeout": READ_SECONDS}
        ask = partial(self.client.query, name + NOTES, **given)
        with _away(missing=f"{name}: there is no such collection"):
            found = _loaded(self.client, name + NOTES, ask)
        texts = {str(row["id"]): str(row["text"]) for row in found}
        if texts.keys() != {*ids}:
            raise NoSnapshot(f"{name}: a note is missing; run: read-also rebuild")
        return [texts[one] for one in ids]

    def _create_notes(self, name: str) -> None:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=100)
        schema.add_field("text", DataType.VARCHAR, max_length=65_535)
        schema.add_field("place", DataType.FLOAT_VECTOR, dim=2)  # a server wants a vector
        indexes = MilvusClient.prepare_index_params()
        indexes.add_index("place", index_type="FLAT", metric_type="IP")
        given: dict[str, Any] = {"consistency_level": STRONG, "timeout": WRITE_SECONDS}
        self.client.create_collection(name, schema=schema, index_params=indexes, **given)


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


class MilvusCollection:
    """The rows of one generation, and what came after it."""

    def __init__(
        self, client: MilvusClient, name: str, layout: RowLayout, searched: SearchedColumns
    ) -> None:
        """Use a collection of a client."""
        self.name = name
        self._client = client
        self._layout = layout
        self._searched = searched

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
            BadRows: a row has more bytes than fit.
            EngineAway: the server does not answer; some rows may be there.
        """
        entities = [*entities_of(self._layout, self._searched, stored)]
        with _away():
            for at in range(0, len(entities), _WRITTEN_AT_ONCE):
                some = entities[at : at + _WRITTEN_AT_ONCE]
                self._client.upsert(self.name, some, timeout=WRITE_SECONDS)

    def remove(self, ids: Iterable[str]) -> None:
        """Remove rows, present or not: no search that begins after it finds them."""
        wanted = sorted(ids)
        with _away():
            for at in range(0, len(wanted), _WRITTEN_AT_ONCE):
                some = frozenset(wanted[at : at + _WRITTEN_AT_ONCE])
                condition = expression_of(HasId(some))
                self._ask(self._client.delete, filter=condition, timeout=WRITE_SECONDS)

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
                output_fields=[*PIECES],
                limit=min(limit, MOST_FOUND),
                timeout=READ_SECONDS,
            )
        return self._layout.unpack([packed_in(row) for row in found])

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
                output_fields=[*PIECES],
                timeout=READ_SECONDS,
            )
        stored = self._layout.unpack([packed_in(hit["entity"]) for hit in hits])
        return FoundRows(stored, np.array([hit["distance"] for hit in hits], np.float32))

    def _ask(self, call: Callable[..., Any], **given: object) -> Any:  # noqa: ANN401 - what pymilvus gives
        return _loaded(self._client, self.name, partial(call, self.name, **given))

    def _none(self) -> FoundRows:
        return FoundRows(self._layout.unpack([]), np.empty(0, np.float32))


def _scalars(layout: RowLayout, searched: SearchedColumns) -> dict[str, DataType]:
    """The fields that conditions name, and their types."""
    kinds = {"b": DataType.BOOL, "i": DataType.INT64, "u": DataType.INT64, "f": DataType.DOUBLE}
    columns = {name: kinds[layout.columns[name].kind] for name in sorted(searched.names)}
    fields = {f"column_{name}": kind for name, kind in columns.items()}
    return fields | {f"column_{name}": DataType.INT64 for name in layout.labels}


def _loaded(client: MilvusClient, name: str, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - what pymilvus gives
    """Ask a collection; if its server was started anew and has not loaded it, load it first."""
    try:
        return ask()
    except MilvusException as fault:
        if fault.code != NOT_LOADED:
            raise
    client.load_collection(name, timeout=WRITE_SECONDS)
    return ask()
