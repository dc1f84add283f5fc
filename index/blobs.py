"""Byte strings by row number: one file of bytes end to end, one of offsets into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from index.disk import map_raw
from index.errors import SnapshotDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from index.arrays import Array
    from index.disk import Writer

_OFFSETS: Final = "<i8"


def write_blobs(writer: Writer, data_file: str, offsets_file: str, blobs: Sequence[bytes]) -> None:
    """Write n byte strings and their n+1 offsets (little-endian int64, the first one 0)."""
    with writer.create(data_file) as sink:
        for blob in blobs:
            sink.write(blob)
    writer.write(offsets_file, _offsets(map(len, blobs)).tobytes())


def _offsets(lengths: Iterable[int]) -> Array:
    return np.cumsum([0, *lengths], dtype=_OFFSETS)


class Blobs:
    """The byte strings of n rows, mapped; supports len() and [row]."""

    __slots__ = ("_bytes", "_offsets")

    def __init__(self, data: Array, offsets: Array) -> None:
        self._bytes = data
        self._offsets = offsets

    @classmethod
    def open(cls, data_path: Path, offsets_path: Path, rows: int) -> Blobs:
        """Map what write_blobs wrote.

        Raises:
            SnapshotDamaged: the offsets are not rows+1, do not ascend, or do not span the bytes.
        """
        data, offsets = map_raw(data_path, "u1"), map_raw(offsets_path, _OFFSETS)
        if len(offsets) != rows + 1 or offsets[0] != 0 or offsets[-1] != len(data):
            raise SnapshotDamaged.at(offsets_path, f"does not span {rows} rows")
        if (np.diff(offsets) < 0).any():
            raise SnapshotDamaged.at(offsets_path, "offsets fall")
        return cls(data, offsets)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> bytes:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return bytes(self._bytes[self._offsets[row] : self._offsets[row + 1]])
