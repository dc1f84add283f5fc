"""Slow clients of the service without a proxy, beside readers and probes.

They send nothing, or a byte a second, or read no answer. Run it as
`python -m tests.faults.harness.crowd --clients 200 --seconds 60`.
"""

import selectors
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

import click

from tests.faults.harness.clients import Load, ask, put_until_visible
from tests.faults.harness.stories import seeds
from tests.support.serving import KEY, Place, Server, end_by_sigterm

__all__ = ["KINDS", "Crowd", "Probes"]

_HEAD: Final = f"Host: related.example\r\nX-API-Key: {KEY}\r\n"


def _post(length: int, sent: int) -> bytes:
    head = f"POST /v1/bulk HTTP/1.1\r\n{_HEAD}Content-Type: application/x-ndjson\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + b" " * sent


KINDS: Final = MappingProxyType(
    {
        "silent": b"",
        "half a header": f"GET /v1/articles/seed-1/related HTTP/1.1\r\n{_HEAD}".encode(),
        "half a body": _post(10_000, 5_000),
        "half a large body": _post(1_000_000, 100_000),
        "no reading": f"GET /openapi.json HTTP/1.1\r\n{_HEAD}\r\n".encode() * 50,
    }
)
"""What a client of each kind sends at first; after that a byte a second, but for the silent."""
TRICKLE_SECONDS: Final = 1.0
HTTP_OK: Final = 200
COMING_AT_ONCE: Final = 5  # in a tenth of a second
ESTABLISHED: Final = 1  # tcp(7), tcpi_state
SEEDS: Final = 4


class Crowd:
    """So many slow clients of a port while the block runs: one that is closed connects again.

    Attributes:
        connected: how often one connected, by kind.
        refused: how often the system or the server took no connection.
    """

    def __init__(self, port: int, size: int, kinds: Sequence[str] = tuple(KINDS)) -> None:
        """Connect nobody yet; the clients take the kinds by turns."""
        self.connected: Counter[str] = Counter()
        self.refused = 0
        self._come_at = 0.0
        self._size = size
        self._port = port
        self._absent = [kinds[number % len(kinds)] for number in range(size)]
        self._clients = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._full = threading.Event()
        self._thread = threading.Thread(target=self._press, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._full.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _press(self) -> None:
        trickled_at = time.monotonic()
        while not self._stopping.is_set():
            if time.monotonic() >= self._come_at:
                for kind in self._absent[:COMING_AT_ONCE]:
                    self._connect(kind)
                self._come_at = time.monotonic() + 0.1
            if self.connected.total() >= self._size:
                self._full.set()
            for key, _ in self._clients.select(0.1):
                self._hear(key.fileobj, key.data)  # type: ignore[arg-type]
            if time.monotonic() - trickled_at > TRICKLE_SECONDS:
                trickled_at = time.monotonic()
                self._trickle()
        for key in list(self._clients.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._clients.close()

    def _connect(self, kind: str) -> None:
        client = socket.socket()
        if kind == "no reading":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.settimeout(1)
        try:
            client.connect(("127.0.0.1", self._port))
            client.sendall(KINDS[kind])
        except OSError:
            self.refused += 1
            client.close()
            return
        self._absent.remove(kind)
        self.connected[kind] += 1
        self._clients.register(client, selectors.EVENT_READ, kind)

    def _hear(self, client: socket.socket, kind: str) -> None:
        if kind == "no reading" and not _is_closed(client):
            self._clients.modify(client, selectors.EVENT_WRITE, f"{kind}: sent")
            return
        if kind.startswith("no reading"):
            return
        with suppress(OSError):
            if client.recv(65_536):
                return
        self._leave(client, kind)

    def _trickle(self) -> None:
        for key in list(self._clients.get_map().values()):
            client, kind = key.fileobj, key.data.partition(":")[0]
            assert isinstance(client, socket.socket)
            try:
                if kind == "no reading" and _is_closed(client):
                    raise ConnectionResetError
                if kind.startswith("half"):
                    client.sendall(b" ")
            except OSError:
                self._leave(client, kind)

    def _leave(self, client: socket.socket, kind: str) -> None:
        self._clients.unregister(client)
        client.close()
        self._absent.append(kind)


def _is_closed(client: socket.socket) -> bool:
    """Whether the server has reset or ended a connection whose answer is not read."""
    fault = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    state = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return fault != 0 or state != ESTABLISHED


class Probes:
    """Asks `/healthz` and `/readyz` of the operators' listener while the block runs.

    Attributes:
        seconds: how long each took.
        failed: the status of each that was not 200.
    """

    def __init__(self, port: int, every: float = 0.2) -> None:
        self.seconds: list[float] = []
        self.failed: list[int] = []
        self._port, self._every = port, every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._probe, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _probe(self) -> None:
        while not self._stopping.wait(self._every):
            for path in ("/healthz", "/readyz"):
                begun = time.monotonic()
                status, _ = ask(self._port, "GET", path)
                self.seconds.append(time.monotonic() - begun)
                if status != HTTP_OK:
                    self.failed.append(status)


@click.command(help=__doc__)
@click.option("--clients", default=200, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--rate", default=50.0, show_default=True, help="Of good reads a second.")
def main(clients: int, seconds: float, rate: float) -> None:
    """Serve a few stories, quietly first, and then beside the crowd."""
    end_by_sigterm()
    paths = [f"/v1/articles/seed-{number}/related" for number in range(SEEDS)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Place(Path(folder)), ready=False) as server,
    ):
        for seed in seeds(SEEDS):
            put_until_visible(server.port, seed)
        with Load(server.port, paths, rate) as quiet:
            time.sleep(seconds / 4)
        with (
            Crowd(server.port, clients) as crowd,
            Probes(server.operators_port) as probes,
            Load(server.port, paths, rate) as loud,
        ):
            time.sleep(seconds)
    failed = [answer for answer in loud.answers if not answer.good]
    click.echo(f"connections of slow clients: {dict(crowd.connected)}, refused {crowd.refused}")
    click.echo(f"reads beside them: {len(loud.answers)}, not answered with 2xx: {len(failed)}")
    for name, load in (("quiet", quiet), ("beside slow clients", loud)):
        taken = sorted(answer.seconds for answer in load.answers)
        click.echo(f"{name}: p50 {at(taken, 0.5):.3f} s, p99 {at(taken, 0.99):.3f} s")
    click.echo(f"probes: {len(probes.seconds)}, failed {len(probes.failed)}, ")
    click.echo(f"slowest probe: {max(probes.seconds):.3f} s")
    sys.exit(1 if failed or probes.failed else 0)


def at(taken: Sequence[float], share: float) -> float:
    """The value below which a share of sorted values lies."""
    return taken[int(share * (len(taken) - 1))]


if __name__ == "__main__":
    main()
