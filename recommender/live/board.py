"""Where each web worker of this machine writes up to which change it shows."""

import fcntl
import os
import secrets
from pathlib import Path

__all__ = ["Board"]

_WIDTH = 20


class Board:
    """One small file a worker; the lock on it tells that the worker lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._path: Path | None = None

    def post(self, number: int) -> None:
        """Say that this worker shows every change up to a number."""
        if self._file is None:
            self._file = self._open()
        os.pwrite(self._file, f"{number:0{_WIDTH}d}".encode(), 0)

    def positions(self) -> list[int]:
        """Up to which change each living worker shows; those that died are forgotten."""
        if not self._folder.is_dir():
            return []
        posted = [path for path in self._folder.iterdir() if not path.name.startswith(".")]
        return [at for at in map(self._read, posted) if at is not None]

    def close(self) -> None:
        """Leave the board."""
        if self._file is not None and self._path is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        # Locked before it can be seen: without its lock a worker is taken for dead.
        aside, self._path = self._folder / f".{name}", self._folder / name
        file = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        aside.rename(self._path)
        return file

    def _read(self, path: Path) -> int | None:
        """A living worker's number; None of one that died, or just came or left."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            text = os.pread(file, _WIDTH, 0)
            if self._lives(file):
                return int(text or b"0")
            path.unlink(missing_ok=True)
            return None
        finally:
            os.close(file)

    @staticmethod
    def _lives(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
