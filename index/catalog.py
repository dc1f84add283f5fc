"""The snapshots on disk: publish, open, roll back, prune, lock.

A folder holds one sub-folder for each generation, and a pointer file that names the live one. A
snapshot is built aside, verified as a reader would open it, renamed, and only then pointed to. A
failure before the pointer is replaced leaves the live snapshot as it was.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Unpack

import numpy as np

from index.arrays import spread_evenly
from index.build import BuildOptions, build, show_nothing
from index.disk import (
    locked,
    make_folder,
    open_regular,
    rename_folder,
    replace_file,
    sync_folder,
)
from index.errors import NoSnapshot, SnapshotDamaged
from index.manifest import GENERATION, read_manifest
from index.merge import MergeOptions, merge
from index.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from index.build import Begin
    from index.manifest import Manifest
    from index.rows import Rows
    from index.view import View

_ASIDE: Final = ".building-"
KEPT: Final = f"{_ASIDE}kept"
"""The folder in which a build that was interrupted goes on, see `keep_stages`."""
_LEFTOVERS: Final = (f"{_ASIDE}*", ".live.*.part")
# A name, a newline, and one byte more to notice anything longer.
_POINTER_BYTES: Final = 12 + 1 + 12 + 1 + 1
_SELF_QUERIES: Final = 100
_SELF_SIMILARITY: Final = 0.999
# Rounding to float16 moves a near-copy of a row by less than this.
_TIE: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class StagedSnapshot:
    """A snapshot that is complete and verified, but not published yet."""

    folder: Path
    snapshot: Snapshot

    @property
    def generation(self) -> str:
        """The name it will be published under."""
        return self.snapshot.generation


class Catalog:
    """The generations under one folder, which is created when it is first written to.

    Whatever writes (scratch, stage, publish, discard, flip, prune, remove, sweep) belongs inside
    `lock()`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for what is only needed until a snapshot is built; the block's end removes it.

        What failed builds left is removed first, so that they never fill the disk one by one.
        """
        make_folder(self.folder)
        self.remove(())
        aside = self._aside()
        aside.mkdir()
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def stage(self, rows: Rows, **options: Unpack[BuildOptions]) -> StagedSnapshot:
        """Build a snapshot aside, open it again and verify it.

        Raises:
            BadRows: the rows cannot be indexed.
            SnapshotDamaged: what came back from the disk is not what was built.
            OSError: the disk refuses.
        """
        begin, writer = options.get("begin", show_nothing), options.get("writer")
        if writer is None:
            return self._stage(lambda aside: build(rows, aside, **options), begin)
        build(rows, writer.folder, **options)
        begin("verifying", 0, "row")
        return StagedSnapshot(writer.folder, _open_verified(writer.folder))

    def stage_merged(self, view: View, **options: Unpack[MergeOptions]) -> StagedSnapshot:
        """Merge a view of a generation aside, see `merge`; it raises what `stage` does."""
        begin = options.get("begin", show_nothing)
        return self._stage(lambda aside: merge(view, aside, **options), begin)

    def _stage(self, write: Callable[[Path], object], begin: Begin) -> StagedSnapshot:
        make_folder(self.folder)
        aside = self._aside()
        aside.mkdir()
        try:
            write(aside)
            begin("verifying", 0, "row")
            return StagedSnapshot(aside, _open_verified(aside))
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    def publish(self, staged: StagedSnapshot) -> str:
        """Give a staged snapshot its name, make it the live one, and return the name.

        If that very generation is there already and whole, the staged copy is dropped.
        """
        try:
            self._place(staged)
        finally:
            self.discard(staged)
        self._point_to(staged.generation)
        return staged.generation

    def publish_rows(self, rows: Rows, **options: Unpack[BuildOptions]) -> Snapshot:
        """Stage and publish in one step; raises what `stage` does."""
        staged = self.stage(rows, **options)
        self.publish(staged)
        return staged.snapshot

    def discard(self, staged: StagedSnapshot) -> None:
        """Remove the folder of a staged snapshot; does nothing once it is published."""
        shutil.rmtree(staged.folder, ignore_errors=True)
        shutil.rmtree(self.folder / KEPT, ignore_errors=True)

    def live(self) -> str:
        """Name the live generation.

        Raises:
            NoSnapshot: nothing was published yet.
            SnapshotDamaged: the pointer holds no generation's name, or that of a missing one.
        """
        name = _read_pointer(self._pointer)
        if not self._path(name).is_dir():
            raise SnapshotDamaged.at(self._pointer, f"names {name}, which is missing")
        return name

    def pointer_state(self) -> tuple[int, int] | None:
        """Inode and time of the pointer file; after another generation went live they differ."""
        try:
            found = os.stat(self._pointer)  # noqa: PTH116 - asked at every look
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def open_live(self) -> Snapshot:
        """Open the live generation; see `open`.

        Raises:
            NoSnapshot: nothing was published yet.
            SnapshotDamaged: the pointer or the snapshot is not what was published.
        """
        name = self.live()
        try:
            return self.open(name)
        except (NoSnapshot, SnapshotDamaged, FileNotFoundError):
            # Another process may have flipped and pruned since the pointer was read.
            if self.live() == name:
                raise
            return self.open_live()

    def open(self, generation: str) -> Snapshot:
        """Open a generation by name; see `Snapshot.open`.

        Raises:
            NoSnapshot: there is none of that name.
            SnapshotDamaged: it is not what was published under that name.
        """
        path = self._existing(generation)
        snapshot = Snapshot.open(path)
        if snapshot.generation != generation:
            raise SnapshotDamaged.at(path, f"holds {snapshot.generation}")
        return snapshot

    def verify(self, generation: str) -> Snapshot:
        """Open a generation, and search for up to 100 of its rows by their own vectors.

        Raises:
            NoSnapshot: there is none of that name.
            SnapshotDamaged: it is not what was published, or a row is not found by its vector.
        """
        snapshot = self.open(generation)
        _check_self_queries(snapshot, self._path(generation))
        return snapshot

    def flip(self, snapshot: Snapshot) -> None:
        """Make an older or newer generation, which was opened here just now, the live one."""
        self._point_to(snapshot.generation)

    def generations(self) -> list[str]:
        """List the generations on disk, by change number: the oldest first."""
        if not self.folder.is_dir():
            return []
        names = (path.name for path in self.folder.iterdir() if path.is_dir())
        return sorted(name for name in names if GENERATION.fullmatch(name))

    def manifests(self) -> dict[str, Manifest]:
        """Read the manifests of the generations, by name, the oldest first.

        Left out is a generation whose manifest is not the one that was published under its name.
        Only manifests are read: a generation in the answer may be damaged elsewhere.
        """
        found = {name: self._manifest_of(name) for name in self.generations()}
        return {name: m for name, m in found.items() if m is not None and m.generation == name}

    def bytes_of(self, generation: str) -> int:
        """Sum the sizes of a generation's files, in bytes.

        Raises:
            NoSnapshot: there is none of that name.
        """
        return sum(path.stat().st_size for path in self._existing(generation).iterdir())

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` generations and the live one; return the removed.

        Generations of another store than that of the live one, and unreadable ones, are removed
        first, whatever their numbers. What failed builds left aside is removed too, so never call
        this during a build.

        Raises:
            SnapshotDamaged: the pointer cannot be read, so that nothing may be removed.
        """
        live = self._pointed_to()
        names = sorted(
            self.generations(), key=lambda name: (self._is_of_same_store(name, live), name)
        )
        doomed = [name for name in names[: max(0, len(names) - keep)] if name != live]
        self.remove(doomed)
        return doomed

    def remove(self, generations: Iterable[str]) -> None:
        """Remove generations, and what failed builds left aside; never call this during a build."""
        for name in generations:
            # Renamed first: an interrupted removal must not leave half a generation.
            self._path(name).rename(self._aside())
        sync_folder(self.folder)
        self.sweep()

    def sweep(self, but: str = "") -> None:
        """Remove what failed builds left aside, but for one name; never call it during a build."""
        for pattern in _LEFTOVERS:
            for path in self.folder.glob(pattern):
                if path.name != but:
                    _remove(path)
        sync_folder(self.folder)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the catalog against other rebuilds; the system releases it when a process dies.

        Raises:
            Locked: another process or thread holds it.
        """
        make_folder(self.folder)
        with locked(self.folder / "lock", "another rebuild is at work; wait for its end"):
            yield

    @property
    def _pointer(self) -> Path:
        return self.folder / "live"

    def _path(self, generation: str) -> Path:
        return self.folder / generation

    def _aside(self) -> Path:
        return self.folder / f"{_ASIDE}{secrets.token_hex(8)}"

    def _existing(self, generation: str) -> Path:
        # The grammar first: no other name gets near the file system.
        if not GENERATION.fullmatch(generation) or not self._path(generation).is_dir():
            raise NoSnapshot(f"{generation!r:.80} is no generation in {self.folder}; list them")
        return self._path(generation)

    def _manifest_of(self, generation: str) -> Manifest | None:
        try:
            return read_manifest(self._path(generation))
        except SnapshotDamaged:
            return None

    def _is_of_same_store(self, generation: str, live: str | None) -> bool:
        """Whether a generation comes from the same store as the live one."""
        one, other = self._manifest_of(generation), self._manifest_of(live) if live else None
        return one is not None and other is not None and one.epoch == other.epoch

    def _pointed_to(self) -> str | None:
        try:
            return _read_pointer(self._pointer)
        except NoSnapshot:
            return None

    def _point_to(self, generation: str) -> None:
        replace_file(self._pointer, f"{generation}\n".encode("ascii"))

    def _place(self, staged: StagedSnapshot) -> None:
        """Give the folder of a staged snapshot its name."""
        target = self._path(staged.generation)
        if target.exists():
            if self._is_whole(staged.generation):
                return
            # Moved aside and left to `prune`: a worker may be mapping it.
            target.rename(self._aside())
        rename_folder(staged.folder, target)

    def _is_whole(self, generation: str) -> bool:
        try:
            self.open(generation)
        except SnapshotDamaged:
            return False
        return True


def _read_pointer(path: Path) -> str:
    """Read the name of the live generation.

    Raises:
        NoSnapshot: there is no pointer.
        SnapshotDamaged: it is not a file that has one generation's name and a newline.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_POINTER_BYTES)
    except FileNotFoundError as error:
        raise NoSnapshot(f"{path}: nothing was published yet; run a rebuild") from error
    name = data.removesuffix(b"\n").decode("ascii", errors="replace")
    # fullmatch, because `$` would let a second newline through.
    if not data.endswith(b"\n") or not GENERATION.fullmatch(name):
        raise SnapshotDamaged.at(path, f"holds {data!r}, not the name of a generation")
    return name


def _open_verified(folder: Path) -> Snapshot:
    snapshot = Snapshot.open(folder)
    _check_self_queries(snapshot, folder)
    return snapshot


def _check_self_queries(snapshot: Snapshot, folder: Path) -> None:
    """Check that rows are found by their own vectors.

    Checksums show that the disk gave back what was written; this shows that what was written works.

    Raises:
        SnapshotDamaged: a row is not found.
    """
    for row in spread_evenly(len(snapshot), _SELF_QUERIES).tolist():
        if not _finds_itself(snapshot, row):
            raise SnapshotDamaged.at(folder, f"row {snapshot.id_of(row)!r} does not find itself")


def _finds_itself(snapshot: Snapshot, row: int) -> bool:
    vector = snapshot.vectors.fetch(np.array([row]))[0]
    everything = np.ones(len(snapshot), bool)
    limit = 10
    while True:
        hits = snapshot.vectors.nearest(vector, limit, everything)
        tied = hits.similarities >= hits.similarities[0] - _TIE
        if row in hits.rows[tied]:
            return bool(hits.similarities[0] >= _SELF_SIMILARITY)
        # A row with many near-copies may come after all of them.
        if not tied.all() or limit >= len(snapshot):
            return False
        limit *= 10


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
