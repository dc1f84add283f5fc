"""Reads texts in several processes: a rebuild of many texts uses every core.

`Readers` is the parent's side. Each reader is a program of its own, started anew and never forked,
with a pipe to the parent. It ends when its pipe does, so no reader outlives its parent.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Final, Self

from recommender.analysis.analyzer import analyze
from recommender.analysis.crew import PartDone, Texts
from recommender.analysis.features import Features
from recommender.child_processes import module_command

__all__ = ["Readers", "count_readers", "serve"]

MOST_READERS: Final = 16  # one process feeds them and stores what they find
WORTH_A_READER: Final = 1_000  # texts; they take as long as two starts of a reader
_MODULE: Final = "recommender.analysis.readers"
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def count_readers(texts: int) -> int:
    """How many processes should read so many texts; 0 if this one should do it alone."""
    readers = min(len(os.sched_getaffinity(0)), MOST_READERS, texts // WORTH_A_READER)
    return readers if readers > 1 else 0


class Readers:
    """Some processes that read texts. Close it after use; it is a context manager."""

    def __init__(self, count: int, command: Sequence[str] | None = None) -> None:
        """Prepare; a process starts when there is something for it to read.

        Args:
            count: how many processes; 0 to read in this one.
            command: starts a reader, to which the number of its pipe is added.
        """
        self._count = count
        self._command = [*(command or module_command(_MODULE))]
        self._started: list[Reader] = []

    def read(self, parts: Iterable[Texts]) -> Iterator[PartDone[Features]]:
        """Read some texts after others; a part is taken when a reader is idle.

        Yields:
            Each part, in the order in which they are finished. A text that ends its reader when it
            is read alone has no features; all others have theirs.

        Raises:
            OSError: the machine starts no more processes.
        """
        if not self._count:
            yield from (PartDone(part.keys(), _analyze(part)) for part in parts)
            return
        waiting = iter(parts)
        busy: dict[Connection, Reader] = {}
        while True:
            while len(busy) < self._count and (part := next(waiting, None)) is not None:
                reader = self._take_idle(busy)
                reader.send(part)
                busy[reader.pipe] = reader
            if not busy:
                return
            ready = wait([*busy])
            for reader in [busy.pop(pipe) for pipe in [*busy] if pipe in ready]:
                yield PartDone(reader.texts.keys(), self._finish(reader))

    def close(self) -> None:
        """End all readers."""
        while self._started:
            self._started.pop().kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take_idle(self, busy: Mapping[Connection, "Reader"]) -> "Reader":
        idle = [reader for reader in self._started if reader.pipe not in busy]
        return idle[0] if idle else self._start()

    def _start(self) -> "Reader":
        reader = Reader.start(self._command)
        self._started.append(reader)
        return reader

    def _finish(self, reader: "Reader") -> dict[str, Features]:
        """The features of what a reader was given; if it died, its texts are read one by one."""
        found = reader.receive()
        if found is not None:
            return found
        self._drop(reader)
        return self._read_alone(reader.texts) if len(reader.texts) > 1 else {}

    def _read_alone(self, texts: Texts) -> dict[str, Features]:
        found: dict[str, Features] = {}
        reader = self._start()
        for key, article in texts.items():
            reader.send({key: article})
            alone = reader.receive()
            if alone is None:
                self._drop(reader)
                reader = self._start()
            found |= alone or {}
        return found

    def _drop(self, reader: "Reader") -> None:
        self._started.remove(reader)
        reader.kill()


class Reader:
    """One process that reads, and the pipe to it.

    Attributes:
        pipe: ready when the reader has answered, or has died.
        texts: what it was given last.
    """

    def __init__(self, process: subprocess.Popen[bytes], pipe: Connection) -> None:
        self._process = process
        self.pipe = pipe
        self.texts: Texts = {}

    @classmethod
    def start(cls, command: Sequence[str]) -> "Reader":
        """Start a process in a session of its own: ctrl-C is for the parent, which ends it."""
        ours, theirs = Pipe()
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program, and no shell
                [*command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | _ONE_THREAD,
                start_new_session=True,
            )
        finally:
            theirs.close()
        return cls(process, ours)

    def send(self, texts: Texts) -> None:
        """Give it texts to read; a reader that has died is noticed by `receive`."""
        self.texts = texts
        try:
            self.pipe.send(dict(texts))
        except OSError:
            return

    def receive(self) -> dict[str, Features] | None:
        """Wait for the features of the texts; None if the reader died."""
        try:
            found: dict[str, Features] = self.pipe.recv()
        except (EOFError, OSError):  # it may die in the middle of its answer
            return None
        return found

    def kill(self) -> None:
        """End the process and close the pipe."""
        self.pipe.close()
        self._process.kill()
        self._process.wait()


def serve(pipe: Connection) -> None:
    """Read what comes through a pipe until it is closed; this is all that a reader does."""
    while True:
        try:
            pipe.send(_analyze(pipe.recv()))
        except (EOFError, OSError):
            return


def _analyze(texts: Texts) -> dict[str, Features]:
    return {key: analyze(article) for key, article in texts.items()}


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
