"""Heartbeats: each web worker of a machine writes up to which change it shows the archive."""

import fcntl
import os
import secrets
from pathlib import Path

__all__ = ["Heartbeats"]

_WIDTH = 20  # digits of a change number


class Heartbeats:
    """The heartbeats of a folder: one small file per worker.

    Each worker holds a lock on its file, so a file without a lock belongs to a dead worker.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._path: Path | None = None
        self._written: int | None = None

    def write(self, change: int) -> None:
        """Write that this worker shows every change up to a number.

        Raises:
            OSError: the folder cannot be written; the next call tries again.
        """
        if self._file is None:
            self._file = self._open(change)
        elif change != self._written:
            _write(self._file, change)
        self._written = change

    def read(self) -> list[int]:
        """The change up to which each living worker shows all; files of dead ones are removed."""
        if not self._folder.is_dir():
            return []
        files = [path for path in self._folder.iterdir() if not path.name.startswith(".")]
        return [change for change in map(self._read_file, files) if change is not None]

    def close(self) -> None:
        """Remove the heartbeat of this worker."""
        if self._file is not None and self._path is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = self._written = None

    def _open(self, change: int) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        # The file is locked before others can see it: without a lock it would be removed.
        aside, self._path = self._folder / f".{name}", self._folder / name
        file = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            _write(file, change)
            aside.rename(self._path)
        except OSError:
            os.close(file)
            aside.unlink(missing_ok=True)
            raise
        return file

    def _read_file(self, path: Path) -> int | None:
        """The change of a living worker; None if it is dead, or is just starting or ending."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            text = os.pread(file, _WIDTH, 0)
            if self._is_locked(file):
                return int(text or b"0")
            path.unlink(missing_ok=True)
            return None
        finally:
            os.close(file)

    @staticmethod
    def _is_locked(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _write(file: int, change: int) -> None:
    os.pwrite(file, f"{change:0{_WIDTH}d}".encode(), 0)
