"""A whole server with killed processes and a locked store still answers reads."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from index import Catalog
from recommender.data_folder import DataFolder
from recommender.indexing.snapshots import read_live_name
from recommender.live import Journal
from recommender.store import LOG_START, open_store
from tests.faults.harness.clients import Load, ask, line_to, listed, put, put_until_visible
from tests.faults.harness.clocks import MovedClock
from tests.faults.harness.freshness import encodings
from tests.faults.harness.overtaking import Pushed, long_story, push, waiting
from tests.faults.harness.reads import Scene, locked
from tests.faults.harness.stories import seeds
from tests.support.serving import KEY, Place, Server
from tests.support.waiting import until

SEEDS = 4
RATE = 30.0
PATIENCE_SECONDS = 300.0  # of a busy machine, on which a model loads for minutes
LEAST_READS = 5  # before something happens, and after it
LOOP_SECONDS = 2.0
STARTS = 3  # in so long a loop of crashes: at once, then after 0.5 and 1 s


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("serving")
    clock = MovedClock(folder / "clock")
    with Server(Place(folder, more=clock.environment), ready=False) as server:
        for seed in seeds(SEEDS):
            assert put_until_visible(server.port, seed, PATIENCE_SECONDS)
        scene = Scene(server, pace=0.1, clock=clock)
        with scene.phase("tests"):
            yield scene


@contextmanager
def reading(scene: Scene, *, cut: bool = False) -> Iterator[None]:
    """Readers read while the block runs; all are answered, the second time if a worker dies."""
    paths = [f"/v1/articles/seed-{n}/related{'.html' * (n % 2)}" for n in range(SEEDS)]
    with Load(scene.server.port, paths, RATE, lines=6) as load:
        assert until(lambda: len(load.answers) > LEAST_READS)
        yield
        so_far = len(load.answers)
        assert until(lambda: len(load.answers) > so_far + LEAST_READS)
    assert [answer.status for answer in load.answers if answer.status != 200] == []
    assert cut or not any(answer.cut for answer in load.answers), load.faults
    assert scene.wrong == []


def test_an_indexer_that_dies_repeatedly_is_restarted_after_longer_waits(
    scene: Scene,
) -> None:
    server, starts = scene.server, 0
    article = scene.next_article()
    with reading(scene):
        end = time.monotonic() + LOOP_SECONDS
        while time.monotonic() < end or starts < 2:
            if (indexer := server.indexer) is not None:
                os.kill(indexer, signal.SIGKILL)
                starts += until(lambda killed=indexer: server.indexer != killed)  # type: ignore[misc]
            time.sleep(0.02)
        assert put(server.port, article) == 201
        assert put_until_visible(server.port, article, PATIENCE_SECONDS)
    assert 1 < starts <= STARTS
    assert article["id"] in encodings(server.words(), [article["id"]])


def test_a_killed_worker_is_replaced_and_its_reads_are_answered_by_another(scene: Scene) -> None:
    with reading(scene, cut=True):
        scene.kill_worker()


def test_a_killed_master_is_replaced_while_its_workers_answer(scene: Scene) -> None:
    server = scene.server
    with reading(scene):
        for _ in range(2):  # also soon after its start
            old, orphans = server.master, server.workers
            assert old is not None
            os.kill(old, signal.SIGKILL)
            assert until(lambda old=old: server.master not in {None, old})  # type: ignore[misc]
            assert until(server.is_whole, PATIENCE_SECONDS)
            assert not set(orphans) & set(server.workers)


def test_a_reload_replaces_every_process_but_the_supervisor_and_fails_no_read(scene: Scene) -> None:
    server = scene.server
    before = {server.indexer, *server.workers}
    with reading(scene):
        os.kill(server.supervisor, signal.SIGHUP)
        assert until(
            lambda: server.is_whole() and not before & {server.indexer, *server.workers},
            PATIENCE_SECONDS,
        )


def test_while_writers_are_locked_out_writes_are_refused_and_reads_go_on(scene: Scene) -> None:
    article = scene.next_article()
    with reading(scene):
        with locked(scene.server.place.store, readers_too=False):
            assert put(scene.server.port, article) == 503
        assert put_until_visible(scene.server.port, article, PATIENCE_SECONDS)


def is_copied(scene: Scene) -> bool:
    """Whether a worker that starts without the store would know all that is written by now."""
    place = scene.server.place
    with closing(open_store(f"sqlite:///{place.store}")) as store:
        newest = store.backlog(LOG_START, "").change
    folder = DataFolder(place.folder)
    live = read_live_name(Catalog(folder.snapshots))  # none before the first texts were read
    content = None if live is None else Journal(folder.journals).load(live)
    return content is not None and content.point.number >= newest


def test_a_worker_starts_while_the_store_is_locked_and_serves_what_was_known(scene: Scene) -> None:
    article = scene.next_article()
    path = f"/v1/articles/seed-1/related?tag={article['id']}"
    deleted = f"/v1/articles/{article['id']}"
    with reading(scene, cut=True):
        assert put_until_visible(scene.server.port, article, PATIENCE_SECONDS)
        assert until(lambda: is_copied(scene), PATIENCE_SECONDS)
        with locked(scene.server.place.store, readers_too=True):
            scene.kill_worker()
            for worker in scene.server.workers:
                with closing(line_to(scene.server, worker)) as line:
                    status, body = line.ask("GET", path)
                assert (status, listed(body)) == (200, [article["id"]])
        # A second after the last refusal the store is tried again.
        assert until(lambda: ask(scene.server.port, "DELETE", deleted)[0] == 204)
        assert until(lambda: listed(ask(scene.server.port, "GET", path)[1]) == [])


def test_a_breaking_story_overtakes_what_eight_clients_pushed_before_it(scene: Scene) -> None:
    port, others = scene.server.port, [long_story(f"other-{number}") for number in range(80)]
    indexer = scene.server.indexer
    assert indexer is not None
    os.kill(indexer, signal.SIGSTOP)  # on a fast machine it would read them as they come
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda one: push(port, one, Pushed()), others))
    finally:
        os.kill(indexer, signal.SIGCONT)
    breaking = long_story("breaking")
    assert put_until_visible(port, breaking, PATIENCE_SECONDS)
    state = json.loads(ask(port, "GET", "/v1/articles/breaking/status")[1])
    assert state["state"] == "visible"
    assert state["waiting"] > len(others) / 4
    assert until(lambda: waiting(port, "breaking") == 0, PATIENCE_SECONDS)


def test_serve_says_that_a_first_archive_is_still_being_read(tmp_path: Path) -> None:
    archive = [long_story(f"first-{number}") for number in range(150)]
    body = "\n".join(map(json.dumps, archive)).encode()
    headers = {"X-API-Key": KEY, "Content-Type": "application/x-ndjson"}
    with Server(Place(tmp_path), ready=False) as server:
        url = f"{server.address}/v1/bulk"
        stored = httpx.post(url, content=body, headers=headers, timeout=PATIENCE_SECONDS)
        assert stored.status_code == 200

        answers: list[dict[str, object]] = []

        def told() -> dict[str, object] | None:
            answer = httpx.get(f"{server.address}/readyz", timeout=PATIENCE_SECONDS)
            found = answer.json().get("archive_reading")
            answers.extend([dict(found)] if found else [])
            return dict(found) if found else None

        assert until(lambda: told() is not None, PATIENCE_SECONDS)
        # A worker counts once a second, and may have done so between two batches of the load.
        until(lambda: told() is not None and answers[-1]["stored"] == 150, PATIENCE_SECONDS)
        assert answers[-1]["stored"] == 150
        # In the log, and once more on standard output.
        said = "the archive is still being read, "
        assert until(lambda: server.words().count(said) >= 2, PATIENCE_SECONDS)
        assert "to read it in one go, run: read-also rebuild" in server.words()
        assert until(lambda: told() is None, PATIENCE_SECONDS)
        assert until(lambda: "\nthe archive is read\n" in server.words(), PATIENCE_SECONDS)


def test_no_process_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with Server(Place(tmp_path), ready=False) as server:
        assert len(server.processes) >= 5  # itself, gunicorn, two workers, the indexer
        assert server.ended_by(signal.SIGKILL, PATIENCE_SECONDS)
        assert ask(server.port, "GET", "/healthz")[0] == 0
        server.start()
        os.kill(server.supervisor, signal.SIGKILL)
        server.start()  # at the port of the processes that end
        assert "Address already in use" not in server.words()


def test_a_bulk_load_is_answered_in_part_when_the_server_stops(tmp_path: Path) -> None:
    load = [{"id": f"a-{number}", "title": f"Story {number}"} for number in range(5_000)]
    body = "\n".join(map(json.dumps, load)).encode()
    with Server(Place(tmp_path), ready=False) as server:
        with ThreadPoolExecutor(1) as thread:
            headers = {"X-API-Key": KEY, "Content-Type": "application/x-ndjson"}
            url = f"{server.address}/v1/bulk"
            sent: dict[str, Any] = {
                "content": body,
                "headers": headers,
                "timeout": PATIENCE_SECONDS,
            }
            loading = thread.submit(httpx.post, url, **sent)
            with closing(open_store(f"sqlite:///{server.place.store}")) as store:
                assert until(lambda: store.state().change > 0, every=0.01)
            assert server.ended_by(signal.SIGTERM, PATIENCE_SECONDS)
            answer = loading.result()
        assert answer.status_code == 200
        statuses = [item["status"] for item in answer.json()["items"]]
        accepted = statuses.count(201)
        assert statuses == [201] * accepted + [503] * (len(load) - accepted)
        assert 0 < accepted < len(load)
        with closing(open_store(f"sqlite:///{server.place.store}")) as store, store.scan() as all_:
            assert {one.article.id for one in all_} == {one["id"] for one in load[:accepted]}


def test_a_supervisor_that_gets_a_stop_signal_ends_every_process(scene: Scene) -> None:
    """The last test of the module, whose server it is."""
    assert len(scene.server.processes) >= 5
    assert scene.server.ended_by(signal.SIGTERM, PATIENCE_SECONDS)
    assert ask(scene.server.port, "GET", "/healthz")[0] == 0
