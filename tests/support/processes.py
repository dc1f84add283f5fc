"""What processes hold: memory, open files, sockets; and which are whose. All from /proc."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = [
    "anonymous_kilobytes",
    "console_among",
    "descendants",
    "listening_addresses",
    "niceness",
    "open_files",
]

_LISTENS = "0A"
_ADDRESSES = {
    "0100007F": "127.0.0.1",
    "0000000000000000FFFF00000100007F": "127.0.0.1",
    "00000000000000000000000001000000": "::1",
}


def anonymous_kilobytes(process: int) -> int:
    """The memory that a process has for itself: `Anonymous` of smaps_rollup."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Anonymous:")))


def open_files(process: int) -> int:
    """How many files and sockets a process holds open."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def niceness(process: int) -> int:
    """How far a process yields to others."""
    return os.getpriority(os.PRIO_PROCESS, process)


def console_among(workers: Iterable[int]) -> int | None:
    """The one of a web server's workers that answers the console: it yields to all others."""
    by_niceness = dict[int, int]()
    for one in workers:
        with suppress(ProcessLookupError):
            by_niceness[niceness(one)] = one
    return by_niceness[max(by_niceness)] if len(by_niceness) > 1 else None


def descendants(process: int) -> dict[int, str]:
    """The processes that a process has started, and theirs: the command of each, by its number."""
    parents, commands = dict[int, int](), dict[int, str]()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            stat = (entry / "stat").read_text()
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
            commands[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ").strip()
    found = {process}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return {one: commands[one] for one in found - {process} if one in commands}


def listening_addresses(processes: Iterable[int]) -> set[str]:
    """The addresses of this machine at which some processes listen for TCP."""
    inodes = set[str]()
    for process in processes:
        with suppress(OSError):
            for one in Path(f"/proc/{process}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(str(one.readlink()).removeprefix("socket:[").removesuffix("]"))
    lines = (
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    )
    found = {
        line[1].partition(":")[0] for line in lines if line[3] == _LISTENS and line[9] in inodes
    }
    return {_ADDRESSES.get(one, one) for one in found}
