"""Short forms of the long runs: hostile requests, overload, and reads through swaps."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness.clients import put_until_visible
from tests.faults.harness.hostile import Outcome, Thrower
from tests.faults.harness.overload import ask_together
from tests.faults.harness.soak import soak_in_process, soak_over_http
from tests.faults.harness.stories import seeds
from tests.support.nginx import running_nginx, trusting
from tests.support.serving import Place, Server
from tests.support.waiting import until

pytestmark = pytest.mark.long
HOSTILE = 600
UNLIMITED = 100_000.0  # requests a second
PATIENCE_SECONDS = 300.0  # of a busy machine, on which a model loads for minutes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(Place(tmp_path_factory.mktemp("hostile")), ready=False) as running:
        for seed in seeds(6):
            assert put_until_visible(running.port, seed, PATIENCE_SECONDS)
        yield running


def test_no_hostile_request_makes_an_error_of_ours_or_waits_without_end(server: Server) -> None:
    workers, outcome = server.workers, Outcome()
    Thrower(server.port, None, UNLIMITED).throw(HOSTILE, outcome)
    assert outcome.wrong == []
    assert outcome.total == HOSTILE
    assert len(outcome.counts) > 20  # of all kinds, and answered in many ways
    assert server.workers == workers


def test_no_hostile_request_makes_an_error_through_nginx(server: Server) -> None:
    outcome = Outcome()
    with running_nginx(server.port) as nginx:
        Thrower(nginx.port, trusting(), UNLIMITED).throw(HOSTILE, outcome, seed=3)
    assert outcome.wrong == []
    assert outcome.total == HOSTILE


def test_a_crowd_gets_lists_or_is_asked_to_come_again_and_then_all_is_calm(server: Server) -> None:
    seen = ask_together(server.port, clients=160, seconds=4.0)
    assert seen.wrong == 0
    assert seen.statuses[200] > 100
    assert until(server.is_whole)


def test_reads_through_swaps_are_answered_in_process_and_over_http(
    server: Server, tmp_path: Path
) -> None:
    figures = soak_in_process(tmp_path, requests=120, swaps=4)
    figures += soak_over_http(server, requests=40, swaps=2)
    # So short a run says nothing of growth.
    missed = [str(one) for one in figures if not one.met and "memory" not in one.name]
    assert missed == []
