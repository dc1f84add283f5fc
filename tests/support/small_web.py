"""The real web server around a small application, for tests of the server itself.

`/` and `/healthz` say what the application is told of a request, `/metrics` whom the server has
refused, `/sleep/0.5` answers after so many seconds, `/held/tmp/a` when there is the file `/tmp/a`
(and `/tmp/a.begun` has a byte for each that holds a thread), `/long/1000` with so many bytes, and
any other path reads the body and says its length. Under `/console` the same is there again.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from recommender.counters import Counters
from recommender.errors import ReadAlsoError
from recommender.operations import web_connection, web_worker
from recommender.operations.web_server import FIXED_SETTINGS, WebOptions, WebServer
from recommender.request_origin import CONSOLE_AWAY, LISTENER, STOPPING
from tests.support.servers import ROOT
from tests.support.waiting import PATIENCE_SECONDS, free_port, until

DEADLINE_SECONDS = 0.4
NO_FILE = Path("/no/file")
StartResponse = Callable[[str, list[tuple[str, str]]], object]


def small_application(
    counters: Counters, environ: dict[str, Any], start_response: StartResponse
) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    status, body = _answer(path, environ)
    if path == "/metrics":
        body = json.dumps(_refusals(counters)).encode()
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]


def _refusals(counters: Counters) -> dict[str, float]:
    """By listener and cause."""
    samples = (s for one in counters.connections_refused.collect() for s in one.samples)
    return {"/".join(s.labels.values()): s.value for s in samples if s.name.endswith("_total")}


def _answer(path: str, environ: dict[str, Any]) -> tuple[str, bytes]:
    try:
        return "200 OK", _body(path, environ)
    except ReadAlsoError as fault:
        return "503 Refused", repr(fault).encode()


def _body(path: str, environ: dict[str, Any]) -> bytes:
    kind, _, number = path.removeprefix("/console")[1:].partition("/")
    if kind in {"", "healthz"}:
        told = {"listener": environ[LISTENER], "client": environ["REMOTE_ADDR"]}
        told |= {"stopping": environ[STOPPING](), "script": environ["SCRIPT_NAME"]}
        told |= {"process": os.getpid(), "away": CONSOLE_AWAY in environ}
        return json.dumps(told | {"scheme": environ["wsgi.url_scheme"]}).encode()
    if kind == "sleep":
        time.sleep(float(number))
        return b"slept"
    if kind == "held":
        return _held(Path(f"/{number}"))
    if kind == "long":
        return b"x" * int(number)
    return str(len(environ["wsgi.input"].read())).encode()


def _held(file: Path) -> bytes:
    """Wait for a file, but not for ever: the test that makes it may have failed before."""
    with _begun_mark(file).open("ab") as mark:
        mark.write(b".")
    if not until(file.exists, every=0.01):
        raise TimeoutError(file)
    return b"let go"


def _begun_mark(file: Path) -> Path:
    return file.with_name(f"{file.name}.begun")


def every_thread_waits(file: Path) -> bool:
    """Whether all threads of a listener, or of the console, are held until there is a file."""
    mark = _begun_mark(file)
    return mark.exists() and mark.stat().st_size == FIXED_SETTINGS["threads"]


def tried_mark(broken_by: Path) -> Path:
    """A file that is there once a worker has tried to start with broken code."""
    return broken_by.with_name(f"{broken_by.name}.tried")


class SmallServer(WebServer):
    """Its application cannot be loaded while a file exists that the command names."""

    def load(self) -> object:
        if Path(sys.argv[2]).exists():
            tried_mark(Path(sys.argv[2])).touch()
            raise RuntimeError("the new code is broken")
        self.counters = Counters()
        return partial(small_application, self.counters)


@dataclass(frozen=True)
class Small:
    """A server that runs: its process, and its two ports."""

    process: subprocess.Popen[bytes]
    port: int
    operators: int

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def small_server(
    *,
    port: int | None = None,
    proxies: tuple[str, ...] = (),
    hurried: bool = True,
    broken_by: Path = NO_FILE,
    console_apart: bool = False,
    ending_seconds: int = 10,
) -> Iterator[Small]:
    """A server with one worker; a hurried one waits for clients for DEADLINE_SECONDS only.

    While the file `broken_by` exists, no new worker can start. A worker that is to end takes
    `ending_seconds` at most for what it has begun.
    """
    public, operators = port or free_port(), free_port()
    addresses = f"127.0.0.1:{public}", 1, f"127.0.0.1:{operators}", proxies
    options = WebOptions(*addresses, console_apart=console_apart)
    words = [json.dumps(asdict(options)), str(broken_by), str(ending_seconds)]
    words += ["hurried"] * hurried
    command = [sys.executable, "-m", "tests.support.small_web", *words]
    process = subprocess.Popen(command, cwd=ROOT)  # noqa: S603 - words of our own
    try:
        yield Small(process, public, operators)
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


if __name__ == "__main__":
    cast("dict[str, Any]", FIXED_SETTINGS).update(graceful_timeout=int(sys.argv[3]))
    if "hurried" in sys.argv:
        for module in (web_connection, web_worker):
            hurry = {"RECEIVING_SECONDS": DEADLINE_SECONDS, "LEAST_BYTES_PER_SECOND": 100 * 2**20}
            vars(module).update(hurry)
        vars(web_worker).update(LINGER_SECONDS=DEADLINE_SECONDS, SWEEP_SECONDS=0.1)
    SmallServer(WebOptions(**json.loads(sys.argv[1]))).run()
