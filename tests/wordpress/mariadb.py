"""A MariaDB server of the tests' own, on a socket in a temporary folder."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import until

__all__ = ["MariaDB", "ends"]

PATIENCE_SECONDS = 120
SMALL = (
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",  # the machine will not fail
    "--innodb-doublewrite=0",
    "--innodb-stats-persistent=OFF",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=8M",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
)


def ends(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads its own group, and all it started; nothing of theirs is kept."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_SECONDS)


@dataclass(frozen=True, slots=True)
class MariaDB:
    """A running server. It asks for no password: only its folder's owner reaches the socket."""

    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    @contextmanager
    def running(cls, program: Path) -> Iterator["MariaDB"]:
        """A server with no database in it; stopped and taken away at the end."""
        folder = Path(tempfile.mkdtemp(prefix="mariadb-", dir="/tmp"))  # sockets have short names
        try:
            server = cls(folder, _start(program, folder))
            try:
                process, socket = server.process, server.socket
                until(lambda: socket.exists() or process.poll() is not None, PATIENCE_SECONDS)
                if not socket.exists():
                    raise RuntimeError((folder / "log").read_text())
                yield server
            finally:
                ends(server.process)
        finally:
            shutil.rmtree(folder)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "socket"


def _start(program: Path, folder: Path) -> subprocess.Popen[bytes]:
    (folder / "data").mkdir()
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - a program of the system
            [
                *(program, "--no-defaults", f"--datadir={folder / 'data'}"),
                *(["--user=root"] if os.geteuid() == 0 else []),
                *("--skip-networking", f"--socket={folder / 'socket'}"),
                # Without tables of grants an empty folder will do, and nothing has to be installed.
                *("--skip-grant-tables", f"--pid-file={folder / 'pid'}", *SMALL),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )
