"""A snapshot and what came after it, searched as one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from index.arrays import normalize
from index.delta import Delta
from index.errors import BadQuery
from index.lexical import Query, holds
from index.manifest import BackgroundSimilarity
from index.neighbours import SMOOTHING, nearest_rows
from index.vector_search import Hits, top

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from index.arrays import Array, Bools, Doubles, Floats, Ints, Longs, Whole
    from index.snapshot import Snapshot
    from index.vector_search import Vectors

__all__ = ["IndexedText", "View"]

_UNMEASURED = BackgroundSimilarity(0, 0.0, 0.0, 0.0)
_FEW = 8
"""With at most 8 labels, mapping all of them is as fast as finding those that occur."""


@dataclass(frozen=True, slots=True, eq=False)
class IndexedText:
    """What is searched of the text of one row.

    Attributes:
        vector: float32 [dim], of length 1.
        passages: float32 [k, passage_dim], unit rows.
        terms: its stored terms, as a query.
    """

    vector: Floats
    passages: Floats
    terms: Query


@dataclass(slots=True, unsafe_hash=True)
class _Query:
    """The smoothed vector of a row; once it is computed, this refers to no view."""

    row: int
    weight: float
    view: View | None = field(compare=False)

    def compute(self) -> Floats:
        """Compute it, once."""
        view, self.view = self.view, None
        if view is None:
            raise RuntimeError(f"the vector of row {self.row} was computed before")
        vector: Floats = view.fetch_smoothed(np.array([self.row]), self.weight)[0]
        vector.flags.writeable = False
        return vector


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is searched at one moment: a snapshot and the changes since. It never changes.

    Rows 0..n-1 are those of the snapshot; the d rows of the delta follow. A row that was replaced
    or removed keeps its number and is no longer `present`.

    Attributes:
        snapshot: what was built last.
        delta: the rows that were added since.
        present: bool [n + d].
        changed: by the id of each changed row, its present row number; None where it was removed.
    """

    snapshot: Snapshot
    delta: Delta
    present: Bools
    changed: Mapping[str, int | None]

    @classmethod
    def of(cls, snapshot: Snapshot) -> View:
        """View a snapshot without changes."""
        return cls(snapshot, Delta.empty(snapshot), np.ones(len(snapshot), np.bool_), {})

    def after(self, delta: Delta, added: Sequence[str], removed: Collection[str]) -> View:
        """Make the view after some rows were added or replaced, and others removed.

        Args:
            delta: the rows of this view's delta, and after them the added ones.
            added: their ids, in order.
            removed: ids, present or not; none of them is added.
        """
        first = len(self)
        present: Array = np.concatenate([self.present, np.ones(len(added), np.bool_)])
        replaced = [self.row_of(row_id) for row_id in [*added, *removed]]
        present[[row for row in replaced if row is not None]] = False
        rows = {row_id: first + place for place, row_id in enumerate(added)}
        changed = {**self.changed, **rows, **dict.fromkeys(removed)}
        return View(self.snapshot, delta, present, changed)

    def __len__(self) -> int:
        return len(self.present)

    def count(self) -> int:
        """How many rows are present."""
        return int(np.count_nonzero(self.present))

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        return int(self.delta.vectors.shape[1])

    @property
    def passage_dim(self) -> int:
        """How many numbers a passage has."""
        return int(self.delta.passages.codes.shape[1])

    @property
    def parts(self) -> tuple[Snapshot, Delta]:
        """Snapshot and delta: what has columns, in the order of the rows."""
        return self.snapshot, self.delta

    def row_of(self, row_id: str) -> int | None:
        """Find the present row of an id; None when there is none."""
        if row_id in self.changed:
            return self.changed[row_id]
        return self.snapshot.row_of(row_id)

    def id_of(self, row: int) -> str:
        """Read the id of a row.

        Raises:
            BadQuery: the row is not in 0..n+d-1.
        """
        place = self._place(row)
        return self.snapshot.ids[row].decode() if place < 0 else self.delta.ids[place]

    def display_of(self, row: int) -> bytes:
        """Read the display fields of a row, byte for byte as they were given.

        Raises:
            BadQuery: the row is not in 0..n+d-1.
        """
        place = self._place(row)
        return self.snapshot.display[row] if place < 0 else self.delta.display[place]

    def text_of(self, row: int) -> IndexedText:
        """Read what is searched of the text of a row.

        Raises:
            BadQuery: the row is not in 0..n+d-1.
        """
        place = self._place(row)
        part, at = (self.snapshot, row) if place < 0 else (self.delta, place)
        terms = self.snapshot.lexicon.terms if place < 0 else self.delta.terms
        vector = self.fetch(np.array([row]))[0]
        return IndexedText(vector, part.passages.of_row(at), Query.of_row(terms, at))

    def label_of(self, column: str, row: int) -> str:
        """Read the label of a row in a column of codes."""
        place = self._place(row)
        part, at = (self.snapshot, row) if place < 0 else (self.delta, place)
        return part.labels[column][int(part.columns[column][at])]

    def keywords_of(self, row: int) -> frozenset[str]:
        """List the keywords of a row; slow in a large snapshot, see `Keywords.of_row`."""
        place = self._place(row)
        if place < 0:
            return self.snapshot.keywords.of_row(row)
        return frozenset(self.delta.keywords[place])

    def rows_with(self, keyword: str) -> Longs:
        """Find the rows that have a keyword, present or not: int64 [m], ascending."""
        size = len(self.snapshot)
        parts = (self.snapshot.rows_with(keyword), self.delta.rows_with(keyword) + np.int64(size))
        return np.concatenate(parts, dtype=np.int64)

    def take(self, column: str, rows: Whole) -> Array:
        """Read a column at some rows: [m] or [m, k]."""
        return self._of_parts(rows, lambda part, part_rows: part.columns[column][part_rows])

    def take_each(self, columns: Sequence[str], rows: Whole) -> dict[str, Array]:
        """Read several columns at some rows, each as `take`; the rows are sorted out only once."""
        size = len(self.snapshot)
        new = rows >= size
        if size and not np.count_nonzero(new):
            return {name: self.snapshot.columns[name][rows] for name in columns}
        old = ~new
        at_old, at_new, found = rows[old], rows[new] - size, dict[str, Any]()
        for name in columns:
            theirs = self.delta.columns[name][at_new]
            found[name] = np.empty((len(rows), *theirs.shape[1:]), theirs.dtype)
            found[name][old], found[name][new] = self.snapshot.columns[name][at_old], theirs
        return found

    def map_labels(self, column: str, rows: Whole, value_of: Callable[[str], float]) -> Doubles:
        """Map a column of codes to numbers: `value_of(label)` for each row.

        Args:
            column: of codes, [n + d].
            rows: whole numbers [m].
            value_of: called once a label; where there are many labels, only for those of the rows.

        Returns:
            float64 [m].
        """
        return self._of_parts(
            rows, lambda part, part_rows: _map_labels(part, column, part_rows, value_of)
        )

    def where(self, condition: Callable[[Snapshot | Delta], Bools]) -> Bools:
        """Mark the present rows that meet a condition.

        Args:
            condition: called with the snapshot and the delta; returns bool [n] and [d].

        Returns:
            bool [n + d].
        """
        old, new = (condition(part) for part in self.parts)
        return (np.concatenate([old, new]) if len(new) else old) & self.present

    def background_of(self, group: str) -> BackgroundSimilarity:
        """The background similarity of a group; of one the snapshot does not have, 0 rows."""
        return self.snapshot.manifest.background.get(group, _UNMEASURED)

    def nearest(self, vector: Floats, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows most similar to a unit vector; see `Vectors.nearest`."""
        old, new = self._split(allowed)
        hits = self.snapshot.vectors.nearest(vector, limit, old) if old.any() else Hits.none()
        if not new.any():
            return hits
        return self._merged(hits, self.delta.nearest(vector, limit, new), limit)

    def nearest_by_terms(self, query: Query, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows whose terms are most similar; see `Lexicon.nearest`."""
        old, new = self._split(allowed)
        hits = self.snapshot.lexicon.nearest(query, limit, old)
        if not new.any():
            return hits
        return self._merged(hits, self.delta.nearest_by_terms(query, limit, new), limit)

    def fetch(self, rows: Whole) -> Floats:
        """Read the vectors of some rows: float32 [m, dim], each of length 1."""
        return self._join(rows, self.snapshot.vectors.fetch, self.delta.fetch)

    def similarities(self, query: Query, rows: Whole) -> Floats:
        """Compare the terms of a query with some rows: float32 [m], 0..1."""
        in_snapshot = partial(self.snapshot.lexicon.similarities, query)
        return self._join(rows, in_snapshot, partial(self.delta.similarities, query))

    def holds(self, buckets: Ints, rows: Whole) -> Bools:
        """Say which of some rows hold which buckets: bool [m, k]; buckets int32, ascending."""
        in_snapshot = partial(holds, self.snapshot.lexicon.terms, buckets)
        return self._join(rows, in_snapshot, partial(holds, self.delta.terms, buckets))

    def hubness(self, rows: Whole) -> Floats:
        """Read the hubness of some rows: float32 [m]; see `Neighbours`."""
        return self._of_parts(rows, lambda part, part_rows: part.neighbours.hubness[part_rows])

    def match(self, passages: Floats, rows: Whole) -> Floats:
        """Match passages, float32 [k, passage_dim], with those of some rows.

        See `ScaledPassages.match`.
        """
        return self._of_parts(
            rows, lambda part, part_rows: part.passages.match(passages, part_rows)
        )

    def fetch_smoothed(self, rows: Whole, weight: float) -> Floats:
        """Read the vectors of some rows, each moved towards its two nearest neighbours.

        Args:
            rows: whole numbers [m].
            weight: the weight of both neighbours together, if their scaled similarity is 1,
                against 1 for the row itself. With 0 the vectors are those of `fetch`.

        Returns:
            float32 [m, dim], unit rows: of v + weight/2 * sum(scaled similarity * neighbour).
        """
        vectors = self.fetch(rows)
        if not weight:
            return vectors
        near = self._of_parts(rows, lambda part, part_rows: part.neighbours.rows[part_rows])
        scaled = self._of_parts(rows, lambda part, part_rows: part.neighbours.weights[part_rows])
        return add_neighbours(vectors, near, scaled * (weight / SMOOTHING), self.snapshot.vectors)

    def fetch_query(self, row: int, weight: float) -> Floats:
        """Read the vector of one row as `fetch_smoothed` does: float32 [dim], not to be changed.

        Those of the snapshot that were asked for last are kept: lists that are given again are
        compared with what was written since.
        """
        query = _Query(row, weight, self)
        return query.compute() if row >= len(self.snapshot) else self.snapshot.queries(query)

    def smooth(self, vector: Floats, weight: float, group: str) -> Floats:
        """Move a vector that is in no row towards its two nearest rows; see `fetch_smoothed`.

        Args:
            vector: float32 [dim], of length 1, centred as the rows are.
            weight: as for `fetch_smoothed`.
            group: whose background similarity is the zero of the neighbours' similarities.

        Returns:
            float32 [dim], of length 1.
        """
        if not weight or not self.snapshot.reliable.any():
            return vector
        background = self.background_of(group).similarity
        return smooth_vector(self.snapshot, vector, background, weight / SMOOTHING)

    def _of_parts(self, rows: Whole, read: Callable[[Snapshot | Delta, Whole], Array]) -> Array:
        """Read the rows of each part, and put the results in the order of `rows`."""
        return self._join(rows, partial(read, self.snapshot), partial(read, self.delta))

    def _join(
        self, rows: Whole, in_snapshot: Callable[[Whole], Array], in_delta: Callable[[Whole], Array]
    ) -> Array:
        """Read rows of the snapshot and of the delta, and put them in the order of `rows`."""
        size = len(self.snapshot)
        old = rows < size
        mine = np.count_nonzero(old)  # takes a fifth of the time of `all`, and is called often
        # An empty snapshot's vectors may have another width than those of the delta.
        if size and mine == len(rows):
            return in_snapshot(rows)
        new = ~old
        theirs = in_delta(rows[new] - size)
        if not mine:
            return theirs
        found = np.empty((len(rows), *theirs.shape[1:]), theirs.dtype)
        found[old], found[new] = in_snapshot(rows[old]), theirs
        return found

    def _place(self, row: int) -> int:
        """The position of a row in the delta; negative for a row of the snapshot."""
        if not 0 <= row < len(self):
            raise BadQuery(f"row {row} of a view of {len(self)}")
        return row - len(self.snapshot)

    def _split(self, allowed: Bools) -> tuple[Bools, Bools]:
        if allowed.shape != (len(self),) or allowed.dtype != np.bool_:
            raise BadQuery(f"a filter of {allowed.dtype} {allowed.shape}; need bool ({len(self)},)")
        size = len(self.snapshot)
        return allowed[:size], allowed[size:]

    def _merged(self, old: Hits, new: Hits, limit: int) -> Hits:
        rows = np.concatenate([old.rows, new.rows + len(self.snapshot)])
        return top(rows, np.concatenate([old.similarities, new.similarities]), limit)


def _map_labels(
    part: Snapshot | Delta, column: str, rows: Whole, value_of: Callable[[str], float]
) -> Doubles:
    labels, codes = part.labels[column], part.columns[column][rows]
    if len(labels) <= _FEW:
        values: Doubles = np.array([*map(value_of, labels)], np.float64)
        return values[codes]
    used, places = np.unique(codes, return_inverse=True)
    return np.array([value_of(labels[code]) for code in used.tolist()], np.float64)[places]


def add_neighbours(vectors: Floats, neighbours: Whole, weights: Array, index: Vectors) -> Floats:
    """Move vectors towards their neighbours: the direction of v + sum(weight * neighbour).

    Args:
        vectors: float32 [m, dim], unit rows.
        neighbours: whole numbers [m, j]; rows of the index, or -1 for none.
        weights: floats [m, j].
        index: where the vectors of the neighbours are.

    Returns:
        float32 [m, dim], unit rows; those without neighbours are unchanged.
    """
    there = (neighbours >= 0) & (weights > 0)
    alone = ~there.any(axis=1)
    if alone.all():
        return vectors
    # Where there is no neighbour, row 0 is read and gets weight 0.
    near = index.fetch_stored(np.where(there, neighbours, 0).ravel())
    # Dividing the weights by the lengths saves a pass over the neighbours.
    lengths = np.sqrt(np.einsum("ij,ij->i", near, near)).reshape(weights.shape)
    factors = (np.where(there, weights, 0) / lengths).astype(np.float32)
    moved = np.matmul(factors[:, np.newaxis], near.reshape(*weights.shape, -1))[:, 0]
    moved += vectors
    smoothed = normalize(moved)
    smoothed[alone] = vectors[alone]
    return smoothed


def smooth_vector(snapshot: Snapshot, vector: Floats, background: float, weight: float) -> Floats:
    """Move a vector that is in no row towards the nearest rows of a snapshot.

    Args:
        snapshot: at least one of its rows has a vector that means something.
        vector: float32 [dim], of length 1, centred as the rows are.
        background: the median cosine of random pairs, the zero of the neighbours' weights.
        weight: the weight of a neighbour whose scaled similarity is 1.

    Returns:
        float32 [dim], of length 1.
    """
    near = nearest_rows(snapshot.vectors, vector[np.newaxis], snapshot.reliable, np.array([-1]))
    weights = weight * near.weights(np.array([background]))
    rows = near.rows[:, :SMOOTHING]
    smoothed: Floats = add_neighbours(vector[np.newaxis], rows, weights, snapshot.vectors)[0]
    return smoothed
