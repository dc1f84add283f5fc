"""The web worker: gunicorn's threads, of which none waits for a client.

One loop receives requests, sends answers and closes connections, all with deadlines. A request gets
a thread when its header and the first part of its body are there. The parser, the threads and the
signals are gunicorn's.
"""

import errno
import math
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Final

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

from recommender.bell import until_idle_look
from recommender.operations.console_process import ConsoleDoor, HandedSocket
from recommender.operations.supervision import outlive_parent, supervisor_lives
from recommender.operations.web_connection import (
    LEAST_BYTES_PER_SECOND,
    RECEIVING_SECONDS,
    REFUSALS,
    Arrival,
    BufferedSocket,
    Connection,
    Listener,
    refusing_answer,
)
from recommender.request_origin import (
    CONSOLE_AWAY,
    LISTENER,
    OPERATORS,
    PUBLIC,
    STOPPING,
    client_address,
    is_of_console,
    is_served,
)

__all__ = ["MOST_REQUESTS", "WebWorker"]

OPERATORS_THREADS: Final = 2
BODY_WAITS: Final = 3
"""How many of the eight threads may wait for large bodies."""
MOST_WAITING: Final = 512
"""Connections of a listener that wait for a client; above, the one that waits longest is closed."""
MOST_REQUESTS: Final = 128
"""Requests of a listener that are answered or wait for a thread; above, the answer is 503."""
LINGER_SECONDS: Final = 2.0
"""After an answer that ends its connection, and for connections of a worker that stops."""
ORPHAN_SECONDS: Final = 10.0
"""How long a worker serves after its master was killed; the next one needs a few seconds."""
SWEEP_SECONDS: Final = 0.5
RECEIVED_AT_ONCE: Final = 64 * 2**10
_NO_FILES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_TOO_SLOW: Final = (HTTPStatus.REQUEST_TIMEOUT, "the request did not come in time; send it again")
_OVERLOADED: Final = (HTTPStatus.SERVICE_UNAVAILABLE, "too many requests wait; try again")
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """A worker with a listener for the public and, if there is a second socket, for operators.

    Attributes:
        door: to the console's process; None if there is none, so that this worker answers all. In
            that process itself the door is the only socket.
    """

    alive: bool
    door: ConsoleDoor | None = None
    wsgi: Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

    def init_process(self) -> None:
        """Make the listeners; gunicorn calls this in the new process."""
        self._swept_at = 0.0
        self._orphaned_at = math.inf
        self._permits = threading.BoundedSemaphore(BODY_WAITS)
        names = (PUBLIC, self.cfg.threads), (OPERATORS, OPERATORS_THREADS)
        self._listeners = {
            name: Listener(name, one, ThreadPoolExecutor(threads, name))
            for one, (name, threads) in zip(self.sockets, names, strict=False)
        }
        super().init_process()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """The threads for the public; gunicorn asks."""
        return self._listeners[PUBLIC].threads

    def load_wsgi(self) -> None:
        """Load the application; it is told whose each request is."""
        super().load_wsgi()
        application = self.wsgi

        def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            listener = environ[LISTENER] = environ["gunicorn.socket"].listener
            if not is_served(listener, environ["PATH_INFO"]):
                start_response("404 Not Found", [("Content-Length", "0")])
                return ()
            environ[STOPPING] = self._is_stopping
            if self.door and self.alive and is_of_console(environ["PATH_INFO"]):
                environ[CONSOLE_AWAY] = True
            environ["REMOTE_ADDR"] = client_address(
                environ["REMOTE_ADDR"],
                environ.get("HTTP_X_FORWARDED_FOR", ""),
                self.cfg.forwarded_allow_ips,
            )
            return application(environ, start_response)

        self.wsgi = answer

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM: stop after what was begun; at once if nothing can have begun."""
        if not self.booted:
            os._exit(0)
        super().handle_exit(sig, frame)

    def run(self) -> None:
        """Serve until a signal comes or the master is gone; then finish what was begun."""
        if self.inherits_sockets:
            outlive_parent()
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        self.set_accept_enabled(enabled=True)
        for door in self._doors():
            door.begin()
        while self.alive:
            self._handle_events()
            self.alive = self.alive and self._may_serve()
        self._finish()

    @property
    def inherits_sockets(self) -> bool:
        """Whether the sockets are the supervisor's: those of the next master too."""
        return isinstance(self.cfg.address[0], int)

    def accept(self, listening: Any) -> bool:  # noqa: ANN401 - gunicorn's wrapper of a socket
        """Accept a connection; whether there was one."""
        listener = next(one for one in self._listeners.values() if one.socket is listening)
        try:
            client, address = listening.accept()
        except OSError as fault:
            if fault.errno in _NO_FILES and (oldest := listener.oldest()) is not None:
                self._drop(oldest, "no_files")
            return False
        if len(listener.waiting) >= MOST_WAITING and (oldest := listener.oldest()) is not None:
            self.log.warning("a connection is closed for a new one: too many clients are slow")
            self._drop(oldest, "full")
        handed = client.received if isinstance(client, HandedSocket) else b""
        buffered = BufferedSocket(client, listener.name)
        connection = Connection(self.cfg, buffered, address, listening.getsockname())
        self._await(connection, selectors.EVENT_READ, self._receive, RECEIVING_SECONDS)
        connection.received += handed
        # Most often the request has come already.
        (self._take if handed else self._receive)(connection)
        return True

    def enqueue_req(self, conn: Connection) -> None:
        """Answer a request in a thread."""
        listener = self._listener_of(conn)
        listener.requests += 1
        conn.open_reader(self._permits, self._is_stopping)
        future = listener.threads.submit(self.handle, conn)
        future.add_done_callback(
            lambda done: self.method_queue.defer(self.finish_request, conn, done)
        )

    def handle_request(self, req: object, conn: Connection) -> bool:
        """In the thread: answer a request whose header was read."""
        if conn.reader is not None:
            conn.reader.begin_body()
        answered: bool = super().handle_request(req, conn)
        return answered

    def handle_error(self, req: object, client: BufferedSocket, addr: object, exc: object) -> None:
        """In the thread: answer what the parser refuses, or an error of the application."""
        if req is None and isinstance(exc, ParseException):
            too_long = isinstance(exc, LimitRequestLine | LimitRequestHeaders)
            self._count(client.listener, "too_long" if too_long else "unreadable")
        super().handle_error(req, client, addr, exc)

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """In the loop: send what the client has not taken yet of the answer."""
        self._listener_of(conn).requests -= 1
        if conn.reader is not None:
            conn.reader.end_body()
        conn.stays = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        self._send(conn)

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:  # noqa: FBT001
        """In the thread: whether another request may follow; no rest of a body is waited for."""
        if conn.reader is not None:
            conn.reader.end_body()
        return keepalive and bool(conn.parser.finish_body(max_bytes=RECEIVED_AT_ONCE))

    # --- the loop ---

    def _handle_events(self) -> None:
        self.notify()
        is_idle = self.alive and not any(one.waiting for one in self._listeners.values())
        self.wait_for_and_dispatch_events(timeout=until_idle_look() if is_idle else SWEEP_SECONDS)
        now = time.monotonic()
        if now - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = now
        for connection in self._waiting():
            if connection.deadline <= now and connection.give_up is not None:
                connection.give_up(connection)

    def _may_serve(self) -> bool:
        """Whether the master lives, or the next one starts and may not serve yet."""
        if os.getppid() == self.ppid:
            return True
        now = time.monotonic()
        self._orphaned_at = min(self._orphaned_at, now)
        waits = now - self._orphaned_at < ORPHAN_SECONDS
        return waits and self.inherits_sockets and supervisor_lives()

    def _finish(self) -> None:
        """Answer what has come, also to connections that were not accepted yet; then end.

        The sockets are closed before that, so that the next server can listen there.
        """
        for door in self._doors():
            door.shut(os.getpid())
        for one in self.sockets:
            while self.accept(one):
                pass
        self.set_accept_enabled(enabled=False)
        for one in self.sockets:
            one.close()
        now = time.monotonic()
        until = now + self.cfg.graceful_timeout
        for connection in self._waiting():
            connection.deadline = min(connection.deadline, now + LINGER_SECONDS)
        while self._has_work() and time.monotonic() < until:
            self._handle_events()
        for listener in self._listeners.values():
            listener.threads.shutdown(wait=False)

    def _has_work(self) -> bool:
        return any(one.requests or one.waiting for one in self._listeners.values())

    def _waiting(self) -> list[Connection]:
        return [one for listener in self._listeners.values() for one in listener.waiting]

    def _doors(self) -> list[ConsoleDoor]:
        """The door, if this is the console's process."""
        return [one for one in self.sockets if isinstance(one, ConsoleDoor)]

    def _is_stopping(self) -> bool:
        return not self.alive

    def _listener_of(self, connection: Connection) -> Listener:
        return self._listeners[connection.sock.listener]

    # --- one connection: receive, answer in a thread, send, and receive again or close ---

    def _receive(self, connection: Connection) -> None:
        if data := self._read(connection):
            connection.received += data
            self._take(connection)

    def _read(self, connection: Connection) -> bytes:
        """What a client has sent; nothing yet is empty, and at its end the connection is closed."""
        try:
            data = connection.sock.recv(RECEIVED_AT_ONCE)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._close(connection)
        return data

    def _take(self, connection: Connection) -> None:
        """Answer the request that was received, if enough of it is there."""
        is_new = not connection.enough
        arrival = connection.arrival()
        if arrival is Arrival.ENOUGH:
            self._forget(connection)
            if self._hand_on(connection):
                pass
            elif self._listener_of(connection).requests < MOST_REQUESTS:
                self.enqueue_req(connection)
            else:
                self.log.warning("a request is refused: too many wait for a thread")
                self._refuse(connection, "overloaded", *_OVERLOADED)
        elif arrival in REFUSALS:
            self._refuse(connection, arrival.name.lower(), *REFUSALS[arrival])
        elif arrival is Arrival.BODY and is_new:
            self._await(connection, selectors.EVENT_READ, self._receive, RECEIVING_SECONDS)

    def _hand_on(self, connection: Connection) -> bool:
        """Hand a request for the console on; whether that is done."""
        door = self.door if connection.sock.listener == PUBLIC else None
        return door is not None and door.take(connection.sock, connection.received)

    def _refuse(self, connection: Connection, why: str, status: HTTPStatus, detail: str) -> None:
        self._count(connection.sock.listener, why)
        connection.stays = False
        try:
            connection.sock.sendall(refusing_answer(status, detail))
        except OSError:
            self._close(connection)
        else:
            self._send(connection)

    def _send(self, connection: Connection) -> None:
        try:
            is_sent = connection.sock.flush()
        except OSError:
            self._close(connection)
            return
        if is_sent:
            self._go_on(connection)
        elif connection.give_up != self._leave_unread:
            seconds = RECEIVING_SECONDS + len(connection.sock.unsent) / LEAST_BYTES_PER_SECOND
            self._await(connection, selectors.EVENT_WRITE, self._send, seconds, self._leave_unread)
            while (hoarder := self._listener_of(connection).hoarder()) is not None:
                self._leave_unread(hoarder)

    def _go_on(self, connection: Connection) -> None:
        """After an answer: wait for the next request, or close."""
        self._forget(connection)
        if connection.stays:
            connection.take_rest()
            seconds = float(self.cfg.keepalive)
            self._await(connection, selectors.EVENT_READ, self._receive, seconds)
            self._take(connection)
            return
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
        else:
            self._await(connection, selectors.EVENT_READ, self._skip, LINGER_SECONDS, self._close)

    def _skip(self, connection: Connection) -> None:
        """Read and forget what still comes: a reset would take the answer from the client."""
        self._read(connection)

    def _expire(self, connection: Connection) -> None:
        """Give up a request that does not come."""
        if connection.received:
            self.log.warning("a request did not come in time; its connection is closed")
            slow = "slow_body" if connection.enough else "slow_header"
            self._refuse(connection, slow if self.alive else "stopping", *_TOO_SLOW)
        elif connection.reader is None:
            self._drop(connection, "silent" if self.alive else "stopping")
        else:  # after an answer no request need follow
            self._close(connection)

    def _leave_unread(self, connection: Connection) -> None:
        """Give up an answer that its client does not read."""
        self._drop(connection, "slow_reader" if self.alive else "stopping")

    def _await(
        self,
        connection: Connection,
        event: int,
        go_on: Callable[[Connection], None],
        seconds: float,
        give_up: Callable[[Connection], None] | None = None,
    ) -> None:
        """Go on with a connection at an event; give it up after some seconds."""
        self._forget(connection)
        if not self.alive:
            seconds = min(seconds, LINGER_SECONDS)
        connection.deadline = time.monotonic() + seconds
        connection.give_up = give_up or self._expire
        self._listener_of(connection).waiting[connection] = None
        self.poller.register(connection.sock, event, lambda _: go_on(connection))

    def _forget(self, connection: Connection) -> None:
        """Wait for nothing more of a connection."""
        connection.give_up = None
        waiting = self._listener_of(connection).waiting
        if connection in waiting:
            del waiting[connection]
            self.poller.unregister(connection.sock)

    def _drop(self, connection: Connection, why: str) -> None:
        """Close a connection to the loss of its client."""
        self._count(connection.sock.listener, why)
        self._close(connection)

    def _count(self, listener: str, why: str) -> None:
        """Count a refusal; docs/watching.md says what each `why` means."""
        self.app.counters.connections_refused.labels(listener, why).inc()

    def _close(self, connection: Connection) -> None:
        self._forget(connection)
        connection.sock.close()
