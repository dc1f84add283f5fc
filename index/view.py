"""A snapshot and what came after it, searched as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from index.errors import BadQuery
from index.growth import Delta, Growth
from index.hits import Hits, top
from index.lexical import Query
from index.manifest import Floor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from index.arrays import Array, Bools, Floats, Whole
    from index.snapshot import Snapshot

_NOTHING_KNOWN = Floor(0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is searched at one moment; nothing in it ever changes.

    Rows 0..n-1 are the snapshot's, the d rows of the delta follow. A row that a later one replaces,
    or whose article is gone, stays in its place and is no longer `present`.

    Attributes:
        snapshot: what was built last.
        delta: the rows that came since.
        present: bool [n + d].
        changed: by the id of each article that changed, its present row; None where it is gone.
    """

    snapshot: Snapshot
    delta: Delta
    present: Bools
    changed: Mapping[str, int | None]

    @classmethod
    def of(cls, snapshot: Snapshot) -> View:
        """A snapshot alone."""
        nothing = Growth().show(snapshot)
        return cls(snapshot, nothing, np.ones(len(snapshot), np.bool_), {})

    def __len__(self) -> int:
        return len(self.present)

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        return int(self.delta.codes.shape[1])

    @property
    def generation(self) -> str:
        """The name of the snapshot's generation."""
        return self.snapshot.generation

    @property
    def parts(self) -> tuple[Snapshot, Delta]:
        """What carries the columns, in the order of the rows."""
        return self.snapshot, self.delta

    def row_of(self, row_id: str) -> int | None:
        """Find the present row of an id; None when there is none."""
        if row_id in self.changed:
            return self.changed[row_id]
        return self.snapshot.row_of(row_id)

    def id_of(self, row: int) -> str:
        """Tell the id of a row.

        Raises:
            BadQuery: the row is not in 0..n+d-1.
        """
        place = self._place(row)
        return self.snapshot.id_of(row) if place < 0 else self.delta.ids[place]

    def card_of(self, row: int) -> bytes:
        """Hand back the card of a row, byte for byte.

        Raises:
            BadQuery: the row is not in 0..n+d-1.
        """
        place = self._place(row)
        return self.snapshot.card_of(row) if place < 0 else self.delta.cards[place]

    def word_of(self, column: str, row: int) -> str:
        """Tell what the code of a row stands for."""
        place = self._place(row)
        part, at = (self.snapshot, row) if place < 0 else (self.delta, place)
        return part.labels[column][int(part.columns[column][at])]

    def take(self, column: str, rows: Whole) -> Array:
        """Read a column of numbers at some rows: [m] or [m, k]."""
        size = len(self.snapshot)
        mine, new = self.snapshot.columns[column], self.delta.columns[column]
        own = rows < size
        if own.all():
            return mine[rows]
        values = np.empty((len(rows), *mine.shape[1:]), mine.dtype)
        values[own] = mine[rows[own]]
        values[~own] = new[rows[~own] - size]
        return values

    def each(self, judge: Callable[[Snapshot | Delta], Bools]) -> Bools:
        """Judge the rows of each part by its columns, bool [n] and [d]; no row that is not present.

        Returns:
            bool [n + d].
        """
        return np.concatenate([judge(part) for part in self.parts]) & self.present

    def floor_of(self, label: str) -> Floor:
        """What random pairs of a group give; nothing is known of a group that came since."""
        return self.snapshot.manifest.floors.get(label, _NOTHING_KNOWN)

    def nearest(self, vector: Floats, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows most similar to a unit vector; see `Vectors.nearest`."""
        own, new = self._split(allowed)
        hits = self.snapshot.vectors.nearest(vector, limit, own) if own.any() else Hits.none()
        return self._merged(hits, self.delta.nearest(vector, limit, new), limit)

    def nearest_by_terms(self, query: Query, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows whose terms are most similar; see `Lexicon.nearest`."""
        own, new = self._split(allowed)
        hits = self.snapshot.lexicon.nearest(query, limit, own)
        return self._merged(hits, self.delta.nearest_by_terms(query, limit, new), limit)

    def fetch(self, rows: Whole) -> Floats:
        """Read the vectors of some rows: float32 [m, dim], each of length 1."""
        size = len(self.snapshot)
        if not len(rows) or rows.max() < size:
            return self.snapshot.vectors.fetch(rows)
        vectors = np.empty((len(rows), self.delta.codes.shape[1]), np.float32)
        own = rows < size
        if own.any():
            vectors[own] = self.snapshot.vectors.fetch(rows[own])
        vectors[~own] = self.delta.fetch(rows[~own] - size)
        return vectors

    def similarities(self, query: Query, rows: Whole) -> Floats:
        """Compare the terms of a query with some rows: float32 [m], 0..1."""
        size = len(self.snapshot)
        own = rows < size
        found = np.empty(len(rows), np.float32)
        found[own] = self.snapshot.lexicon.similarities(query, rows[own])
        found[~own] = self.delta.similarities(query, rows[~own] - size) if not own.all() else 0
        return found

    def query_of(self, row: int) -> Query:
        """Take the stored terms of a row as a query.

        Raises:
            BadQuery: the row is not in 0..n+d-1.
        """
        place = self._place(row)
        if place < 0:
            return self.snapshot.lexicon.query_of(row)
        entries = self.delta.terms.entries(np.array([place]))
        length = float(np.linalg.norm(entries.weights)) or 1.0
        return Query(entries.columns, entries.weights / np.float32(length))

    def _place(self, row: int) -> int:
        """Where a row stands in the delta; negative for a row of the snapshot."""
        if not 0 <= row < len(self):
            raise BadQuery(f"row {row} of a view of {len(self)}")
        return row - len(self.snapshot)

    def _split(self, allowed: Bools) -> tuple[Bools, Bools]:
        if allowed.shape != (len(self),) or allowed.dtype != np.bool_:
            raise BadQuery(f"a filter of {allowed.dtype} {allowed.shape}; need bool ({len(self)},)")
        size = len(self.snapshot)
        return allowed[:size], allowed[size:]

    def _merged(self, own: Hits, new: Hits, limit: int) -> Hits:
        if not len(new):
            return own
        rows = np.concatenate([own.rows, new.rows + len(self.snapshot)])
        return top(rows, np.concatenate([own.similarities, new.similarities]), limit)
