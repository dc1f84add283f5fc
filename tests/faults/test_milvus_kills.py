"""Kills of an indexer, a web worker and the Milvus server while articles are read and written.

    .venv/bin/pytest -s -m long tests/faults/test_milvus_kills.py

says at which rate that went. Wanted are 50 reads and 5 writes a second. milvus-lite, a program for
trials, answers fewer reads on two cores, so as many are asked as it answers.
"""

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import httpx
import pytest

from recommender.settings import PREFIX
from tests.faults.harness.newsroom import missing
from tests.support.archives import archive_settings, fill, story
from tests.support.milvus_servers import MilvusServer
from tests.support.serving import KEY, PROC, Place, Server
from tests.support.waiting import until

pytestmark = pytest.mark.long
TOPIC = ("tram", "rail", "voltage", "depot", "signal", "track", "carriage", "driver", "fare", "bus")
READERS = 2
READS_A_SECOND = 50.0
WRITES_A_SECOND = 5.0
PHASE_SECONDS = 4.0
PROMISED_SECONDS = 5.0
"""A deleted article is in no list within a second; what is slow here is the machine of the test."""
STALL_SECONDS = 2.0
"""On a machine so slow that a list takes so long, lists are refused for a while."""


@dataclass(frozen=True)
class Call:
    """A call of a client: when it began and ended, and its status or what became of it."""

    began: float
    ended: float
    outcome: int | str

    def meets(self, begin: float, end: float) -> bool:
        """Whether it was under way at some moment between two."""
        return self.began <= end and self.ended >= begin


@dataclass
class Clients:
    """One that writes, and some that read lists of what is written."""

    address: str
    written: dict[str, str] = field(default_factory=dict)
    deleted: dict[str, float] = field(default_factory=dict)
    reads: list[Call] = field(default_factory=list)
    writes: list[Call] = field(default_factory=list)
    withdrawn_shown: list[str] = field(default_factory=list)
    is_over: bool = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.write)]
        threads += [threading.Thread(target=self.read) for _ in range(READERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.is_over = True
            for thread in threads:
                thread.join()

    def write(self) -> None:
        with httpx.Client(headers={"X-API-Key": KEY}, timeout=30) as http:
            for number in self._paced(WRITES_A_SECOND):
                article_id, title = f"kill-{number}", f"{TOPIC[number % 10]} {number}"
                body = story(article_id, TOPIC, title=title)
                body.pop("id")
                if self._ask(http, self.writes, "PUT", article_id, body):
                    self.written[article_id] = title
                doomed = f"kill-{number - 3}"
                if number % 5 == 0 and self._ask(http, self.writes, "DELETE", doomed):
                    self.deleted[doomed] = time.monotonic()
                    self.written.pop(doomed, None)

    def read(self) -> None:
        with httpx.Client(headers={"X-API-Key": KEY}, timeout=30) as http:
            for _ in self._paced(READS_A_SECOND / READERS):
                long_gone = time.monotonic() - PROMISED_SECONDS
                gone = {one for one, at in [*self.deleted.items()] if at < long_gone}
                answer = self._ask(http, self.reads, "GET", "seed/related?limit=10")
                if answer is not None:
                    shown = {item["id"] for item in answer.json()["items"]}
                    self.withdrawn_shown += shown & gone

    def _paced(self, a_second: float) -> Iterator[int]:
        """Numbers from 1, at a rate; whoever is late does not make up for it."""
        for number in count(1):
            begun = time.monotonic()
            if self.is_over:
                return
            yield number
            time.sleep(max(0.0, begun + 1 / a_second - time.monotonic()))

    def _ask(
        self, http: httpx.Client, calls: list[Call], method: str, path: str, body: object = None
    ) -> httpx.Response | None:
        """The answer, if it is a success."""
        begun = time.monotonic()
        answer: httpx.Response | None = None
        try:
            answer = http.request(method, f"{self.address}/v1/articles/{path}", json=body)
            outcome: int | str = answer.status_code
        except httpx.HTTPError as fault:
            outcome = type(fault).__name__
        calls.append(Call(begun, time.monotonic(), outcome))
        return answer if answer is not None and answer.is_success else None


def test_no_acknowledged_write_is_lost_whoever_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    fill(archive_settings(folder), [story(one, TOPIC) for one in ("seed", *map(str, range(20)))])
    with MilvusServer(tmp_path / "milvus") as milvus:
        place = Place(folder, more={f"{PREFIX}MILVUS": milvus.address})
        place.run("rebuild")
        with Server(place) as server:
            clients = Clients(server.address)
            with clients.at_work():
                time.sleep(PHASE_SECONDS)
                windows = kill_in_turn(server)
                away = kill_server(milvus)
                began = time.monotonic()
                reads_again = until(lambda: answered_after(clients, began) > 2 * READERS)
            assert reads_again, clients.reads[-20:]
            sys.stdout.write(said(clients, away))
            assert clients.withdrawn_shown == []
            check_failures(clients, windows, away)
            written, deleted = clients.written, {*clients.deleted}
            look = partial(missing, milvus.address, written, deleted)
            assert until(lambda: not look()), look()


def kill_in_turn(server: Server) -> list[tuple[float, float]]:
    """Kill the indexer, and then a web worker; from when to when each died."""
    windows = []
    for name in ("indexer", "worker"):
        doomed = server.indexer if name == "indexer" else server.workers[0]
        assert doomed is not None
        begun = time.monotonic()
        os.kill(doomed, signal.SIGKILL)
        assert until(partial(is_gone, doomed))
        windows.append((begun, time.monotonic()))
        assert until(server.is_whole)
        time.sleep(PHASE_SECONDS)
    return windows


def is_gone(process: int) -> bool:
    return not (PROC / str(process)).exists()


def kill_server(milvus: MilvusServer) -> tuple[float, float]:
    """Kill the server, and start it again some seconds later; from when to when it was away."""
    begun = time.monotonic()
    milvus.kill()
    time.sleep(PHASE_SECONDS)
    milvus.start()
    return begun, time.monotonic()


def answered_after(clients: Clients, moment: float) -> int:
    return sum(one.outcome == httpx.codes.OK for one in clients.reads if one.began > moment)


def check_failures(
    clients: Clients, windows: list[tuple[float, float]], away: tuple[float, float]
) -> None:
    """No call failed but those in flight at a kill; without the server a list is refused."""
    slow = [one for one in clients.reads if one.ended - one.began >= STALL_SECONDS]
    stalls = [(one.began, one.ended + STALL_SECONDS) for one in slow]
    calls = clients.reads + clients.writes
    failed = [one for one in calls if one.outcome not in {200, 201, 202, 204}]
    not_in_flight = [
        one for one in failed if not any(one.meets(begin, end) for begin, end in windows)
    ]
    assert {one.outcome for one in not_in_flight} <= {503}
    assert all(one in clients.reads for one in not_in_flight), "a write needs no Milvus"
    early = [one for one in not_in_flight if one.ended < away[0]]
    assert all(any(one.meets(*stall) for stall in stalls) for one in early), early


def said(clients: Clients, away: tuple[float, float]) -> str:
    """What was asked, and what came of it."""
    lines = [""]
    for name, calls in (("reads", clients.reads), ("writes", clients.writes)):
        before = [one for one in calls if one.ended < away[0]]
        seconds = before[-1].ended - before[0].began
        took = sorted(1_000 * (one.ended - one.began) for one in before)
        lines += [
            f"{name}: {len(before) / seconds:.1f} a second until the server was killed",
            f"  p50 {took[len(took) // 2]:.0f} ms, at most {took[-1]:.0f} ms",
            f"  answers: {dict(Counter(one.outcome for one in before))}",
            f"  and later: {dict(Counter(one.outcome for one in calls if one.ended >= away[0]))}",
        ]
    again = min(one.ended for one in clients.reads if one.outcome == 200 and one.began > away[1])
    return "\n".join([*lines, f"lists again {again - away[1]:.1f} s after it answered", ""])
