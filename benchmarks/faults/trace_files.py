"""Turns system calls into operations on the files below one folder.

One process is followed, with its threads. Whatever would change a file in a way that is not
followed (a shared map, another process' descriptors, io_uring) ends in `Unfollowed`: a trace that
misses a write would prove nothing. A write is durable only after a sync, even where the file was
opened with O_SYNC, and `sync_file_range`, which promises nothing, is no sync.
"""

import os.path
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from benchmarks.faults.trace_calls import TEXT, Call, Unfollowed
from benchmarks.faults.trace_names import Names
from benchmarks.faults.trace_operations import Acknowledge, Operation, Resize, Sync, Write

__all__ = ["follow"]

ACKNOWLEDGEMENT: Final = b"ack "
FORGOTTEN: Final = "-shm"
"""SQLite's index of the WAL is a shared map, made anew by whoever opens the database first."""


def follow(calls: Iterable[Call], root: Path) -> Iterator[Operation]:
    """Tell the operations below a folder, which was empty before; lines "ack ..." are told too.

    Raises:
        Unfollowed: a call changed files there in a way that cannot be replayed.
    """
    follower = _Follower(Names(str(root.resolve())))
    for call in calls:
        if call.result >= 0:
            yield from follower.operations(call)


@dataclass(slots=True)
class _Open:
    """An open file; duplicates of a descriptor share it."""

    node: int
    appends: bool = False
    # Reads are not recorded, and they would move the position.
    also_reads: bool = False
    position: int = 0


class _Follower:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._sizes: dict[int, int] = {}
        self._open: dict[int, _Open] = {}

    def operations(self, call: Call) -> Iterator[Operation]:
        """What one call did."""
        return _FOLLOWED.get(call.name, _Follower.refuse)(self, call)

    # --- names ---

    def open_file(self, call: Call) -> Iterator[Operation]:
        path = self._paths(call)[0]
        self._open.pop(call.result, None)
        if not self._names.holds(path):
            return
        creat = call.name == "creat"
        flags = "O_TRUNC" if creat else call.fields[call.fields.index(TEXT) + 1]
        if "O_TMPFILE" in flags:
            _refuse(call)
        if self._names.find(path) is None:
            yield self._names.make(path, is_folder=False)
        node = self._names.get(path)
        if "O_TRUNC" in flags and self._sizes.get(node):
            yield self._resize(node, 0)
        self._open[call.result] = _Open(node, "O_APPEND" in flags, "O_RDWR" in flags)

    def make_folder(self, call: Call) -> Iterator[Operation]:
        path = self._paths(call)[0]
        if self._names.holds(path):
            yield self._names.make(path, is_folder=True)

    def remove(self, call: Call) -> Iterator[Operation]:
        path = self._paths(call)[0]
        if self._names.holds(path):
            yield self._names.remove(path)

    def rename(self, call: Call) -> Iterator[Operation]:
        old, new = self._paths(call)
        if self._names.holds(old) or self._names.holds(new):
            if "RENAME_EXCHANGE" in call.fields[-1]:
                _refuse(call)
            yield self._names.move(old, new)

    def link(self, call: Call) -> Iterator[Operation]:
        old, new = self._paths(call)
        if self._names.holds(old) or self._names.holds(new):
            yield self._names.link(old, new)

    # --- bytes ---

    def write(self, call: Call) -> Iterator[Operation]:
        data = b"".join(call.strings)[: call.result]
        opened = self._opened(call)
        if opened is not None:
            offset = self._offset(call, opened)
            if not call.name.startswith("p"):
                opened.position = offset + len(data)
            self._sizes[opened.node] = max(self._size(opened), offset + len(data))
            yield Write(opened.node, offset, data)
        elif data.startswith(ACKNOWLEDGEMENT):
            yield Acknowledge(data.removeprefix(ACKNOWLEDGEMENT).decode().strip())

    def _offset(self, call: Call, opened: _Open) -> int:
        if opened.appends:
            return self._size(opened)
        if call.name.startswith("p"):
            return int(call.fields[3])
        if opened.also_reads:
            _refuse(call)
        return opened.position

    def truncate(self, call: Call) -> Iterator[Operation]:
        opened = self._opened(call)
        if opened is not None:
            yield self._resize(opened.node, int(call.fields[1]))

    def allocate(self, call: Call) -> Iterator[Operation]:
        opened = self._opened(call)
        if opened is None:
            return
        if call.fields[1] != "0":
            _refuse(call)
        size = int(call.fields[2]) + int(call.fields[3])
        if size > self._size(opened):
            yield self._resize(opened.node, size)

    def sync(self, call: Call) -> Iterator[Operation]:
        opened, handle = self._opened(call), call.handle(0)
        if opened is not None and handle is not None and handle.path is not None:
            yield Sync(opened.node, self._names.label(handle.path, opened.node))

    def _size(self, opened: _Open) -> int:
        return self._sizes.get(opened.node, 0)

    def _resize(self, node: int, size: int) -> Resize:
        self._sizes[node] = size
        return Resize(node, size)

    # --- descriptors ---

    def close(self, call: Call) -> Iterator[Operation]:
        handle = call.handle(0)
        if handle is not None:
            self._open.pop(handle.number, None)
        return iter(())

    def duplicate(self, call: Call) -> Iterator[Operation]:
        if call.name != "fcntl" or "F_DUPFD" in call.fields[1]:
            opened = self._opened(call)
            self._open.pop(call.result, None)
            if opened is not None:
                self._open[call.result] = opened
        return iter(())

    def seek(self, call: Call) -> Iterator[Operation]:
        opened = self._opened(call)
        if opened is not None:
            opened.position = call.result
        return iter(())

    def map(self, call: Call) -> Iterator[Operation]:
        handle = call.handle(4)
        shared = "PROT_WRITE" in call.fields[2] and "MAP_SHARED" in call.fields[3]
        path = handle.path if handle is not None else None
        if shared and path and self._names.holds(path) and not path.endswith(FORGOTTEN):
            _refuse(call)
        return iter(())

    def refuse(self, call: Call) -> Iterator[Operation]:
        handles = [call.handle(position) for position in range(len(call.fields))]
        paths = [handle.path for handle in handles if handle is not None and handle.path]
        if call.name in _EVERYWHERE or any(map(self._names.holds, paths + self._paths(call))):
            _refuse(call)
        return iter(())

    def _paths(self, call: Call) -> list[str]:
        """The paths among the arguments, each against the open folder named before it."""
        found, strings = [], iter(call.strings)
        for position, field in enumerate(call.fields):
            if field == TEXT:
                base = call.handle(position - 1) if position else None
                folder = base.path if base is not None and base.path else "/"
                path = next(strings).decode("utf-8", "surrogateescape")
                found.append(os.path.normpath(os.path.join(folder, path)))  # noqa: PTH118 plain text
        return found

    def _opened(self, call: Call) -> _Open | None:
        handle = call.handle(0)
        if handle is None or handle.path is None or not self._names.holds(handle.path):
            return None
        opened = self._open.get(handle.number)
        if opened is None:
            _refuse(call)
        if not handle.deleted and self._names.find(handle.path) != opened.node:
            _refuse(call)  # another process' descriptors: its numbers mean other files
        return opened


def _refuse(call: Call) -> NoReturn:
    raise Unfollowed(f"{call.name}({', '.join(call.fields)}) on watched files is not followed")


_EVERYWHERE: Final = {"sync", "io_uring_setup"}

_FOLLOWED: Final[dict[str, Callable[[_Follower, Call], Iterator[Operation]]]] = {
    **dict.fromkeys(("open", "openat", "creat"), _Follower.open_file),
    **dict.fromkeys(("mkdir", "mkdirat"), _Follower.make_folder),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), _Follower.remove),
    **dict.fromkeys(("rename", "renameat", "renameat2"), _Follower.rename),
    **dict.fromkeys(("link", "linkat"), _Follower.link),
    **dict.fromkeys(("write", "pwrite64", "writev", "pwritev", "pwritev2"), _Follower.write),
    **dict.fromkeys(("fsync", "fdatasync"), _Follower.sync),
    **dict.fromkeys(("dup", "dup2", "dup3", "fcntl"), _Follower.duplicate),
    "ftruncate": _Follower.truncate,
    "fallocate": _Follower.allocate,
    "close": _Follower.close,
    "lseek": _Follower.seek,
    "mmap": _Follower.map,
}
