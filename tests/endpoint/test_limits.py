"""Slow requests have limits of their own, so that lists go on: store reads, heavy work, writes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from recommender.errors import StoreUnusable
from recommender.live import Follower
from recommender.ranking import explain as explanations
from recommender.settings import Settings
from recommender.store import ArticleStore
from recommender.web import article_routes, limits
from recommender.web import state as web_state
from tests.support.archives import SECRETS

Index = Callable[..., int]
Story = Callable[..., dict[str, Any]]

SEED = "/v1/articles/harbour-2/related"
NOBODY = "/v1/articles/nobody/related"
DRAFT = {"title": "Harbour", "body": "A ship at the quay.", "language": "en"}
PATIENCE_SECONDS = 30


@contextmanager
def blocked_calls(owner: type | ModuleType, name: str) -> Iterator[threading.Semaphore]:
    """Calls wait until the end; each signals when it has arrived."""
    arrived, free, call = threading.Semaphore(0), threading.Event(), getattr(owner, name)

    def hold(*arguments: Any, **more: Any) -> Any:
        arrived.release()
        free.wait(PATIENCE_SECONDS)
        return call(*arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, hold)
        try:
            yield arrived
        finally:
            free.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture
def fetched_ids(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the articles that were fetched from the store."""
    fetched_ids, get = list[str](), ArticleStore.get

    def note(store: ArticleStore, article_id: str) -> Any:
        fetched_ids.append(article_id)
        return get(store, article_id)

    monkeypatch.setattr(ArticleStore, "get", note)
    return fetched_ids


def another(client: FlaskClient, secret: str | None = None) -> FlaskClient:
    """A client of the same application, for another thread or with another key."""
    other = client.application.test_client()
    other.environ_base.update(client.environ_base)
    if secret is not None:
        other.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return other


def assert_refused(answer: TestResponse, seconds: str = "1") -> None:
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, seconds)
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        NOBODY,
        "/v1/articles/nobody/related.html",
        "/v1/articles/nobody",
        "/v1/articles/nobody/pins",
    ],
)
def test_while_the_store_is_slow_articles_of_the_view_get_their_lists(
    client: FlaskClient, pool: ThreadPoolExecutor, path: str
) -> None:
    assert client.get(SEED).status_code == 200
    with blocked_calls(ArticleStore, "get") as arrived:
        first = [pool.submit(another(client).get, path) for _ in range(limits.READS)]
        for _ in first:
            assert arrived.acquire(timeout=PATIENCE_SECONDS)
        for seed in ("harbour-2", "harbour-ru", "orchard-1"):
            assert client.get(f"/v1/articles/{seed}/related").status_code == 200
        for late in ("/v1/articles/else/related", path):
            assert_refused(client.get(late))
        assert not any(each.done() for each in first)
    assert [each.result().status_code for each in first] == [404] * limits.READS
    assert client.get(NOBODY).status_code == 404


def test_while_the_store_is_away_no_request_asks_it(
    client: FlaskClient, fetched_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StoreUnusable("the disk answers nobody")

    before = client.get(SEED)
    with monkeypatch.context() as patch:
        patch.setattr(ArticleStore, "updates_after", refuse)
        for path in (NOBODY, "/v1/articles/nobody", "/v1/articles/nobody/related.html"):
            assert_refused(client.get(path), "5")
        assert client.get(SEED).data == before.data
    assert fetched_ids == []
    assert client.get(NOBODY).status_code == 404
    assert fetched_ids == ["nobody"]


def test_to_the_public_a_draft_is_looked_for_as_long_as_an_unknown_id(
    client: FlaskClient, fetched_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the time of the answer would tell that the draft exists."""
    client.put("/v1/articles/secret?wait=visible", json={"title": "Secret", "status": "draft"})
    waits, await_refresh = list[float](), Follower.await_refresh

    def note(follower: Follower, seconds: float) -> None:
        waits.append(seconds)
        await_refresh(follower, seconds)

    monkeypatch.setattr(Follower, "await_refresh", note)
    front = another(client, SECRETS["front"])
    for kind in ("related", "related.html"):
        for hidden in ("secret", "nobody"):
            fetched_ids.clear()
            waits.clear()
            assert front.get(f"/v1/articles/{hidden}/{kind}").status_code == 404
            assert (fetched_ids, waits) == ([hidden], [web_state.MISS_SECONDS])
    waits.clear()
    assert client.get("/v1/articles/secret/related").status_code == 200
    assert waits == []


def test_an_unread_article_that_the_view_lacks_is_not_answered_as_deleted(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.live.replica.MOST_UNREAD", 3)
    for number in range(5):
        client.put(f"/v1/articles/fresh-{number}", json={"title": f"Fresh {number}"})
    for ending in ("", "/related"):
        paths = [f"/v1/articles/fresh-{number}{ending}" for number in range(5)]
        assert [client.get(path).status_code for path in paths] == [200] * 5


def test_a_known_article_is_fetched_while_a_request_waits_for_the_log(
    client: FlaskClient, pool: ThreadPoolExecutor
) -> None:
    assert client.get("/v1/articles/harbour-2").status_code == 200
    with blocked_calls(Follower, "await_refresh") as arrived:
        first = pool.submit(another(client).get, NOBODY)
        assert arrived.acquire(timeout=PATIENCE_SECONDS)
        assert client.get("/v1/articles/harbour-2").status_code == 200
    assert first.result().status_code == 404


@pytest.mark.usefixtures("_patient")
def test_an_article_deleted_and_put_again_is_fetched_before_the_view_shows_it(
    following: FlaskClient, desk_documents: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/v1/articles/harbour-4"
    assert following.delete(f"{path}?wait=visible").status_code == 204
    monkeypatch.setattr(Follower, "refresh", lambda _: None)
    assert following.put(path, json=desk_documents["harbour-4"]).status_code == 201
    assert following.get(path).status_code == 200


# Drafts.


def draft(client: FlaskClient) -> TestResponse:
    return client.post("/v1/related", json=DRAFT)


def explain(client: FlaskClient) -> TestResponse:
    return client.get(SEED, query_string={"explain": 1})


def explain_draft(client: FlaskClient) -> TestResponse:
    return client.post("/v1/related", json=DRAFT | {"explain": True})


def find_appearances(client: FlaskClient) -> TestResponse:
    return client.get("/v1/articles/harbour-2/appears-in")


@pytest.mark.usefixtures("indexer")
@pytest.mark.parametrize(
    ("owner", "name", "work"),
    [
        (web_state, "read_draft", [draft]),
        (explanations, "compare_texts", [explain, explain_draft]),  # the texts are read by then
        (web_state, "find_appearances", [find_appearances]),
    ],
)
def test_heavy_requests_above_the_limit_are_refused_and_lists_go_on(
    client: FlaskClient,
    pool: ThreadPoolExecutor,
    secrets: dict[str, str],
    owner: ModuleType,
    name: str,
    work: list[Callable[[FlaskClient], TestResponse]],
) -> None:
    """Two keys make as many as they may together."""
    with blocked_calls(owner, name) as arrived:
        some = [
            pool.submit(work[at % len(work)], another(client, secrets[key]))
            for at, key in enumerate(["editor", "reader", "editor"])
        ]
        assert len(some) == limits.HEAVY
        for _ in some:
            assert arrived.acquire(timeout=PATIENCE_SECONDS)
        for ask in (draft, explain, explain_draft, find_appearances):
            assert_refused(ask(another(client, secrets["reader"])))
        assert client.get(SEED).status_code == 200
        assert not any(each.done() for each in some)
    assert [each.result().status_code for each in some] == [200] * limits.HEAVY
    assert [again(client).status_code for again in work] == [200] * len(work)


@pytest.mark.usefixtures("indexer")
def test_one_key_does_not_take_every_place_of_heavy_work(
    client: FlaskClient, pool: ThreadPoolExecutor, secrets: dict[str, str]
) -> None:
    with blocked_calls(web_state, "find_appearances") as arrived:
        some = [pool.submit(find_appearances, another(client)) for _ in range(limits.HEAVY - 1)]
        for _ in some:
            assert arrived.acquire(timeout=PATIENCE_SECONDS)
        load = client.post("/v1/bulk", data=b"", content_type="application/x-ndjson")
        refused = [ask(client) for ask in (draft, explain, explain_draft, find_appearances)]
        for answer in (load, *refused):
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
            assert answer.content_type == "application/problem+json"
        assert client.get(SEED).status_code == 200
        assert draft(another(client, secrets["reader"])).status_code == 200
    assert [each.result().status_code for each in some] == [200] * (limits.HEAVY - 1)
    assert draft(client).status_code == 200


# Waiting until a write is visible.


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a write wait long."""
    monkeypatch.setattr(web_state, "WAIT_SECONDS", 2.0 * PATIENCE_SECONDS)


def test_waiting_to_be_visible_does_not_count_as_writing(
    client: FlaskClient,
    pool: ThreadPoolExecutor,
    make_story: Story,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def put(asks: FlaskClient, name: str) -> TestResponse:
        return asks.put(f"/v1/articles/{name}?wait=visible", json=make_story(name))

    monkeypatch.setattr(web_state, "WAIT_SECONDS", 0.05)
    with blocked_calls(web_state.State, "is_visible") as arrived:
        four = [pool.submit(put, another(client), f"fresh-{number}") for number in range(4)]
        for _ in four:
            assert arrived.acquire(timeout=PATIENCE_SECONDS)
        assert client.delete("/v1/articles/harbour-4").status_code == 204
        assert client.put("/v1/articles/x", json={"title": "X"}).status_code == 201
        assert not any(each.done() for each in four)
    assert [each.result().status_code for each in four] == [202] * 4


@pytest.mark.usefixtures("_patient")
def test_writes_above_the_limit_of_waiting_are_202_at_once(
    following: FlaskClient,
    pool: ThreadPoolExecutor,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
) -> None:
    """No text is analyzed before the end."""

    def put(asks: FlaskClient, name: str) -> TestResponse:
        return asks.put(f"/v1/articles/{name}?wait=visible", json=make_story(name))

    waiting = {pool.submit(put, another(following), f"fresh-{number}") for number in range(4)}
    answers = list(waiting)
    try:
        while len(waiting) > 2:
            done, waiting = wait(waiting, PATIENCE_SECONDS, FIRST_COMPLETED)
            assert [each.result().status_code for each in done] == [202] * len(done)
            assert done
        assert following.delete("/v1/articles/harbour-4?wait=visible").status_code == 202
        assert following.get(SEED).status_code == 200
        assert not any(each.done() for each in waiting)
    finally:
        index_with_fake(own_desk)
    assert sorted(each.result().status_code for each in answers) == [201, 201, 202, 202]
    assert following.delete("/v1/articles/harbour-5?wait=visible").status_code == 204


def test_a_writer_above_the_limit_is_503_while_reads_are_answered(
    client: FlaskClient, pool: ThreadPoolExecutor
) -> None:
    def put(asks: FlaskClient, number: int) -> TestResponse:
        return asks.put(f"/v1/articles/w-{number}", json={"title": "W"})

    with blocked_calls(ArticleStore, "put") as arrived:
        writes = [pool.submit(put, another(client), number) for number in range(limits.WRITES)]
        for _ in writes:
            assert arrived.acquire(timeout=PATIENCE_SECONDS)
        assert_refused(put(client, 9))
        assert_refused(client.delete("/v1/articles/harbour-4"))
        assert client.get(SEED).status_code == 200
        assert client.get("/v1/articles/harbour-2").status_code == 200
        assert not any(each.done() for each in writes)
    assert [each.result().status_code for each in writes] == [201] * limits.WRITES
    assert client.get("/v1/articles/w-9").status_code == 404
    assert put(client, 9).status_code == 201


# Large bodies.


def test_large_bodies_above_the_limit_are_refused_before_they_are_parsed(
    client: FlaskClient, pool: ThreadPoolExecutor
) -> None:
    large = {"title": "L", "body": "word " * 60_000}

    def put(asks: FlaskClient, number: int) -> TestResponse:
        return asks.put(f"/v1/articles/l-{number}", json=large)

    with blocked_calls(article_routes, "parse_article") as arrived:
        some = [pool.submit(put, another(client), number) for number in range(limits.BODIES)]
        for _ in some:
            assert arrived.acquire(timeout=PATIENCE_SECONDS)
        assert_refused(put(client, 9))
        assert_refused(client.post("/v1/related", json=large))
        assert client.get(SEED).status_code == 200
        small = client.patch("/v1/articles/harbour-4", json={"section": "port"})
        assert small.status_code == 200
        assert not any(each.done() for each in some)
    assert [each.result().status_code for each in some] == [201] * limits.BODIES
    assert put(client, 9).status_code == 201
