"""Rows that changed after a snapshot was built, kept in memory beside it.

The writer only appends to its memory, behind the rows that an earlier `Delta` covers. So a
`Delta` or `View` that a reader holds never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import (
    PackedTerms,
    RowCache,
    ScaledPassages,
    append_zeros,
    make_row_cache,
    normalize,
    round_to_float16,
    scales_of,
)
from index.errors import BadRows
from index.lexical import overlap, weigh_rows
from index.neighbours import IndexSide, Neighbours, QuerySide, find_neighbours
from index.rows import recode
from index.vector_search import Hits, top

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from index.arrays import Array, Bools, Floats, Ints, Longs, Passages, Whole
    from index.lexical import Query
    from index.rows import Rows
    from index.snapshot import Snapshot
    from index.view import View

_INITIAL_CAPACITY: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """Some rows in memory; search is exact. Row numbers count from 0 here.

    Attributes:
        vectors: float32 [d, dim], rounded to float16 precision like those of a snapshot.
        passages: the passages of d rows.
        terms: the term weights of d rows.
        neighbours: the neighbours of d rows, given as row numbers of the snapshot.
        columns: by name, an array [d] or [d, k].
        labels: by the name of a column of codes, the label of each code, by position.
        rows_by_keyword: the rows that have a keyword, ascending; only those below d count.
        keywords: the keywords of d or more rows; only the first d count.
        numbers: by name, each number under it and its row; only rows below d count.
        ids: d or more strings; only the first d count.
        display: d or more byte strings; only the first d count.
        computed: what was computed of the columns of all d rows.
    """

    vectors: Floats
    passages: ScaledPassages
    terms: PackedTerms
    neighbours: Neighbours
    columns: Mapping[str, Array]
    labels: Mapping[str, Sequence[str]]
    rows_by_keyword: Mapping[str, Sequence[int]]
    keywords: Sequence[Collection[str]]
    numbers: Mapping[str, Sequence[tuple[float, int]]]
    ids: Sequence[str]
    display: Sequence[bytes]
    computed: RowCache = field(default_factory=make_row_cache)

    @classmethod
    def empty(cls, snapshot: Snapshot) -> Delta:
        """Make a delta of no rows, with the dimension and the columns of a snapshot."""
        return DeltaBuilder().build(snapshot)

    def __len__(self) -> int:
        return len(self.vectors)

    def nearest(self, vector: Floats, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows most similar to a unit vector of the same dimension."""
        rows = np.flatnonzero(allowed)
        return top(rows, self.vectors[rows] @ vector, limit) if len(rows) else Hits.none()

    def fetch(self, rows: Whole) -> Floats:
        """Read the vectors of some rows: float32 [m, dim], each of length 1."""
        return normalize(self.vectors[rows])

    def similarities(self, query: Query, rows: Whole) -> Floats:
        """Compare the terms of a query with some rows: float32 [m], 0..1."""
        return overlap(self.terms, query, rows)

    def keywords_beginning_with(self, prefix: str) -> Iterator[str]:
        """The keywords of any row that begin with a text, in any order."""
        # The writer may add to the mapping meanwhile; a list of it is made at once.
        return (one for one in list(self.rows_by_keyword) if one.startswith(prefix))

    def rows_with(self, keyword: str) -> Ints:
        """Find the rows that have a keyword: int32 [m], ascending."""
        rows = np.array(self.rows_by_keyword.get(keyword, ()), np.int32)
        return rows[: np.searchsorted(rows, len(self))]

    def rows_between(self, name: str, least: float, most: float) -> Ints:
        """Find the rows with a number from `least` to `most` under a name; see `Numbers`."""
        values, rows = np.array(self.numbers.get(name, ()), np.float64).reshape(-1, 2).T
        inside = (values >= least) & (values <= most) & (rows < len(self))
        return rows[inside].astype(np.int32)

    def nearest_by_terms(self, query: Query, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows whose terms are most similar to a query's, above 0."""
        rows = np.flatnonzero(allowed)
        similarities = self.similarities(query, rows)
        alike = similarities > 0
        return top(rows[alike], similarities[alike], limit)


class DeltaWriter:
    """Applies changes on top of a snapshot and holds the newest `view`.

    One thread may write while any number of threads read `view`. Document frequencies, background
    similarities and group means stay those of the snapshot; neighbours of a new row are searched
    among the rows of the snapshot only.
    """

    def __init__(self, view: View, *, finds_neighbours: bool = True) -> None:
        """Start from a view without a delta: `View.of(snapshot)`.

        Args:
            view: the view.
            finds_neighbours: whether to search neighbours; a merge searches them later.
        """
        self.view = view
        self._finds_neighbours = finds_neighbours
        self._builder = DeltaBuilder()

    def apply(self, rows: Rows, removed: Collection[str]) -> View:
        """Replace or add rows, and remove ids; return the new view.

        Args:
            rows: the same kind of rows as for a build. Their vectors and passages have the
                dimensions of the snapshot, unless the snapshot is empty.
            removed: ids to remove, present or not; none of them is an id of `rows`.

        Raises:
            BadRows: the rows are not valid, or have other columns or other dimensions than the
                snapshot.
        """
        if len(rows):
            self._append(rows)
        self.view = self.view.after(self._builder.build(self.view.snapshot), rows.ids, removed)
        return self.view

    def _append(self, rows: Rows) -> None:
        rows.check()
        snapshot = self.view.snapshot
        if not _fit(rows, snapshot):
            raise BadRows(
                f"the rows do not fit {self.view.snapshot.generation}: other columns or vectors"
            )
        frequency = snapshot.lexicon.document_frequency(rows.terms.buckets)
        terms = PackedTerms.of(weigh_rows(rows.terms, frequency, self._group_sizes(rows)))
        vectors, passages = rows.vectors, rows.passages
        if snapshot.is_centred:
            vectors, passages = snapshot.means.centre(rows, self._grouped_by)
        vectors = round_to_float16(vectors)
        neighbours = self._find_neighbours(rows, vectors, terms)
        self._builder.append(rows, vectors, passages, terms, neighbours)

    def _find_neighbours(self, rows: Rows, vectors: Floats, terms: PackedTerms) -> Neighbours:
        """Search the snapshot for the neighbours of new rows, each without the row it replaces."""
        snapshot = self.view.snapshot
        if not len(snapshot) or not self._finds_neighbours:
            return Neighbours.none(len(rows))
        index_side = IndexSide(
            vectors=snapshot.vectors,
            lexicon=snapshot.lexicon,
            reliable=snapshot.reliable,
            rows_in=snapshot.rows_in,
            background=lambda group: self.view.background_of(group).similarity,
        )
        replaced = [snapshot.row_of(row_id) for row_id in rows.ids]
        query_side = QuerySide(
            vectors=vectors.__getitem__,
            terms=terms,
            reliable=rows.reliable(snapshot.manifest.reliable_by or None),
            groups=rows.groups(self._grouped_by),
            excluded=np.array([-1 if row is None else row for row in replaced], np.int64),
        )
        return find_neighbours(index_side, query_side)

    def _group_sizes(self, rows: Rows) -> Longs:
        """For each row, how many rows of the snapshot are in its group: int64 [m]."""
        sizes = np.zeros(len(rows), np.int64)
        for label, members in rows.groups(self._grouped_by).items():
            sizes[members] = self.view.background_of(label).rows
        return sizes

    @property
    def _grouped_by(self) -> str | None:
        return self.view.snapshot.manifest.grouped_by or None


class DeltaBuilder:
    """Collects rows and builds a `Delta` of all rows so far; for one thread."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._keywords: list[Collection[str]] = []
        self._rows_by_keyword: dict[str, list[int]] = {}
        self._numbers: dict[str, list[tuple[float, int]]] = {}
        self._display: list[bytes] = []
        self._buffers: dict[str, Buffer] = {}
        self._codes: dict[str, dict[str, int]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def append(
        self,
        rows: Rows,
        vectors: Floats,
        passages: Passages,
        terms: PackedTerms,
        neighbours: Neighbours,
    ) -> None:
        """Append rows. Ids, columns, labels and display come from `rows`, the rest as in `Delta`.

        Shorter vectors and passages are filled up with zeros. This happens over an empty snapshot,
        where the first rows may have no vector yet and nothing tells the dimension.
        """
        self._extend("passage-ends", self._count("passages") + passages.indptr[1:])
        self._extend_widened("vectors", vectors)
        self._extend_widened("passages", passages.codes)
        self._extend("scales", scales_of(passages.codes))
        self._extend("term-ends", self._count("words") + terms.indptr[1:])
        self._extend("words", terms.words)
        self._extend("term-scales", terms.scales)
        self._extend("neighbour-rows", neighbours.rows)
        self._extend("neighbour-weights", neighbours.weights)
        self._extend("hubness", neighbours.hubness)
        for name, column in rows.columns.items():
            self._extend(f"column-{name}", self._recode(name, column, rows.labels))
        self._extend_lookups(rows)
        self._keywords.extend(rows.keywords)
        self._ids.extend(rows.ids)
        self._display.extend(rows.display)

    def build(self, snapshot: Snapshot) -> Delta:
        """Make a delta of all rows so far; without rows it has the columns of the snapshot."""
        names = [name.removeprefix("column-") for name in self._buffers if "column-" in name]
        columns = {name: self._buffers[f"column-{name}"].rows() for name in names}
        manifest, nothing = snapshot.manifest, Neighbours.none(0)
        return Delta(
            vectors=self._rows("vectors", np.empty((0, manifest.dim), np.float32)),
            passages=ScaledPassages(
                self._starts("passage-ends"),
                self._rows("passages", np.empty((0, manifest.passage_dim), np.int8)),
                self._rows("scales", np.empty(0, np.float32)),
            ),
            terms=PackedTerms(
                self._starts("term-ends"),
                self._rows("words", np.empty(0, np.uint32)),
                self._rows("term-scales", np.empty(0, np.float32)),
            ),
            neighbours=Neighbours(
                self._rows("neighbour-rows", nothing.rows),
                self._rows("neighbour-weights", nothing.weights),
                self._rows("hubness", nothing.hubness),
            ),
            columns=columns or {name: column[:0] for name, column in snapshot.columns.items()},
            labels={name: tuple(self._codes.get(name, ())) for name in snapshot.labels},
            rows_by_keyword=self._rows_by_keyword,
            keywords=self._keywords,
            numbers=self._numbers,
            ids=self._ids,
            display=self._display,
        )

    def _extend_lookups(self, rows: Rows) -> None:
        """Append the rows to those of their keywords and numbers."""
        for row, keywords in enumerate(rows.keywords, len(self)):
            for keyword in frozenset(keywords):
                self._rows_by_keyword.setdefault(keyword, []).append(row)
        for row, numbers in enumerate(rows.numbers, len(self)):
            for name, values in numbers.items():
                self._numbers.setdefault(name, []).extend((value, row) for value in values)

    def _extend_widened(self, name: str, rows: Array) -> None:
        """Append rows of numbers; if they or the rows so far are shorter, zeros fill them up."""
        known = self._rows(name, rows[:0])
        dim = max(known.shape[1], rows.shape[1])
        if known.shape[1] < dim:
            self._buffers[name] = Buffer(rows)
            self._buffers[name].extend(append_zeros(known, dim))
        self._extend(name, append_zeros(rows, dim))

    def _count(self, name: str) -> int:
        return len(self._buffers[name]) if name in self._buffers else 0

    def _starts(self, ends: str) -> Longs:
        return np.concatenate([np.zeros(1, np.int64), self._rows(ends, np.empty(0, np.int64))])

    def _extend(self, name: str, rows: Array) -> None:
        self._buffers.setdefault(name, Buffer(rows)).extend(rows)

    def _rows(self, name: str, empty: Array) -> Array:
        return self._buffers[name].rows() if name in self._buffers else empty

    def _recode(self, name: str, column: Array, labels: Mapping[str, Sequence[str]]) -> Array:
        if name not in labels:
            return column
        return recode(column, labels[name], self._codes.setdefault(name, {}))


class Buffer:
    """An array that grows at its end. Views of it that were handed out never change."""

    __slots__ = ("_array", "_length")

    def __init__(self, like: Array) -> None:
        self._array = np.empty((_INITIAL_CAPACITY, *like.shape[1:]), like.dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, rows: Array) -> None:
        """Append rows; when the memory is full, move all rows to twice as much."""
        needed = self._length + len(rows)
        if needed > len(self._array):
            wider = np.empty((max(needed, 2 * len(self._array)), *rows.shape[1:]), rows.dtype)
            wider[: self._length] = self._array[: self._length]
            self._array = wider
        self._array[self._length : needed] = rows
        self._length = needed

    def rows(self) -> Array:
        """All rows so far, read-only: a view, not a copy."""
        rows = self._array[: self._length]
        rows.flags.writeable = False
        return rows


def _fit(rows: Rows, snapshot: Snapshot) -> bool:
    """Whether rows have the columns, the labels and, if it is not empty, the dimension."""
    given = {name: (column.dtype, column.shape[1:]) for name, column in rows.columns.items()}
    wanted = {name: (column.dtype, column.shape[1:]) for name, column in snapshot.columns.items()}
    manifest = snapshot.manifest
    have, want = (rows.dim, rows.passages.dim), (manifest.dim, manifest.passage_dim)
    dim_fits = not len(snapshot) or have == want
    return dim_fits and given == wanted and rows.labels.keys() == snapshot.labels.keys()
