"""What /proc tells: whose child a process is, in which session, and who holds a connection."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["children_of", "holder_of", "processes_of_session", "words_of"]

PROC: Final = Path("/proc")
_GONE: Final = (FileNotFoundError, ProcessLookupError, PermissionError)


def children_of(process: int) -> set[int]:
    """The children of a process; none of one that is gone."""
    try:
        text = (PROC / str(process) / "task" / str(process) / "children").read_text()
    except _GONE:
        return set()
    return set(map(int, text.split()))


def words_of(process: int) -> list[str]:
    """The command line of a process; none of one that is gone."""
    try:
        return (PROC / str(process) / "cmdline").read_text("utf-8", "replace").split("\0")
    except _GONE:
        return []


def processes_of_session(session: int) -> set[int]:
    """All living processes of a session, zombies left out."""
    numbers = (int(path.name) for path in PROC.iterdir() if path.name.isdigit())
    return {number for number in numbers if _session_of(number) == session}


def holder_of(server_port: int, client_port: int, among: Iterable[int]) -> int | None:
    """Which process holds the server's end of a connection on this machine."""
    inode = _inode_of(server_port, client_port)
    return next((process for process in among if inode in _sockets_of(process)), None)


def _session_of(process: int) -> int | None:
    try:
        stat = (PROC / str(process) / "stat").read_text()
    except _GONE:
        return None
    fields = stat.rpartition(")")[2].split()  # state, parent, group, session, ...
    return None if fields[0] in "ZX" else int(fields[3])


def _inode_of(server_port: int, client_port: int) -> str | None:
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        here, there = (int(end.rpartition(":")[2], 16) for end in fields[1:3])
        if (here, there) == (server_port, client_port):
            return fields[9]
    return None


def _sockets_of(process: int) -> set[str]:
    found = set()
    try:
        for path in (PROC / str(process) / "fd").iterdir():
            try:
                target = str(path.readlink())
            except _GONE:
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except _GONE:
        return set()
    return found
