"""The production server: this process becomes gunicorn, which starts the web workers."""

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

__all__ = ["serve_forever"]


def serve_forever(
    host: str, port: int, workers: int, environment: Mapping[str, str] | None = None
) -> NoReturn:
    """Replace this process, so that workers fork from one that never touched FAISS or torch.

    Args:
        host: the address to listen on.
        port: 0 takes any free one; the log says which.
        workers: how many processes.
        environment: what the workers read their settings from; this process's if None.
    """
    command = [sys.executable, "-m", "gunicorn", "--config", "python:recommender.gunicorn_settings"]
    command += ["--bind", f"{host}:{port}", "--workers", str(workers), "service:create_app()"]
    sys.stdout.flush()
    os.execve(  # noqa: S606 - no shell: arguments of our own
        sys.executable, command, dict(os.environ if environment is None else environment)
    )
