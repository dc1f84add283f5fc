"""Rows that came after a snapshot was built, kept in memory beside it.

Memory is only ever appended to, behind the rows that a `Delta` shows: what was handed out goes on
showing what it showed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import unit
from index.hits import Hits, top
from index.matrix import Matrix
from index.neighbourhood import Neighbourhood
from index.overlap import overlap
from index.passages import Scaled, scales_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from index.arrays import Array, Bools, Floats, Ints, Longs, Whole
    from index.lexical import Query
    from index.passages import Passages
    from index.rows import Rows
    from index.snapshot import Snapshot

_LEAST: Final = 64


class Buffer:
    """An array that grows at its end; what it showed before stays as it was."""

    __slots__ = ("_array", "_length")

    def __init__(self, like: Array) -> None:
        self._array = np.empty((_LEAST, *like.shape[1:]), like.dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, rows: Array) -> None:
        """Append rows; when there is no room left, all move to twice the memory."""
        needed = self._length + len(rows)
        if needed > len(self._array):
            wider = np.empty((max(needed, 2 * len(self._array)), *rows.shape[1:]), rows.dtype)
            wider[: self._length] = self._array[: self._length]
            self._array = wider
        self._array[self._length : needed] = rows
        self._length = needed

    def shown(self) -> Array:
        """All rows so far, read-only: a view, not a copy."""
        rows = self._array[: self._length]
        rows.flags.writeable = False
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """Some rows in memory, searched exactly. Row numbers count from 0 here.

    Attributes:
        codes: float32 [d, dim]; vectors as float16 rounded them, as a snapshot stores them.
        passages: of d rows.
        terms: weights of d rows over BUCKETS.
        around: what of the snapshot lies around each of d rows, by the snapshot's row numbers.
        columns: by name, an array [d] or [d, k].
        labels: by the name of a column of codes, the words the codes stand for, by position.
        ids: d or more strings; only the first d count.
        cards: d or more byte strings; only the first d count.
    """

    codes: Floats
    passages: Scaled
    terms: Matrix
    around: Neighbourhood
    columns: Mapping[str, Array]
    labels: Mapping[str, Sequence[str]]
    ids: Sequence[str]
    cards: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.codes)

    def nearest(self, vector: Floats, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows most similar to a unit vector of the rows' dimension."""
        rows = np.flatnonzero(allowed)
        return top(rows, self.codes[rows] @ vector, limit) if len(rows) else Hits.none()

    def fetch(self, rows: Whole) -> Floats:
        """Read the vectors of some rows: float32 [m, dim], each of length 1."""
        return unit(self.codes[rows])

    def similarities(self, query: Query, rows: Whole) -> Floats:
        """Compare the terms of a query with some rows: float32 [m], 0..1."""
        return overlap(self.terms, query.buckets, query.weights, rows)

    def nearest_by_terms(self, query: Query, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows whose terms are most similar to a query's, above 0."""
        rows = np.flatnonzero(allowed)
        similarities = self.similarities(query, rows)
        alike = similarities > 0
        return top(rows[alike], similarities[alike], limit)


class Growth:
    """Takes rows in and shows them as a `Delta`; for one thread at a time."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._cards: list[bytes] = []
        self._buffers: dict[str, Buffer] = {}
        self._words: dict[str, dict[str, int]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def append(
        self, rows: Rows, codes: Floats, passages: Passages, terms: Matrix, around: Neighbourhood
    ) -> None:
        """Append rows, whose parts are as in `Delta`; of `rows` only what stays as it was given.

        Vectors of fewer numbers than others are filled up with zeros: over an empty snapshot, what
        was not read yet comes before anything tells how long a vector is.
        """
        self._widen(codes.shape[1])
        self._extend("codes", _filled(codes, self.dim))
        self._extend("passage-ends", self._count("passages") + passages.indptr[1:])
        self._extend("passages", _filled(passages.codes, self.dim))
        self._extend("scales", scales_of(passages.codes))
        self._extend("ends", self._count("buckets") + terms.indptr[1:])
        self._extend("buckets", terms.columns.astype(np.int32))
        self._extend("weights", terms.weights.astype(np.float16))
        self._extend("neighbours", around.neighbours)
        self._extend("shares", around.shares)
        self._extend("hubness", around.hubness)
        for name, column in rows.columns.items():
            labels = rows.labels.get(name)
            recoded = column if labels is None else self._recode(name, column, labels)
            self._extend(f"column-{name}", recoded)
        self._ids.extend(rows.ids)
        self._cards.extend(rows.cards)

    def show(self, like: Snapshot) -> Delta:
        """Show all rows so far; where there are none, with the columns of a snapshot."""
        names = [name.removeprefix("column-") for name in self._buffers if "column-" in name]
        columns = {name: self._buffers[f"column-{name}"].shown() for name in names}
        dim, nothing = like.vectors.dim, Neighbourhood.none(0)
        return Delta(
            codes=self._shown("codes", np.empty((0, dim), np.float32)),
            passages=Scaled(
                self._starts("passage-ends"),
                self._shown("passages", np.empty((0, dim), np.int8)),
                self._shown("scales", np.empty(0, np.float32)),
            ),
            terms=Matrix(
                self._starts("ends"),
                self._shown("buckets", np.empty(0, np.int32)),
                self._shown("weights", np.empty(0, np.float16)),
            ),
            around=Neighbourhood(
                self._shown("neighbours", nothing.neighbours),
                self._shown("shares", nothing.shares),
                self._shown("hubness", nothing.hubness),
            ),
            columns=columns or {name: column[:0] for name, column in like.columns.items()},
            labels={name: tuple(self._words.get(name, ())) for name in like.labels},
            ids=self._ids,
            cards=self._cards,
        )

    @property
    def dim(self) -> int:
        """How many numbers the vectors so far have; 0 if there are none."""
        return int(self._buffers["codes"].shown().shape[1]) if "codes" in self._buffers else 0

    def _widen(self, dim: int) -> None:
        """Make room for vectors and passages of so many numbers, if there is less."""
        if self.dim < dim:
            for name, like in (("codes", np.float32), ("passages", np.int8)):
                rows = self._shown(name, np.empty((0, dim), like))
                self._buffers[name] = Buffer(np.empty((0, dim), like))
                self._buffers[name].extend(_filled(rows, dim))

    def _count(self, name: str) -> int:
        return len(self._buffers[name]) if name in self._buffers else 0

    def _starts(self, ends: str) -> Longs:
        return np.concatenate([np.zeros(1, np.int64), self._shown(ends, np.empty(0, np.int64))])

    def _extend(self, name: str, rows: Array) -> None:
        self._buffers.setdefault(name, Buffer(rows)).extend(rows)

    def _shown(self, name: str, empty: Array) -> Array:
        return self._buffers[name].shown() if name in self._buffers else empty

    def _recode(self, name: str, codes: Ints, words: Sequence[str]) -> Ints:
        """The same words under this delta's codes, which keep what they stand for."""
        known = self._words.setdefault(name, {})
        own = [known.setdefault(word, len(known)) for word in words]
        return np.array(own, np.int32)[codes] if own else codes


def _filled(codes: Array, dim: int) -> Array:
    """The same vectors with zeros behind, so that each has `dim` numbers."""
    return np.pad(codes, ((0, 0), (0, dim - codes.shape[1])))
