"""Array types, operations on vectors, and sparse matrices as three flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Bools: TypeAlias = NDArray[np.bool_]
Bytes: TypeAlias = NDArray[np.uint8]
Codes: TypeAlias = NDArray[np.int8]
Doubles: TypeAlias = NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float32]
Halves: TypeAlias = NDArray[np.float16]
Ints: TypeAlias = NDArray[np.int32]
Longs: TypeAlias = NDArray[np.int64]
# A row number or a bucket may come in any integer width.
Whole: TypeAlias = NDArray[np.integer[Any]]

# The bits of a float16 after the shift below; above them its sign is repeated.
_SIGN_AND_REST: Final = np.int32(-0x7000_0001)
_REBASED: Final = np.float32(2.0**112)


def normalize(vectors: Floats) -> Floats:
    """Scale each row of float32 [n, dim] to length 1; a row of zeros stays as it is."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    scales = 1 / np.sqrt(np.where(squares > 0, squares, 1))
    return (vectors * scales[:, np.newaxis]).astype(np.float32, copy=False)


def round_to_float16(vectors: Floats) -> Floats:
    """Round vectors as they are stored: to the nearest float16, half-way to the even one."""
    return vectors.astype(np.float16).astype(np.float32)


def widen_float16(halves: Halves) -> Floats:
    """Convert finite float16 to float32, exactly: as `astype` does, at twice its speed.

    Sign, exponent and fraction are shifted to their places in a float32. Its exponents mean 2^112
    times less there, so the numbers are multiplied by that. NumPy converts one by one.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_REST
    floats: Floats = bits.view(np.float32)
    floats *= _REBASED
    return floats


def append_zeros(vectors: Array, dim: int) -> Array:
    """Append zeros to each vector, so that it has `dim` numbers."""
    missing = dim - vectors.shape[1]
    return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors


def spread_evenly(rows: int, most: int) -> Longs:
    """Pick up to `most` row numbers, evenly spaced over 0..rows-1, ascending and distinct."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)


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
