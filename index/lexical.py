"""Lexical similarity: the cosine of TF-IDF weights, 0..1, over a snapshot's mapped terms.

Weights are stored as float16, which leaves a row's length up to 5e-4 off 1; a similarity that
this carries past 1 is cut to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from index.arrays import unit
from index.disk import map_array
from index.errors import BadQuery, SnapshotDamaged
from index.hits import Hits, top
from index.manifest import Files
from index.matrix import Matrix
from index.rows import BUCKETS
from index.terms import weigh

if TYPE_CHECKING:
    from pathlib import Path

    from index.arrays import Bools, Floats, Ints, Longs, Whole
    from index.manifest import Manifest


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """The weighed terms of one text.

    Attributes:
        buckets: int32 [k], strictly ascending.
        weights: float32 [k], of length 1; k may be 0, and then nothing is similar.
    """

    buckets: Ints
    weights: Floats


class Lexicon:
    """The term weights of a snapshot, by row and by bucket; safe to share between threads."""

    __slots__ = ("_postings", "_terms")

    def __init__(self, terms: Matrix, postings: Matrix) -> None:
        self._terms = terms
        self._postings = postings

    def __len__(self) -> int:
        return len(self._terms)

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
        entries = self._terms.entries(self._checked(np.array([row])))
        return Query(entries.columns, unit(entries.weights[np.newaxis])[0])

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
        entries = self._terms.entries(self._checked(rows))
        # The sentinels catch a bucket above all of the query's; neither is ever equal to one.
        buckets = np.append(query.buckets, np.int32(BUCKETS))
        weights = np.append(query.weights, np.float32(0))
        places = np.searchsorted(buckets, entries.columns)
        shared = np.where(buckets[places] == entries.columns, weights[places], 0)
        sums = np.bincount(entries.owners, weights=entries.weights * shared, minlength=len(rows))
        return np.minimum(sums, 1).astype(np.float32)

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
