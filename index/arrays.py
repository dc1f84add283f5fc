"""Short names for the array types that cross this package."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float32]
Halves: TypeAlias = NDArray[np.float16]
Ints: TypeAlias = NDArray[np.int32]
Longs: TypeAlias = NDArray[np.int64]
# A row number or a bucket may come in any integer width.
Whole: TypeAlias = NDArray[np.integer[Any]]


def unit(vectors: Floats) -> Floats:
    """Scale each row of float32 [n, dim] to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def spread(rows: int, most: int) -> Longs:
    """Pick up to `most` row numbers, evenly spaced over 0..rows-1, ascending and distinct."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)
