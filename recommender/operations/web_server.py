"""The production web server: gunicorn, alone or supervised together with the indexer.

This module runs in the process that forks the web workers. It must import nothing heavy: nothing
may be forked after FAISS or torch was used. The application is only loaded in the workers.
"""

import json
import os
import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, Final, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger

from recommender.child_processes import PROGRAM_FOLDER, module_command
from recommender.logs import start_logging
from recommender.operations.supervision import Program, become_supervisor, die_with_supervisor
from recommender.settings import log_form

__all__ = ["WebServer", "serve_all", "serve_web"]


class GunicornLog(Logger):  # type: ignore[misc]
    """Gunicorn's own lines, in the form of all others."""

    def setup(self, cfg: Config) -> None:
        """Let the root logger write them; gunicorn calls this."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


FIXED_SETTINGS: Final[Mapping[str, Any]] = {
    "worker_class": "gthread",
    "logger_class": GunicornLog,
    "threads": 8,
    "preload_app": False,
    "timeout": 30,
    "graceful_timeout": 10,
    "keepalive": 5,
    "limit_request_line": 8190,  # bytes, gunicorn's maximum; a list of ids to exclude is long
    "control_socket_disable": True,
    "umask": 0o077,  # the store and the journal hold drafts and articles under embargo
    # Without its supervisor it would hold the port against the next one.
    "on_starting": lambda _server: die_with_supervisor(),
}


class WebServer(BaseApplication):  # type: ignore[misc]
    """Gunicorn with our settings; it reads no configuration from the current folder."""

    def __init__(self, address: str, workers: int, *, reader_pages: bool = False) -> None:
        """Configure the server, but do not listen yet.

        Args:
            address: `host:port`.
            workers: how many processes.
            reader_pages: whether `/read/{id}` shows whole stories, as the demonstration does.
        """
        self._own_settings = {"bind": address, "workers": workers}
        self._reader_pages = reader_pages
        super().__init__()

    def load_config(self) -> None:
        """Apply the settings; gunicorn calls this."""
        for name, value in {**FIXED_SETTINGS, **self._own_settings}.items():
            self.cfg.set(name, value)

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
        return service.create_app(reader_pages=self._reader_pages)


def serve_all(
    host: str,
    port: int,
    workers: int,
    environment: Mapping[str, str] | None = None,
    *,
    reader_pages: bool = False,
) -> NoReturn:
    """Become the supervisor of the web server and the indexer.

    Args:
        host: the address to listen on.
        port: 0 takes any free one; the log says which.
        workers: how many processes.
        environment: of the processes; that of this one if None.
        reader_pages: see `WebServer`.
    """
    command = _server_command(host, port, workers, reader_pages=reader_pages)
    web = Program("web", command, essential=True)
    indexer = Program("indexer", module_command("recommender", "indexer"))
    become_supervisor([web, indexer], os.environ if environment is None else environment)


def serve_web(host: str, port: int, workers: int) -> NoReturn:
    """Become the web server; arguments as for `serve_all`.

    The process is replaced, so that the workers fork from one that never used FAISS or torch.
    """
    command = _server_command(host, port, workers)
    sys.stdout.flush()
    os.execve(command[0], command, dict(os.environ))  # noqa: S606 - no shell: our own arguments


def _server_command(host: str, port: int, workers: int, *, reader_pages: bool = False) -> list[str]:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = {"address": address, "workers": workers, "reader_pages": reader_pages}
    return module_command("recommender.operations.web_server", json.dumps(options))


if __name__ == "__main__":
    start_logging("web", log_form())
    WebServer(**json.loads(sys.argv[1])).run()
