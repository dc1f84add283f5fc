"""Files: written once, hashed on the way, durable before they count, read through maps.

Everything is written with write(2). A map is only ever read from: what a map has written is
not ordered by fsync of the file, and a failed write through one is a signal, not an error.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from index.errors import Locked, SnapshotDamaged
from index.figures import FileSum

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from index.arrays import Array


_MISPLACED = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ELOOP})


class Sink:
    """A file being written, which counts and hashes what passes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._bytes = 0

    def write(self, data: bytes) -> int:
        """Write all of `data` and return its length in bytes."""
        self._hash.update(data)
        self._bytes += len(data)
        return self._file.write(data)

    @property
    def total(self) -> FileSum:
        """Size and checksum of what was written so far."""
        return FileSum(self._bytes, self._hash.hexdigest())


class Writer:
    """Fills an empty folder with files and remembers the sum of each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sums: dict[str, FileSum] = {}

    @contextmanager
    def create(self, name: str) -> Iterator[Sink]:
        """Create a file; it is on the disk when the block ends.

        Raises:
            FileExistsError: the folder was not empty.
        """
        with (self._folder / name).open("xb") as file:
            sink = Sink(file)
            yield sink
            file.flush()
            os.fsync(file.fileno())
        self.sums[name] = sink.total

    def write(self, name: str, data: bytes) -> None:
        """Create a file that holds `data`."""
        with self.create(name) as sink:
            sink.write(data)

    def write_array(self, name: str, array: Array) -> None:
        """Create an .npy file; arrays of objects are refused with ValueError."""
        with self.create(name) as sink:
            np.lib.format.write_array(sink, np.ascontiguousarray(array), allow_pickle=False)


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable: new files, renames and removals."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, each durable in its parent."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def replace_file(path: Path, aside: Path, data: bytes) -> None:
    """Put `data` in a file at one stroke: a reader sees the old bytes or the new, whole."""
    try:
        Writer(aside.parent).write(aside.name, data)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file that should be a regular one.

    Raises:
        SnapshotDamaged: a folder stands there, or a link that leads nowhere.
        FileNotFoundError: nothing does.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        if error.errno in _MISPLACED:
            raise SnapshotDamaged.at(path, "not a regular file") from error
        raise
    with file:
        yield file


@contextmanager
def locked(path: Path, held: str) -> Iterator[None]:
    """Hold a lock file; the system lets go when a process dies.

    Args:
        path: the file, made when missing.
        held: what to say where somebody else holds it.

    Raises:
        Locked: another holder, in this process or another.
    """
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked(f"{path}: {held}") from error
        yield


def measure(path: Path) -> FileSum:
    """Read a file through and sum it up."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileSum(file.tell(), digest)


def map_array(path: Path, length: int, kinds: str, most_axes: int = 1) -> Array:
    """Map an .npy file for reading.

    Raises:
        SnapshotDamaged: it is no .npy file, not of that length, of more axes, or not of a dtype
            of `kinds`.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError) as error:
        raise SnapshotDamaged.at(path, f"not an array ({error})") from error
    shaped = 1 <= array.ndim <= most_axes and len(array) == length
    if not shaped or array.dtype.kind not in kinds:
        raise SnapshotDamaged.at(path, f"holds {array.dtype} {array.shape}, not ({length},)")
    # A plain view: slicing numpy's memmap class costs several times as much.
    return np.asarray(array)


def map_raw(path: Path, dtype: str) -> Array:
    """Map a file of bare numbers for reading; an empty file, which mmap refuses, is no numbers.

    Raises:
        SnapshotDamaged: its size is no multiple of the dtype's.
    """
    if path.stat().st_size == 0:
        return np.empty(0, dtype)
    try:
        return np.asarray(np.memmap(path, dtype=dtype, mode="r"))
    except ValueError as error:
        raise SnapshotDamaged.at(path, f"not an array of {dtype} ({error})") from error
