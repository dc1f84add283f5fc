"""`read-also status`: what it says of a service, of parts that are away, and its exit code."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.counters import Counters
from recommender.indexing.rebuild import Rebuilt
from recommender.live import DiskRoom
from recommender.operations.status import Parts, ServiceStatus, find_troubles
from recommender.settings import Settings
from recommender.store import Backlog, QueueLength, ReceiverLag
from tests.support.archives import run_command

Rebuild = Callable[..., Rebuilt]
NOTHING = QueueLength(0, 0, 0)
DEAF = ReceiverLag("cms", 3, 900.0, "it answers 500")
WELL = ServiceStatus(
    backlog=Backlog(QueueLength(single=1, bulk=0, dead=0), drift=4, change=9),
    generation="g-1",
    generation_rows=8,
    generation_age_seconds=60,
    workers=(9, 9),
    indexer=True,
    disk=DiskRoom(50, 100),
)


def test_a_service_that_is_well_has_no_troubles() -> None:
    assert find_troubles(WELL, Parts()) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"store_fault": "cannot reach\nit"}, "does not answer: cannot reach it"),
        ({"data_folder": "full"}, "takes no new files: full"),
        ({"generation": None}, "no generation is published"),
        ({"generation_fault": "the pointer is damaged"}, "the pointer is damaged"),
        ({"workers": ()}, "no web worker"),
        ({"workers": (8, 9)}, "change 8 of 9"),
        ({"indexer": False}, "no indexer"),
        ({"publish_refused": "half is missing"}, "not published: half is missing"),
        ({"compaction_held": "rolled back to g-0"}, "rolled back to g-0"),
        ({"backlog": Backlog(QueueLength(0, 0, 3), 0, 0)}, "3 articles"),
        ({"disk": DiskRoom(9, 100)}, "9.0% of the disk"),
        (
            {"backlog": Backlog(NOTHING, 0, 9, (DEAF,))},
            "receiver cms has accepted no webhook for 15",
        ),
        ({"data_folder": "missing", "disk": DiskRoom()}, "there is no data folder"),
    ],
)
def test_each_trouble_is_named(change: dict[str, Any], word: str) -> None:
    (trouble,) = find_troubles(replace(WELL, **change), Parts())
    assert word in trouble


def test_a_machine_without_web_or_indexer_misses_neither() -> None:
    parts = replace(WELL, workers=(), indexer=False)
    assert find_troubles(parts, Parts(web=False, indexer=False)) == []
    assert len(find_troubles(parts, Parts())) == 2


def said(settings: Settings, *options: str) -> tuple[int, dict[str, Any]]:
    done = run_command(settings, "status", "--json", *options)
    return done.exit_code, json.loads(done.stdout)


def test_it_tells_the_state_of_a_machine_that_runs_nothing(
    own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    generation = rebuild_with_fake(own_desk).generation
    code, found = said(own_desk)
    assert code == 1
    assert found["generation"] == generation
    assert found["store_fault"] is None
    for part in ("no web worker runs here", "no indexer answers here"):
        assert any(trouble.startswith(part) for trouble in found["troubles"])
    assert (found["requests"], found["failed"], found["backlog"]["drift"]) == (0, 0, 0)


def test_it_works_while_the_store_is_away_and_on_an_empty_folder(
    own_desk: Settings, tmp_path: Path
) -> None:
    away = replace(own_desk, database_url=f"sqlite:///{tmp_path / 'gone.db'}")
    code, found = said(away, "--no-web", "--no-indexer")
    assert code == 1
    assert str(tmp_path / "gone.db") in found["troubles"][0]
    assert found["generation_rows"] > 0
    assert not (tmp_path / "gone.db").exists()
    empty = replace(away, data_dir=tmp_path / "nothing")
    assert said(empty)[0] == 1
    assert not empty.data_dir.exists()


@pytest.mark.usefixtures("counters_end")
def test_requests_are_those_that_all_workers_counted(own_desk: Settings) -> None:
    counters = Counters(own_desk.data.counters)
    for status, count in {"200": 5, "404": 2, "500": 1, "503": 3}.items():
        counters.requests.labels("/a", "GET", status).inc(count)
    found = said(own_desk)[1]
    assert (found["requests"], found["failed"]) == (11, 4)


def test_in_the_terminal_it_is_a_line_a_part(client: FlaskClient, own_desk: Settings) -> None:
    client.get("/healthz")
    done = run_command(own_desk, "status", "--no-indexer")
    lines = dict(line.split(maxsplit=1) for line in done.output.splitlines())
    assert lines["store"].startswith("up, change ")
    assert lines["web"].startswith("1 workers, showing change ")
    assert lines["indexer"] == "does not answer"
    assert lines["publishing"] == "accepted"
    assert lines["requests"] == "0 answered, 0 failed"
