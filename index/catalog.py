"""The snapshots on disk: publish, roll back, prune, lock.

A folder holds one sub-folder per generation, and a pointer file that names the live one. A
snapshot is built aside, verified as a reader would see it, renamed, and only then pointed to:
whatever fails before the pointer is replaced leaves the live one as it was.
"""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Unpack

from index.build import Stamp, build
from index.disk import locked, make_folder, sync_folder
from index.errors import NoSnapshot, SnapshotDamaged
from index.manifest import GENERATION, generation
from index.pointer import read_pointer, write_pointer
from index.snapshot import Snapshot, epoch_of, manifest_of
from index.verification import open_verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from index.manifest import Manifest
    from index.rows import Rows

_ASIDE: Final = ".building-"


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """A snapshot that is whole and verified, but not published yet."""

    folder: Path
    snapshot: Snapshot

    @property
    def generation(self) -> str:
        """The name it will be published under."""
        return self.snapshot.generation


class Catalog:
    """The generations under one folder, which is created when missing.

    Whatever writes (stage, publish, discard, flip, prune) belongs inside `lock()`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_folder(folder)

    def stage(self, rows: Rows, **stamp: Unpack[Stamp]) -> Staged:
        """Build a snapshot aside, re-open it and verify it.

        Raises:
            BadRows: the rows cannot be indexed.
            SnapshotDamaged: what came back from the disk is not what was built.
            OSError: the disk refuses.
        """
        aside = self._aside()
        aside.mkdir()
        try:
            build(rows, aside, **stamp)
            return Staged(aside, open_verified(aside))
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    def publish(self, staged: Staged) -> str:
        """Give a staged snapshot its name, make it the live one, and return the name.

        When that very generation is there already and whole, the staged copy is dropped.
        """
        try:
            self._settle(staged)
        finally:
            self.discard(staged)
        self._point(staged.generation)
        return staged.generation

    def publish_rows(self, rows: Rows, **stamp: Unpack[Stamp]) -> Snapshot:
        """Stage and publish in one step; raises what `stage` does."""
        staged = self.stage(rows, **stamp)
        self.publish(staged)
        return staged.snapshot

    def discard(self, staged: Staged) -> None:
        """Remove what a staged snapshot left aside; nothing once it is published."""
        shutil.rmtree(staged.folder, ignore_errors=True)

    def live(self) -> str:
        """Name the live generation.

        Raises:
            NoSnapshot: nothing was published yet.
            SnapshotDamaged: the pointer holds no generation's name, or that of a missing one.
        """
        name = read_pointer(self._pointer)
        if not self._path(name).is_dir():
            raise SnapshotDamaged.at(self._pointer, f"names {name}, which is missing")
        return name

    def open_live(self, *, verify: bool = True) -> Snapshot:
        """Open the live generation; see `Snapshot.open`.

        Raises:
            NoSnapshot: nothing was published yet.
            SnapshotDamaged: the pointer or the snapshot is not what was published.
        """
        name = self.live()
        try:
            return self.open(name, verify=verify)
        except (NoSnapshot, SnapshotDamaged, FileNotFoundError):
            # Another process may have flipped and pruned since the pointer was read.
            if self.live() == name:
                raise
            return self.open_live(verify=verify)

    def open(self, generation: str, *, verify: bool = True) -> Snapshot:
        """Open a generation by name.

        Raises:
            NoSnapshot: there is none of that name.
            SnapshotDamaged: it is not what was published under that name.
        """
        path = self._existing(generation)
        snapshot = Snapshot.open(path, verify=verify)
        if snapshot.generation != generation:
            raise SnapshotDamaged.at(path, f"holds {snapshot.generation}")
        return snapshot

    def flip(self, generation: str) -> None:
        """Make an older or newer generation the live one, after verifying it.

        Raises:
            NoSnapshot: there is none of that name.
            SnapshotDamaged: it is not whole; the live one stays.
        """
        self.open(generation)
        self._point(generation)

    def generations(self) -> list[str]:
        """List the generations on disk, by change number: the oldest first."""
        names = (path.name for path in self.folder.iterdir() if path.is_dir())
        return sorted(name for name in names if GENERATION.fullmatch(name))

    def manifests(self) -> dict[str, Manifest]:
        """Read what the generations say of themselves, by name, the oldest first.

        Left out are those whose manifest is not the one that was published under the name. Nothing
        else is read: a generation in the answer may be damaged elsewhere.
        """
        found = {name: manifest_of(self._path(name)) for name in self.generations()}
        return {name: m for name, m in found.items() if m is not None and generation(m) == name}

    def bytes_of(self, generation: str) -> int:
        """Sum up the sizes of a generation's files, in bytes.

        Raises:
            NoSnapshot: there is none of that name.
        """
        return sum(path.stat().st_size for path in self._existing(generation).iterdir())

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` generations and the live one; name the removed.

        Those of another store than the live one's, or that cannot be read, go first, whatever
        their numbers. What failed builds left aside goes as well, so never call it beside a build.

        Raises:
            SnapshotDamaged: the pointer cannot be read, so that nothing may be removed.
        """
        pointed = self._pointed()
        epoch = epoch_of(self._path(pointed)) if pointed else None
        kin = {name for name in self.generations() if epoch and epoch_of(self._path(name)) == epoch}
        names = sorted(self.generations(), key=lambda name: (name in kin, name))
        older = names[: max(0, len(names) - keep)]
        doomed = [name for name in older if name != pointed]
        for name in doomed:
            # Renamed first: a removal cut short must not leave half a generation behind.
            self._path(name).rename(self._aside())
        sync_folder(self.folder)
        for path in self.folder.glob(f"{_ASIDE}*"):
            _remove(path)
        sync_folder(self.folder)
        return doomed

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the catalog against other rebuilds; the system lets go when a process dies.

        Raises:
            Locked: another holder, in this process or another, is at work.
        """
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
        # The grammar comes first: a name is never let near the file system before.
        if not GENERATION.fullmatch(generation) or not self._path(generation).is_dir():
            raise NoSnapshot(f"{generation!r:.80} is no generation in {self.folder}; list them")
        return self._path(generation)

    def _pointed(self) -> str | None:
        try:
            return read_pointer(self._pointer)
        except NoSnapshot:
            return None

    def _point(self, generation: str) -> None:
        write_pointer(self._pointer, self._aside(), generation)

    def _settle(self, staged: Staged) -> None:
        target = self._path(staged.generation)
        if target.exists():
            if self._whole(staged.generation):
                return
            # Out of the way, but left to `prune`: a worker may still be mapping it.
            target.rename(self._aside())
        staged.folder.rename(target)
        sync_folder(self.folder)

    def _whole(self, generation: str) -> bool:
        try:
            self.open(generation)
        except SnapshotDamaged:
            return False
        return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
