"""Locks of the store's SQLite file that another process holds.

In WAL mode `BEGIN EXCLUSIVE` keeps out writers only, and `locking_mode=EXCLUSIVE` is refused while
anybody else is connected. To keep out readers too, as a broken backup tool may, the lock bytes of
the `-shm` file and the pending byte of the database are locked as SQLite itself would.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

__all__ = ["everybody_locked_out", "writers_locked_out"]

_WRITERS: Final = """
import sys
import pysqlite3
connection = pysqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""
_EVERYBODY: Final = """
import fcntl
import sys
index, database = open(sys.argv[1] + "-shm", "r+b"), open(sys.argv[1], "r+b")
fcntl.lockf(index, fcntl.LOCK_EX, 8, 120)
fcntl.lockf(database, fcntl.LOCK_EX, 1, 0x40000000)
print("locked", flush=True)
sys.stdin.read()
"""


def writers_locked_out(store: Path) -> AbstractContextManager[None]:
    """Another process is in the middle of `BEGIN EXCLUSIVE` while the block runs."""
    return _locked(_WRITERS, store)


def everybody_locked_out(store: Path) -> AbstractContextManager[None]:
    """Nobody can begin a transaction, or connect, while the block runs."""
    return _locked(_EVERYBODY, store)


@contextmanager
def _locked(program: str, store: Path) -> Iterator[None]:
    holder = subprocess.Popen(  # noqa: S603 - a program of our own
        [sys.executable, "-c", program, str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        if holder.stdout is None or holder.stdout.readline() != b"locked\n":
            raise RuntimeError("the store could not be locked")
        yield
    finally:
        holder.kill()
        holder.communicate()
