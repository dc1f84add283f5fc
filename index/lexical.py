"""Lexical similarity: the cosine of TF-IDF weights over hashed terms, 0..1.

The formulas are those of scikit-learn's TfidfTransformer with sublinear_tf and smooth_idf (its
user guide, "Tf-idf term weighting"), so that library can serve as an oracle. Weights are rounded,
so the length of a row may be up to 1e-3 off 1; a similarity above 1 is cut to 1.

Rows are found by the words that say most of them (`Postings`), and compared by all their words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import (
    ALL_BUCKETS,
    BUCKET_BITS,
    LOW_BITS,
    PackedTerms,
    SparseMatrix,
    blocks_of,
    entries_of,
)
from index.disk import map_exactly, map_starts, require
from index.errors import BadQuery
from index.manifest import Files
from index.postings import COARSE, Postings, rows_with_any
from index.rows import BUCKETS, TermCounts
from index.vector_search import Hits, top

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from index.arrays import Advance, Bools, Doubles, Entries, Floats, Ints, Longs, Packed, Whole
    from index.disk import Writer

_FEW: Final = 2_000
_HEAVIEST: Final = 32
_CANDIDATES: Final = 3
_FEW_WORDS: Final = 16
"""A query of so few words, as one that somebody types, finds every row that holds one."""
"""So many rows are found by postings for each that is wanted, and compared by all words."""
_ROWS_AT_ONCE: Final = 2_048
_COUNTED_AT_ONCE: Final = 12_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """The term weights of one text.

    Attributes:
        buckets: int32 [k], strictly ascending.
        weights: float32 [k], of length 1, within 1e-3 if they are those of a row. With k = 0
            nothing is similar.
    """

    buckets: Ints
    weights: Floats

    @classmethod
    def of_row(cls, terms: PackedTerms, row: int) -> Query:
        """Take the stored weights of a row, 0..n-1, unchanged.

        They are not scaled to length 1 again: then the similarity of two rows would depend on
        which of them is the query.
        """
        words = terms.words[terms.indptr[row] : terms.indptr[row + 1]]
        buckets = (words & ALL_BUCKETS).astype(np.int32)
        return cls(buckets, (words >> BUCKET_BITS).astype(np.float32) * terms.scales[row])

    def heaviest(self, most: int) -> Query:
        """Keep the `most` terms of the highest weights; of equal ones those of lower buckets."""
        if len(self.buckets) <= most:
            return self
        kept = np.sort(np.argsort(-self.weights, kind="stable")[:most])
        return Query(self.buckets[kept], self.weights[kept])


class Lexicon:
    """The term weights of a snapshot, by row (`terms`) and by bucket; safe between threads.

    A snapshot that was merged has the document frequencies (`frequency`) of its full build.
    """

    __slots__ = ("frequency", "postings", "terms")

    def __init__(self, terms: PackedTerms, frequency: Ints, postings: Postings) -> None:
        self.terms, self.frequency, self.postings = terms, frequency, postings

    @classmethod
    def open(cls, folder: Path, rows: int) -> Lexicon:
        """Map the terms of a snapshot of so many rows.

        Raises:
            SnapshotDamaged: the files do not fit each other or the number of rows.
        """
        starts = map_starts(folder / Files.TERM_STARTS, rows)
        words = map_exactly(folder / Files.TERM_WORDS, np.uint32, (int(starts[-1]),))
        scales = map_exactly(folder / Files.TERM_SCALES, np.float32, (rows,))
        require(folder / Files.TERM_SCALES, good=(scales >= 0) & (scales <= 1))
        frequency = map_exactly(folder / Files.TERM_FREQUENCY, np.int32, (BUCKETS,))
        require(folder / Files.TERM_FREQUENCY, good=frequency >= 0)
        return cls(PackedTerms(starts, words, scales), frequency, Postings.open(folder))

    def __len__(self) -> int:
        return len(self.terms.indptr) - 1

    def document_frequency(self, buckets: Whole) -> Longs:
        """How many rows hold each bucket, or held it at the full build: int64 [k]."""
        return self.frequency.take(buckets).astype(np.int64)

    def weigh(self, buckets: Ints, counts: Floats, group_size: int | None = None) -> Query:
        """Weigh the terms of a text that is not in the snapshot, by the snapshot's frequencies.

        Args:
            buckets: int32 [k], strictly ascending, each in 0..BUCKETS-1.
            counts: float32 [k], at least 1.
            group_size: how many rows are in the group of the text; all rows if None.

        Raises:
            BadQuery: the two differ in length, or a bucket is out of range or order.
        """
        if len(buckets) != len(counts):
            raise BadQuery(f"{len(counts)} counts for {len(buckets)} buckets")
        # Between the sentinels, strictly ascending also means in range.
        if (np.diff(buckets, prepend=-1, append=BUCKETS) <= 0).any():
            raise BadQuery(f"buckets must ascend within 0..{BUCKETS - 1}")
        rows = len(self) if group_size is None else group_size
        return Query(buckets, weigh(counts, self.document_frequency(buckets), rows))

    def nearest(self, query: Query, limit: int, allowed: Bools) -> Hits:
        """Find the allowed rows most similar to a query, of those that share a posting with it.

        Three times as many as are wanted are found by postings; the best of them are compared by
        all their words. So a row may be missed that shares many words, all of them common. Where
        few words find too few rows, all rows that hold one of them are looked for.

        Raises:
            BadQuery: the filter is not bool [n].
        """
        if allowed.shape != (len(self),) or allowed.dtype != np.bool_:
            raise BadQuery(f"a filter of {allowed.dtype} {allowed.shape}; need bool ({len(self)},)")
        rough = self._scan(query)
        rows = np.flatnonzero(allowed & (rough > 0))
        likely = top(rows, rough[rows], _CANDIDATES * limit).rows
        is_cut = len(self.postings.rows) < len(self.terms.words)
        if is_cut and len(likely) < limit and len(query.buckets) <= _FEW_WORDS:
            holding = rows_with_any(self.terms, query.buckets)
            likely = holding[allowed[holding]]
        return top(likely, self.similarities(query, likely), limit)

    def similarities(self, query: Query, rows: Whole) -> Floats:
        """Compare a query with some rows: float32 [m], 0..1.

        Raises:
            BadQuery: a row is not in 0..n-1.
        """
        return overlap(self.terms, query, self._checked(rows))

    def mean_of_nearest(self, query: Query, members: Longs, excluded: int, limit: int) -> float:
        """The mean similarity of a query and its `limit` nearest rows, among some rows.

        Among more than 2,000 members, rows that share one of the 32 heaviest terms are found first,
        and only the best of them are compared by all terms. A row that shares only common words is
        not among the nearest, and common words cost the most time.

        Args:
            query: the term weights.
            members: int64 [k], ascending; the rows that count.
            excluded: a row that does not count; -1 if all do.
            limit: how many rows are near.

        Returns:
            0..1; the mean over all rows if they are fewer than `limit`, 0 if there is none.
        """
        others = members[members != excluded]
        if not len(others) or not len(query.buckets):
            return 0.0
        likely = query if len(members) <= _FEW else query.heaviest(_HEAVIEST)
        similarities = self._scan(likely)[others]
        alike = np.flatnonzero(similarities > 0)
        near = top(others[alike], similarities[alike], _CANDIDATES * limit)
        best = np.sort(self.similarities(query, near.rows))[-limit:]
        return float(best.sum(dtype=np.float64) / min(limit, len(others)))

    def _scan(self, query: Query) -> Floats:
        """Compare a query with all rows, roughly, by the postings alone: float32 [n]."""
        similarities = np.zeros(len(self), np.float32)
        # Bucket by bucket: gathering all postings first takes twice the time, and 20 bytes of
        # memory per posting where a common word has one per row.
        starts, rows, codes = self.postings.indptr, self.postings.rows, self.postings.codes
        weights = query.weights * np.float32(COARSE)
        for bucket, weight in zip(query.buckets.tolist(), weights, strict=True):
            place = slice(starts[bucket], starts[bucket + 1])
            # A row occurs once in a bucket's postings, so += misses none.
            similarities[rows[place]] += codes[place] * weight
        similarities *= self.terms.scales
        return similarities

    def _checked(self, rows: Whole) -> Whole:
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise BadQuery(f"rows {rows.min()}..{rows.max()} of a snapshot of {len(self)}")
        return rows


class _Table:
    """The terms of a query by bucket; empty between two queries.

    Attributes:
        weights: float32 [BUCKETS].
        marked: bool [2^16], by the lower bits of a bucket. It is small enough for a processor's
            cache, and for most entries it makes the look into `weights` unnecessary.
    """

    def __init__(self) -> None:
        self.weights: Floats = np.zeros(BUCKETS, np.float32)
        self.marked: Bools = np.zeros(LOW_BITS + 1, np.bool_)


_unused: Final[list[_Table]] = []
"""The table that no query uses now: one is kept. A query that finds none makes its own, which takes
two tenths of a millisecond. To keep one for each that ever compared at the same time would be four
megabytes more of a server's memory whenever more of its threads meet than ever before."""


def gather(terms: PackedTerms, rows: Whole) -> tuple[Longs, Packed]:
    """Count the words of each of some rows, int64 [m], and copy all of them, row after row.

    To copy them row by row takes half the time of a list of their places.
    """
    starts, ends = terms.indptr.take(rows), terms.indptr[1:].take(rows)
    if len(terms.words):  # one word of each is read first: the processor waits for all at once
        terms.words.take(starts, mode="clip")
    places = zip(starts.tolist(), ends.tolist(), strict=True)
    found = (terms.words[start:end] for start, end in places)
    return ends - starts, np.concatenate([terms.words[:0], *found])


def overlap(terms: PackedTerms, query: Query, rows: Whole) -> Floats:
    """Compare a query with the terms of some rows, by a table over all buckets.

    Args:
        terms: the weights of n rows.
        query: its buckets are distinct.
        rows: whole numbers [m], each in 0..n-1, in any order and more than once.

    Returns:
        float32 [m]: the sum of the products of shared weights, at most 1.
    """
    lengths, words = gather(terms, rows)
    try:
        borrowed = _unused.pop()  # in one step, as append is: no lock is needed
    except IndexError:
        borrowed = _Table()
    marked, table = borrowed.marked, borrowed.weights
    low = query.buckets & LOW_BITS
    try:
        marked[low] = True
        table[query.buckets] = query.weights
        shared = np.flatnonzero(marked.take(words.astype(np.uint16)))  # their lower bits
        found = words.take(shared)
        theirs = table.take(found & ALL_BUCKETS)
    finally:
        # Only what this query wrote is cleared.
        marked[low] = False
        table[query.buckets] = 0
        if not _unused:  # two threads may both see that; the next one drops what is too much
            _unused.append(borrowed)
    products = (found >> BUCKET_BITS).astype(np.float64) * theirs
    sums = _sum_by_row(products, np.searchsorted(shared, np.cumsum(lengths)))
    return np.minimum(sums * terms.scales.take(rows), 1).astype(np.float32)


def holds(terms: PackedTerms, buckets: Ints, rows: Whole) -> Bools:
    """Say which of some rows hold which buckets: bool [m, k].

    Args:
        terms: the weights of n rows.
        buckets: int32 [k], strictly ascending.
        rows: whole numbers [m], each in 0..n-1.
    """
    lengths, words = gather(terms, rows)
    columns = words & ALL_BUCKETS
    wanted = np.zeros(BUCKETS, np.bool_)
    wanted[buckets] = True
    found = np.flatnonzero(wanted.take(columns))
    owners = np.repeat(np.arange(len(rows)), lengths)
    held = np.zeros((len(rows), len(buckets)), np.bool_)
    held[owners.take(found), np.searchsorted(buckets, columns.take(found))] = True
    return held


def _sum_by_row(products: Doubles, ends: Whole) -> Doubles:
    """Sum the products of each row, which lie end to end up to `ends`: float64 [m]."""
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    sums = np.zeros(len(ends))
    full = np.flatnonzero(ends > starts)
    # reduceat would give a row without products the first product of the next.
    if len(full):
        sums[full] = np.add.reduceat(products, starts[full])
    return sums


def idf(document_frequency: Whole, rows: Whole | int) -> Floats:
    """Weigh rarity: ln((1 + n) / (1 + df)) + 1, as if one more row held every term.

    A bucket that no row holds gets the highest weight, and nothing is divided by zero. A bucket
    that more rows hold than `rows`, because other groups hold it too, gets the lowest weight, 1.
    """
    common = np.minimum(document_frequency, rows)
    return (np.log((1 + rows) / (1 + common)) + 1).astype(np.float32)


def weigh(counts: Floats, document_frequency: Whole, rows: int) -> Floats:
    """Weigh the terms of one text against an archive of `rows` rows.

    Args:
        counts: float32 [k], at least 1.
        document_frequency: integers [k]; how many rows hold each of those k buckets.
        rows: how many rows there are that might hold them.

    Returns:
        float32 [k] of Euclidean length 1: (1 + ln count) * idf, normalised. Empty for k = 0.
    """
    raw = _sublinear(counts) * idf(document_frequency, rows)
    # Only a text of no terms has no length.
    return (raw / (float(np.linalg.norm(raw)) or 1)).astype(np.float32)


def weigh_rows(terms: TermCounts, document_frequency: Whole, group_sizes: Whole) -> SparseMatrix:
    """Weigh every row: float32 rows of length 1, or empty, over BUCKETS.

    Args:
        terms: the counts of n rows.
        document_frequency: integers [nnz]; how many rows hold the bucket of each entry.
        group_sizes: integers [n]; how many rows are in the group (language) of each row. Against
            the whole archive the common words of a rare language would look rare.
    """
    owners = np.repeat(np.arange(len(terms)), np.diff(terms.indptr))
    raw = _sublinear(terms.counts) * idf(document_frequency, group_sizes[owners])
    squares = np.bincount(owners, weights=np.square(raw), minlength=len(terms))
    weights = raw / np.sqrt(squares)[owners]
    return SparseMatrix(terms.indptr, terms.buckets, weights.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Weigher:
    """Weighs the terms of n rows, some rows at a time, so that all weights are never in memory.

    Attributes:
        terms: the counts of the rows.
        frequency: int64 [BUCKETS]; how many rows hold each bucket.
        group_sizes: int64 [n]; see `weigh_rows`.
    """

    terms: TermCounts
    frequency: Longs
    group_sizes: Longs

    @classmethod
    def of(cls, terms: TermCounts, groups: Mapping[str, Longs]) -> Weigher:
        """Count how many rows hold each bucket, and how many are in each group."""
        frequency, sizes = np.zeros(BUCKETS, np.int64), np.zeros(len(terms), np.int64)
        # bincount copies what it counts as int64.
        for block in blocks_of(len(terms.buckets), _COUNTED_AT_ONCE):
            frequency += np.bincount(terms.buckets[block], minlength=BUCKETS)
        for members in groups.values():
            sizes[members] = len(members)
        return cls(terms, frequency, sizes)

    def weigh(self, rows: Whole) -> SparseMatrix:
        """Weigh some rows, which may come in any order and more than once."""
        lengths, places = entries_of(self.terms.indptr, rows)
        some = TermCounts(
            indptr=np.concatenate([[0], np.cumsum(lengths)]),
            buckets=self.terms.buckets.take(places),
            counts=self.terms.counts.take(places),
        )
        return weigh_rows(some, self.frequency[some.buckets], self.group_sizes[rows])

    def entries(self, rows: Whole) -> Entries:
        """Weigh some rows, and list their entries, row after row."""
        return self.weigh(rows).entries(np.arange(len(rows)))

    def write(self, writer: Writer, advance: Advance) -> None:
        """Write what `Lexicon.open` maps; twice it advances by all rows."""
        starts, scales = self.terms.indptr.astype(np.int64), np.empty(len(self.terms), np.float32)
        words = (len(self.terms.buckets),)
        writer.write_array(Files.TERM_STARTS, starts)
        with writer.create_array(Files.TERM_WORDS, np.uint32, words) as file:
            for block in blocks_of(len(self.terms), _ROWS_AT_ONCE):
                packed = PackedTerms.of(self.weigh(np.arange(block.start, block.stop)))
                scales[block] = packed.scales
                file.write(packed.words.tobytes())
                advance(block.stop - block.start)
        writer.write_array(Files.TERM_SCALES, scales)
        writer.write_array(Files.TERM_FREQUENCY, self.frequency.astype(np.int32))
        mapped = map_exactly(writer.folder / Files.TERM_WORDS, np.uint32, words)
        Postings.write(writer, PackedTerms(starts, mapped, scales), advance)


def _sublinear(counts: Floats) -> Floats:
    return (1 + np.log(counts)).astype(np.float32)
