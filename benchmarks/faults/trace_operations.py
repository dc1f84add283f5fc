"""What a program did to the files below one folder, in order.

Files and folders are known by numbers, as a file system knows them: names come and go, while
bytes and their syncs belong to the file. The folder that was watched is number 0.
"""

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "ROOT",
    "Acknowledge",
    "Data",
    "Enter",
    "Entry",
    "Leave",
    "Move",
    "Operation",
    "Resize",
    "Sync",
    "Write",
]

ROOT = 0


@dataclass(frozen=True, slots=True)
class Enter:
    """A name appears in a folder: a file or folder was made, or a link to a file."""

    folder: int
    name: str
    node: int
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """A name is removed from a folder."""

    folder: int
    name: str


@dataclass(frozen=True, slots=True)
class Move:
    """A name changes inside one folder, at one stroke, over whatever had the new one."""

    folder: int
    old: str
    new: str
    node: int


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes are put into a file."""

    node: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """A file is cut, or lengthened with zeros, to a size in bytes."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """What was done to a file, or to a folder's names, is on the disk from here on.

    The path is relative to the watched folder, as it was then; a folder's ends in a slash.
    """

    node: int
    path: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The program told the outside that something is safe."""

    text: str


Entry: TypeAlias = Enter | Leave | Move
Data: TypeAlias = Write | Resize
Operation: TypeAlias = Entry | Data | Sync | Acknowledge
