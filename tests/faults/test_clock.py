"""The clock on the wall jumps a day while a whole server answers: lists follow, nothing stops."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Final

import pytest

from tests.faults.harness.clients import Load, ask, listed, put, put_until_visible
from tests.faults.harness.clocks import DAY_SECONDS, WallClock
from tests.faults.harness.stories import fresh, seeds
from tests.support.serving import Place, Server
from tests.support.waiting import until

pytestmark = pytest.mark.long
SEEDS: Final = 3
PATIENCE_SECONDS: Final = 300.0  # of a busy machine, on which a model loads for minutes
TAGGED: Final = "/v1/articles/seed-1/related?tag=clock"
SHOWN: Final = {
    -DAY_SECONDS: {"clock-expired", "clock-expiring"},
    0: {"clock-expiring", "clock-opened"},
    DAY_SECONDS: {"clock-opened", "clock-embargoed"},
}
"""By how far the clock is off, which of the articles below readers may see."""


def moment(hours: float) -> str:
    """The moment so many hours from now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + hours * 3_600))


def timed() -> dict[str, dict[str, str]]:
    """By id, articles whose embargo or expiry is half a day before or after now."""
    return {
        "clock-opened": {"embargoed_until": moment(-12)},
        "clock-embargoed": {"embargoed_until": moment(12)},
        "clock-expiring": {"expires_at": moment(12)},
        "clock-expired": {"expires_at": moment(-12)},
    }


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> WallClock:
    return WallClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def server(clock: WallClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = Place(tmp_path_factory.mktemp("served"), more=clock.environment)
    with Server(place, ready=False) as running:
        for seed in seeds(SEEDS):
            assert put_until_visible(running.port, seed, PATIENCE_SECONDS)
        for number, (name, times) in enumerate(timed().items()):
            article = fresh(9_000 + number, id=name, tags=["clock"], **times)
            assert put_until_visible(running.port, article, PATIENCE_SECONDS)
        yield running


def shown(server: Server) -> set[str]:
    """Which of the timed articles are listed, whoever answers."""
    return {i for _ in range(6) for i in listed(ask(server.port, "GET", TAGGED)[1])}


def lasting(server: Server) -> set[int | None]:
    """The processes that serve; the indexer starts others for a while."""
    return {server.supervisor, server.master, server.console, server.indexer, *server.workers}


def follows_the_clock(server: Server, off: int) -> bool:
    return until(lambda: shown(server) == SHOWN[off])


@pytest.mark.parametrize("off", [DAY_SECONDS, -DAY_SECONDS], ids=["forward", "back"])
def test_lists_follow_a_clock_that_jumps_and_nothing_stops(
    server: Server, clock: WallClock, off: int
) -> None:
    paths = [f"/v1/articles/seed-{n}/related{'.html' * (n % 2)}" for n in range(SEEDS)]
    known, number = lasting(server), abs(off) + off
    assert follows_the_clock(server, 0)
    with Load(server.port, paths, rate=20.0, lines=4) as load:
        clock.set_off(off)
        assert follows_the_clock(server, off)
        assert put_until_visible(server.port, fresh(number + 1), PATIENCE_SECONDS)
        assert ask(server.port, "DELETE", f"/v1/articles/fresh-{number + 1}")[0] == 204
        clock.set_off(0)
        assert follows_the_clock(server, 0)
        assert put_until_visible(server.port, fresh(number + 2), PATIENCE_SECONDS)
        assert ask(server.port, "DELETE", f"/v1/articles/fresh-{number + 2}")[0] == 204
    assert len(load.answers) > 10
    assert [answer.status for answer in load.answers if answer.status != 200] == []
    assert known == lasting(server)  # no worker was taken for stuck, and no process ended


@pytest.mark.parametrize("off", [DAY_SECONDS, -DAY_SECONDS], ids=["forward", "back"])
def test_what_starts_while_the_clock_is_off_goes_on_when_it_is_set_right(
    server: Server, clock: WallClock, off: int
) -> None:
    number, before = 7 * abs(off) + off, set(server.workers)
    clock.set_off(off)
    os.kill(min(before), signal.SIGKILL)
    assert until(lambda: len(set(server.workers) - before) == 1, PATIENCE_SECONDS)
    assert put(server.port, fresh(number)) == 201
    server.place.run("rebuild")
    assert follows_the_clock(server, off)
    clock.set_off(0)
    assert follows_the_clock(server, 0)
    assert put_until_visible(server.port, fresh(number + 1), PATIENCE_SECONDS)
    server.place.run("rebuild")
    assert put_until_visible(server.port, fresh(number + 2), PATIENCE_SECONDS)
    assert until(server.is_whole, PATIENCE_SECONDS)
    server.place.run("check")
