"""Arrays: their types, operations on vectors, sparse matrices, and the passages of rows.

A passage is a unit vector in eight bits a number: whole numbers -127..127, the largest of which is
127 or -127. They give a direction; dividing by their length gives the unit vector. No number moves
by more than max|x|/254, so the cosine of a vector with what is read back is at least
1 - dim * max|x|^2 / 127,000: 0.9998 where none of 384 numbers is above 0.25.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from index.disk import map_exactly, map_starts, require
from index.errors import BadRows
from index.manifest import Files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from index.disk import Writer

Advance: TypeAlias = Callable[[int], object]
"""Called with how many more pieces of some work are done."""
Array: TypeAlias = NDArray[Any]
RowCache: TypeAlias = Callable[[Any], Array]
Bools: TypeAlias = NDArray[np.bool_]
Bytes: TypeAlias = NDArray[np.uint8]
Codes: TypeAlias = NDArray[np.int8]
Doubles: TypeAlias = NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.int32]
Longs: TypeAlias = NDArray[np.int64]
Shorts: TypeAlias = NDArray[np.int16]
Hashes: TypeAlias = NDArray[np.uint64]
Packed: TypeAlias = NDArray[np.uint32]
# A row number or a bucket may come in any integer width.
Whole: TypeAlias = NDArray[np.integer[Any]]

MOST_COMPUTED: Final = 32
"""Arrays of a row cache; at a million rows a mask has a megabyte."""
BUCKET_BITS: Final = 20
ALL_BUCKETS: Final = (1 << BUCKET_BITS) - 1
"""The bits of an entry of `PackedTerms` that name its bucket."""
LOW_BITS: Final = 0xFFFF
"""Those of them that a table marks which is small enough for a processor's cache."""
_CODES: Final = 1 << (32 - BUCKET_BITS)
_MOST: Final = 127
_BLOCK: Final = 256
"""So many passages, unpacked to float32, stay in the processor's cache."""
_BATCH: Final = 1_024


def make_row_cache(most: int | None = None) -> RowCache:
    """Make an empty cache of what is computed of all rows; safe to share between threads.

    It is called with an object that equals another one if the same is to be computed, and whose
    `compute` does that. Of more than `most` arrays, by default MOST_COMPUTED, the one that was
    asked for longest ago leaves.
    """
    return lru_cache(maxsize=most or MOST_COMPUTED)(methodcaller("compute"))


def normalize(vectors: Floats) -> Floats:
    """Scale each row of float32 [n, dim] to length 1; a row of zeros stays as it is."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    scales = 1 / np.sqrt(np.where(squares > 0, squares, 1))
    return (vectors * scales[:, np.newaxis]).astype(np.float32, copy=False)


def round_to_float16(vectors: Floats) -> Floats:
    """Round vectors as they are stored: to the nearest float16, half-way to the even one."""
    return vectors.astype(np.float16).astype(np.float32)


def append_zeros(vectors: Array, dim: int) -> Array:
    """Append zeros to each vector, so that it has `dim` numbers."""
    missing = dim - vectors.shape[1]
    return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors


def spread_evenly(rows: int, most: int) -> Longs:
    """Pick up to `most` row numbers, evenly spaced over 0..rows-1, ascending and distinct."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)


def blocks_of(count: int, size: int) -> Iterator[slice]:
    """Divide 0..count-1 into blocks of `size`; the last one may be smaller."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def entries_of(indptr: Longs, rows: Whole) -> tuple[Longs, Longs]:
    """Count the entries of each of some rows, and list the places of all of them, row after row.

    Args:
        indptr: int64 [n+1]; row i owns the entries indptr[i] to indptr[i+1].
        rows: whole numbers [m], in any order and more than once.

    Returns:
        int64 [m] and int64 [sum of those].
    """
    starts = indptr.take(rows)
    lengths: Longs = indptr[1:].take(rows) - starts
    ends = np.cumsum(lengths)
    # An entry's place is its rank in the output, moved to where its row starts.
    places = np.repeat(starts - ends + lengths, lengths)
    places += np.arange(len(places))
    return lengths, places


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The entries of some rows of a matrix, row after row.

    Attributes:
        owners: int64 [nnz]; the position of the entry's row among those asked for.
        columns: int32 [nnz]; ascending inside a row.
        weights: float32 [nnz].
    """

    owners: Longs
    columns: Ints
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SparseMatrix:
    """Compressed sparse rows.

    Attributes:
        indptr: int64 [n+1]; row i owns the entries indptr[i] to indptr[i+1].
        columns: int32 [nnz]; strictly ascending inside a row.
        weights: float32 [nnz].
    """

    indptr: Longs
    columns: Ints
    weights: Floats

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def entries(self, rows: Whole) -> Entries:
        """Gather the entries of some rows, which may come in any order and more than once."""
        lengths, places = entries_of(self.indptr, rows)
        owners = np.repeat(np.arange(len(rows)), lengths)
        return Entries(owners, self.columns[places], self.weights[places])


@dataclass(frozen=True, slots=True, eq=False)
class PackedTerms:
    """The term weights of n rows, in 32 bits an entry, in memory or mapped.

    A weight is the code of its entry times the scale of its row. A scale has so few bits that
    this product is exact, and the similarity of two rows does not depend on which is the query.

    Attributes:
        indptr: int64 [n+1]; row i owns the entries indptr[i] to indptr[i+1].
        words: uint32 [z]; a bucket in the lower 20 bits, strictly ascending inside a row, and
            above them a code, 1..4095.
        scales: float32 [n]; a float16 divided by 4096; 0 for a row without entries.
    """

    indptr: Longs
    words: Packed
    scales: Floats

    @classmethod
    def of(cls, terms: SparseMatrix) -> PackedTerms:
        """Round weights, 0..1: none moves by more than 1/8,000 of the heaviest of its row."""
        lengths = np.diff(terms.indptr)
        full = np.flatnonzero(lengths)
        wanted = np.zeros(len(terms), np.float32)
        wanted[full] = np.maximum.reduceat(terms.weights, terms.indptr[full])
        wanted *= np.float32(_CODES / (_CODES - 1))
        halves = wanted.astype(np.float16)
        short = halves < wanted
        halves[short] = np.nextafter(halves[short], np.float16(np.inf))
        scales = halves.astype(np.float32) / np.float32(_CODES)
        codes = np.rint(terms.weights / np.repeat(scales, lengths)).astype(np.uint32)
        words: Packed = np.maximum(codes, 1) << np.uint32(BUCKET_BITS)
        return cls(terms.indptr, words | terms.columns.astype(np.uint32), scales)

    def __len__(self) -> int:
        return len(self.indptr) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """The passages of n rows, in compressed sparse row form.

    Attributes:
        indptr: int64 [n+1]; row i owns the passages indptr[i] to indptr[i+1].
        codes: int8 [p, passage_dim]; each stands for the unit vector codes/|codes|, so
            none is all zero.
    """

    indptr: Longs
    codes: Codes

    @classmethod
    def of(cls, rows: Sequence[Codes], dim: int) -> Passages:
        """Stack the int8 [k, dim] of each row, in order; k may be 0."""
        return cls(
            indptr=np.cumsum([0, *map(len, rows)], dtype=np.int64),
            codes=np.concatenate([np.empty((0, dim), np.int8), *rows]),
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def dim(self) -> int:
        """How many numbers a passage has."""
        return int(self.codes.shape[1])

    def blocks(self) -> Iterator[Codes]:
        """The codes, in blocks of passages, one after the other."""
        return (self.codes[block] for block in blocks_of(len(self.codes), _BATCH))

    def check(self, rows: int) -> None:
        """Check that these are passages of so many rows.

        Raises:
            BadRows: they are not, or one is all zero.
        """
        indptr, codes = self.indptr, self.codes
        if codes.dtype != np.int8 or codes.ndim != 2 or codes.shape[1] < 1:  # noqa: PLR2004 a matrix has two axes
            raise BadRows(f"passages are {codes.dtype} {codes.shape}; need int8 [p, dim]")
        if indptr.dtype.kind != "i" or len(self) != rows:
            raise BadRows(f"passages of {len(self)} rows for {rows} rows")
        if indptr[0] != 0 or indptr[-1] != len(codes) or (np.diff(indptr) < 0).any():
            raise BadRows(f"passages.indptr does not divide {len(codes)} among {rows} rows")
        if not all(block.any(axis=1).all() for block in self.blocks()):
            raise BadRows("a passage is all zero, which is no direction")


def quantize(vectors: Floats) -> Codes:
    """Round unit vectors to eight bits a number: float32 [k, dim] to int8 [k, dim].

    Each row is x / max|x| * 127, rounded; a row of zeros stays one, which no passage may be.
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    scaled = vectors * (np.float32(_MOST) / np.where(largest > 0, largest, np.float32(1)))
    return np.rint(scaled).astype(np.int8)


def scales_of(codes: Codes) -> Floats:
    """The factor that gives each row of codes length 1: float32 [p]."""
    scales = np.empty(len(codes), np.float32)
    for start in range(0, len(codes), _BATCH):
        wide = codes[start : start + _BATCH].astype(np.float32)
        # Sums of squares of whole numbers are exact up to 1,040 numbers a row.
        scales[start : start + _BATCH] = 1 / np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return scales


@dataclass(frozen=True, slots=True, eq=False)
class ScaledPassages:
    """Passages ready to be compared, in memory or mapped; safe to share between threads.

    Attributes:
        indptr: int64 [n+1].
        codes: int8 [p, passage_dim].
        scales: float32 [p]; 1/|codes|.
    """

    indptr: Longs
    codes: Codes
    scales: Floats

    @classmethod
    def of(cls, passages: Passages) -> ScaledPassages:
        """Compute the scales of passages."""
        return cls(passages.indptr, passages.codes, scales_of(passages.codes))

    @classmethod
    def open(cls, folder: Path, rows: int, dim: int) -> ScaledPassages:
        """Map the passages of a snapshot of so many rows; each has `dim` numbers.

        Raises:
            SnapshotDamaged: the files do not fit each other or these numbers, or a scale is not a
                positive number.
        """
        starts = map_starts(folder / Files.PASSAGE_STARTS, rows)
        count = int(starts[-1])
        # The codes are most of a snapshot: their shape is checked, not each number.
        codes = map_exactly(folder / Files.PASSAGE_CODES, np.int8, (count, dim))
        scales = map_exactly(folder / Files.PASSAGE_SCALES, np.float32, (count,))
        require(folder / Files.PASSAGE_SCALES, good=np.isfinite(scales) & (scales > 0))
        return cls(starts, codes, scales)

    @classmethod
    def write(
        cls, writer: Writer, passages: Passages, blocks: Iterable[Codes], advance: Advance
    ) -> ScaledPassages:
        """Write the files that `open` maps, and map them.

        Args:
            writer: of the snapshot.
            passages: how many each row has.
            blocks: the codes that are written, in blocks of passages, one after the other.
            advance: called with how many more passages are written.
        """
        writer.write_array(Files.PASSAGE_STARTS, passages.indptr.astype(np.int64))
        scales = []
        with writer.create_array(Files.PASSAGE_CODES, np.int8, passages.codes.shape) as file:
            for block in blocks:
                file.write(block.tobytes())
                scales.append(scales_of(block))
                advance(len(block))
        writer.write_array(Files.PASSAGE_SCALES, np.concatenate([np.empty(0, np.float32), *scales]))
        return cls.open(writer.folder, len(passages), passages.dim)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def of_row(self, row: int) -> Floats:
        """Read the passages of one row: float32 [k, passage_dim], unit rows."""
        place = slice(int(self.indptr[row]), int(self.indptr[row + 1]))
        return self.codes[place].astype(np.float32) * self.scales[place, np.newaxis]

    def means_of(self, rows: Whole) -> Floats:
        """The mean of the passages of rows that have any, not scaled: float32 [m, passage_dim]."""
        means = np.empty((len(rows), self.codes.shape[1]), np.float32)
        for at, row in enumerate(rows.tolist()):
            means[at] = self.of_row(row).mean(axis=0)
        return means

    def match(self, passages: Floats, rows: Whole) -> Floats:
        """Compare the passages of a query with those of some rows.

        Each passage of the query has its best cosine among those of the row, and each of the row
        its best among those of the query. The similarity is the mean of the two averages.

        Args:
            passages: float32 [k, dim], unit rows.
            rows: whole numbers [m], in any order and more than once.

        Returns:
            float32 [m], -1..1; 0 if the query or the row has none.
        """
        found = np.zeros(len(rows), np.float32)
        lengths, places = entries_of(self.indptr, rows)
        full = np.flatnonzero(lengths)
        if len(passages) and len(full):
            # Rows without passages own nothing, so that the others lie end to end.
            starts = (np.cumsum(lengths) - lengths)[full]
            cosines = self._cosines(passages, places)
            found[full] = _both_ways(cosines, starts, lengths[full])
        return found

    def _cosines(self, passages: Floats, places: Longs) -> Floats:
        """The cosines of k passages of a query with those at p places: float32 [k, p]."""
        products = np.empty((len(places), len(passages)), np.float32)
        query = np.ascontiguousarray(passages.T)
        # One number of each is read first: the processor waits for all at once.
        self.codes.reshape(-1).take(places * self.codes.shape[1])
        for block in _passage_blocks(len(places)):
            wide = self.codes.take(places[block], axis=0).astype(np.float32)
            np.matmul(wide, query, out=products[block])
        # The long axis last: numpy takes a maximum over short rows at a tenth of the speed.
        return np.ascontiguousarray(products.T) * self.scales.take(places)


def _passage_blocks(length: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, length, _BLOCK))


def _both_ways(cosines: Floats, starts: Longs, lengths: Longs) -> Floats:
    """The similarity of a query and rows of at least one passage each: float32 [m].

    Args:
        cosines: float32 [k, p].
        starts: where each row's passages start among the p.
        lengths: how many it has.
    """
    theirs = np.add.reduceat(cosines.max(axis=0), starts) / lengths
    ours = np.maximum.reduceat(cosines, starts, axis=1).mean(axis=0)
    matches: Floats = np.clip((ours + theirs) / 2, -1, 1).astype(np.float32)
    return matches
