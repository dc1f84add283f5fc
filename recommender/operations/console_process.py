"""The console in a process of its own: one more worker of the web server, which editors may busy.

The other workers accept all connections, since there is one address only. They hand each that asks
for a page of the console on to this process, as it is: the open socket, and what was read from it.
So the console answers its clients itself, and a busy one costs readers no thread and no lock.

The door between them has no name in any folder: nobody else can come in.
"""

import mmap
import os
import socket
import struct
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from recommender.logs import rename_process
from recommender.operations.web_connection import refusing_answer
from recommender.request_origin import is_of_console
from recommender.settings import log_form

__all__ = ["ConsoleDoor", "HandedSocket", "become_console"]

NICENESS: Final = 10
"""Beside readers it gets a tenth of a core at least. SCHED_IDLE would let them starve it.

It counts for threads: those that answer have it; the one that follows the archive has not, as
somebody may wait until every worker shows a write.
"""
MOST_BYTES: Final = 2**20
"""Of a request that may have been read before it is handed on."""
LONGEST_TARGET: Final = 4_096
_AWAY: Final = (HTTPStatus.SERVICE_UNAVAILABLE, "the console does not start; the log says why")
_NUMBER: Final = struct.Struct("q")


class HandedSocket(socket.socket):
    """A client's socket that another process has accepted.

    Attributes:
        received: what that one has read from it.
    """

    received: bytes


class ConsoleDoor:
    """Through it web workers hand connections on to the console's process.

    It is made before they are forked. What waits in it when the process ends is answered by the
    next one.
    """

    def __init__(self) -> None:
        """Make a closed door."""
        self._inside, self._outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for one in (self._inside, self._outside):
            one.settimeout(0)
        self._process = mmap.mmap(-1, _NUMBER.size)  # shared with all that are forked

    # --- for web workers ---

    @property
    def is_open(self) -> bool:
        """Whether the console's process answers."""
        return self._answerer() != 0

    def take(self, client: socket.socket, received: bytes | bytearray) -> bool:
        """Hand a connection on, and close it here; False if it is no matter of the console.

        Args:
            client: its socket.
            received: what was read from it: a request, from its first byte.
        """
        if not (_asks_for_console(received) and self.is_open):
            return False
        try:
            _send(self._outside, client, received)
        except OSError:  # too many wait
            return False
        client.close()
        return True

    def refuse_waiting(self) -> None:
        """Refuse what waits in it: no process comes to answer."""
        while True:
            try:
                client, _ = self.accept()
            except OSError:
                return
            with client, suppress(OSError):
                client.sendall(refusing_answer(*_AWAY))

    # --- for the console's process, to which it is the listening socket ---

    def begin(self) -> None:
        """Open it; this thread, and those that it starts, yield to the other processes."""
        with suppress(OSError):  # a system that forbids it lets the console compete
            os.nice(NICENESS)
        self.open()

    def open(self) -> None:
        """Say that this process answers now."""
        self._process[:] = _NUMBER.pack(os.getpid())

    def shut(self, process: int) -> None:
        """Say that a process answers no longer, unless another one does by now."""
        if self._answerer() == process:
            self._process[:] = _NUMBER.pack(0)

    def accept(self) -> tuple[HandedSocket, Any]:
        """A connection that was handed on, and the address of its client.

        Raises:
            OSError: there is none now.
        """
        while True:
            client = _receive(self._inside)
            if client is None:  # this process has no number left for it
                continue
            try:
                return client, client.getpeername()
            except OSError:  # it has left
                client.close()

    def fileno(self) -> int:
        """The number to wait for."""
        return self._inside.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - as sockets have it
        """Let `accept` wait, or not."""
        self._inside.setblocking(flag)

    def getsockname(self) -> str:
        """No name."""
        return ""

    def close(self) -> None:
        """Close it in this process."""
        self._inside.close()
        self._outside.close()

    def _answerer(self) -> int:
        number: int = _NUMBER.unpack(self._process[:])[0]
        return number


def become_console(worker: Any, listening: Any) -> None:  # noqa: ANN401 - gunicorn's
    """Make a worker that was forked just now the console's: it leaves the ports to the others.

    Each of its answers ends the connection: what the client asks next may be no matter of it.
    """
    rename_process("console", log_form())
    worker.cfg.set("keepalive", 0)
    for one in listening:
        one.close()


def _send(door: socket.socket, client: socket.socket, received: bytes | bytearray) -> None:
    """Send a connection and, in a file in memory, what was read: many large ones may wait so.

    Raises:
        OSError: too many wait.
    """
    memory = os.memfd_create("request")
    try:
        os.pwrite(memory, received, 0)
        socket.send_fds(door, [b"."], [client.fileno(), memory])
    finally:
        os.close(memory)


def _receive(door: socket.socket) -> HandedSocket | None:
    """A connection that was sent, with what was read from it; None if it could not be taken.

    Raises:
        OSError: there is none now.
    """
    _, numbers, _, _ = socket.recv_fds(door, 1, 2)
    if len(numbers) < 2:  # noqa: PLR2004 - the client's and the file's
        for number in numbers:
            os.close(number)
        return None
    number, memory = numbers
    os.set_inheritable(number, False)  # noqa: FBT003 - it takes no name
    client = HandedSocket(fileno=number)
    try:
        client.received = os.pread(memory, MOST_BYTES, 0)
    finally:
        os.close(memory)
    return client


def _asks_for_console(received: bytes | bytearray) -> bool:
    """Whether a request is for the console, by the path that the application will see."""
    target = bytes(received[:LONGEST_TARGET]).partition(b" ")[2].partition(b" ")[0]
    path = target.partition(b"?")[0]
    if not path.startswith(b"/"):  # a whole address, as proxies may send it
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    return is_of_console(unquote(path, "latin-1"))
