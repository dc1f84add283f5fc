"""What a list costs behind each web server, and whom slow clients keep waiting there.

    OMP_NUM_THREADS=1 python -m benchmarks.web_servers [--articles 10000] [--folder FOLDER]

The servers are ours (gunicorn with `recommender.operations.web_worker`), gunicorn with its threads,
and granian, if it is installed: `pip install granian`. Each has one worker of four threads. One
client asks all by turns over a connection that stays open; CPU is that of all processes of a
server, less what they use while nobody asks. Then clients that send nothing, or half of a header,
hold connections of one server after the other, and others ask beside them on new connections.
"""

import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import click

from benchmarks.request_cost import ASKED_AGAIN, BODY, KEY, Asked, Server, asked, gunicorn
from benchmarks.served_archive import id_of, make_archive
from recommender.settings import PREFIX

ROUNDS: Final = 5
OURS: Final = "recommender.operations.web_worker.WebWorker"
SLOW: Final = 200
"""Clients that send nothing; and as many that send half of a header."""
PROBES: Final = 20
IN_TIME_SECONDS: Final = 2.0
HALF: Final = b"GET /v1/articles/a0000000/related HTTP/1.1\r\nHost: a\r\nX-"


def granian(application: str, port: int) -> list[str]:
    """The command of a granian with one worker of four threads."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--no-ws"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--blocking-threads", "4", "--log-level", "warning", application),
    ]


SERVERS: Final[Mapping[str, Server]] = {
    "ours": partial(gunicorn, worker=OURS),
    "gunicorn, gthread": gunicorn,
    "granian": granian,
}


@click.command()
@click.option("--articles", default=10_000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the archive is, or is made.")
@click.option("--requests", default=500, show_default=True, help="Of each kind in each round.")
def main(articles: int, folder: Path | None, requests: int) -> None:
    """Print the CPU of a list behind each server, and what slow clients do to others there."""
    with ExitStack() as stack:
        folder = folder or Path(stack.enter_context(TemporaryDirectory())) / "archive"
        make_archive(folder, articles)
        servers = {name: one for name, one in SERVERS.items() if name != "granian" or _has_it()}
        body = folder / "body.json"
        of_lists = {f"{PREFIX}DATA_DIR": str(folder), f"{PREFIX}API_KEYS": f"bench:read:{KEY}"}
        lists = {
            name: stack.enter_context(asked("service:create_app", of_lists, server))
            for name, server in servers.items()
        }
        body.write_bytes(lists["ours"].get(id_of(0)))
        application, named = "benchmarks.request_cost:bare_view", {BODY: str(body)}
        bare = {
            name: stack.enter_context(asked(application, named, server))
            for name, server in servers.items()
        }
        say_costs(lists, bare, articles, requests)
        for name, one in lists.items():
            say_probes(name, one, articles)


def _has_it() -> bool:
    return find_spec("granian") is not None


def say_costs(
    lists: Mapping[str, Asked], bare: Mapping[str, Asked], articles: int, requests: int
) -> None:
    """Print the CPU milliseconds of each kind of answer behind each server."""
    ids = [*map(id_of, range(articles))]
    Random(0).shuffle(ids)  # noqa: S311
    again, new = [*islice(cycle(ids[:ASKED_AGAIN]), requests)], ids[ASKED_AGAIN:]
    count = min(requests, len(new) // ROUNDS)
    idle = {one: one.idle_share() for one in (*lists.values(), *bare.values())}
    costs: dict[tuple[str, str], list[float]] = {}
    for turn in range(ROUNDS + 1):  # the first one warms up
        some = new[turn * count % len(new) :][:count]
        for name in lists:
            for kind, server, asked_for in (
                ("bare view", bare[name], again),
                ("given again", lists[name], again),
                ("made anew", lists[name], some),
            ):
                server.connection.close()  # it opens anew: servers end those that wait for long
                cost = server.cost(asked_for, idle[server])
                if turn:
                    costs.setdefault((name, kind), []).append(cost)
    print(f"{articles} articles, CPU of an answer (median of {ROUNDS} rounds):")
    for (name, kind), measured in costs.items():
        print(f"{name:20} {kind:12} {median(measured):6.3f} ms")


def say_probes(name: str, server: Asked, articles: int) -> None:
    """Print how many were answered in time beside slow clients, and how long the slowest took."""
    with slow_clients(server.port):
        waits = [_probe(server.port, id_of(at % articles)) for at in range(PROBES)]
    answered = sum(wait <= IN_TIME_SECONDS for wait in waits)
    slowest = f"the slowest after {max(waits):.3f} s" if answered == PROBES else "others not"
    print(f"{name:20} beside {2 * SLOW} slow clients: {answered} of {PROBES} answered, {slowest}")


@contextmanager
def slow_clients(port: int) -> Iterator[None]:
    """Connections that send nothing, and others that send half of a header."""
    with ExitStack() as stack:
        for sent in (b"", HALF):
            for _ in range(SLOW):
                client = socket.create_connection(("127.0.0.1", port), IN_TIME_SECONDS)
                stack.enter_context(closing(client))
                client.sendall(sent)
        yield


def _probe(port: int, article_id: str) -> float:
    """The seconds until a list came on a new connection; more than allowed if none came."""
    begun = time.monotonic()
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=IN_TIME_SECONDS)) as connection:
            path = f"/v1/articles/{article_id}/related?limit=12"
            connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
            connection.getresponse().read()
    except OSError:
        return IN_TIME_SECONDS + 1
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
