"""Where files cost no disk: what a killed process has written survives there as well."""

from pathlib import Path
from typing import Final

__all__ = ["memory_folder"]

_SHARED: Final = Path("/dev/shm")  # noqa: S108 - callers make a folder of random name below it


def memory_folder() -> Path | None:
    """The system's file system in memory; None, which means the usual place, where it has none."""
    return _SHARED if _SHARED.is_dir() else None
