"""The passages of rows: unit vectors in eight bits a number, and how similar two texts are by them.

A passage is stored as whole numbers -127..127, the largest of which is 127 or -127. They give a
direction; dividing by their length gives the unit vector. No number moves by more than
max|x|/254, so the cosine of a vector with what is read back is at least
1 - dim * max|x|^2 / 127,000: 0.9998 where none of 384 numbers is above 0.25.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import entries_of
from index.disk import map_exactly, map_starts, require
from index.errors import BadRows
from index.manifest import Files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from index.arrays import Codes, Floats, Longs, Whole
    from index.disk import Writer
    from index.manifest import Manifest

_MOST: Final = 127
_BLOCK: Final = 256
"""So many passages, unpacked to float32, stay in the processor's cache."""
_BATCH: Final = 1_024


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
    def open(cls, folder: Path, manifest: Manifest) -> ScaledPassages:
        """Map the passages of a snapshot.

        Raises:
            SnapshotDamaged: the files do not fit each other or the manifest, or a scale is not a
                positive number.
        """
        starts = map_starts(folder / Files.PASSAGE_STARTS, manifest.rows)
        count = int(starts[-1])
        # The codes are most of a snapshot: their shape is checked, not each number.
        codes = map_exactly(folder / Files.PASSAGE_CODES, np.int8, (count, manifest.passage_dim))
        scales = map_exactly(folder / Files.PASSAGE_SCALES, np.float32, (count,))
        require(folder / Files.PASSAGE_SCALES, good=np.isfinite(scales) & (scales > 0))
        return cls(starts, codes, scales)

    def write(self, writer: Writer) -> None:
        """Write the files that `open` maps."""
        writer.write_array(Files.PASSAGE_STARTS, self.indptr.astype(np.int64))
        writer.write_array(Files.PASSAGE_CODES, self.codes)
        writer.write_array(Files.PASSAGE_SCALES, self.scales)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def of_row(self, row: int) -> Floats:
        """Read the passages of one row: float32 [k, passage_dim], unit rows."""
        place = slice(int(self.indptr[row]), int(self.indptr[row + 1]))
        return self.codes[place].astype(np.float32) * self.scales[place, np.newaxis]

    def means_of_rows(self) -> Floats:
        """The mean of the passages of each row, not scaled: float32 [n, passage_dim]; 0 without."""
        lengths = np.diff(self.indptr)
        means = np.zeros((len(self), self.codes.shape[1]), np.float32)
        for row in np.flatnonzero(lengths).tolist():
            means[row] = self.of_row(row).mean(axis=0)
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
        for block in _blocks(len(places)):
            wide = self.codes.take(places[block], axis=0).astype(np.float32)
            np.matmul(wide, query, out=products[block])
        # The long axis last: numpy takes a maximum over short rows at a tenth of the speed.
        return np.ascontiguousarray(products.T) * self.scales.take(places)


def _blocks(length: int) -> Iterator[slice]:
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
