"""The pointer file that says which generation is live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from index.disk import reading, replace_file
from index.errors import NoSnapshot, SnapshotDamaged
from index.manifest import GENERATION

if TYPE_CHECKING:
    from pathlib import Path

# A name, a newline, and one byte more to notice anything longer.
_ENOUGH = 12 + 1 + 12 + 1 + 1


def read_pointer(path: Path) -> str:
    """Read the name of the live generation.

    Raises:
        NoSnapshot: there is no pointer.
        SnapshotDamaged: it is no file, or holds anything but one generation's name and a newline.
    """
    try:
        with reading(path) as file:
            data = file.read(_ENOUGH)
    except FileNotFoundError as error:
        raise NoSnapshot(f"{path}: nothing was published yet; run a rebuild") from error
    name = data.removesuffix(b"\n").decode("ascii", errors="replace")
    # fullmatch, because `$` would let a second newline through.
    if not data.endswith(b"\n") or not GENERATION.fullmatch(name):
        raise SnapshotDamaged.at(path, f"holds {data!r}, not the name of a generation")
    return name


def write_pointer(path: Path, aside: Path, generation: str) -> None:
    """Name another generation live, at one stroke and durably."""
    replace_file(path, aside, f"{generation}\n".encode("ascii"))
