"""Hostile requests over raw sockets, and readers beside them.

    python -m tests.faults.harness.hostile [--requests 100000] [--through-nginx] [--rate 100]

`read-also serve` with two workers gets hostile bodies, sizes, ids, numbers, headers and framings,
each on a connection of its own, through the shipped nginx or without it. Readers ask for lists
beside them. Counted are the answers by kind and status, and what should not be: a 5xx other than
503 with Retry-After, 501 and 505 (what HTTP or this server does not have), and a request without an
answer or an end. Compared are the waits of the readers without and beside them, and the memory of
the workers before and after. Stop it with Ctrl-C: what was counted until then is printed.
"""

import re
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
import numpy as np
from tqdm import tqdm

from tests.faults.harness.clients import Load, put_until_visible
from tests.faults.harness.slow_clients import Readers
from tests.faults.harness.stories import seeds
from tests.faults.harness.tally import Figure, report
from tests.support.archives import desk_articles
from tests.support.hostile_requests import HostileRequest, hostile_requests
from tests.support.nginx import Nginx, running_nginx, trusting
from tests.support.processes import anonymous_kilobytes, open_files
from tests.support.serving import KEY, Place, Server

__all__ = ["Outcome", "send", "throw_at"]

SEEDS: Final = 6
THREADS: Final = 8
READS_A_SECOND: Final = 20.0
QUIET_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 20.0
LEAVE_SECONDS: Final = 3.0
"""How long a client waits whose request may announce more than it sends; then it leaves."""
WARM_UP: Final = 2_000  # hostile requests before memory is compared
SETTLE_SECONDS: Final = 10.0
MEANT: Final = frozenset({501, 505})
MOST_TIMES_QUIET: Final = 2.0
MOST_GROWTH: Final = 1.10
MOST_SHOWN: Final = 10
CLOSED, HANGS, LEFT = 0, -1, -2
"""In place of a status: closed without an answer; nothing came in time; the client left."""
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


@dataclass(slots=True)
class Outcome:
    """What came of hostile requests: how often by kind and status, and what should not be."""

    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    wrong_count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def total(self) -> int:
        """How many requests were sent."""
        return self.counts.total()

    def count(self, request: HostileRequest, status: int, head: bytes) -> None:
        """Count an answer; keep the first ones that should not be."""
        retries = status == 503 and b"retry-after:" in head.lower()
        bad = status == HANGS or (status >= 500 and not retries and status not in MEANT)
        with self._lock:
            self.counts[request.kind, status] += 1
            if bad:
                self.wrong_count += 1
                if len(self.wrong) < MOST_SHOWN:
                    self.wrong.append(f"{status} for {request.kind} {request.data[:300]!r}")

    def lines(self) -> Iterator[str]:
        """For each kind, how often each status came."""
        for kind in sorted({kind for kind, _ in self.counts}):
            found = sorted((s, n) for (k, s), n in self.counts.items() if k == kind)
            yield f"{kind:<18}" + "".join(f" {_name(s)}:{n}" for s, n in found)


def _name(status: int) -> str:
    return {CLOSED: "closed", HANGS: "hangs", LEFT: "left"}.get(status, str(status))


def send(
    port: int, request: HostileRequest, tls: ssl.SSLContext | None = None
) -> tuple[int, bytes]:
    """Send a request, say that no more comes, which TLS cannot, and read the answer.

    Returns:
        The status, or what stands in its place; and the head of the answer.
    """
    received = b""
    patience = LEAVE_SECONDS if request.may_be_unfinished else ANSWER_SECONDS
    try:
        with ExitStack() as stack:
            plain = socket.create_connection(("127.0.0.1", port), timeout=patience)
            line = stack.enter_context(plain if tls is None else tls.wrap_socket(plain))
            with suppress(BrokenPipeError, ConnectionResetError):
                line.sendall(request.data)
            if tls is None:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_WR)
            while piece := line.recv(65_536):
                received = received if len(received) > 8_192 else received + piece
    except TimeoutError:
        if not received:
            return (LEFT if request.may_be_unfinished else HANGS), b""
    except OSError:
        pass
    head = received.partition(b"\r\n\r\n")[0]
    found = _STATUS.match(head)
    return (int(found[1]) if found else CLOSED), head


class Thrower:
    """Threads that send hostile requests at a constant rate, as far as the machine allows."""

    def __init__(self, port: int, tls: ssl.SSLContext | None, rate: float) -> None:
        """Send nothing yet.

        Args:
            port: of the service or of nginx.
            tls: speaks TLS before; None for plain HTTP.
            rate: requests a second of all threads together.
        """
        self._port, self._tls, self._rate = port, tls, rate

    def throw(self, count: int, outcome: Outcome, seed: int = 1) -> None:
        """Send so many, and show how far it is."""
        waiting, lock = hostile_requests(count, KEY, seed), threading.Lock()
        begun, stopping = time.monotonic(), threading.Event()
        with tqdm(total=count, unit=" requests") as bar:

            def work(number: int) -> None:
                step = number
                while not stopping.is_set():
                    with lock:
                        request = next(waiting, None)
                    if request is None:
                        return
                    stopping.wait(max(0.0, begun + step / self._rate - time.monotonic()))
                    outcome.count(request, *send(self._port, request, self._tls))
                    step += THREADS
                    bar.update()

            threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
            for thread in threads:
                thread.start()
            try:
                for thread in threads:
                    thread.join()
            except KeyboardInterrupt:
                click.echo("stopped")
            finally:
                stopping.set()


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits of readers: how many reads, the 99th percentile in seconds, and the bad ones."""

    reads: int
    p99: float
    bad: int


def _read_through(nginx: Nginx | None, server: Server, span: float) -> Waits:
    """Read for a while, as readers behind the same door do."""
    if nginx is not None:
        seen = Readers(nginx, server.port, READS_A_SECOND).run(span)
        return Waits(len(seen.seconds), seen.p99, len(seen.bad))
    paths = [f"/v1/articles/seed-{n}/related" for n in range(SEEDS)]
    with Load(server.port, paths, READS_A_SECOND, lines=4) as load:
        time.sleep(span)
    waits = [answer.seconds for answer in load.answers]
    return Waits(len(waits), float(np.percentile(waits, 99)), sum(not a.good for a in load.answers))


def throw_at(
    server: Server, nginx: Nginx | None, count: int, rate: float
) -> tuple[Outcome, list[Figure]]:
    """Read alone, then beside hostile requests; return what came of these, and the figures."""
    port, tls = (server.port, None) if nginx is None else (nginx.port, trusting())
    thrower, outcome, workers = Thrower(port, tls, rate), Outcome(), set(server.workers)
    thrower.throw(min(count, WARM_UP), Outcome(), seed=2)
    quiet = _read_through(nginx, server, min(QUIET_SECONDS, count / rate))
    time.sleep(SETTLE_SECONDS)
    # What readers alone make a worker hold belongs to before.
    before = {w: (anonymous_kilobytes(w), open_files(w)) for w in workers}
    beside = list[Waits]()
    span = max(2.0, 0.9 * count / rate)
    reading = threading.Thread(target=lambda: beside.append(_read_through(nginx, server, span)))
    reading.start()
    begun = time.monotonic()
    thrower.throw(count, outcome)
    seconds = time.monotonic() - begun
    reading.join()
    time.sleep(SETTLE_SECONDS)
    stayed = [w for w in server.workers if w in before]
    held = {w: anonymous_kilobytes(w) for w in stayed}
    memory = max((held[w] / before[w][0] for w in stayed), default=float("inf"))
    files = max((open_files(w) - before[w][1] for w in stayed), default=0)
    return outcome, [
        Figure("hostile requests", outcome.total, least=count),
        Figure("a second", outcome.total / seconds),
        Figure("unintended 5xx and requests without an end", outcome.wrong_count, most=0),
        Figure("reads beside them", beside[0].reads),
        Figure("reads beside them without 2xx", beside[0].bad, most=0),
        Figure("p99 of reads without them, seconds", quiet.p99),
        Figure("p99 of reads beside them, seconds", beside[0].p99),
        Figure("times as slow", beside[0].p99 / quiet.p99, most=MOST_TIMES_QUIET),
        Figure("workers that went", len(workers - set(server.workers)), most=0),
        Figure("memory of a worker, after, MiB", max(held.values(), default=0) / 1024),
        Figure("memory of a worker, after by before", memory, most=MOST_GROWTH),
        Figure("open files of a worker, after less before", files, most=8),
    ]


@click.command(help=__doc__)
@click.option("--requests", "count", default=100_000, show_default=True)
@click.option("--through-nginx/--direct", default=False, show_default=True)
@click.option("--rate", default=100.0, show_default=True, help="Hostile requests a second.")
def main(count: int, through_nginx: bool, rate: float) -> None:  # noqa: FBT001 - an option
    """Run it, and print what came back."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Place(Path(folder)), ready=False) as server,
        ExitStack() as stack,
    ):
        for article in (*seeds(SEEDS), *desk_articles()[:4]):  # hostile requests name some of these
            if not put_until_visible(server.port, article):
                raise RuntimeError("the service does not index")
        nginx = stack.enter_context(running_nginx(server.port)) if through_nginx else None
        outcome, figures = throw_at(server, nginx, count, rate)
    for line in [*outcome.lines(), *outcome.wrong]:
        click.echo(line)
    sys.exit(report(figures))


if __name__ == "__main__":
    main()
