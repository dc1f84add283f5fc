"""Turns system calls into operations on the files below one folder.

One process is followed, with its threads. Whatever would change a file in a way that is not
followed (a shared map, another process' descriptors, io_uring) ends in `Unfollowed`: a trace that
misses a write would prove nothing. A write is durable only after a sync, even where the file was
opened with O_SYNC, and `sync_file_range`, which promises nothing, is no sync.
"""

import itertools
import os.path
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

# What a program did to the files below one folder, in order.
#
# Files and folders are known by numbers, as a file system knows them: names come and go, while
# bytes and their syncs belong to the file. The folder that was watched is number 0.


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


# Runs a program under strace and reads its system calls on files, with the bytes written.


LONGEST_WRITE: Final = 32 << 20
"""Bytes of one call that are recorded; a longer one is refused, not cut."""

CALLS: Final = (
    *("open", "openat", "openat2", "creat", "close", "dup", "dup2", "dup3", "fcntl", "lseek"),
    *("write", "pwrite64", "writev", "pwritev", "pwritev2", "truncate", "ftruncate", "fallocate"),
    *("fsync", "fdatasync", "sync", "syncfs", "mmap"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
    *("link", "linkat", "symlink", "symlinkat"),
    *("copy_file_range", "sendfile", "splice", "io_uring_setup"),
)

STRACE: Final = ("strace", "-f", "-y", "-qq", "-xx", "--seccomp-bpf", "-e", "signal=none")

TEXT: Final = "$"
"""Stands in the fields of a call where a string was."""

_STRING = re.compile(r'"([^"]*)"(\.{3})?')
_GROUP = re.compile(r"\[[^]]*\]|\{[^}]*\}")
_LINE = re.compile(r"(\d+) +(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+).*")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
_UNFINISHED = " <unfinished ...>"
_HANDLE = re.compile(r"(AT_FDCWD|-?\d+)(?:<([^>]*)>(\(deleted\))?)?")


class TraceFault(RuntimeError):
    """The program failed, or its trace cannot be read."""


class Unfollowed(TraceFault):
    """The program changed files in a way that is not followed, so its trace is worth nothing."""


@dataclass(frozen=True, slots=True)
class Handle:
    """An open file as a call names it: its number, and the path it has at that moment."""

    number: int
    path: str | None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One finished system call.

    Attributes:
        name: of the call.
        fields: its arguments as printed; `TEXT` where a string stood.
        strings: the strings among the arguments, in order.
        result: what it returned; below 0 it did nothing.
    """

    name: str
    fields: tuple[str, ...]
    strings: tuple[bytes, ...]
    result: int

    def handle(self, position: int) -> Handle | None:
        """The open file in a field; None when it holds anything else."""
        found = _HANDLE.fullmatch(self.fields[position])
        if found is None:
            return None
        number, path, deleted = found.groups()
        where = None if path is None else _bytes(path).decode("utf-8", "surrogateescape")
        return Handle(-1 if number == "AT_FDCWD" else int(number), where, deleted is not None)


def why_untraceable() -> str | None:
    """Tell why no program can be traced here; None when it can."""
    if shutil.which(STRACE[0]) is None:
        return "strace is not installed: apt-get install strace"
    command = [*STRACE, "-o", "/dev/null", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 fixed
    return None if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()}"


def why_unattachable() -> str | None:
    """Tell why strace cannot attach to another process here; None when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed: apt-get install strace"
    with subprocess.Popen(["sleep", "60"]) as sleeper:  # noqa: S607 - from the path
        command = ["strace", "-p", str(sleeper.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:  # noqa: S603
            assert strace.stderr is not None
            said = strace.stderr.readline()  # that it is attached, or why it is not
            strace.terminate()
        sleeper.kill()
    return None if "attached" in said else f"strace may not trace here: {said.strip()}"


def run_traced(command: Sequence[str], folder: Path, timeout_s: float = 120) -> Iterator[Call]:
    """Run a program in a folder to its end, then read its calls in the order they finished.

    Raises:
        TraceFault: it failed, or took longer than the timeout.
    """
    with tempfile.TemporaryDirectory() as aside:
        out = Path(aside) / "trace"
        wanted = ",".join(f"?{name}" for name in CALLS)
        options = ["-s", str(LONGEST_WRITE), "-e", f"trace={wanted}", "-o", str(out)]
        _run([*STRACE, *options, *command], folder, timeout_s)
        with out.open(encoding="ascii") as lines:
            yield from read_calls(lines)


def read_calls(lines: Iterable[str]) -> Iterator[Call]:
    """Read the lines that strace printed, of several threads mixed."""
    begun: dict[str, str] = {}
    for line in lines:
        found = _LINE.fullmatch(line.rstrip())
        if found is None:
            raise TraceFault(f"no line of strace: {line:.200}")
        thread, text = found.groups()
        if text.endswith(_UNFINISHED):
            begun[thread] = text.removesuffix(_UNFINISHED)
            continue
        resumed = _RESUMED.match(text)
        if resumed is not None:
            text = begun.pop(thread) + text[resumed.end() :]
        yield from _read_call(text)


def _run(command: list[str], folder: Path, timeout_s: float) -> None:
    try:
        done = subprocess.run(  # noqa: S603 our own program
            command, cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TraceFault(f"the traced program took longer than {timeout_s} s") from error
    if done.returncode != 0:
        raise TraceFault(f"the traced program ended with {done.returncode}: {done.stderr[-2000:]}")


def _read_call(text: str) -> Iterator[Call]:
    strings = _STRING.findall(text)
    found = _CALL.fullmatch(_STRING.sub(TEXT, text))
    if found is None:  # a call that never returned, as the last one of a program
        return
    if any(cut for _, cut in strings):
        raise Unfollowed(f"{found[1]} of more than {LONGEST_WRITE} bytes")
    fields = tuple(_GROUP.sub("[]", found[2]).split(", "))
    yield Call(found[1], fields, tuple(_bytes(hexed) for hexed, _ in strings), int(found[3], 0))


def _bytes(hexed: str) -> bytes:
    return bytes.fromhex(hexed.replace("\\x", ""))


# The names below a watched folder, as a running program sees them.


class Names:
    """Which file or folder each path leads to. Paths are absolute and normal."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[int, dict[str, int]] = {ROOT: {}}
        self._numbers = itertools.count(ROOT + 1)

    def holds(self, path: str) -> bool:
        """Whether a path is the watched folder or lies below it."""
        return path == self._root or path.startswith(f"{self._root}/")

    def is_folder(self, node: int) -> bool:
        """Whether a number is a folder's."""
        return node in self._folders

    def label(self, path: str, node: int) -> str:
        """A path relative to the watched folder, with a slash after a folder."""
        return path[len(self._root) + 1 :] + ("/" if self.is_folder(node) else "")

    def find(self, path: str) -> int | None:
        """The number of what a path leads to; None when nothing is there."""
        node = ROOT
        for name in path[len(self._root) :].split("/")[1:]:
            entries = self._folders.get(node, {})
            if name not in entries:
                return None
            node = entries[name]
        return node

    def get(self, path: str) -> int:
        """The number of what a path leads to.

        Raises:
            Unfollowed: nothing is known there.
        """
        node = self.find(path)
        if node is None:
            raise Unfollowed(f"{path} came about in a way that was not seen")
        return node

    def make(self, path: str, *, is_folder: bool) -> Enter:
        """A new file or folder appears."""
        node = next(self._numbers)
        if is_folder:
            self._folders[node] = {}
        return self._enter(path, node, is_folder=is_folder)

    def link(self, old: str, new: str) -> Enter:
        """A file gets a second name."""
        return self._enter(new, self.get(old), is_folder=False)

    def remove(self, path: str) -> Leave:
        """A name goes."""
        folder, name = self._place(path)
        del self._folders[folder][name]
        return Leave(folder, name)

    def move(self, old: str, new: str) -> Move:
        """A name changes.

        Raises:
            Unfollowed: from one folder to another, which no one sync makes durable.
        """
        (folder, old_name), (target, new_name) = self._place(old), self._place(new)
        if folder != target:
            raise Unfollowed(f"{old} was moved to another folder, {new}")
        node = self._folders[folder].pop(old_name)
        self._folders[folder][new_name] = node
        return Move(folder, old_name, new_name, node)

    def _enter(self, path: str, node: int, *, is_folder: bool) -> Enter:
        folder, name = self._place(path)
        self._folders[folder][name] = node
        return Enter(folder, name, node, is_folder)

    def _place(self, path: str) -> tuple[int, str]:
        folder, _, name = path.rpartition("/")
        if not self.holds(folder):
            raise Unfollowed(f"{path} lies outside the watched folder {self._root}")
        return self.get(folder), name


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
