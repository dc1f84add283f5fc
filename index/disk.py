"""Files: written once, hashed while written, durable before they count, read through maps.

Everything is written with write(2). A map is only read from: fsync of a file does not order what
was written through a map, and a failed write through one is a signal, not an error.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
from array import array
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

import numpy as np

from index.errors import Locked, SnapshotDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from index.arrays import Array

T = TypeVar("T")

_MISPLACED: Final = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ELOOP})
_OFFSETS: Final = "<i8"
_COPIED_AT_ONCE: Final = 8_192
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileSum:
    """A file's size and SHA-256 (64 lowercase hex digits).

    Raises:
        ValueError: a value is of the wrong type or out of range.
    """

    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if type(self.bytes) is not int or not 0 <= self.bytes <= 1 << 62:
            raise ValueError(f"a file of {self.bytes!r} bytes")
        if not (isinstance(self.sha256, str) and _SHA256.fullmatch(self.sha256)):
            raise ValueError(f"{self.sha256!r} is no SHA-256")


class HashingFile:
    """A file being written; counts and hashes the bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._bytes = 0

    def write(self, data: bytes | memoryview) -> int:
        """Write all of `data`, a view of bytes, and return its length."""
        self._hash.update(data)
        self._bytes += len(data)
        return self._file.write(data)

    @property
    def total(self) -> FileSum:
        """Size and checksum of what was written so far."""
        return FileSum(self._bytes, self._hash.hexdigest())


class Writer:
    """Fills an empty folder with files and keeps the sum of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sums: dict[str, FileSum] = {}

    def do(self, _stage: str, work: Callable[[], T]) -> T:
        """Do a stage of a build, and return its result; see `KeptStages`, which remembers it."""
        return work()

    @contextmanager
    def create(self, name: str) -> Iterator[HashingFile]:
        """Create a file that is not there yet; it is on the disk when the block ends."""
        with (self.folder / name).open("xb") as file:
            hashing = HashingFile(file)
            yield hashing
            file.flush()
            os.fsync(file.fileno())
        self.sums[name] = hashing.total

    def write(self, name: str, data: bytes) -> None:
        """Create a file that holds `data`."""
        with self.create(name) as file:
            file.write(data)

    def write_array(self, name: str, array: Array) -> None:
        """Create an .npy file; arrays of objects are refused with ValueError."""
        with self.create(name) as file:
            np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)

    @contextmanager
    def create_array(
        self, name: str, dtype: type[np.generic], shape: tuple[int, ...]
    ) -> Iterator[HashingFile]:
        """Create an .npy file whose numbers the block writes, in their order."""
        descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
        with self.create(name) as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": descr, "fortran_order": False, "shape": shape}
            )
            yield file

    def write_blobs(self, data_file: str, offsets_file: str, blobs: Iterable[bytes]) -> None:
        """Create a file of n byte strings, end to end, and one of their n+1 offsets, see Blobs."""
        lengths = array("q", [0])
        with self.create(data_file) as file:
            for blob in blobs:
                file.write(blob)
                lengths.append(len(blob))
        self.write(offsets_file, np.cumsum(lengths, dtype=_OFFSETS).tobytes())


@contextmanager
def replacing(path: Path, aside: Path | None = None) -> Iterator[Path]:
    """Replace a file at one stroke: a reader sees the old bytes or the new ones, whole.

    The block gets the name of a new file beside `path` to write to. When the block ends, that file
    is synced and renamed to `path`, and the rename is synced; if it raises, the file is removed.

    Args:
        path: the file.
        aside: the new file, for a single writer that knows the name; a random name by default.
    """
    aside = aside or path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield aside
        sync_file(aside)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Make `data` the contents of a file, see `replacing`."""
    with replacing(path) as aside:
        aside.write_bytes(data)


def rename_folder(source: Path, target: Path) -> None:
    """Rename a folder within its parent, durably. Nothing of that name may be there."""
    source.rename(target)
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """Make the bytes of a file durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable: new files, renames and removals."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, each durable in its own parent."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a file that should be a regular one.

    Raises:
        SnapshotDamaged: it is a folder, or a link that leads nowhere.
        FileNotFoundError: there is none.
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
def locked(path: Path, message: str) -> Iterator[None]:
    """Hold a lock file; the system releases it when the process dies.

    Args:
        path: the file, made when missing.
        message: what to say when somebody else holds it.

    Raises:
        Locked: another holder, in this process or another.
    """
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked(f"{path}: {message}") from error
        yield


def measure(path: Path) -> FileSum:
    """Read a whole file and compute its size and checksum."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileSum(file.tell(), digest)


def map_array(path: Path, length: int, kinds: str, most_axes: int = 1) -> Array:
    """Map an .npy file for reading.

    Raises:
        SnapshotDamaged: it is not a .npy file, not of that length, of more axes, or not of a dtype
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


def map_exactly(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> Array:
    """Map an .npy file of one dtype and shape; raise SnapshotDamaged if it is no such file."""
    array = map_array(path, shape[0], np.dtype(dtype).kind, most_axes=len(shape))
    if array.dtype != dtype or array.shape != shape:
        raise SnapshotDamaged.at(path, f"holds {array.dtype} {array.shape}, not {shape}")
    return array


def map_starts(path: Path, rows: int) -> Array:
    """Map int64 [rows + 1] that say where the entries of each row start.

    Raises:
        SnapshotDamaged: they are not so many, or do not ascend from 0.
    """
    starts = map_exactly(path, np.int64, (rows + 1,))
    if starts[0] != 0 or (np.diff(starts) < 0).any():
        raise SnapshotDamaged.at(path, "does not ascend from 0")
    return starts


def require(path: Path, *, good: Array) -> None:
    """Raise SnapshotDamaged if one of the numbers of a file is not good."""
    if not good.all():
        raise SnapshotDamaged.at(path, "holds a number out of its range")


class Blobs:
    """n byte strings, mapped: one file of bytes end to end, one of n+1 offsets into it.

    Supports len() and [position]. Offsets (`starts`) are little-endian int64; the first one is 0.
    """

    __slots__ = ("_bytes", "_count", "_offsets", "starts")

    def __init__(self, data: Array, offsets: Array) -> None:
        # Python's own views: to read one number through them takes a third of numpy's time.
        self._bytes = memoryview(data)  # type: ignore[arg-type]  # numpy does not say so before Python 3.12
        self.starts: Array = offsets.astype(np.int64, copy=False)
        self._offsets = memoryview(self.starts)  # type: ignore[arg-type]
        self._count = len(offsets) - 1

    @classmethod
    def open(cls, data_path: Path, offsets_path: Path, count: int | None = None) -> Blobs:
        """Map what `Writer.write_blobs` wrote.

        Args:
            data_path: the byte strings.
            offsets_path: their offsets.
            count: how many byte strings there should be; None for any number.

        Raises:
            SnapshotDamaged: the offsets are not count+1, do not ascend, or do not span the bytes.
        """
        data, offsets = _map_raw(data_path, "u1"), _map_raw(offsets_path, _OFFSETS)
        wanted = len(offsets) - 1 if count is None else count
        if not 0 <= wanted == len(offsets) - 1 or offsets[0] != 0 or offsets[-1] != len(data):
            raise SnapshotDamaged.at(offsets_path, f"does not span {wanted} byte strings")
        if (np.diff(offsets) < 0).any():
            raise SnapshotDamaged.at(offsets_path, "offsets fall")
        return cls(data, offsets)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> bytes:
        if not 0 <= position < self._count:
            raise IndexError(f"position {position} of {self._count}")
        return bytes(self._bytes[self._offsets[position] : self._offsets[position + 1]])

    def joined(self, run: slice) -> memoryview:
        """Some byte strings that lie end to end."""
        return self._bytes[self._offsets[run.start] : self._offsets[run.stop]]


class ArrayFile:
    """Rows of numbers that grow in a file, not in memory; for one that is removed after a build.

    Rows with fewer numbers than others are filled up with zeros.
    """

    def __init__(self, path: Path, like: Array) -> None:
        """Begin without rows; those to come have the dtype and the axes of `like`."""
        self._path, self._like, self._count = path, like[:0].copy(), 0

    def append(self, rows: Array) -> None:
        """Append rows.

        Raises:
            TypeError: their numbers do not fit the dtype.
        """
        if rows.shape[1:] > self._like.shape[1:]:
            self._widen(rows)
        missing = np.subtract(self._like.shape, rows.shape)[1:]
        wide = np.pad(rows, [(0, 0), *((0, more) for more in missing)])
        with self._path.open("ab") as file:
            file.write(wide.astype(self._like.dtype, casting="safe", copy=False).tobytes())
        self._count += len(rows)

    def map(self) -> Array:
        """Map all rows so far for reading."""
        return map_numbers(self._path, self._like.dtype.str, self._count, *self._like.shape[1:])

    def _widen(self, like: Array) -> None:
        """Write all rows again, with as many numbers as other rows have."""
        narrow = self.map()
        self._path.unlink(missing_ok=True)
        self._like, self._count = np.empty((0, *like.shape[1:]), self._like.dtype), 0
        for start in range(0, len(narrow), _COPIED_AT_ONCE):
            self.append(narrow[start : start + _COPIED_AT_ONCE])


class BlobFile:
    """Byte strings that grow in files as rows do in an ArrayFile."""

    def __init__(self, path: Path) -> None:
        self._path, self._end = path, 0
        self._offsets = ArrayFile(path.with_suffix(".idx"), np.zeros(1, _OFFSETS))
        self._offsets.append(np.zeros(1, _OFFSETS))

    def append(self, blobs: Sequence[bytes]) -> None:
        """Append byte strings."""
        with self._path.open("ab") as file:
            file.writelines(blobs)
        ends = self._end + np.cumsum([0, *map(len, blobs)], dtype=_OFFSETS)
        self._offsets.append(ends[1:])
        self._end = int(ends[-1])


def _map_raw(path: Path, dtype: str) -> Array:
    """Map a file of bare numbers for reading; an empty file, which mmap refuses, has none.

    Raises:
        SnapshotDamaged: its size is not a multiple of the dtype's.
    """
    if path.stat().st_size == 0:
        return np.empty(0, dtype)
    try:
        return np.asarray(np.memmap(path, dtype=dtype, mode="r"))
    except ValueError as error:
        raise SnapshotDamaged.at(path, f"not an array of {dtype} ({error})") from error


def map_numbers(path: Path, dtype: str, *shape: int) -> Array:
    """Map a file of bare numbers of that shape; without rows there need not be a file."""
    if not shape[0]:
        return np.empty(shape, dtype)
    return np.asarray(np.memmap(path, np.dtype(dtype), "r", shape=shape))
