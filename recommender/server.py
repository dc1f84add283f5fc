"""The production server: this process becomes gunicorn, which starts the web workers."""

import os
import sys
from collections.abc import Mapping
from typing import Final, NoReturn

__all__ = ["APPLICATION", "DEMONSTRATION", "serve_forever"]

APPLICATION: Final = "service:create_app()"
DEMONSTRATION: Final = "service:create_app(reader_pages=True)"


def serve_forever(
    host: str,
    port: int,
    workers: int,
    environment: Mapping[str, str] | None = None,
    application: str = APPLICATION,
) -> NoReturn:
    """Replace this process, so that workers fork from one that never touched FAISS or torch.

    Args:
        host: the address to listen on.
        port: 0 takes any free one; the log says which.
        workers: how many processes.
        environment: what the workers read their settings from; this process's if None.
        application: what a worker makes.
    """
    command = [sys.executable, "-m", "gunicorn", "--config", "python:recommender.gunicorn_settings"]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    command += ["--bind", address, "--workers", str(workers), application]
    sys.stdout.flush()
    os.execve(  # noqa: S606 - no shell: arguments of our own
        sys.executable, command, dict(os.environ if environment is None else environment)
    )
