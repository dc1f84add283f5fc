"""Short names for the array types of this package, and what is done with vectors everywhere."""

from __future__ import annotations

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


def spread_evenly(rows: int, most: int) -> Longs:
    """Pick up to `most` row numbers, evenly spaced over 0..rows-1, ascending and distinct."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)
