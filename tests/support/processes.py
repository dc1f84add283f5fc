"""What a process holds: its memory and its open files, from /proc."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["anonymous_kilobytes", "console_among", "niceness", "open_files"]


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
