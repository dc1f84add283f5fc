"""A program that writes and acknowledges, and a check of the disk after an outage."""

import os
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from tests.faults.harness.trace import (
    ROOT,
    Acknowledge,
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

# --- what a disk may hold after the power went: the least that a file system promises ---
#
# Synced bytes and synced names are there. Of the bytes written to a file since its last sync each
# write is kept, lost or torn into sectors of 512 bytes, and a file may have got its new size
# without the bytes. Of the names changed in a folder since its last sync each change happened or
# did not, in any combination; a rename inside a folder is one change. No order holds between any
# two of these, which is weaker than ext4, XFS or btrfs.

SECTOR: Final = 512

_T = TypeVar("_T")

Tree: TypeAlias = dict[str, bytes | None]
"""By relative path the bytes of a file, or None for a folder; folders before what they hold."""


@dataclass(frozen=True, slots=True)
class Luck:
    """The probabilities for an unsynced change.

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
                if is_folder:
                    self._folders[node] = _Folder()
                else:
                    self._files[node] = _File()
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

    def _sync(self, node: int) -> None:
        certain = _Draw(Luck(kept=1))
        if node in self._folders:
            self._folders[node] = _Folder(certain.names(self._folders[node]))
        else:
            self._files[node] = _File(certain.content(self._files[node]))

    def _collect(self, folder: int, prefix: str, tree: Tree, draw: "_Draw") -> None:
        for name, node in draw.names(self._folders[folder]).items():
            path = prefix + name
            if node in self._folders:
                tree[path] = None
                self._collect(node, f"{path}/", tree, draw)
            else:
                tree[path] = draw.content(self._files[node])


class _Draw:
    """Decides for each change whether it reached the disk, in order."""

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


# --- the moments at which the power goes, and the states of the disk that are looked at then ---

_EXTREMES = tuple(Luck(kept, last_differs=odd) for kept in (0, 1) for odd in (False, True))
_KEPT = (0.1, 0.5, 0.9)
_TORN = (0.0, 0.3)


@dataclass(frozen=True, slots=True)
class Outage:
    """The power goes after so many operations, with such luck for what was not synced."""

    at: int
    luck: Luck


@dataclass(frozen=True, slots=True)
class State:
    """What is left after an outage, and how many acknowledgements had been given before it."""

    outage: Outage
    tree: Tree
    acknowledged: int


@dataclass(frozen=True, slots=True)
class Control:
    """A sync left out, as if the program had forgotten it: states after it must show losses.

    Attributes:
        name: what is forgotten.
        path: a pattern for the whole path of what is synced; a folder's ends in a slash.
        which: the place among the syncs of such paths, from the end if negative; all if None.
        answered: whether only syncs that an acknowledgement follows at once are counted.
    """

    name: str
    path: str
    which: int | None = None
    answered: bool = False

    def forget(self, operations: Sequence[Operation]) -> tuple[list[Operation], range]:
        """The operations without it, and the moments at which it is missed.

        Those go from its place to the next sync of the same file or folder, which makes up for it.

        Raises:
            IndexError: there is no such sync.
        """
        places = [place for place in range(len(operations)) if self._matches(operations, place)]
        if self.which is None:
            left = [op for place, op in enumerate(operations) if place not in places]
            return left, range(places[0], len(left) + 1)
        place = places[self.which]
        left = [*operations[:place], *operations[place + 1 :]]
        node = {op.node for op in operations[place : place + 1] if isinstance(op, Sync)}
        next_sync = (
            later
            for later, op in enumerate(left[place:], place)
            if isinstance(op, Sync) and op.node in node
        )
        return left, range(place, next(next_sync, len(left)) + 1)

    def _matches(self, operations: Sequence[Operation], place: int) -> bool:
        operation = operations[place]
        if not isinstance(operation, Sync) or not re.fullmatch(self.path, operation.path):
            return False
        following = operations[place + 1 : place + 2]
        return not self.answered or any(isinstance(op, Acknowledge) for op in following)


def draw_outages(
    operations: Sequence[Operation], states: int, seed: int, moments: range | None = None
) -> list[Outage]:
    """Choose outages among some moments, by default all; in the order of their moments.

    Up to half lie at the turning points, right before a sync, right after an acknowledgement and
    at the end, where all that was not synced is lost, or all is kept, or all but the last change
    of each file and folder. The rest are drawn at random.
    """
    draw = random.Random(seed)  # noqa: S311 - to be drawn again, not to be secret
    moments = moments or range(len(operations) + 1)
    turning = [at for at in moments if _turns(operations, at)]
    extremes = [Outage(at, luck) for at in turning for luck in _EXTREMES]
    draw.shuffle(extremes)
    chosen = extremes[: states // 2]
    while len(chosen) < states:
        luck = Luck(draw.choice(_KEPT), draw.choice(_TORN), draw.getrandbits(32))
        # Half of them where most is unsynced.
        at = draw.choice(turning) if turning and draw.random() < 0.5 else draw.choice(moments)
        chosen.append(Outage(at, luck))
    return sorted(chosen, key=lambda outage: outage.at)


def replay(operations: Iterable[Operation], outages: Iterable[Outage]) -> Iterator[State]:
    """Go through the operations once, and stop at each outage. They come ordered by moment."""
    disk, rest = Disk(), iter(operations)
    done = acknowledged = 0
    for outage in outages:
        for operation in islice(rest, outage.at - done):
            disk.apply(operation)
            acknowledged += isinstance(operation, Acknowledge)
        done = outage.at
        yield State(outage, disk.after_outage(outage.luck), acknowledged)


def _turns(operations: Sequence[Operation], at: int) -> bool:
    if at == len(operations) or isinstance(operations[at], Sync):
        return True
    return at > 0 and isinstance(operations[at - 1], Acknowledge)


Check: TypeAlias = Callable[[Path, int], Iterator[str]]
"""Opens a data folder after so many acknowledgements, checks everything in it, yields losses."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is traced and checked.

    Attributes:
        name: of the workload.
        module: run as a program with the data folder as its only argument.
        check: the check of a state.
        controls: the syncs it needs; without any one of them a state must show losses.
        place: the data folder's below the watched one; missing at first, unless it is that one.
    """

    name: str
    module: str
    check: Check
    controls: tuple[Control, ...]
    place: str = ""


def acknowledge(what: object) -> None:
    """Report, by one write(2) at once, that something is safe."""
    os.write(1, f"ack {what}\n".encode())
