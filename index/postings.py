"""Postings: by bucket, the rows in which a word is among those that say most; and by name, rows.

Those of words find candidates, whose similarities are then those of all words of the rows.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import ALL_BUCKETS, BUCKET_BITS, LOW_BITS, PackedTerms, blocks_of
from index.disk import map_exactly, map_starts
from index.manifest import Files
from index.rows import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from index.arrays import Advance, Bytes, Ints, Longs, Packed
    from index.disk import Writer

_KEPT_LENGTH: Final = (3, 4)
"""Of each row the postings have three quarters of its squared length."""
_LEAST_KEPT: Final = 32
_FEW_ROWS: Final = 20_000
"""Up to so many rows postings have all words: bytes count in large archives."""
COARSE: Final = 16
"""Of the twelve bits of a code, postings have the upper eight."""
_EVERY_BIT: Final = np.uint32(0xFFFF_FFFF)

_LOOKED_AT_ONCE: Final = 2**20
_ROWS_AT_ONCE: Final = 2_048
_ENTRIES_AT_ONCE: Final = 12_000_000
"""So many postings are sorted at once, with 20 bytes each."""
_BUCKETS_AT_ONCE: Final = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """The heaviest words of n rows, by bucket; mapped.

    Up to 20,000 rows they have all words. Above, they have the heaviest of each row, of equal ones
    those of lower buckets: as many as make three quarters of the square of its length, 32 at
    least. The others tell less of it, and are most of all words.

    Attributes:
        indptr: int64 [BUCKETS+1]; bucket i owns the entries indptr[i] to indptr[i+1].
        rows: int32 [p]; strictly ascending inside a bucket.
        codes: uint8 [p]; the code of the word in its row by 16, rounded, 1..255.
    """

    indptr: Longs
    rows: Ints
    codes: Bytes

    @classmethod
    def open(cls, folder: Path) -> Postings:
        """Map what `write` wrote.

        Raises:
            SnapshotDamaged: the files do not fit each other.
        """
        starts = map_starts(folder / Files.POSTING_STARTS, BUCKETS)
        count = (int(starts[-1]),)
        rows = map_exactly(folder / Files.POSTING_ROWS, np.int32, count)
        return cls(starts, rows, map_exactly(folder / Files.POSTING_CODES, np.uint8, count))

    @staticmethod
    def write(writer: Writer, terms: PackedTerms, advance: Advance) -> None:
        """Write the postings of the words of n rows; advances by rows."""
        lightest, lengths = np.empty(len(terms), np.uint32), np.zeros(BUCKETS, np.int64)
        few = len(terms) <= _FEW_ROWS
        for block in blocks_of(len(terms), _ROWS_AT_ONCE):
            lightest[block] = 0 if few else lightest_kept(*_words_of(terms, block))
            _, kept = _keep(terms, block, lightest, slice(0, BUCKETS))
            lengths += np.bincount(kept & ALL_BUCKETS, minlength=BUCKETS)
            advance(block.stop - block.start)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        writer.write_array(Files.POSTING_STARTS, starts)
        count = (int(starts[-1]),)
        with (
            writer.create_array(Files.POSTING_ROWS, np.int32, count) as row_file,
            writer.create_array(Files.POSTING_CODES, np.uint8, count) as code_file,
        ):
            for buckets in bucket_ranges(starts):
                rows, words = _by_bucket(terms, lightest, buckets)
                row_file.write(rows.tobytes())
                code_file.write(coarse_codes(words).tobytes())


def rows_with_any(terms: PackedTerms, buckets: Ints) -> Longs:
    """The rows that hold any of some buckets, ascending, by a look at all words: int64 [k]."""
    marked = np.zeros(LOW_BITS + 1, np.bool_)
    marked[buckets & LOW_BITS] = True
    found = [np.empty(0, np.int64)]
    for block in blocks_of(len(terms.words), _LOOKED_AT_ONCE):
        words = terms.words[block]
        likely = np.flatnonzero(marked.take(words.astype(np.uint16)))  # by their lower bits
        held = np.isin(words.take(likely) & ALL_BUCKETS, buckets.astype(np.uint32))
        places = likely[held] + block.start
        found.append(np.searchsorted(terms.indptr, places, side="right") - 1)
    return np.unique(np.concatenate(found))


def coarse_codes(words: Packed) -> Bytes:
    """The codes of some words as postings have them: uint8 [k]."""
    codes = ((words >> BUCKET_BITS) + COARSE // 2) // COARSE
    return codes.clip(1, 255).astype(np.uint8)


def words_kept(lengths: Longs, words: Packed, *, every: bool) -> tuple[Longs, Packed]:
    """The words of some rows that postings keep, row after row.

    Args:
        lengths: int64 [n]; how many words each row has.
        words: uint32 [z]; as in `PackedTerms`, row after row.
        every: whether the postings keep all words, as they do where rows are few.

    Returns:
        int64 [k], the position of the row of each; and the word.
    """
    owners = np.repeat(np.arange(len(lengths)), lengths)
    if every:
        return owners, words
    kept = np.flatnonzero((words ^ ALL_BUCKETS) >= lightest_kept(lengths, words).take(owners))
    return owners.take(kept), words.take(kept)


def lightest_kept(lengths: Longs, words: Packed) -> Packed:
    """The lightest word of each row that postings keep, as a key: uint32 [n].

    The key of a word orders the words of a row: its code, above the negated bits of its bucket.

    Args:
        lengths: int64 [n]; how many words each row has.
        words: uint32 [z]; as in `PackedTerms`, row after row.
    """
    firsts = np.cumsum(lengths) - lengths
    owners = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
    # By row, and the heaviest of a row first: what is sorted are negated keys.
    negated = words ^ (_EVERY_BIT - ALL_BUCKETS)
    keys = np.sort((owners << np.uint64(32)) | negated).astype(np.uint32) ^ _EVERY_BIT
    sums = np.concatenate([[0], np.cumsum(np.square((keys >> BUCKET_BITS).astype(np.int64)))])
    before = sums[:-1] - np.repeat(sums[firsts], lengths)
    enough = np.repeat(sums[firsts + lengths] - sums[firsts], lengths)
    rank = np.arange(len(keys)) - np.repeat(firsts, lengths)
    part, whole = _KEPT_LENGTH
    kept = (rank < _LEAST_KEPT) | (whole * before < part * enough)
    lightest = np.full(len(lengths), _EVERY_BIT)
    counts = np.bincount(owners[kept].astype(np.int64), minlength=len(lengths))
    full = np.flatnonzero(counts)
    lightest[full] = keys[(firsts + counts - 1)[full]]
    return lightest


def _words_of(terms: PackedTerms, block: slice) -> tuple[Longs, Packed]:
    """How many words each row of a block has, and all of them, row after row."""
    starts = terms.indptr[block.start : block.stop + 1]
    return np.diff(starts), terms.words[starts[0] : starts[-1]]


def _keep(
    terms: PackedTerms, block: slice, lightest: Packed, buckets: slice
) -> tuple[Ints, Packed]:
    """The words in some buckets that the postings of a block of rows keep, and the row of each."""
    lengths, words = _words_of(terms, block)
    # What is below zero turns into a large number.
    offsets = (words & ALL_BUCKETS) - np.uint32(buckets.start)
    inside = np.flatnonzero(offsets < buckets.stop - buckets.start)
    rows = np.repeat(np.arange(block.start, block.stop, dtype=np.int32), lengths).take(inside)
    words = words.take(inside)
    kept = np.flatnonzero((words ^ ALL_BUCKETS) >= lightest.take(rows))
    return rows.take(kept), words.take(kept)


def _by_bucket(terms: PackedTerms, lightest: Packed, buckets: slice) -> tuple[Ints, Packed]:
    """The words in at most 2^16 buckets that postings keep, bucket after bucket.

    Returns:
        int32 [k], the row of each, ascending inside a bucket; and the word.
    """
    found = [(np.empty(0, np.int32), np.empty(0, np.uint32))]
    blocks = blocks_of(len(terms), _ROWS_AT_ONCE)
    found += [_keep(terms, block, lightest, buckets) for block in blocks]
    rows, words = map(np.concatenate, zip(*found, strict=True))
    # Sixteen bits are sorted by radix, in time that grows with their number alone.
    keys = (words & ALL_BUCKETS) - np.uint32(buckets.start)
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    return rows.take(order), words.take(order)


def bucket_ranges(starts: Longs, most: int = _BUCKETS_AT_ONCE) -> Iterator[slice]:
    """Divide the buckets so that each range has few postings and buckets, or one bucket alone."""
    first = 0
    while first < BUCKETS:
        last = int(np.searchsorted(starts, starts[first] + _ENTRIES_AT_ONCE, side="right")) - 1
        end = min(max(last, first + 1), first + most, BUCKETS)
        yield slice(first, end)
        first = end


@dataclass(slots=True)
class Lookup:
    """Which rows have which of some names; a few bytes for each time that one has.

    Attributes:
        codes: by name, its number.
        entries: the number of a name for each time that a row has it.
        rows: that row.
        values: what the row has under that name; empty for keywords.
    """

    codes: dict[str, int] = field(default_factory=dict)
    entries: array[int] = field(default_factory=lambda: array("i"))
    rows: array[int] = field(default_factory=lambda: array("i"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add_keywords(self, row: int, keywords: Iterable[str]) -> None:
        """Add the keywords of a row."""
        for keyword in frozenset(keywords):
            self._add(keyword, row)

    def add_numbers(self, row: int, numbers: Mapping[str, Iterable[float]]) -> None:
        """Add the numbers of a row, by name; a name without any is remembered too."""
        for name, some in numbers.items():
            self.codes.setdefault(name, len(self.codes))
            for value in some:
                self._add(name, row)
                self.values.append(value)

    def write_keywords(self, writer: Writer) -> None:
        """Write the files that `Keywords.open` maps."""
        names = (Files.KEYWORDS, Files.KEYWORDS_OFFSETS, Files.KEYWORD_STARTS)
        owners, positions = self._write(writer, *names)
        writer.write_array(Files.KEYWORD_ROWS, owners[np.lexsort((owners, positions))])

    def write_numbers(self, writer: Writer) -> None:
        """Write the files that `Numbers.open` maps."""
        names = (Files.NUMBERS, Files.NUMBERS_OFFSETS, Files.NUMBER_STARTS)
        owners, positions = self._write(writer, *names)
        entries = np.frombuffer(self.values, np.float64)
        order = np.lexsort((owners, entries, positions))
        writer.write_array(Files.NUMBER_VALUES, entries[order])
        writer.write_array(Files.NUMBER_ROWS, owners[order])

    def _add(self, name: str, row: int) -> None:
        self.entries.append(self.codes.setdefault(name, len(self.codes)))
        self.rows.append(row)

    def _write(self, writer: Writer, data: str, offsets: str, starts: str) -> tuple[Ints, Ints]:
        """Write the names, ascending, and how many entries each has.

        Returns:
            The row of each entry, and the position of its name among those written.
        """
        names = sorted(self.codes)
        writer.write_blobs(data, offsets, (name.encode() for name in names))
        position = np.empty(len(names), np.int32)
        position[[self.codes[name] for name in names]] = np.arange(len(names))
        of_entry = position[np.frombuffer(self.entries, np.int32)]
        lengths = np.bincount(of_entry, minlength=len(names))
        writer.write_array(starts, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
        return np.frombuffer(self.rows, np.int32), of_entry
