"""Turns system calls into operations on the files below one folder.

One process is followed, with its threads, in the calls that the store and the catalog make.
Whatever else would change a file (a shared map, a link, another process' descriptors, io_uring)
ends in `Unfollowed`: a trace that misses a write would prove nothing. A write is durable only after
a sync, even where the file was opened with O_SYNC, and `sync_file_range`, which promises nothing,
is no sync.
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

# --- what a program did to the files below one folder, in order ---
#
# Files and folders are known by numbers, as a file system knows them: names come and go, while
# bytes and their syncs belong to the file. The folder that was watched is number 0.

ROOT = 0


@dataclass(frozen=True, slots=True)
class Enter:
    """A name appears in a folder: a file or folder was made."""

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
    """The program reported that something is safe."""

    text: str


Entry: TypeAlias = Enter | Leave | Move
Data: TypeAlias = Write | Resize
Operation: TypeAlias = Entry | Data | Sync | Acknowledge


# --- a program's system calls on files, with the bytes written ---

MOST_SECONDS: Final = 120
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
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+).*")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
_UNFINISHED = " <unfinished ...>"
_HANDLE = re.compile(r"(AT_FDCWD|\d+)(?:<([^>]*)>(\(deleted\))?)?")


class Unfollowed(RuntimeError):
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

    def handle(self, position: int) -> Handle:
        """The open file in a field; one without a path when it holds anything else."""
        found = _HANDLE.fullmatch(self.fields[position])
        number, path, deleted = found.groups() if found else ("-1", None, None)
        where = None if path is None else _bytes(path).decode("utf-8", "surrogateescape")
        return Handle(-1 if number == "AT_FDCWD" else int(number), where, deleted is not None)


def why_untraceable() -> str | None:
    """Say why no program can be traced here; None when it can."""
    if shutil.which(STRACE[0]) is None:
        return "strace is not installed: apt-get install strace"
    command = [*STRACE, "-o", "/dev/null", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 fixed
    return None if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()}"


def why_unattachable() -> str | None:
    """Say why strace cannot attach to another process here; None when it can."""
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


def run_traced(command: Sequence[str], folder: Path) -> Iterator[Call]:
    """Run a program in a folder to its end, then read its calls in the order they finished."""
    with tempfile.TemporaryDirectory() as aside:
        out = Path(aside) / "trace"
        wanted = ",".join(f"?{name}" for name in CALLS)
        options = ["-s", str(LONGEST_WRITE), "-e", f"trace={wanted}", "-o", str(out)]
        traced = [*STRACE, *options, *command]
        # What the program prints is in the trace as well.
        subprocess.run(  # noqa: S603 - our own program
            traced, cwd=folder, check=True, timeout=MOST_SECONDS, stdout=subprocess.DEVNULL
        )
        with out.open(encoding="ascii") as lines:
            yield from read_calls(lines)


def read_calls(lines: Iterable[str]) -> Iterator[Call]:
    """Read the lines that strace printed, of several threads mixed."""
    begun: dict[str, str] = {}
    for line in lines:
        thread, text = line.rstrip().split(maxsplit=1)
        if text.endswith(_UNFINISHED):
            begun[thread] = text.removesuffix(_UNFINISHED)
            continue
        resumed = _RESUMED.match(text)
        if resumed is not None:
            text = begun.pop(thread) + text[resumed.end() :]
        yield from _read_call(text)


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


# --- what the calls did to the files below a folder ---

ACKNOWLEDGEMENT: Final = b"ack "
FORGOTTEN: Final = "-shm"
"""SQLite's index of the WAL is a shared map, made anew by whoever opens the database first."""


def follow(calls: Iterable[Call], root: Path) -> Iterator[Operation]:
    """Yield the operations below a folder, which was empty before, and its lines "ack ...".

    Raises:
        Unfollowed: a call changed files there in a way that cannot be replayed.
    """
    follower = _Follower(str(root.resolve()))
    for call in calls:
        if call.result >= 0:
            yield from _FOLLOWED.get(call.name, _Follower.refuse)(follower, call)


class _Follower:
    """Knows the names below a folder, and where the next write(2) to an open file goes."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[int, dict[str, int]] = {ROOT: {}}
        self._numbers = itertools.count(ROOT + 1)
        self._positions: dict[int, tuple[int, int]] = {}
        """By descriptor the file and the place in it, where both are certain."""

    # --- names ---

    def open_file(self, call: Call) -> Iterator[Operation]:
        path, flags = self._paths(call)[0], call.fields[call.fields.index(TEXT) + 1]
        self._positions.pop(call.result, None)
        if not self._holds(path):
            return
        if "O_TMPFILE" in flags:
            _refuse(call)
        if self._find(path) is None:
            yield self._enter(path, is_folder=False)
        node = self._get(path)
        if "O_TRUNC" in flags:
            yield Resize(node, 0)
        # Reads are not recorded, and they would move the position.
        if "O_WRONLY" in flags and "O_APPEND" not in flags:
            self._positions[call.result] = node, 0

    def make_folder(self, call: Call) -> Iterator[Operation]:
        path = self._paths(call)[0]
        if self._holds(path):
            yield self._enter(path, is_folder=True)

    def remove(self, call: Call) -> Iterator[Operation]:
        path = self._paths(call)[0]
        if self._holds(path):
            folder, name = self._place(path)
            del self._folders[folder][name]
            yield Leave(folder, name)

    def rename(self, call: Call) -> Iterator[Operation]:
        old, new = self._paths(call)
        if not self._holds(old) and not self._holds(new):
            return
        (folder, old_name), (target, new_name) = self._place(old), self._place(new)
        # No one sync makes a move to another folder durable.
        if folder != target or "RENAME_EXCHANGE" in call.fields[-1]:
            _refuse(call)
        node = self._folders[folder].pop(old_name)
        self._folders[folder][new_name] = node
        yield Move(folder, old_name, new_name, node)

    # --- bytes ---

    def write(self, call: Call) -> Iterator[Operation]:
        data = call.strings[0][: call.result]
        node = self._node(call)
        if node is None:
            if data.startswith(ACKNOWLEDGEMENT):
                yield Acknowledge(data.removeprefix(ACKNOWLEDGEMENT).decode().strip())
            return
        if call.name == "pwrite64":
            yield Write(node, int(call.fields[3]), data)
            return
        descriptor = call.handle(0).number
        known, position = self._positions.get(descriptor, (None, 0))
        if known != node:
            _refuse(call)
        self._positions[descriptor] = node, position + len(data)
        yield Write(node, position, data)

    def truncate(self, call: Call) -> Iterator[Operation]:
        node = self._node(call)
        if node is not None:
            yield Resize(node, int(call.fields[1]))

    def sync(self, call: Call) -> Iterator[Operation]:
        node = self._node(call)
        if node is not None:
            name = (call.handle(0).path or "")[len(self._root) + 1 :]
            yield Sync(node, name + "/" * (node in self._folders))

    # --- descriptors ---

    def close(self, call: Call) -> Iterator[Operation]:
        self._positions.pop(call.handle(0).number, None)
        return iter(())

    def duplicate(self, call: Call) -> Iterator[Operation]:
        """What is written over the duplicate is refused, as its position is of both."""
        if "F_DUPFD" in call.fields[1]:
            self._positions.pop(call.result, None)
        return iter(())

    def seek(self, call: Call) -> Iterator[Operation]:
        descriptor = call.handle(0).number
        if descriptor in self._positions:
            self._positions[descriptor] = self._positions[descriptor][0], call.result
        return iter(())

    def map(self, call: Call) -> Iterator[Operation]:
        shared = "PROT_WRITE" in call.fields[2] and "MAP_SHARED" in call.fields[3]
        path = call.handle(4).path if shared else None
        if path and self._holds(path) and not path.endswith(FORGOTTEN):
            _refuse(call)
        return iter(())

    def refuse(self, call: Call) -> Iterator[Operation]:
        handles = [call.handle(position) for position in range(len(call.fields))]
        paths = [handle.path for handle in handles if handle.path] + self._paths(call)
        if call.name in _EVERYWHERE or any(map(self._holds, paths)):
            _refuse(call)
        return iter(())

    # --- where a call goes ---

    def _paths(self, call: Call) -> list[str]:
        """The paths among the arguments, each against the open folder named before it."""
        found, strings = [], iter(call.strings)
        for position, field in enumerate(call.fields):
            if field == TEXT:
                folder = call.handle(position - 1).path if position else None
                path = next(strings).decode("utf-8", "surrogateescape")
                joined = os.path.join(folder or "/", path)  # noqa: PTH118 - plain text
                found.append(os.path.normpath(joined))
        return found

    def _node(self, call: Call) -> int | None:
        """The file or folder that is open; None where it is not watched, or was removed."""
        handle = call.handle(0)
        if handle.path is None or handle.deleted or not self._holds(handle.path):
            return None
        return self._get(handle.path)

    def _holds(self, path: str) -> bool:
        return path == self._root or path.startswith(f"{self._root}/")

    def _find(self, path: str) -> int | None:
        node: int | None = ROOT
        for name in path[len(self._root) :].split("/")[1:]:
            node = None if node is None else self._folders.get(node, {}).get(name)
        return node

    def _get(self, path: str) -> int:
        node = self._find(path)
        if node is None:
            raise Unfollowed(f"{path} came about in a way that was not seen")
        return node

    def _place(self, path: str) -> tuple[int, str]:
        folder, _, name = path.rpartition("/")
        if not self._holds(folder):
            raise Unfollowed(f"{path} lies outside the watched folder {self._root}")
        return self._get(folder), name

    def _enter(self, path: str, *, is_folder: bool) -> Enter:
        folder, name = self._place(path)
        node = self._folders[folder][name] = next(self._numbers)
        if is_folder:
            self._folders[node] = {}
        return Enter(folder, name, node, is_folder)


def _refuse(call: Call) -> NoReturn:
    raise Unfollowed(f"{call.name}({', '.join(call.fields)}) on watched files is not followed")


_EVERYWHERE: Final = {"sync", "io_uring_setup"}

_FOLLOWED: Final[dict[str, Callable[[_Follower, Call], Iterator[Operation]]]] = {
    **dict.fromkeys(("open", "openat"), _Follower.open_file),
    **dict.fromkeys(("mkdir", "mkdirat"), _Follower.make_folder),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), _Follower.remove),
    **dict.fromkeys(("rename", "renameat", "renameat2"), _Follower.rename),
    **dict.fromkeys(("write", "pwrite64"), _Follower.write),
    **dict.fromkeys(("fsync", "fdatasync"), _Follower.sync),
    "ftruncate": _Follower.truncate,
    "close": _Follower.close,
    "fcntl": _Follower.duplicate,
    "lseek": _Follower.seek,
    "mmap": _Follower.map,
}
