"""The passages of rows: unit vectors in eight bits a number, and how those of two texts match.

A passage is stored as whole numbers -127..127, the largest of which is 127 either way: what stands
there is a direction, and its length is divided out again. No number moves by more than max|x|/254,
so a vector's cosine with what is read back is at least 1 - dim * max|x|^2 / 127,000: 0.9998 where
none of 384 numbers is above 0.25.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.errors import BadRows
from index.matrix import places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from index.arrays import Codes, Floats, Longs, Whole

_MOST: Final = 127
_BLOCK: Final = 256
"""So many passages as float32 stay in a processor's cache between unpacking and multiplying."""
_BATCH: Final = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """The passages of n rows, in compressed sparse row form.

    Attributes:
        indptr: int64 [n+1]; row i owns the passages indptr[i] to indptr[i+1].
        codes: int8 [p, dim]; each stands for the unit vector codes/|codes|, so none is all zero.
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

    def check(self, rows: int, dim: int) -> None:
        """Check that these are passages of so many rows and numbers.

        Raises:
            BadRows: they are not, or one is all zero.
        """
        indptr, codes = self.indptr, self.codes
        if codes.dtype != np.int8 or codes.ndim != 2 or codes.shape[1] != dim:  # noqa: PLR2004 a matrix has two axes
            raise BadRows(f"passages are {codes.dtype} {codes.shape}; need int8 [p, {dim}]")
        if indptr.dtype.kind != "i" or len(self) != rows:
            raise BadRows(f"passages of {len(self)} rows for {rows} rows")
        if indptr[0] != 0 or indptr[-1] != len(codes) or (np.diff(indptr) < 0).any():
            raise BadRows(f"passages.indptr does not divide {len(codes)} among {rows} rows")
        if not codes.any(axis=1).all():
            raise BadRows("a passage is all zero, which is no direction")


def quantize(vectors: Floats) -> Codes:
    """Round unit vectors to eight bits a number: float32 [k, dim] to int8 [k, dim].

    Each row is x / max|x| * 127, rounded; a row of zeros stays one, which no passage may be.
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    scaled = vectors * (np.float32(_MOST) / np.where(largest > 0, largest, np.float32(1)))
    return np.rint(scaled).astype(np.int8)


def scales_of(codes: Codes) -> Floats:
    """What each row of codes is multiplied by to be of length 1: float32 [p]."""
    scales = np.empty(len(codes), np.float32)
    for start in range(0, len(codes), _BATCH):
        wide = codes[start : start + _BATCH].astype(np.float32)
        # Squares of whole numbers: exact up to 1,040 numbers a row, and as good as that beyond.
        scales[start : start + _BATCH] = 1 / np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return scales


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """Passages to be compared, in memory or mapped; safe to share between threads.

    Attributes:
        indptr: int64 [n+1].
        codes: int8 [p, dim].
        scales: float32 [p]; 1/|codes|.
    """

    indptr: Longs
    codes: Codes
    scales: Floats

    @classmethod
    def of(cls, passages: Passages) -> Scaled:
        """The same passages with their lengths."""
        return cls(passages.indptr, passages.codes, scales_of(passages.codes))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def of_row(self, row: int) -> Floats:
        """Read the passages of one row: float32 [k, dim], unit rows."""
        place = slice(int(self.indptr[row]), int(self.indptr[row + 1]))
        return self.codes[place].astype(np.float32) * self.scales[place, np.newaxis]

    def match(self, passages: Floats, rows: Whole) -> Floats:
        """Match passages with those of some rows.

        Each passage of the query counts by its best one of the row, and each of the row by its
        best one of the query; the match is the mean of the two averages.

        Args:
            passages: float32 [k, dim], unit rows.
            rows: whole numbers [m], in any order and more than once.

        Returns:
            float32 [m], -1..1; 0 where the query or the row has none.
        """
        found = np.zeros(len(rows), np.float32)
        lengths, places = places_of(self.indptr, rows)
        full = np.flatnonzero(lengths)
        if len(passages) and len(full):
            # Rows without passages own nothing, so that the others lie end to end.
            starts = (np.cumsum(lengths) - lengths)[full]
            cosines = self._cosines(passages, places)
            found[full] = _both_ways(cosines, starts, lengths[full])
        return found

    def _cosines(self, passages: Floats, places: Longs) -> Floats:
        """float32 [k, p]: of the passages at some places with those of a query."""
        products = np.empty((len(places), len(passages)), np.float32)
        query = np.ascontiguousarray(passages.T)
        for block in _blocks(len(places)):
            wide = self.codes.take(places[block], axis=0).astype(np.float32)
            np.matmul(wide, query, out=products[block])
        # The long axis last: numpy takes a maximum over short rows at a tenth of the pace.
        return np.ascontiguousarray(products.T) * self.scales.take(places)


def _blocks(length: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, length, _BLOCK))


def _both_ways(cosines: Floats, starts: Longs, lengths: Longs) -> Floats:
    """float32 [m]: the match of a query with rows of at least one passage each.

    Args:
        cosines: float32 [k, p].
        starts: where each row's passages start among the p.
        lengths: how many it has.
    """
    theirs = np.add.reduceat(cosines.max(axis=0), starts) / lengths
    ours = np.maximum.reduceat(cosines, starts, axis=1).mean(axis=0)
    matches: Floats = np.clip((ours + theirs) / 2, -1, 1).astype(np.float32)
    return matches
