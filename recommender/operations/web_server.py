"""The production web server: gunicorn, alone or supervised together with the indexer.

This module runs in the process that forks the web workers. It must import nothing heavy: nothing
may be forked after FAISS or torch was used. The application is only loaded in the workers.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from typing import Any, Final, NoReturn, Self

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger
from gunicorn.util import parse_address

from recommender.child_processes import PROGRAM_FOLDER, module_command
from recommender.counters import Counters
from recommender.errors import BadSettings, PartMissing
from recommender.logs import start_logging
from recommender.operations.console_process import ConsoleDoor, become_console
from recommender.operations.supervision import (
    Program,
    become_supervisor,
    die_with_parent,
    die_with_supervisor,
)
from recommender.setting_values import MOST_PORT, NO_LISTENER, check_index_driver
from recommender.settings import Settings, log_form

__all__ = [
    "WebOptions",
    "WebServer",
    "begin_worker",
    "check_addresses",
    "operators_address",
    "serve_all",
    "serve_web",
]


class GunicornLog(Logger):  # type: ignore[misc]
    """Gunicorn's own lines, in the form of all others."""

    def setup(self, cfg: Config) -> None:
        """Let the root logger write them; gunicorn calls this."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def begin_worker(master: int) -> None:
    """Prepare a process that was forked to answer requests, before it imports anything heavy."""
    die_with_parent(master)  # without it, it would hold the port
    # NumPy multiplies with a thread for each core, and they spin while they wait for each other: a
    # list with reasons took 142 ms of CPU instead of 67. It reads this when it is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


FIXED_SETTINGS: Final[Mapping[str, Any]] = {
    "worker_class": "recommender.operations.web_worker.WebWorker",
    "logger_class": GunicornLog,
    "threads": 8,
    "preload_app": False,
    "timeout": 30,
    "graceful_timeout": 10,
    "keepalive": 5,
    "limit_request_line": 8190,  # bytes, gunicorn's maximum; a list of ids to exclude is long
    "sendfile": False,  # it would wait for the client
    "secure_scheme_headers": {"X-FORWARDED-PROTO": "https"},  # of a trusted proxy only
    "forwarder_headers": "",  # SCRIPT_NAME and PATH_INFO are nobody's to set
    "control_socket_disable": True,
    "umask": 0o077,  # the store and the journal hold drafts and articles under embargo
    # Without its supervisor it would hold the port against the next one.
    "on_starting": lambda _server: die_with_supervisor(),
    "pre_fork": lambda server, worker: server.give_part(worker),
    "post_fork": lambda server, worker: server.begin(worker),
    "child_exit": lambda server, worker: server.forget(worker),
}
LOOPBACK: Final = "127.0.0.1"
BOOT_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.1
BACKLOG: Final = 2048
PORT_PATIENCE_SECONDS: Final = 5.0
"""How long a port may still belong to the server before."""
_ATTACH_FILTER: Final = 26  # socket(7): SO_ATTACH_FILTER
_DETACH_FILTER: Final = 27  # SO_DETACH_FILTER
_DROP_ALL: Final = struct.pack("HBBI", 0x06, 0, 0, 0)  # one BPF instruction: return 0 bytes


@dataclass(frozen=True, slots=True)
class WebOptions:
    """How the web server is run.

    Attributes:
        address: `host:port` for the public; port 0 takes any free one, and the log says which. Or
            `fd://N` for a socket that is inherited.
        workers: how many processes.
        operators: the same for probes and metrics; None for no such listener.
        proxies: addresses and networks of proxies whose `X-Forwarded-For` is believed.
        reader_pages: whether there are pages of whole stories, as in the demonstration.
        console_apart: whether one more process answers the console.
    """

    address: str
    workers: int
    operators: str | None = None
    proxies: tuple[str, ...] = ()
    reader_pages: bool = False
    console_apart: bool = True

    @classmethod
    def of(cls, settings: Settings, host: str, port: int, workers: int | None = None) -> Self:
        """The options of settings, for a host and a port; `workers` goes before the settings'.

        Raises:
            PartMissing: traces or a Milvus server are set, and their extra is not installed.
        """
        check_index_driver(settings.milvus)
        if settings.traces and not _can_send_traces():
            raise PartMissing(
                "READ_ALSO_TRACES needs an extra; unset it, or run in the checkout: "
                "pip install '.[traces]'"
            )
        return cls(
            address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            workers=workers or settings.workers,
            operators=operators_address(settings.operators_address, port),
            proxies=settings.trusted_proxies,
        )


def _can_send_traces() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp") is not None
    except ModuleNotFoundError:  # not even the package above it is there
        return False


def operators_address(text: str, public_port: int) -> str | None:
    """The address of the operators' listener; None for no such listener.

    By default it has the port after the public one, or any free one if that one may be any.
    """
    if text == NO_LISTENER:
        return None
    port = public_port + 1 if 0 < public_port < MOST_PORT else 0
    return text or f"{LOOPBACK}:{port}"


class Master(Arbiter):  # type: ignore[misc]
    """Gunicorn's master, which lets nobody fall between two servers.

    One of its workers is the console's process, if there is a door to it.
    """

    def __init__(self, server: "WebServer", door: ConsoleDoor | None) -> None:
        """Start nothing yet."""
        self._door = door
        self._renews_console = False
        super().__init__(server)

    def start(self) -> None:
        """Start. Inherited sockets may ignore new connections since their last master stopped."""
        super().start()
        for one in self.LISTENERS:
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - as gunicorn has it
        """Stop. Clients that connect from now on try again, so that no connection is reset.

        What has connected before is answered: each worker accepts it before it closes the socket.
        """
        if graceful:
            _drop_new_connections(self.LISTENERS)
        super().stop(graceful)

    def reload(self) -> None:
        """Replace all workers; the first of the new ones is the console's process."""
        self._renews_console = True
        super().reload()

    def give_part(self, worker: Any) -> None:  # noqa: ANN401 - gunicorn's
        """Say what a worker answers that is forked next."""
        if self._door is None:
            return
        if self._renews_console or not self._has_console():
            worker.sockets, self._renews_console = [self._door], False
        else:
            worker.door = self._door

    def begin(self, worker: Any) -> None:  # noqa: ANN401 - gunicorn's
        """In the new process: prepare it."""
        begin_worker(worker.ppid)
        if self._door in worker.sockets:
            worker.app.is_console = True
            become_console(worker, self.LISTENERS)

    def forget(self, worker: Any) -> None:  # noqa: ANN401 - gunicorn's
        """A worker has ended."""
        if self._door is not None:
            self._door.shut(worker.pid)

    def _has_console(self) -> bool:
        return any(self._door in worker.sockets for worker in self.WORKERS.values())

    def reap_workers(self) -> None:
        """Take note of workers that ended. One that cannot start stops the server only if all do.

        So a reload with broken code or settings changes nothing.

        Raises:
            HaltServer: a worker cannot start, and none serves.
        """
        try:
            super().reap_workers()
        except HaltServer:
            if not any(map(_has_booted, self.WORKERS.values())):
                raise
            self.log.error("a new worker does not start; the old ones serve on")  # noqa: TRY400
            if self._door is not None and not self._has_console():
                self._door.refuse_waiting()

    def manage_workers(self) -> None:
        """Start and end workers; old ones serve until the new ones do."""
        until = time.monotonic() + BOOT_SECONDS
        while len(self.WORKERS) > self.num_workers and time.monotonic() < until:
            if all(_has_booted(worker) for worker in self.WORKERS.values()):
                break
            self.reap_workers()
            time.sleep(LOOK_SECONDS)
        if self.WORKERS and self._door is not None and not self._has_console():
            self.spawn_worker()
        super().manage_workers()


def _has_booted(worker: Any) -> bool:  # noqa: ANN401 - gunicorn's
    """Whether a worker has given a sign of life. Before, its file has the time of day instead."""
    return bool(worker.tmp.last_update() <= time.monotonic())


def _drop_new_connections(listening: Iterable[socket.socket]) -> None:
    """Let the system ignore new connections. Clients try again after a second."""
    if not sys.platform.startswith("linux"):
        return
    program = ctypes.create_string_buffer(_DROP_ALL)
    attached = struct.pack("HL", 1, ctypes.addressof(program))
    for one in listening:
        one.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, attached)


class WebServer(BaseApplication):  # type: ignore[misc]
    """Gunicorn with our settings; it reads no configuration from the current folder.

    Attributes:
        counters: of the application and the worker, from `load` on.
        is_console: whether this process is the console's.
    """

    counters: Counters
    is_console = False

    def __init__(self, options: WebOptions) -> None:
        """Configure the server, but do not listen yet."""
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Apply the settings; gunicorn calls this."""
        options = self._options
        own = {
            "bind": [one for one in (options.address, options.operators) if one is not None],
            "workers": options.workers + options.console_apart,
            "forwarded_allow_ips": ",".join(options.proxies),
        }
        for name, value in {**FIXED_SETTINGS, **own}.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until a signal comes."""
        Master(self, ConsoleDoor() if self._options.console_apart else None).run()

    def load(self) -> object:
        """Make the application; gunicorn calls this in each worker.

        `service.py` is loaded by its path: wherever this is started, no other module of that name
        is served.
        """
        spec = spec_from_file_location("service", PROGRAM_FOLDER / "service.py")
        if spec is None or spec.loader is None:
            raise ImportError(f"{PROGRAM_FOLDER}/service.py cannot be loaded")
        service = module_from_spec(spec)
        sys.modules["service"] = service
        spec.loader.exec_module(service)
        # Each worker takes its part of the rate limits, so it has to know how many there are.
        settings = replace(Settings.from_environment(), workers=self._options.workers)
        self.counters = Counters(settings.data.counters)
        pages = self._options.reader_pages
        return service.create_app(
            settings, reader_pages=pages, counters=self.counters, is_console=self.is_console
        )


def check_addresses(options: WebOptions) -> None:
    """Check that the server can listen now, for a program that has much to do before it serves.

    Raises:
        BadSettings: as for `serve_all`.
    """
    for address in (options.address, options.operators):
        if address is not None:
            os.close(_listen(address))


def serve_all(options: WebOptions, environment: Mapping[str, str] | None = None) -> NoReturn:
    """Become the supervisor of the web server and the indexer.

    Args:
        options: of the web server.
        environment: of the processes; that of this one if None.

    Raises:
        BadSettings: another program listens at an address, or it is none of this machine.
    """
    sockets = [_listen(one) for one in (options.address, options.operators) if one is not None]
    addresses = [f"fd://{number}" for number in sockets]
    inheriting = replace(options, address=addresses[0], operators=next(iter(addresses[1:]), None))
    web = Program(
        "web",
        _server_command(inheriting),
        essential=True,
        renewal=signal.SIGHUP,
        sockets=sockets,
    )
    indexer = Program("indexer", module_command("recommender", "indexer"))
    become_supervisor([web, indexer], os.environ if environment is None else environment)


def _listen(address: str) -> int:
    """The number of a socket that listens, and that stays open in programs to come."""
    host, port = parse_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    until = time.monotonic() + PORT_PATIENCE_SECONDS
    while True:
        try:
            listening = socket.create_server(
                (host, port),
                family=family,
                backlog=BACKLOG,
                dualstack_ipv6=family == socket.AF_INET6 and socket.has_dualstack_ipv6(),
            )
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE or time.monotonic() > until:
                reason = os.strerror(fault.errno or 0)
                raise BadSettings(
                    f"cannot listen at {address}: {reason}; name another address"
                ) from fault
            time.sleep(LOOK_SECONDS)
        else:
            listening.set_inheritable(True)
            return listening.detach()


def serve_web(options: WebOptions) -> NoReturn:
    """Become the web server.

    The process is replaced, so that the workers fork from one that never used FAISS or torch.
    """
    command = _server_command(options)
    sys.stdout.flush()
    os.execve(command[0], command, dict(os.environ))  # noqa: S606 - no shell: our own arguments


def _server_command(options: WebOptions) -> list[str]:
    return module_command("recommender.operations.web_server", json.dumps(asdict(options)))


if __name__ == "__main__":
    start_logging("web", log_form())
    WebServer(WebOptions(**json.loads(sys.argv[1]))).run()
