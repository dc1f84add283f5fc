"""A server of milvus-lite as a process of its own, that may be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from tests.support.waiting import free_port, until

__all__ = ["MilvusServer"]

PROGRAM: Final = Path(sys.executable).with_name("milvus-lite")


class MilvusServer:
    """The server, on a free port of the loopback address; its data stay where they are."""

    def __init__(self, folder: Path) -> None:
        """Start nothing yet; the data lie in a folder."""
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        place = ("--data-dir", str(self._folder / "data"), "--host", "127.0.0.1")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of ours
                [str(PROGRAM), "server", *place, "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if not until(self._answers):
            said = (self._folder / "log").read_text("utf-8", "replace")[-2_000:]
            raise RuntimeError(f"milvus-lite does not start: {said}")

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def processes(self) -> list[int]:
        """The process that answers, if it was started."""
        return [] if self._process is None else [self._process.pid]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it hang while the block runs: it takes connections, and answers nothing."""
        if self._process is None:
            raise RuntimeError("it does not run")
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
