"""Slow and silent clients before the shipped nginx, and readers beside them.

Run it as `python -m tests.faults.harness.slow_clients`. The clients come from a process of their
own. Some send nothing, some a header or a body byte by byte, some read an answer so. A client that
is closed comes again. Meanwhile readers ask for lists with a key, which no cache answers, and a
probe asks the service itself. nginx limits none of them: its limits are for addresses other than
127.0.0.1. All share the processors of this machine, so a read beside them is slower; it must be
answered.
"""

import asyncio
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPSConnection
from itertools import count
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Final

import click
import numpy as np

from tests.faults.harness.clients import ask, put_until_visible
from tests.faults.harness.stories import seeds
from tests.faults.harness.tally import Figure, report
from tests.support.nginx import HOST, Nginx, running_nginx, trusting
from tests.support.serving import KEY, Place, Server

SEEDS: Final = 6
PAUSE_SECONDS: Final = 1.0  # between two bytes
PAUSE_AFTER_FAULT_SECONDS: Final = 0.2
LINES: Final = 4  # connections of the readers
PATIENCE_SECONDS: Final = 20.0
LEAST_HELD: Final = 0.8
LIST: Final = "/v1/articles/seed-1/related"

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _send_slowly(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in data:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(PAUSE_SECONDS)


async def send_a_header(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a header byte by byte."""
    await _send_slowly(
        writer, f"GET {LIST} HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: {'x' * 600}".encode()
    )


async def send_a_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a body byte by byte."""
    header = f"PUT /v1/articles/slow HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 600\r\n\r\n"
    writer.write(header.encode())
    await _send_slowly(writer, b"x" * 600)


async def read_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read an answer byte by byte."""
    writer.write(f"GET {LIST} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    for _ in range(600):
        if not await reader.read(1):
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def stay_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Send nothing."""
    await reader.read()


KINDS: Final[Sequence[tuple[Client, bool]]] = (
    *((stay_silent, False), (stay_silent, True)),
    *((send_a_header, True), (send_a_body, True), (read_an_answer, True)),
)
"""What clients do, and whether TLS is spoken before."""


async def _be_slow(port: int, number: int, held: "Synchronized[int]") -> None:
    client, secure = KINDS[number % len(KINDS)]
    while True:
        writer = None
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            context = trusting() if secure else None
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            held.value += 1
            await client(reader, writer)
        if writer is not None:
            held.value -= 1
            writer.close()
        await asyncio.sleep(PAUSE_AFTER_FAULT_SECONDS)


async def _be_slow_together(port: int, clients: int, held: "Synchronized[int]") -> None:
    await asyncio.gather(*(_be_slow(port, number, held) for number in range(clients)))


def _come(port: int, clients: int, held: "Synchronized[int]") -> None:
    with suppress(KeyboardInterrupt):
        asyncio.run(_be_slow_together(port, clients, held))


@dataclass(slots=True)
class Readers:
    """So many reads a second through nginx, and probes at the service; what they found."""

    nginx: Nginx
    service_port: int
    rate: float
    seconds: list[float] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    probes: list[int] = field(default_factory=list)

    def run(self, span: float) -> "Readers":
        """Read for so many seconds."""
        end = time.monotonic() + span
        threads = [
            threading.Thread(target=self._read, args=(number, end)) for number in range(LINES)
        ]
        for thread in [*threads, probing := threading.Thread(target=self._probe, args=(end,))]:
            thread.start()
        for thread in [*threads, probing]:
            thread.join()
        return self

    @property
    def p99(self) -> float:
        """The 99th percentile of the seconds of a read."""
        return float(np.percentile(self.seconds, 99)) if self.seconds else float("inf")

    def _read(self, number: int, end: float) -> None:
        begun = time.monotonic()
        address = ("127.0.0.1", self.nginx.port)
        line = HTTPSConnection(*address, timeout=PATIENCE_SECONDS, context=trusting())
        with closing(line):  # one that was closed opens itself again
            for step in count():
                due = begun + (number / LINES + step) * LINES / self.rate
                if due > end:
                    return
                time.sleep(max(0.0, due - time.monotonic()))
                started = time.monotonic()
                self._ask(line, f"seed-{step % SEEDS}")
                self.seconds.append(time.monotonic() - started)

    def _ask(self, line: HTTPSConnection, article_id: str) -> None:
        try:
            line.request("GET", f"/v1/articles/{article_id}/related", headers={"X-API-Key": KEY})
            answer = line.getresponse()
            if json.loads(answer.read()).get("article_id") != article_id:
                self.bad.append(f"status {answer.status}")
        except (OSError, HTTPException) as fault:
            self.bad.append(repr(fault))
            line.close()

    def _probe(self, end: float) -> None:
        while time.monotonic() < end:
            self.probes.append(ask(self.service_port, "GET", "/readyz")[0])
            time.sleep(0.2)


def measure(server: Server, clients: int, span: float, rate: float) -> list[Figure]:
    """Read without and beside slow clients, through nginx."""
    held = multiprocessing.Value("i", 0)
    with running_nginx(server.port) as nginx:
        Readers(nginx, server.port, rate).run(2)  # what is loaded at the first request is loaded
        quiet = Readers(nginx, server.port, rate).run(span)
        crowd = multiprocessing.Process(target=_come, args=(nginx.port, clients, held))
        crowd.start()
        try:
            time.sleep(10)
            before = held.value
            beside = Readers(nginx, server.port, rate).run(span)
            after = held.value
        finally:
            crowd.kill()
            crowd.join()
    for fault in beside.bad[:5]:
        click.echo(fault)
    return [
        Figure(
            "slow clients connected, at the least", min(before, after), least=LEAST_HELD * clients
        ),
        Figure("reads without them", len(quiet.seconds)),
        Figure("reads beside them", len(beside.seconds), least=0.9 * span * rate),
        Figure("reads beside them that were not answered well", len(beside.bad), most=0),
        Figure("p99 without them, seconds", quiet.p99),
        Figure("p99 beside them, seconds", beside.p99),
        Figure("times as slow", beside.p99 / quiet.p99),
        Figure("probes", len(beside.probes)),
        Figure("probes without 200", sum(p != 200 for p in beside.probes), most=0),
    ]


@click.command(help=__doc__)
@click.option("--clients", default=2_000, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--rate", default=50.0, show_default=True, help="Reads a second.")
def main(clients: int, seconds: float, rate: float) -> None:
    """Run it, and print the figures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Place(Path(folder), more={"READ_ALSO_PUBLIC_READS": "1"}), ready=False) as server,
    ):
        for seed in seeds(SEEDS):
            if not put_until_visible(server.port, seed):
                raise RuntimeError("the service does not index")
        figures = measure(server, clients, seconds, rate)
    sys.exit(report(figures))


if __name__ == "__main__":
    main()
