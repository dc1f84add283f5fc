"""Flipped bits and wrong lengths, done in place and undone again."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.faults.damage_archive import Archive

__all__ = ["Flip", "Length", "draw_flip", "lengths_of", "pointer_flips"]

APPENDED: Final = b"\n"


@dataclass(frozen=True, slots=True)
class Flip:
    """One bit of a file, counted from the lowest bit of its first byte."""

    path: Path
    bit: int

    @contextmanager
    def done(self) -> Iterator[None]:
        """Flip the bit, and flip it back."""
        self._flip()
        try:
            yield
        finally:
            self._flip()

    def _flip(self) -> None:
        handle = os.open(self.path, os.O_RDWR)
        try:
            place, bit = divmod(self.bit, 8)
            byte = os.pread(handle, 1, place)[0]
            os.pwrite(handle, bytes([byte ^ 1 << bit]), place)
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class Length:
    """Another length of a file: shorter, or one byte longer."""

    path: Path
    bytes: int

    @contextmanager
    def done(self) -> Iterator[None]:
        """Cut the file or append to it, and write the old bytes back."""
        whole = self.path.read_bytes()
        if self.bytes < len(whole):
            os.truncate(self.path, self.bytes)
        else:
            self.path.write_bytes(whole + APPENDED)
        try:
            yield
        finally:
            self.path.write_bytes(whole)


def draw_flip(archives: list[Archive], seed: int, number: int) -> tuple[Archive, Flip]:
    """Draw a bit: first an archive, then a file, then a bit, so that small files get as many."""
    draw = random.Random(f"{seed}-{number}")  # noqa: S311 - a choice, no secret
    archive = draw.choice(archives)
    path = draw.choice([*archive.files, archive.pointer])
    return archive, Flip(path, draw.randrange(path.stat().st_size * 8))


def pointer_flips(archive: Archive) -> Iterator[Flip]:
    """Every bit of the pointer."""
    size = archive.pointer.stat().st_size
    return (Flip(archive.pointer, bit) for bit in range(size * 8))


def lengths_of(path: Path, pieces: int) -> list[Length]:
    """0, 1, half, one less, one more, and every multiple of a stride that cuts in `pieces`."""
    size = path.stat().st_size
    strides = range(0, size, max(1, size // pieces))
    wanted = {0, 1, size // 2, size - 1, *strides, size + 1} - {size}
    return [Length(path, length) for length in sorted(wanted) if length >= 0]
