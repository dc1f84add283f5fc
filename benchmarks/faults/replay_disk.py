"""What a disk may hold after the power went: a model of the least that a file system promises.

Synced bytes and synced names are there. Of the bytes written to a file since its last sync each
write is kept, lost or torn into sectors of 512 bytes, and a file may have got its new size
without the bytes. Of the names changed in a folder since its last sync each change happened or
did not, in any combination; a rename inside a folder is one change. No order holds between any
two of these, which is weaker than ext4, XFS or btrfs.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from benchmarks.faults.trace_operations import (
    ROOT,
    Data,
    Enter,
    Entry,
    Leave,
    Move,
    Operation,
    Resize,
    Sync,
    Write,
)

__all__ = ["SECTOR", "Disk", "Luck", "Tree", "lay_out"]

SECTOR: Final = 512

_T = TypeVar("_T")

Tree: TypeAlias = dict[str, bytes | None]
"""By relative path the bytes of a file, or None for a folder; folders before what they hold."""


@dataclass(frozen=True, slots=True)
class Luck:
    """How an unsynced change fares.

    Attributes:
        kept: the probability that it reached the disk whole.
        torn: the probability, before that, that a write reached it in part.
        seed: for the draws.
        last_differs: whether the last change of each file and folder fares the other way.
    """

    kept: float
    torn: float = 0
    seed: int = 0
    last_differs: bool = False


@dataclass(slots=True)
class _File:
    synced: bytes = b""
    unsynced: list[Data] = field(default_factory=list)


@dataclass(slots=True)
class _Folder:
    synced: dict[str, int] = field(default_factory=dict)
    unsynced: list[Entry] = field(default_factory=list)


class Disk:
    """A folder that starts empty and takes operations; the power may go after any of them."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._folders: dict[int, _Folder] = {ROOT: _Folder()}

    def apply(self, operation: Operation) -> None:
        """Take the next operation."""
        match operation:
            case Enter(folder=folder, node=node, is_folder=is_folder):
                self._meet(node, is_folder=is_folder)
                self._folders[folder].unsynced.append(operation)
            case Leave(folder=folder) | Move(folder=folder):
                self._folders[folder].unsynced.append(operation)
            case Write(node=node) | Resize(node=node):
                self._files[node].unsynced.append(operation)
            case Sync(node=node):
                self._sync(node)

    def after_outage(self, luck: Luck) -> Tree:
        """Draw what is there when the power comes back. The disk itself stays as it is."""
        tree: Tree = {}
        self._collect(ROOT, "", tree, _Draw(luck))
        return tree

    def _meet(self, node: int, *, is_folder: bool) -> None:
        if is_folder:
            self._folders.setdefault(node, _Folder())
        else:
            self._files.setdefault(node, _File())

    def _sync(self, node: int) -> None:
        certain = _Draw(Luck(kept=1))
        if node in self._folders:
            folder = self._folders[node]
            folder.synced = certain.names(folder)
            folder.unsynced.clear()
        else:
            file = self._files[node]
            file.synced = certain.content(file)
            file.unsynced.clear()

    def _collect(self, folder: int, prefix: str, tree: Tree, draw: "_Draw") -> None:
        for name, node in draw.names(self._folders[folder]).items():
            path = prefix + name
            if node in self._folders:
                tree[path] = None
                self._collect(node, f"{path}/", tree, draw)
            else:
                tree[path] = draw.content(self._files[node])


class _Draw:
    """Decides the fate of changes, one after the other."""

    def __init__(self, luck: Luck) -> None:
        self._luck = luck
        self._random = random.Random(luck.seed)  # noqa: S311 - to be drawn again, not to be secret

    def names(self, folder: _Folder) -> dict[str, int]:
        """What a folder holds."""
        names = dict(folder.synced)
        for left, change in _counted_down(folder.unsynced):
            if self._is_kept(left):
                _rename(names, change)
        return names

    def content(self, file: _File) -> bytes:
        """What a file holds."""
        if not file.unsynced:
            return file.synced
        image = bytearray(file.synced)
        for left, change in _counted_down(file.unsynced):
            if isinstance(change, Write) and self._happens(self._luck.torn):
                self._tear(image, change)
            elif self._is_kept(left):
                _put(image, change)
        return bytes(image)

    def _is_kept(self, left: int) -> bool:
        return self._happens(self._luck.kept) != (self._luck.last_differs and not left)

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def _tear(self, image: bytearray, write: Write) -> None:
        end = write.offset + len(write.data)
        if self._happens(0.5) and end > len(image):
            # The size came without the bytes: zeros, or what lay in the sectors before.
            image.extend(self._random.choice((b"\0", b"\xa5")) * (end - len(image)))
        first, after = write.offset // SECTOR, -(-end // SECTOR)
        kept = self._random.choices((False, True), k=after - first)
        for sector in (first + place for place, keep in enumerate(kept) if keep):
            start = max(sector * SECTOR, write.offset)
            stop = min((sector + 1) * SECTOR, end)
            part = write.data[start - write.offset : stop - write.offset]
            _put(image, Write(write.node, start, part))


def lay_out(tree: Tree, folder: Path) -> None:
    """Make the files and folders of a tree below an existing folder."""
    for path, content in tree.items():
        if content is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)


def _counted_down(changes: Sequence[_T]) -> Iterator[tuple[int, _T]]:
    """Each change with the number of those that follow it."""
    return zip(range(len(changes) - 1, -1, -1), changes, strict=True)


def _rename(names: dict[str, int], change: Entry) -> None:
    match change:
        case Enter(name=name, node=node):
            names[name] = node
        case Leave(name=name):
            names.pop(name, None)
        case Move(old=old, new=new, node=node):
            names.pop(old, None)
            names[new] = node


def _put(image: bytearray, change: Data) -> None:
    end = change.size if isinstance(change, Resize) else change.offset + len(change.data)
    if end > len(image):
        image.extend(bytes(end - len(image)))
    if isinstance(change, Resize):
        del image[end:]
    else:
        image[change.offset : end] = change.data
