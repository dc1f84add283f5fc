"""`read-also serve` as a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.support.archives import clean_environment
from tests.support.waiting import PATIENCE_SECONDS, free_port, until

ROOT = Path(__file__).parents[2]
LOOK_SECONDS = 5.0  # until a server that does not answer is asked again
LOADING_SECONDS = 300.0  # of a busy machine, on which a model loads for minutes


@contextmanager
def served(
    environment: Mapping[str, str],
    port: int,
    *,
    workers: int = 2,
    folder: Path = ROOT,
    kind: str = "serve",
    options: tuple[str, ...] = (),
    log: Path = Path(os.devnull),
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is started in a folder, and stopped at the end.

    `kind` may be `web`; `options` stand before it. Its log is written to the file `log`.
    """
    command = [sys.executable, "-P", "-m", "recommender", *options, kind]
    with log.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, words of our own
            [*command, "--port", str(port), "--workers", str(workers)],
            env={**environment, "PYTHONPATH": str(ROOT)},
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=PATIENCE_SECONDS)


@contextmanager
def served_demo(demo_folder: Path, folder: Path, key: str) -> Iterator[str]:
    """The address of a server over a copy of the demonstration's data, once it reads drafts.

    The key with the secret `key` opens everything. `folder` does not exist yet.
    """
    shutil.copytree(demo_folder / "demo", folder)
    environment = clean_environment(
        DATABASE_URL=f"sqlite:///{folder / 'read-also.db'}",
        DATA_DIR=folder,
        API_KEYS=f"all:read+write+admin:{key}",
    )
    port = free_port()
    with served(environment, port, workers=1):
        assert until(lambda: is_ready(port) and reads_drafts(port, key), LOADING_SECONDS, 0.5)
        yield f"http://127.0.0.1:{port}"


def reads_drafts(port: int, key: str) -> bool:
    """Whether the indexer has loaded its model, and reads what is given to it."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        draft = b'{"title": "A robot usher"}'
        connection.request("POST", "/v1/related", draft, {"X-API-Key": key})
        return connection.getresponse().status == HTTPStatus.OK
    finally:
        connection.close()


def ask(
    port: int, path: str, key: str = "", seconds: float = PATIENCE_SECONDS
) -> tuple[int, bytes]:
    """The status and the body of an answer to GET."""
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path, headers={"X-API-Key": key} if key else {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def is_ready(port: int) -> bool:
    return _is_good(port, "/readyz")


def has_console(port: int) -> bool:
    """Whether the console's process answers."""
    return _is_good(port, "/console/sign-in")


def _is_good(port: int, path: str) -> bool:
    try:
        return ask(port, path, seconds=LOOK_SECONDS)[0] == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
