"""Connections to PostgreSQL whose calls end in time, also if the server is stopped.

The system of a stopped server (SIGSTOP, a paused virtual machine) still acknowledges what is sent.
So neither keepalives nor the time limits of the server itself end such a wait.
"""

import math
import select
import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
from psycopg.errors import ConnectionTimeout
from psycopg.waiting import Ready, Wait

__all__ = ["BoundedConnection", "Connector"]

REST_SECONDS: Final = 1.0
"""After a server did not answer, new connections are refused at once for this time."""
_Result = TypeVar("_Result")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed if the server does not answer a call in time.

    Attributes:
        answer_seconds: how long one call may take.
        connector: what opened it.
    """

    answer_seconds: float
    connector: "Connector"

    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **more: Any) -> _Result:  # noqa: ANN401 - psycopg's own
        """Run one call to the server; psycopg calls this for each.

        Raises:
            psycopg.OperationalError: the server did not answer in time.
        """
        if math.isinf(self.answer_seconds):
            return super().wait(gen, *args, **more)
        try:
            return _run(gen, self.pgconn.socket, self.answer_seconds)
        except _Silent:
            self.connector.rest()
            self.close()
            raise


class Connector:
    """Opens connections to one server; after a silence of the server it rests for a second."""

    def __init__(self, answer_seconds: float) -> None:
        """Open nothing yet.

        Args:
            answer_seconds: how long a call of a connection may take, unless it is changed there.
        """
        self._answer_seconds = answer_seconds
        self._rests_until = 0.0

    def connect(self, **parameters: Any) -> BoundedConnection:  # noqa: ANN401 - libpq's
        """Open a connection with parameters of libpq.

        Raises:
            psycopg.OperationalError: it cannot be opened, or the server was silent a moment ago.
        """
        if time.monotonic() < self._rests_until:
            raise _Silent("the server does not answer")
        try:
            connection = BoundedConnection.connect(**parameters)
        except ConnectionTimeout:
            self.rest()
            raise
        connection.answer_seconds, connection.connector = self._answer_seconds, self
        return connection

    def rest(self) -> None:
        """Open no connection for a second, since the server is silent."""
        self._rests_until = time.monotonic() + REST_SECONDS


class _Silent(psycopg.OperationalError):
    """The server did not answer in time."""


def _run(call: Generator[Wait, Ready, _Result], file: int, seconds: float) -> _Result:
    """Run a call of psycopg, which says what it waits for, on a socket.

    Raises:
        _Silent: the socket was not ready in time.
    """
    until = time.monotonic() + seconds
    try:
        wanted = next(call)
        while True:
            wanted = call.send(_await_socket(file, wanted, until - time.monotonic()))
    except StopIteration as end:
        result: _Result = end.value
        return result


def _await_socket(file: int, wanted: Wait, seconds: float) -> Ready:
    """Wait until a socket is as wanted; a fault of it counts as readable: reading it says more."""
    events = (select.POLLIN if wanted & Wait.R else 0) | (select.POLLOUT if wanted & Wait.W else 0)
    socket = select.poll()
    socket.register(file, events)
    found = socket.poll(max(0.0, seconds * 1_000))
    if not found:
        raise _Silent("the server did not answer in time")
    can_write = found[0][1] & select.POLLOUT
    can_read = found[0][1] & ~select.POLLOUT
    return Ready((Ready.R if can_read else 0) | (Ready.W if can_write else 0))
