"""What a list costs behind gunicorn: made anew, given again by its worker, and a bare Flask view.

    OMP_NUM_THREADS=1 python -m benchmarks.request_cost [--articles 10000] [--folder FOLDER]

The bare view returns the bytes of a list and does nothing else. Each application has a gunicorn of
one worker to itself; a client asks both over a connection that stays open, by turns, so that all
three meet the same machine. CPU is that of gunicorn's processes, all threads, less what they use
while nobody asks. The archive is made up (`served_archive`); one that was made before in FOLDER is
used again. The command ends with 1 if a bar is missed.
"""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

import click
from flask import Flask, Response

from benchmarks.figures import Figure, report
from benchmarks.idle import cpu_seconds, descendants
from benchmarks.served_archive import id_of, make_archive
from recommender.settings import PREFIX

BODY: Final = "BENCHMARK_BODY"
KEY: Final = secrets.token_urlsafe(24)
ROUNDS: Final = 25
ASKED_AGAIN: Final = 50
IDLE_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 300.0
MILLISECONDS: Final = 1_000
MOST_MORE: Final = 3.0
"""So many milliseconds may a list that is made anew cost beside the bare view."""
LEAST_RATE: Final = 0.85
"""The least rate of lists that are given again, by that of the bare view."""


Server: TypeAlias = Callable[[str, int], list[str]]
"""The command of a server, by the application, as MODULE:FUNCTION, and the port."""


def bare_view() -> Flask:
    """An application whose only view returns the bytes of the file that the environment names."""
    application, body = Flask(__name__), Path(os.environ[BODY]).read_bytes()

    @application.get("/<path:_>")
    def answer(_: str) -> Response:
        return Response(body, mimetype="application/json")

    return application


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, and a connection to its worker.

    Attributes:
        pid: of its first process.
        port: where it listens.
        connection: it stays open.
    """

    pid: int
    port: int
    connection: HTTPConnection

    def get(self, article_id: str) -> bytes:
        """The list under an article."""
        path = f"/v1/articles/{article_id}/related?limit=12"
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit(body.decode())
        return body

    def spent(self) -> float:
        """The CPU seconds of its processes so far."""
        return sum(map(cpu_seconds, descendants(self.pid)))

    def idle_share(self) -> float:
        """The part of a core that it takes while nobody asks."""
        before = self.spent()
        time.sleep(IDLE_SECONDS)
        return (self.spent() - before) / IDLE_SECONDS

    def cost(self, ids: Sequence[str], idle: float) -> float:
        """The CPU milliseconds of one list, over some articles."""
        before, begun = self.spent(), time.monotonic()
        for article_id in ids:
            self.get(article_id)
        spent = self.spent() - before - idle * (time.monotonic() - begun)
        return spent / len(ids) * MILLISECONDS


def gunicorn(application: str, port: int, worker: str = "gthread") -> list[str]:
    """The command of a gunicorn with one worker of four threads; it calls `application`."""
    return [
        *(sys.executable, "-m", "gunicorn", "--worker-class", worker, "--threads", "4"),
        *("--keep-alive", "600", "--log-level", "warning", "--bind", f"127.0.0.1:{port}"),
        f"{application}()",
    ]


@contextmanager
def asked(
    application: str, environment: dict[str, str], server: Server = gunicorn
) -> Iterator[Asked]:
    """A server that serves what `application`, a MODULE:FUNCTION, makes, from when it listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = int(listening.getsockname()[1])
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    words = server(application, port)
    process = subprocess.Popen(words, env=others | environment)  # noqa: S603 - our own program
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            _connect(connection, process)
            yield Asked(process.pid, port, connection)
    finally:
        process.terminate()
        process.wait()


def _connect(connection: HTTPConnection, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            connection.connect()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("the server does not answer")


@click.command()
@click.option("--articles", default=10_000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the archive is, or is made.")
@click.option("--requests", default=100, show_default=True, help="Of each kind in each round.")
def main(articles: int, folder: Path | None, requests: int) -> None:
    """Print the three costs, and compare them with their bars."""
    costs = measure_lists(articles, folder, requests)
    print(f"{articles} articles, CPU of one list (median of {ROUNDS} rounds):")
    sys.exit(report(list_figures(costs), click.echo))


def list_figures(costs: Mapping[str, float]) -> list[Figure]:
    """What lists cost, and their bars beside the bare view."""
    bare, again, anew = (costs[kind] for kind in ("bare view", "given again", "made anew"))
    return [
        Figure("bare view, ms", bare),
        Figure("given again, ms", again),
        Figure("made anew, ms", anew),
        Figure("rate given again / bare view", bare / again, LEAST_RATE),
        Figure("made anew, ms more than the bare view", anew - bare, MOST_MORE, "most"),
    ]


def measure_lists(articles: int, folder: Path | None, requests: int) -> dict[str, float]:
    """The CPU milliseconds of a list of a made-up archive, by kind.

    Args:
        articles: of the archive.
        folder: where it is, or is made; None to make it for this once.
        requests: of each kind in each round.
    """
    with ExitStack() as stack:
        folder = folder or Path(stack.enter_context(TemporaryDirectory())) / "archive"
        make_archive(folder, articles)
        ids = [*map(id_of, range(articles))]
        Random(0).shuffle(ids)  # noqa: S311
        of_lists = {f"{PREFIX}DATA_DIR": str(folder), f"{PREFIX}API_KEYS": f"bench:read:{KEY}"}
        lists = stack.enter_context(asked("service:create_app", of_lists))
        body = folder / "body.json"
        body.write_bytes(lists.get(ids[0]))
        bare = stack.enter_context(asked("benchmarks.request_cost:bare_view", {BODY: str(body)}))
        return measure(lists, bare, ids, requests)


def measure(lists: Asked, bare: Asked, ids: Sequence[str], requests: int) -> dict[str, float]:
    """The CPU milliseconds of a list, by kind: the median of the rounds."""
    again, new = ids[:ASKED_AGAIN], iter(ids[ASKED_AGAIN:])
    count = min(requests, (len(ids) - ASKED_AGAIN) // ROUNDS)
    repeated = [*islice(cycle(again), requests)]
    for article_id in again:
        lists.get(article_id)
        bare.get(article_id)
    idle, idle_bare = lists.idle_share(), bare.idle_share()
    rounds = [
        {
            "bare view": bare.cost(repeated, idle_bare),
            "given again": lists.cost(repeated, idle),
            "made anew": lists.cost([*islice(new, count)], idle),
        }
        for _ in range(ROUNDS)
    ]
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


if __name__ == "__main__":
    main()
