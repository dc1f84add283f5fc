"""PHP on the command line. Most of a run's work is to start it and to compile WordPress."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.support.waiting import PATIENCE_SECONDS, until
from tests.wordpress.mariadb import ends
from tests.wordpress.web import QUICK

__all__ = ["CommandLine", "Said"]

HERE: Final = Path(__file__).parent / "php"
LONGEST_SECONDS: Final = 900
STATUS: Final = b"\x02"
"""Between what a run printed and its exit status."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a run printed, and its errors; whether it came to its end."""

    output: str
    errors: str
    is_whole: bool


@dataclass(slots=True)
class CommandLine:
    """Runs scripts for any number of sites, each in a fork of one process."""

    folder: Path
    """For what PHP has compiled, for the socket and the log."""
    _forks: subprocess.Popen[bytes] | None = field(default=None)

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Self]:
        """A folder for it; at the end all is stopped and taken away."""
        folder = Path(tempfile.mkdtemp(prefix="php-", dir="/tmp"))  # sockets have short names
        (folder / "compiled").mkdir()
        made = cls(folder)
        try:
            yield made
        finally:
            if made._forks is not None:
                ends(made._forks)
            shutil.rmtree(folder)

    def run(self, site: Path, script: str, given: str) -> Said:
        """Run a script.

        Args:
            site: the folder of the site.
            script: its file, among those of the tests.
            given: what it reads.
        """
        if self._forks is None:
            self._forks = self._start_forks()
        logged = self._log.stat().st_size
        with socket.socket(socket.AF_UNIX) as call:
            call.settimeout(LONGEST_SECONDS)
            call.connect(str(self._socket))
            call.sendall(f"{site}\n{script}\n{given}".encode())
            call.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: call.recv(1 << 16), b""))
        output, _, status = said.rpartition(STATUS)
        errors = self._log.read_bytes()[logged:].decode("utf-8", "replace")
        return Said(output.decode("utf-8", "replace"), errors, status == b"0")

    def run_without(self, function: str, site: Path, script: str, given: str) -> Said:
        """Run a script where a function of PHP's own is missing: in a process of its own."""
        done = subprocess.run(  # noqa: S603 - a program of the system, words of our own
            [*self._command(f"disable_functions={function}"), HERE / script],
            env={"PATH": "/usr/bin:/bin", "SITE": str(site)},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
        return Said(done.stdout, done.stderr, done.returncode == 0)

    def _start_forks(self) -> subprocess.Popen[bytes]:
        # A fork began, for PHP, when its parent did: only with 0 it looks whether a file changed.
        command = [*self._command("opcache.revalidate_freq=0"), HERE / "forks.php"]
        with self._log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - a program of the system
                command,
                env={"PATH": "/usr/bin:/bin", "FORKS": str(self._socket)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(lambda: self._socket.exists() or process.poll() is not None, PATIENCE_SECONDS)
        if not self._socket.exists():
            raise RuntimeError(self._log.read_text())
        return process

    def _command(self, setting: str) -> Sequence[str | Path]:
        kept = f"opcache.file_cache={self.folder / 'compiled'}"
        settings = ("-d", setting, "-d", kept, "-d", "display_errors=stderr")
        return ["/usr/bin/php", *QUICK, *settings]

    @property
    def _socket(self) -> Path:
        return self.folder / "forks"

    @property
    def _log(self) -> Path:
        return self.folder / "log"
