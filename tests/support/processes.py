"""What a process holds: its memory and its open files, from /proc."""

from pathlib import Path

__all__ = ["anonymous_kilobytes", "open_files"]


def anonymous_kilobytes(process: int) -> int:
    """The memory that a process has for itself: `Anonymous` of smaps_rollup."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Anonymous:")))


def open_files(process: int) -> int:
    """How many files and sockets a process holds open."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))
