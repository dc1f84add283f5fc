"""The production server: gunicorn for the web workers, alone or supervised with the indexer."""

import os
import sys
from collections.abc import Mapping
from typing import Final, NoReturn

from recommender.operations.supervision import Program, become_supervisor

__all__ = ["APPLICATION", "DEMONSTRATION", "serve_all", "serve_web"]

APPLICATION: Final = "service:create_app()"
DEMONSTRATION: Final = "service:create_app(reader_pages=True)"


def serve_all(
    host: str,
    port: int,
    workers: int,
    environment: Mapping[str, str] | None = None,
    application: str = APPLICATION,
) -> NoReturn:
    """Become the supervisor of web workers and the indexer; arguments as for `serve_web`."""
    web = Program("web", _web_command(host, port, workers, application), essential=True)
    indexer = Program("indexer", [sys.executable, "-m", "recommender", "indexer"])
    become_supervisor([web, indexer], os.environ if environment is None else environment)


def serve_web(host: str, port: int, workers: int) -> NoReturn:
    """Become the server, so that workers fork from a process that never touched FAISS or torch.

    Args:
        host: the address to listen on.
        port: 0 takes any free one; the log says which.
        workers: how many processes.
    """
    command = _web_command(host, port, workers, APPLICATION)
    sys.stdout.flush()
    os.execve(command[0], command, dict(os.environ))  # noqa: S606 - no shell: our own arguments


def _web_command(host: str, port: int, workers: int, application: str) -> list[str]:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "python:recommender.operations.gunicorn_settings",
    ]
    return [*command, "--bind", address, "--workers", str(workers), application]
