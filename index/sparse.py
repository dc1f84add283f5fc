"""Sparse matrices as three flat arrays, in memory or mapped from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from index.arrays import Floats, Halves, Ints, Longs, Whole


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
        weights: float16 or float32 [nnz].
    """

    indptr: Longs
    columns: Ints
    weights: Halves | Floats

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def place(self, row: int) -> slice:
        """The place of the entries of one row."""
        return slice(int(self.indptr[row]), int(self.indptr[row + 1]))

    def lengths(self, rows: Whole) -> Longs:
        """Count the entries of each of some rows: int64 [m]."""
        return self.indptr[rows + 1] - self.indptr[rows]

    def entries(self, rows: Whole) -> Entries:
        """Gather the entries of some rows, which may come in any order and more than once."""
        lengths, places = entries_of(self.indptr, rows)
        owners = np.repeat(np.arange(len(rows)), lengths)
        return Entries(owners, self.columns[places], self.weights[places].astype(np.float32))

    def transposed(self, width: int) -> SparseMatrix:
        """Turn rows into columns: the result has `width` rows."""
        order = np.argsort(self.columns, kind="stable")
        owners = np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.indptr))
        sizes = np.bincount(self.columns, minlength=width)
        indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return SparseMatrix(indptr, owners[order], self.weights[order])
