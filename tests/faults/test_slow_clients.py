"""Slow clients and an overload take no answer from readers and probes, without a proxy."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.harness.clients import Load, ask, put_until_visible
from tests.faults.harness.crowd import KINDS, Crowd, Probes
from tests.faults.harness.stories import seeds
from tests.support.serving import Place, Server
from tests.support.small_web import small_server
from tests.support.waiting import until

pytestmark = pytest.mark.long

CROWD = 200
OVERLOAD_SECONDS = 4
THREADS, WORK_SECONDS = 8, 0.4  # so long that a slow machine has processors left
CAPACITY = THREADS / WORK_SECONDS
SLEEP = f"GET /sleep/{WORK_SECONDS} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def test_readers_and_probes_are_answered_beside_two_hundred_slow_clients(tmp_path: Path) -> None:
    paths = ["/v1/articles/seed-0/related", "/v1/articles/seed-1/related.html"]
    with Server(Place(tmp_path), ready=False) as server:
        for seed in seeds(2):
            assert put_until_visible(server.port, seed, 300)
        with (
            Crowd(server.port, CROWD) as crowd,
            Probes(server.operators_port) as probes,
            Load(server.port, paths, 20.0, lines=4) as load,
        ):
            time.sleep(15)  # longer than any deadline
        assert sum(crowd.connected.values()) > CROWD  # some were closed and came again
        assert set(crowd.connected) == set(KINDS)
        assert len(load.answers) > 50
        assert [answer.status for answer in load.answers if not answer.good] == []
        assert len(probes.seconds) > 20
        assert probes.failed == []


async def sleep_once(port: int, statuses: Counter[bytes]) -> None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SLEEP)
        statuses[(await reader.read(64))[9:12]] += 1
        writer.close()
    except OSError as fault:
        statuses[repr(fault).encode()] += 1


async def overload(port: int, times: int) -> Counter[bytes]:
    """Ask for so many times what the server can do, evenly over some seconds."""
    statuses: Counter[bytes] = Counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(times * CAPACITY * OVERLOAD_SECONDS)):
            group.create_task(sleep_once(port, statuses))
            if number % times == 0:
                await asyncio.sleep(1 / CAPACITY)
    return statuses


def test_ten_times_what_a_server_can_do_costs_little_of_what_it_does() -> None:
    with small_server(hurried=False) as server:
        assert until(lambda: ask(server.port, "GET", "/")[0] == 200)
        begun = time.monotonic()
        statuses = asyncio.run(overload(server.port, 10))
        spent = time.monotonic() - begun
        assert set(statuses) == {b"200", b"503"}
        assert statuses[b"200"] >= 0.8 * CAPACITY * spent
        assert ask(server.port, "GET", "/")[0] == 200
