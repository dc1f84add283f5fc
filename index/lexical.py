"""Lexical similarity: the cosine of TF-IDF weights, 0..1, over a snapshot's mapped terms.

Weights are stored as float16, which leaves a row's length up to 5e-4 off 1; a similarity that
this carries past 1 is cut to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.disk import map_array
from index.errors import BadQuery, SnapshotDamaged
from index.hits import Hits, top
from index.manifest import Files
from index.matrix import Matrix
from index.overlap import overlap
from index.rows import BUCKETS
from index.terms import weigh

if TYPE_CHECKING:
    from pathlib import Path

    from index.arrays import Bools, Floats, Ints, Longs, Whole
    from index.manifest import Manifest

_FEW: Final = 2_000
_HEAVIEST: Final = 32
_LIKELY: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """The weighed terms of one text.

    Attributes:
        buckets: int32 [k], strictly ascending.
        weights: float32 [k], of length 1, within 5e-4 where float16 rounded them; k may be 0, and
            then nothing is similar.
    """

    buckets: Ints
    weights: Floats

    @classmethod
    def of_row(cls, terms: Matrix, row: int) -> Query:
        """Take the stored weights of a row, 0..n-1, as they are.

        Scaled to length 1 again, two rows would be another distance apart from either side.
        """
        place = terms.place(row)
        return cls(terms.columns[place], terms.weights[place].astype(np.float32))

    def heaviest(self, most: int) -> Query:
        """Keep the `most` terms of the highest weights, of equal ones those of lower buckets."""
        if len(self.buckets) <= most:
            return self
        kept = np.sort(np.argsort(-self.weights, kind="stable")[:most])
        return Query(self.buckets[kept], self.weights[kept])


class Lexicon:
    """The term weights of a snapshot, by row (`terms`) and by bucket; safe between threads."""

    __slots__ = ("_postings", "terms")

    def __init__(self, terms: Matrix, postings: Matrix) -> None:
        self.terms = terms
        self._postings = postings

    def __len__(self) -> int:
        return len(self.terms)

    def document_frequency(self, buckets: Whole) -> Longs:
        """Count the rows that hold each bucket: int64 [k]."""
        return self._postings.lengths(buckets)

    def weigh(self, buckets: Ints, counts: Floats, peers: int | None = None) -> Query:
        """Weigh the terms of a text that is not in the snapshot, by the snapshot's frequencies.

        Args:
            buckets: int32 [k], strictly ascending, each in 0..BUCKETS-1.
            counts: float32 [k], at least 1.
            peers: how many rows might share the terms, such as those of the text's language;
                all if None.

        Raises:
            BadQuery: the two differ in length, or a bucket is out of range or order.
        """
        if len(buckets) != len(counts):
            raise BadQuery(f"{len(counts)} counts for {len(buckets)} buckets")
        # Between the sentinels, ascending strictly also means in range.
        if (np.diff(buckets, prepend=-1, append=BUCKETS) <= 0).any():
            raise BadQuery(f"buckets must ascend within 0..{BUCKETS - 1}")
        rows = len(self) if peers is None else peers
        return Query(buckets, weigh(counts, self.document_frequency(buckets), rows))

    def query_of(self, row: int) -> Query:
        """Take the stored terms of a row as a query.

        Raises:
            BadQuery: the row is not in 0..n-1.
        """
        self._checked(np.array([row]))
        return Query.of_row(self.terms, row)

    def nearest(self, query: Query, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows most similar to a query: exact, and only those above 0.

        Raises:
            BadQuery: the filter is not bool [n].
        """
        if allowed.shape != (len(self),) or allowed.dtype != np.bool_:
            raise BadQuery(f"a filter of {allowed.dtype} {allowed.shape}; need bool ({len(self)},)")
        similarities = self._scan(query)
        rows = np.flatnonzero(allowed & (similarities > 0))
        return top(rows, similarities[rows], limit)

    def similarities(self, query: Query, rows: Whole) -> Floats:
        """Compare a query with some rows: float32 [m], 0..1.

        Raises:
            BadQuery: a row is not in 0..n-1.
        """
        return overlap(self.terms, query.buckets, query.weights, self._checked(rows))

    def closeness(self, query: Query, members: Longs, without: int, limit: int) -> float:
        """Tell how near the nearest of some rows are to a query.

        Among more than 2,000 members, those that share its 32 heaviest terms are found first, and
        the likeliest of them compared by all: what shares only common words is not among the
        nearest, and common words are what costs time.

        Args:
            query: the weighed terms.
            members: int64 [k], ascending; the rows that count.
            without: a row that does not; -1 if all do.
            limit: how many rows are near.

        Returns:
            The mean lexical similarity of the `limit` nearest, 0..1; of all if they are fewer, and
            0 if there is none.
        """
        others = members[members != without]
        if not len(others) or not len(query.buckets):
            return 0.0
        likely = query if len(members) <= _FEW else query.heaviest(_HEAVIEST)
        similarities = self._scan(likely)[others]
        alike = np.flatnonzero(similarities > 0)
        near = top(others[alike], similarities[alike], _LIKELY * limit)
        best = np.sort(self.similarities(query, near.rows))[-limit:]
        return float(best.sum(dtype=np.float64) / min(limit, len(others)))

    def _scan(self, query: Query) -> Floats:
        similarities = np.zeros(len(self), np.float32)
        # Bucket by bucket: gathering all postings first takes twice the time, and 20 bytes of
        # memory per posting where a common word has one per row.
        for bucket, weight in zip(query.buckets.tolist(), query.weights, strict=True):
            place = self._postings.place(bucket)
            # A row stands once in a bucket's postings, so += misses none.
            similarities[self._postings.columns[place]] += self._postings.weights[place] * weight
        return np.minimum(similarities, 1)

    def _checked(self, rows: Whole) -> Whole:
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise BadQuery(f"rows {rows.min()}..{rows.max()} of a snapshot of {len(self)}")
        return rows


def open_lexicon(folder: Path, manifest: Manifest) -> Lexicon:
    """Map the terms of a snapshot for reading.

    Raises:
        SnapshotDamaged: the files do not fit each other or the manifest.
    """
    terms = _open(
        manifest.rows,
        folder / Files.TERM_STARTS,
        folder / Files.TERM_BUCKETS,
        folder / Files.TERM_WEIGHTS,
    )
    postings = _open(
        BUCKETS,
        folder / Files.POSTING_STARTS,
        folder / Files.POSTING_ROWS,
        folder / Files.POSTING_WEIGHTS,
    )
    if len(terms.columns) != len(postings.columns):
        raise SnapshotDamaged.at(folder / Files.POSTING_ROWS, "terms and postings disagree")
    return Lexicon(terms, postings)


def _open(rows: int, starts: Path, columns: Path, weights: Path) -> Matrix:
    indptr = map_array(starts, rows + 1, "i")
    if indptr[0] != 0 or (np.diff(indptr) < 0).any():
        raise SnapshotDamaged.at(starts, "does not ascend from 0")
    entries = int(indptr[-1])
    return Matrix(indptr, map_array(columns, entries, "i"), map_array(weights, entries, "f"))
