"""Ten times as many clients as the service can answer: how many are, and how soon all is calm.

    python -m tests.faults.harness.overload [--seconds 30] [--times 10]

Clients in a process of their own ask `read-also serve` for lists, each again as soon as it has its
answer. Eight a worker keep every thread busy: what is then answered with 200 in a second is the
capacity. Then ten times as many ask. Those answered with 200 are the goodput; the others should get
503 with Retry-After, and wait as it says, though for a tenth of a second only. When they stop, a
single reader asks ten times a second until it waits no longer than before. Stop it with Ctrl-C.
"""

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import click
import numpy as np

from tests.faults.harness.clients import Line, put_until_visible
from tests.faults.harness.stories import seeds
from tests.faults.harness.tally import Figure, report
from tests.support.serving import KEY, WORKERS, Place, Server

__all__ = ["Answered", "ask_together", "measure"]

SEEDS: Final = 6
THREADS: Final = 8  # of a worker
PAUSE_AFTER_503_SECONDS: Final = 0.1
PAUSE_AFTER_FAULT_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 30.0
SINGLE_READS: Final = 50
LEAST_GOODPUT: Final = 0.8
MOST_RECOVERY_SECONDS: Final = 5.0
NOT_ANSWERED: Final = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """What clients got: how often each status, in how many seconds, and the waits of the 200s."""

    statuses: Counter[int]
    seconds: float
    p99: float

    @property
    def good_a_second(self) -> float:
        """How many were answered with 200 in a second."""
        return self.statuses[200] / self.seconds

    @property
    def wrong(self) -> int:
        """How many got neither 200 nor 503."""
        return self.statuses.total() - self.statuses[200] - self.statuses[503]


async def _ask_on(port: int, number: int, end: float, seen: list[tuple[int, float]]) -> None:
    """One client: asks again and again over one connection, and opens another if that is closed."""
    path = f"/v1/articles/seed-{number % SEEDS}/related"
    question = f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()
    while time.monotonic() < end:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            seen.append((NOT_ANSWERED, 0.0))
            await asyncio.sleep(PAUSE_AFTER_FAULT_SECONDS)
            continue
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while time.monotonic() < end:
                begun = time.monotonic()
                writer.write(question)
                status, closes = await asyncio.wait_for(_answer(reader), PATIENCE_SECONDS)
                seen.append((status, time.monotonic() - begun))
                await asyncio.sleep(PAUSE_AFTER_503_SECONDS if status == 503 else 0)
                if closes:
                    break
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Read one answer: its status, and whether the connection is closed after it."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head[9:12]), b"connection: close" in head


async def _ask_all(port: int, clients: int, end: float) -> list[tuple[int, float]]:
    seen: list[tuple[int, float]] = []
    await asyncio.gather(*(_ask_on(port, number, end, seen) for number in range(clients)))
    return seen


def _ask_in_process(port: int, clients: int, seconds: float, results: Connection) -> None:
    with suppress(KeyboardInterrupt):
        begun = time.monotonic()
        seen = asyncio.run(_ask_all(port, clients, begun + seconds))
        good = [wait for status, wait in seen if status == 200]
        p99 = float(np.percentile(good, 99)) if good else float("inf")
        results.send(Answered(Counter(s for s, _ in seen), time.monotonic() - begun, p99))


def ask_together(port: int, clients: int, seconds: float) -> Answered:
    """Let so many clients ask for a while, in a process of their own."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_ask_in_process, args=(port, clients, seconds, theirs))
    process.start()
    theirs.close()
    try:
        answered: Answered = ours.recv()
        return answered
    finally:
        process.kill()
        process.join()


def _wait_of_one(line: Line) -> float:
    """How long a single reader waits for 200; infinite if it gets something else."""
    begun = time.monotonic()
    with suppress(OSError):
        if line.ask("GET", "/v1/articles/seed-0/related")[0] == 200:
            return time.monotonic() - begun
    return float("inf")


def _recovery_seconds(port: int, usual: float) -> float:
    """How long it takes until five reads one after the other wait no longer than usual."""
    begun, calm = time.monotonic(), 0
    with closing(Line(port)) as line:
        while calm < 5:
            calm = calm + 1 if _wait_of_one(line) <= usual else 0
            if time.monotonic() - begun > 6 * MOST_RECOVERY_SECONDS:
                return float("inf")
            time.sleep(0.1)
    return max(0.0, time.monotonic() - begun - 5 * 0.1)


def measure(server: Server, seconds: float, times: int) -> list[Figure]:
    """Find the capacity, ask for more, and see how soon all is as before."""
    ask_together(server.port, THREADS, 2.0)  # what is loaded at the first request is loaded
    with closing(Line(server.port)) as line:
        usual = 2 * max(_wait_of_one(line) for _ in range(SINGLE_READS))
    full = ask_together(server.port, THREADS * WORKERS, seconds)
    click.echo(f"capacity: {dict(full.statuses)}")
    over = ask_together(server.port, times * THREADS * WORKERS, seconds)
    click.echo(f"{times} times: {dict(over.statuses)}")
    recovery = _recovery_seconds(server.port, usual)
    goodput = over.good_a_second / full.good_a_second if full.statuses[200] else 0.0
    return [
        Figure("capacity, good answers a second", full.good_a_second, least=1.0),
        Figure("goodput, good answers a second", over.good_a_second),
        Figure("goodput by capacity", goodput, least=LEAST_GOODPUT),
        Figure("p99 of good answers at capacity, seconds", full.p99),
        Figure("p99 of good answers beyond it, seconds", over.p99),
        Figure("neither 200 nor 503", over.wrong, most=0),
        Figure("recovery, seconds", recovery, most=MOST_RECOVERY_SECONDS),
    ]


@click.command(help=__doc__)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--times", default=10, show_default=True, help="The clients, by those that fill it.")
def main(seconds: float, times: int) -> None:
    """Run it, and print the figures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Place(Path(folder)), ready=False) as server,
    ):
        for seed in seeds(SEEDS):
            if not put_until_visible(server.port, seed):
                raise RuntimeError("the service does not index")
        figures = measure(server, seconds, times)
    sys.exit(report(figures))


if __name__ == "__main__":
    main()
