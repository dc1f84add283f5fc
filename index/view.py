"""A snapshot and what came after it, searched as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from index.contexts import around_vector, with_context
from index.errors import BadQuery
from index.figures import Floor
from index.growth import Delta, Growth
from index.hits import Hits, top
from index.lexical import Query
from index.neighbourhood import CONTEXT
from index.words import told_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from index.arrays import Array, Bools, Doubles, Floats, Whole
    from index.snapshot import Snapshot

_NOTHING_KNOWN = Floor(0, 0.0, 0.0, 0.0)


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
        return self._of_parts(rows, lambda part, own: part.columns[column][own])

    def spread(self, column: str, rows: Whole, value_of: Callable[[str], float]) -> Doubles:
        """Give each of some rows what is told of its word: float64 [m]; see `told_of`."""
        return self._of_parts(rows, lambda part, own: told_of(part, column, own, value_of))

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
        return self._of_parts(rows, lambda part, own: part.fetch(own))

    def similarities(self, query: Query, rows: Whole) -> Floats:
        """Compare the terms of a query with some rows: float32 [m], 0..1."""
        return self._of_parts(rows, lambda part, own: part.similarities(query, own))

    def hubness(self, rows: Whole) -> Floats:
        """Tell how near the ten nearest of each of some rows are; see `Neighbourhood`."""
        return self._of_parts(rows, lambda part, own: part.around.hubness[own])

    def match(self, passages: Floats, rows: Whole) -> Floats:
        """Match passages, float32 [k, dim], with those of some rows; see `Scaled.match`."""
        return self._of_parts(rows, lambda part, own: part.passages.match(passages, own))

    def passages_of(self, row: int) -> Floats:
        """Read the passages of a row: float32 [k, dim], unit rows.

        Raises:
            BadQuery: the row is not in 0..n+d-1.
        """
        place = self._place(row)
        if place < 0:
            return self.snapshot.passages.of_row(row)
        return self.delta.passages.of_row(place)

    def centred(self, vectors: Floats, group: str) -> Floats:
        """Take the mean of a group off vectors from outside; see `Snapshot.centred`."""
        return self.snapshot.centred(vectors, group)

    def contexts(self, rows: Whole, nearby: float) -> Floats:
        """Read the vectors of some rows with what lies around them.

        Args:
            rows: whole numbers [m].
            nearby: what a neighbour counts whose share is 1, beside the row itself; half of it for
                each of the two. With 0 the vectors are those of `fetch`.

        Returns:
            float32 [m, dim], unit rows: of v + nearby/2 * the sum of share * neighbour.
        """
        vectors = self.fetch(rows)
        if not nearby:
            return vectors
        neighbours = self._of_parts(rows, lambda part, own: part.around.neighbours[own])
        shares = self._of_parts(rows, lambda part, own: part.around.shares[own])
        return with_context(vectors, neighbours, shares * (nearby / CONTEXT), self.snapshot.vectors)

    def context_of(self, vector: Floats, nearby: float, group: str) -> Floats:
        """Give a vector that is in no row what lies around it; see `contexts`.

        Args:
            vector: float32 [dim], of length 1, centred as the rows are.
            nearby: as for `contexts`.
            group: by whose floor the nearest rows are weighed.

        Returns:
            float32 [dim], of length 1.
        """
        found: Floats = vector
        if nearby and self.snapshot.known.any():
            floor = self.floor_of(group).similarity
            found = around_vector(self.snapshot, vector, floor, nearby / CONTEXT)
        return found

    def query_of(self, row: int) -> Query:
        """Take the stored terms of a row as a query.

        Raises:
            BadQuery: the row is not in 0..n+d-1.
        """
        place = self._place(row)
        if place < 0:
            return Query.of_row(self.snapshot.lexicon.terms, row)
        return Query.of_row(self.delta.terms, place)

    def _of_parts(self, rows: Whole, ask: Callable[[Snapshot | Delta, Whole], Array]) -> Array:
        """Ask each part of its own rows, and put the answers in the order of `rows`."""
        size = len(self.snapshot)
        old = rows < size
        mine = np.count_nonzero(old)  # a fifth of the time that `all` takes, and asked often
        # An empty snapshot's vectors may have another width than those of the delta.
        if size and mine == len(rows):
            return ask(self.snapshot, rows)
        new = ~old
        theirs = ask(self.delta, rows[new] - size)
        if not mine:
            return theirs
        found = np.empty((len(rows), *theirs.shape[1:]), theirs.dtype)
        found[old], found[new] = ask(self.snapshot, rows[old]), theirs
        return found

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
