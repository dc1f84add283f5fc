"""Whether the data folder takes what is written, and how much of its disk is left."""

import errno
import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recommender.api import FolderState
from recommender.logs import RepeatedFault

__all__ = ["DiskRoom", "FolderHealth", "measure_disk"]

ROOM_BYTES: Final = 1 << 20
"""The folder counts as full if a file of this size does not fit."""
LOOK_SECONDS: Final = 2.0
_STATES: Final[dict[int, FolderState]] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",  # a limit on the sizes of files (RLIMIT_FSIZE)
    errno.EROFS: "read-only",
    errno.EACCES: "read-only",
    errno.EPERM: "read-only",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """How much a disk has for this process, as `df` counts it; all 0 if that cannot be told.

    Attributes:
        free_bytes: what this process may still write.
        size_bytes: that and what is in use: not what is kept for root, or above a quota, which
            is never free to it. A share of the bare size would call a disk full too early.
    """

    free_bytes: int = 0
    size_bytes: int = 0

    @property
    def free_share(self) -> float:
        """From 0 to 1; 1 of an unknown disk."""
        return self.free_bytes / self.size_bytes if self.size_bytes else 1.0


def measure_disk(folder: Path) -> DiskRoom:
    """Ask how much room the disk of a folder has."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return DiskRoom()
    used = found.f_blocks - found.f_bfree
    return DiskRoom(found.f_bavail * found.f_frsize, (used + found.f_bavail) * found.f_frsize)


class FolderHealth:
    """Looks at the data folder when somebody asks, at most every two seconds."""

    def __init__(self, folder: Path) -> None:
        """Look at nothing yet."""
        self._folder = folder
        self._state: FolderState = "ok"
        self._look_at = 0.0
        self._lock = threading.Lock()
        self._fault = RepeatedFault(_log, f"the data folder {folder} takes no new files")

    def look(self) -> FolderState:
        """Try to write a small file, unless somebody has done so just before."""
        with self._lock:
            if time.monotonic() >= self._look_at:
                self._state = self._try()
                self._look_at = time.monotonic() + LOOK_SECONDS
            return self._state

    def _try(self) -> FolderState:
        try:
            _make_room(self._folder / f".room-{os.getpid()}")
        except OSError as fault:
            self._fault.note(fault)
            return _STATES.get(fault.errno or 0, "failing")
        self._fault.clear()
        return "ok"


def _make_room(path: Path) -> None:
    """Reserve some bytes for a file without a name, and give them back.

    Raises:
        OSError: the folder cannot be written, or has too little room.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        path.unlink()
        os.posix_fallocate(file, 0, ROOM_BYTES)
    finally:
        os.close(file)
