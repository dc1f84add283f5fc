"""Damaged files: none may be served, and each must be refused as damaged.

    python -m tests.faults.harness.damage [--flips 10000] [--seed 1] [--tally FILE.json]

Two small archives, one with an IVF index, are damaged in every way known here: links and folders
for files, whole files replaced, generations mixed, files cut and lengthened, and single bits
flipped in any file, drawn by the seed. (Hostile pointers, missing and other files, and manifests:
tests/unit/test_index_*.py.) Stop it with Ctrl-C; with the same tally it goes on.
"""

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

import click
import faiss
from tqdm import tqdm

from index import Catalog, NoSnapshot, SnapshotDamaged
from tests.faults.harness.generations import publish
from tests.faults.harness.tally import Tally, memory_folder

MANIFEST: Final = "manifest.json"
PIECES: Final = 64
SAVED_EVERY: Final = 500
_faiss: Any = faiss


@dataclass(frozen=True, slots=True)
class Archive:
    """A catalog of two generations of equal shape, the newer one live.

    Attributes:
        folder: the catalog's.
        older: the generation before.
        live: the live generation.
    """

    folder: Path
    older: str
    live: str

    @classmethod
    def make(cls, folder: Path, *, ivf: bool) -> "Archive":
        """Publish two generations with an IVF index or without."""
        options = {"ivf_above": 0} if ivf else {}
        older, live = (publish(Catalog(folder), change, **options) for change in (1, 2))
        return cls(folder, older.generation, live.generation)

    @property
    def pointer(self) -> Path:
        """The file that names the live generation."""
        return self.folder / "live"

    @property
    def generation(self) -> Path:
        """The folder of the live generation."""
        return self.folder / self.live

    @property
    def files(self) -> list[Path]:
        """The files of the live generation."""
        return sorted(self.generation.iterdir())

    @contextmanager
    def copied(self) -> Iterator["Archive"]:
        """Link all its files in a second folder, to be replaced by `put` but never written to."""
        folder = self.folder.with_name(f"{self.folder.name}-copy")
        shutil.copytree(self.folder, folder, copy_function=os.link)
        try:
            yield Archive(folder, self.older, self.live)
        finally:
            shutil.rmtree(folder)

    def point_to(self, generation: str) -> None:
        """Make a generation live, as a damaged disk or an attacker would."""
        put(self.pointer, f"{generation}\n".encode("ascii"))

    def mistake(self, *, may_be_absent: bool = False) -> str | None:
        """Open the live generation, which must be refused.

        Args:
            may_be_absent: whether NoSnapshot is a right answer besides SnapshotDamaged.

        Returns:
            None if it was refused as it should be, else what happened instead.
        """
        right = (SnapshotDamaged, NoSnapshot) if may_be_absent else (SnapshotDamaged,)
        try:
            Catalog(self.folder).open_live()
        except right:
            return None
        except Exception as error:  # noqa: BLE001 - any other error is the finding
            return f"{type(error).__name__}: {error}"
        return "served"


@contextmanager
def temporary_archives() -> Iterator[list[Archive]]:
    """Make an archive without and one with an IVF index, in memory where the system offers that."""
    with tempfile.TemporaryDirectory(prefix="damage-", dir=memory_folder()) as made:
        yield [Archive.make(Path(made) / kind, ivf=kind == "ivf") for kind in ("flat", "ivf")]


@contextmanager
def watch_faiss(archives: list[Archive]) -> Iterator[list[str]]:
    """Note each file that is handed to FAISS although it is none that a build wrote.

    FAISS reads a damaged file at the cost of memory safety, so the list must stay empty.
    """
    good = {digest_of(path) for archive in archives for path in archive.folder.glob("*/*.faiss")}
    handed: list[str] = []
    honest = _faiss.read_index

    def read(path: str, *options: object) -> object:
        if digest_of(Path(path)) not in good:
            handed.append(path)
        return honest(path, *options)

    with mock.patch.object(_faiss, "read_index", read):
        yield handed


def put(path: Path, data: bytes) -> None:
    """Put another file there; what links to the one before keeps its bytes."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- bits and lengths, changed in place and back again ---


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    """One bit of a file, counted from the lowest bit of its first byte, is another."""
    _flip(path, bit)
    try:
        yield
    finally:
        _flip(path, bit)


def _flip(path: Path, bit: int) -> None:
    with path.open("r+b", buffering=0) as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


@contextmanager
def resized(path: Path, size: int) -> Iterator[None]:
    """A file is shorter, or one byte longer."""
    whole = path.read_bytes()
    path.write_bytes((whole + b"\n")[:size])
    try:
        yield
    finally:
        path.write_bytes(whole)


def sizes_of(path: Path, pieces: int) -> list[int]:
    """0, 1, half, one less, one more, and every multiple of a stride that cuts in `pieces`."""
    size = path.stat().st_size
    strides = range(0, size, max(1, size // pieces))
    return sorted({0, 1, size // 2, size - 1, *strides, size + 1} - {size, -1})


# --- whole files and folders ---

LINKS: Final = {
    "nowhere": "absent",
    "a system file": "/etc/hostname",
    "a good manifest": "../live/manifest.json",
    "zeros": "/dev/zero",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A way to damage a copy of an archive.

    Attributes:
        name: what is wrong afterwards.
        damage: does it.
        absent: whether "nothing was published" is a right answer too.
    """

    name: str
    damage: Callable[[Archive], object]
    absent: bool = False


def all_cases(archive: Archive) -> Iterator[Case]:
    """Every case for an archive of that kind."""
    for name, target in LINKS.items():
        linked = partial(_link_pointer, target=target)
        yield Case(f"pointer: link to {name}", linked, absent=True)
    for path in archive.files:
        for name, replace in REPLACED.items():
            replaced = partial(_replace_file, name=path.name, replace=replace)
            yield Case(f"file: {path.name} {name}", replaced)
        yield Case(f"mixed: {path.name} of another", partial(_mix, name=path.name))
    for name, damage in OTHERS.items():
        yield Case(name, damage, absent=name == "pointer: removed")


def _link_pointer(archive: Archive, target: str) -> None:
    _link(archive.pointer, target)


def _replace_file(archive: Archive, name: str, replace: Callable[[Path], object]) -> None:
    replace(archive.generation / name)


def _link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _noise(path: Path) -> bytes:
    return hashlib.shake_128(path.name.encode()).digest(path.stat().st_size)


def _mix(archive: Archive, name: str) -> None:
    """Put a file of the older generation, of the same size or not, in the live one."""
    older, mine = archive.folder / archive.older / name, archive.generation / name
    if older.read_bytes() == mine.read_bytes():  # alike in all generations: mix in its neighbour
        mine, older = mine.with_name("display.bin"), older.with_name("ids.bin")
    older.replace(mine)


def _rename(archive: Archive, *names: tuple[str, str]) -> None:
    for old, new in names:
        (archive.folder / old).rename(archive.folder / new)


def _swap(archive: Archive) -> None:
    _rename(archive, (archive.older, "x"), (archive.live, archive.older))
    archive.point_to(archive.older)


def _replace_generation(archive: Archive, make: Callable[[Path], object]) -> None:
    _rename(archive, (archive.live, "x"))
    make(archive.generation)


def _take_all_of_older(archive: Archive) -> None:
    for path in archive.files:
        (archive.folder / archive.older / path.name).replace(path)


REPLACED: Final[dict[str, Callable[[Path], object]]] = {
    "a folder": _replace_by_folder,
    "zeroed": lambda path: put(path, bytes(path.stat().st_size)),
    "noise": lambda path: put(path, _noise(path)),
}
OTHERS: Final[dict[str, Callable[[Archive], object]]] = {
    "pointer: removed": lambda a: a.pointer.unlink(),
    "pointer: a folder": lambda a: _replace_by_folder(a.pointer),
    "pointer: a link in a circle": lambda a: _link(a.pointer, "live"),
    "pointer: a link below a file": lambda a: _link(a.pointer, f"{a.live}/{MANIFEST}/x"),
    "manifest: a link in a circle": lambda a: _link(a.generation / MANIFEST, MANIFEST),
    "folder: older one under the live name": lambda a: _rename(a, (a.live, "x"), (a.older, a.live)),
    "folder: live one under the older name": _swap,
    "folder: a folder more": lambda a: (a.generation / "more").mkdir(),
    "folder: a file instead": lambda a: _replace_generation(a, lambda path: path.write_bytes(b"x")),
    "folder: a link in a circle": lambda a: _replace_generation(
        a, lambda path: path.symlink_to(a.live)
    ),
    "folder: all files of the older one": _take_all_of_older,
}


class Damage:
    """Damages archives, asks for their live generation, and counts how that ended."""

    def __init__(self, archives: list[Archive], tally: Tally) -> None:
        self.archives = archives
        self.tally = tally

    def run_cases(self) -> None:
        """Damage a copy in each way of `all_cases`."""
        for archive in self.archives:
            for case in tqdm(list(all_cases(archive)), "cases", unit="case", disable=None):
                with archive.copied() as copy:
                    case.damage(copy)
                    self._note("cases", case.name, copy.mistake(may_be_absent=case.absent))

    def run_lengths(self, pieces: int) -> None:
        """Cut and lengthen every file and the pointer; see `sizes_of`."""
        for archive in self.archives:
            paths = [*archive.files, archive.pointer]
            sizes = [(path, size) for path in paths for size in sizes_of(path, pieces)]
            for path, size in tqdm(sizes, "lengths", unit="length", disable=None):
                with resized(path, size):
                    self._note("lengths", f"{path} with {size} bytes", archive.mistake())

    def run_pointer(self) -> None:
        """Flip every bit of the pointer."""
        archive = self.archives[0]
        for bit in range(archive.pointer.stat().st_size * 8):
            with flipped(archive.pointer, bit):
                found = archive.mistake(may_be_absent=True)
            self._note("pointer flips", f"bit {bit} of the pointer", found)

    def run_flips(self, seed: int, count: int) -> None:
        """Flip as many bits as are wanted of a seed, on from where its tally stands."""
        start = self.tally.next_step(seed)
        steps = range(start, max(start, count))
        for number in tqdm(steps, "flips", count, initial=start, unit="flip", disable=None):
            # First an archive, then a file, then a bit, so that small files get as many.
            draw = random.Random(f"{seed}-{number}")  # noqa: S311 - a choice, no secret
            archive = draw.choice(self.archives)
            path = draw.choice([*archive.files, archive.pointer])
            bit = draw.randrange(path.stat().st_size * 8)
            with flipped(path, bit):
                found = archive.mistake(may_be_absent=path == archive.pointer)
            self._note("flips", f"flip {number} of seed {seed}: bit {bit} of {path}", found)
            self.tally.done(seed, number)
            if number % SAVED_EVERY == 0:
                self.tally.save()

    def check_whole(self) -> None:
        """Check that all damage was undone: otherwise the counts prove nothing."""
        for archive in self.archives:
            found = archive.mistake()
            if found != "served":
                self.tally.find(f"the archive itself does not open: {found}")

    def _note(self, kind: str, name: str, found: str | None) -> None:
        self.tally.add(kind)
        if found is not None:
            self.tally.find(f"{name}: {found}")


@click.command(help=__doc__)
@click.option("--flips", default=10_000, show_default=True, help="How many random bits to flip.")
@click.option("--seed", default=1, show_default=True)
@click.option("--tally", "path", type=click.Path(path_type=Path), help="Counts, kept and resumed.")
def main(flips: int, seed: int, path: Path | None) -> None:
    """Run everything, print the counts, and fail where anything was found."""
    tally = Tally.load(path)
    with temporary_archives() as archives, watch_faiss(archives) as handed:
        damage = Damage(archives, tally)
        with tally.reporting():
            if tally.next_step(seed) == 0:
                damage.run_cases()
                damage.run_lengths(PIECES)
                damage.run_pointer()
            damage.run_flips(seed, flips)
            damage.check_whole()
            for name in handed:
                tally.find(f"FAISS was handed a damaged file: {name}")


if __name__ == "__main__":
    main()
