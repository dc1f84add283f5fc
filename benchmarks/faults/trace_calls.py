"""Runs a program under strace and reads its system calls on files, with the bytes written."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["TEXT", "Call", "Handle", "TraceFault", "Unfollowed", "run_traced", "why_untraceable"]

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
