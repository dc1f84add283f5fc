"""A worker over a Milvus server that hangs, is gone, or answers late.

The server is milvus-lite in a process of its own; to hang it is stopped by a signal.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from index.conditions import Condition
from index.milvus import LazyMilvus, Milvus, MilvusCollection
from recommender.indexing.collection_catalog import catalog_over
from recommender.indexing.rebuild import rebuild
from recommender.live.collection_follower import CollectionView
from recommender.operations.collection_feed import CollectionFeed
from recommender.settings import Settings
from recommender.store import Receipt, open_store
from recommender.web.collection_state import CollectionState
from recommender.web.limits import ENGINE
from recommender.web.state import State
from service import create_app
from tests.support.archives import HARBOUR, SECRETS, fake_reader, gauges, index_fake, story
from tests.support.makings import watch_makings
from tests.support.milvus_servers import MilvusServer
from tests.support.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.long
SEED = "/v1/articles/harbour-1/related?limit=50"
ARTICLE = "/v1/articles/harbour-2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    with MilvusServer(tmp_path_factory.mktemp("milvus")) as server:
        yield server


@pytest.fixture
def settings(
    own_desk: Settings,
    server: MilvusServer,
    _web_clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Of a desk that is in the server."""
    monkeypatch.setattr("recommender.web.collection_state.time", _web_clock)
    milvus = Milvus(server.address)
    for name in milvus.collections():
        milvus.drop(name)
    milvus.close()
    settings = replace(own_desk, milvus=server.address)
    build(settings)
    return settings


def build(settings: Settings) -> None:
    index_fake(settings)
    with closing(open_store(settings.database_url)) as store:
        rebuild(store, catalog_over(settings), fake_reader())


@pytest.fixture
def desk(settings: Settings, client_of: Callable[..., FlaskClient]) -> FlaskClient:
    """Asks it; the change log is read before each request."""
    return client_of(settings)


@pytest.fixture
def writer(own_desk: Settings, client_of: Callable[..., FlaskClient]) -> FlaskClient:
    """Writes to the store, in a process that asks no server."""
    return client_of(own_desk)


@pytest.fixture
def following(settings: Settings) -> Iterator[Callable[[], FlaskClient]]:
    """Makes clients of applications that follow in a thread, as a web worker does."""
    made: list[Flask] = []

    def make() -> FlaskClient:
        made.append(create_app(settings))
        client = made[-1].test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SECRETS['editor']}"
        return client

    yield make
    for app in made:
        app.extensions["read-also"].stop()


def shared(client: FlaskClient) -> State:
    state: State = client.application.extensions["read-also"]
    return state


def listed(client: FlaskClient) -> set[str]:
    answer = client.get(SEED)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return {item["id"] for item in answer.get_json()["items"]}


def assert_goes_on_without_the_server(client: FlaskClient) -> None:
    """Lists are refused with the reason; all else goes on, and no figure is made up."""
    refused = client.get(SEED)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert "index server" in refused.get_json()["detail"]
    assert client.get("/healthz").status_code == 200
    assert client.get(ARTICLE).status_code == 200
    body = {name: value for name, value in story("", HARBOUR).items() if name != "id"}
    written = client.put("/v1/articles/new?wait=visible", json=body)
    assert written.status_code == 202, written.get_data(as_text=True)
    assert client.get("/v1/articles/new").status_code == 200
    assert client.put(f"{ARTICLE}/pins", json={"pins": [{"id": "harbour-9"}]}).status_code == 200
    assert client.delete("/v1/articles/new?wait=visible").status_code in {202, 204}
    ready = client.get("/readyz")
    assert ready.status_code == 503
    seen = gauges(client)
    assert seen["ready"] == 0
    assert "articles" not in seen


def test_a_server_that_hangs_or_is_gone_stops_lists_alone(
    following: Callable[[], FlaskClient], server: MilvusServer
) -> None:
    client = following()
    assert until(lambda: client.get(SEED).status_code == 200)
    assert client.get("/readyz").status_code == 200
    assert gauges(client)["index_server_up"] == 1
    with server.frozen():
        assert client.get("/readyz").status_code == 503  # though no list has found that out
        assert_goes_on_without_the_server(client)
        assert gauges(client)["index_server_up"] == 0
        assert "index server" in client.get("/readyz").get_json()["detail"]
    assert until(lambda: client.get(SEED).status_code == 200)
    server.kill()
    assert_goes_on_without_the_server(client)
    server.start()
    assert until(lambda: client.get(SEED).status_code == 200)
    assert until(lambda: client.get("/readyz").status_code == 200)


def test_a_worker_that_starts_while_it_is_gone_does_all_but_lists(
    following: Callable[[], FlaskClient], server: MilvusServer
) -> None:
    server.kill()
    try:
        client = following()
        assert client.get(SEED).status_code == 503
        assert client.get(ARTICLE).status_code == 200
        body = {name: value for name, value in story("", HARBOUR).items() if name != "id"}
        assert client.put("/v1/articles/new?wait=visible", json=body).status_code == 202
        assert client.get("/readyz").status_code == 503
        assert gauges(client)["ready"] == 0
    finally:
        server.start()
    assert until(lambda: client.get(SEED).status_code == 200)


def test_a_server_that_hangs_does_not_keep_a_worker_from_the_change_log(
    following: Callable[[], FlaskClient], writer: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = shared(following()).follower
    goes_on, asked = threading.Event(), threading.Event()

    def hang(_: Milvus) -> str:
        asked.set()
        goes_on.wait()
        return follower.current().view.snapshot.generation

    monkeypatch.setattr(Milvus, "live", hang)
    try:
        assert asked.wait(PATIENCE_SECONDS)
        assert writer.delete("/v1/articles/harbour-4").status_code == 204
        with closing(open_store(shared(writer).settings.database_url)) as store:
            change = store.state().change
        assert until(lambda: follower.current().change >= change)
    finally:
        goes_on.set()


def test_only_some_requests_ask_the_server_or_wait_at_a_time(
    desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.get(SEED).status_code == 200
    with ExitStack() as others:
        for _ in range(ENGINE):
            others.enter_context(shared(desk).limits.engine.hold("the index server"))
        refused = desk.get(SEED)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert desk.get(ARTICLE).status_code == 200
        # Who waits until a write shows goes on waiting where lists take all places.
        sleep = "recommender.web.collection_state.time.sleep"
        monkeypatch.setattr(sleep, lambda _: others.close())
        assert shared(desk).is_visible(Receipt("harbour-2", "updated", 1))
    assert desk.get(SEED).status_code == 200

    waits = list[float]()
    monkeypatch.setattr(shared(desk).follower, "await_refresh", waits.append)
    assert desk.get("/v1/articles/unknown/related").status_code == 404
    assert len(waits) == 1
    with shared(desk).limits.unknown_ids:
        assert desk.get("/v1/articles/unknown/related").status_code == 404
    assert len(waits) == 1


@pytest.fixture
def before_answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Lets something happen once, after a list was begun and before its nearest rows come."""

    def let(happen: Callable[[], Any]) -> None:
        search, left = MilvusCollection.nearest, [happen]

        def nearest(self: MilvusCollection, vector: Any, limit: int, wanted: Condition) -> Any:
            found = search(self, vector, limit, wanted)
            if left:
                left.pop()()
            return found

        monkeypatch.setattr(MilvusCollection, "nearest", nearest)

    return let


def test_a_list_is_of_the_change_log_as_it_is_after_the_last_answer(
    desk: FlaskClient,
    writer: FlaskClient,
    before_answers: Callable[[Callable[[], Any]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.web.collection_state.LIST_SECONDS", 600.0)
    assert {"harbour-4", "harbour-5", "harbour-6"} <= listed(desk)

    def change() -> None:
        assert writer.delete("/v1/articles/harbour-4").status_code == 204
        body = {name: value for name, value in story("", HARBOUR).items() if name != "id"}
        withheld = writer.put("/v1/articles/harbour-5", json=body | {"status": "withheld"})
        blocks = writer.put("/v1/articles/harbour-1/blocks", json={"blocks": [{"id": "harbour-6"}]})
        pins = writer.put("/v1/articles/harbour-1/pins", json={"pins": [{"id": "orchard-3"}]})
        assert [one.status_code for one in (withheld, blocks, pins)] == [200, 200, 200]
        shared(desk).follower.refresh()

    before_answers(change)
    items = [item["id"] for item in desk.get(SEED).get_json()["items"]]
    assert items[0] == "orchard-3"
    assert {*items}.isdisjoint({"harbour-4", "harbour-5", "harbour-6"})

    like = {"like": ["harbour-1", "harbour-2"], "limit": 50}
    before = {item["id"] for item in desk.post("/v1/related", json=like).get_json()["items"]}
    assert "harbour-7" in before

    def withdraw() -> None:
        assert writer.delete("/v1/articles/harbour-7").status_code == 204
        shared(desk).follower.refresh()

    before_answers(withdraw)
    after = {item["id"] for item in desk.post("/v1/related", json=like).get_json()["items"]}
    assert after == before - {"harbour-7"}

    def withdraw_an_example() -> None:
        assert writer.delete("/v1/articles/harbour-2").status_code == 204
        shared(desk).follower.refresh()

    before_answers(withdraw_an_example)
    assert desk.post("/v1/related", json=like).status_code == 410


def test_who_asks_while_a_list_is_made_shares_the_next_and_has_a_place_among_those_that_ask(
    desk: FlaskClient,
    writer: FlaskClient,
    before_answers: Callable[[Callable[[], Any]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.web.collection_state.LIST_SECONDS", 600.0)
    waits, made, make = watch_makings(monkeypatch), list[int](), CollectionState._list_for  # noqa: SLF001 - to count

    def counted(self: CollectionState, *of_list: Any) -> Any:
        made.append(1)
        return make(self, *of_list)

    monkeypatch.setattr(CollectionState, "_list_for", counted)
    begun, gate = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert gate.wait(PATIENCE_SECONDS)

    before_answers(hold)

    def read() -> tuple[int, set[str]]:
        own = desk.application.test_client()
        answer = own.get(SEED, headers={"X-API-Key": SECRETS["editor"]})
        return answer.status_code, {item["id"] for item in answer.get_json().get("items", ())}

    with ThreadPoolExecutor(ENGINE) as readers:
        asked = [readers.submit(read)]
        assert begun.wait(PATIENCE_SECONDS)
        assert writer.delete("/v1/articles/harbour-4").status_code == 204
        for _ in range(ENGINE - 1):
            asked.append(readers.submit(read))
            assert waits.acquire(timeout=PATIENCE_SECONDS)
        assert desk.get(SEED).status_code == 503  # one more than may ask or wait
        gate.set()
        answers = [one.result(PATIENCE_SECONDS) for one in asked]
    assert len(made) == 2
    assert [status for status, _ in answers] == [200] * ENGINE
    assert not any("harbour-4" in ids for _, ids in answers[1:])
    assert all("harbour-5" in ids for _, ids in answers)


def test_nothing_is_kept_of_changes_that_are_in_the_collection(
    desk: FlaskClient, settings: Settings, writer: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.live.collection_follower.NOTED_SECONDS", 0.0)
    monkeypatch.setattr("recommender.web.collection_state.LIST_SECONDS", 600.0)
    follower = shared(desk).follower

    def kept() -> set[str]:
        follower.refresh()
        view = follower.current().view
        assert isinstance(view, CollectionView)
        return {*view.standings}

    assert writer.delete("/v1/articles/harbour-4").status_code == 204
    body = {name: value for name, value in story("", HARBOUR).items() if name != "id"}
    withheld = writer.put("/v1/articles/harbour-5", json=body | {"status": "withheld"})
    assert withheld.status_code == 200
    assert {"harbour-4", "harbour-5"} <= kept()
    index_fake(settings)
    with closing(open_store(settings.database_url)) as store:
        feed = CollectionFeed(LazyMilvus(settings.milvus), lambda: store)
        while not feed.step():
            pass
    kept()  # a page of the log is kept as a whole, so the next change is in another one
    assert writer.delete("/v1/articles/harbour-6").status_code == 204
    assert until(lambda: kept() == {"harbour-6"})
    assert {"harbour-4", "harbour-5", "harbour-6"}.isdisjoint(listed(desk))


def test_a_list_is_made_anew_where_another_collection_went_live_meanwhile(
    desk: FlaskClient,
    settings: Settings,
    writer: FlaskClient,
    before_answers: Callable[[Callable[[], Any]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The changes after the new one do not tell of a deletion that it was built after."""
    monkeypatch.setattr("recommender.web.collection_state.LIST_SECONDS", 600.0)
    follower = shared(desk).follower
    assert "harbour-4" in listed(desk)
    before = follower.current().view.snapshot.generation

    def rebuild_meanwhile() -> None:
        assert writer.delete("/v1/articles/harbour-4").status_code == 204
        build(settings)
        assert until(moves)

    def moves() -> bool:
        follower.refresh()
        return follower.current().view.snapshot.generation != before

    before_answers(rebuild_meanwhile)
    assert "harbour-4" not in listed(desk)
    assert moves()
