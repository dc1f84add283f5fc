"""What is pushed shows: at once where no text has to be read for it, else once it was read."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.errors import StoreUnusable
from recommender.settings import Settings
from recommender.store import ArticleStore, LazyStore, Receipt
from service import create_app

Document = dict[str, Any]
Documents = dict[str, Document]
Clients = Callable[..., FlaskClient]
Index = Callable[..., int]
Story = Callable[..., Document]

SEED = "/v1/articles/harbour-2/related"
FRESH = "/v1/articles/fresh"
WRITERS = 4


def listed(client: FlaskClient, path: str = SEED) -> list[str]:
    answer = client.get(f"{path}?limit=100")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.get_json()["items"]]


def titles(client: FlaskClient) -> dict[str, str]:
    items = client.get(f"{SEED}?limit=100").get_json()["items"]
    return {item["id"]: item["title"] for item in items}


def test_an_article_is_listed_once_its_text_was_read(
    client: FlaskClient, own_desk: Settings, make_story: Story, index_with_fake: Index
) -> None:
    before = listed(client)
    client.put(FRESH, json=make_story("fresh", section="city"))
    assert listed(client) == before
    assert index_with_fake(own_desk) == 1
    assert set(listed(client)) == {*before, "fresh"}
    answer = client.get(f"{FRESH}/related")
    assert answer.headers["Cache-Control"].startswith("private, max-age=30")
    assert answer.get_json()["items"][0]["reason"] == "semantic"


def test_before_it_is_read_an_article_has_a_list_from_the_ladder(
    client: FlaskClient, make_story: Story
) -> None:
    client.put(FRESH, json=make_story("fresh", section="city"))
    answer = client.get(f"{FRESH}/related?limit=5")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, max-age=5"
    items = answer.get_json()["items"]
    assert [(item["reason"], item["section"]) for item in items] == [
        ("fallback:section", "city")
    ] * 5
    dates = [item["published_at"] for item in items]
    assert dates == sorted(dates, reverse=True)


def test_a_new_headline_shows_before_the_new_text_is_read(
    client: FlaskClient, desk_documents: Documents
) -> None:
    assert titles(client)["harbour-4"] == desk_documents["harbour-4"]["title"]
    client.put("/v1/articles/harbour-4", json=desk_documents["harbour-4"] | {"title": "Newer"})
    assert titles(client)["harbour-4"] == "Newer"
    own = client.get("/v1/articles/harbour-4/related")
    assert own.headers["Cache-Control"] == "private, max-age=5"
    assert own.get_json()["items"][0]["reason"] == "semantic"


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "withheld"},
        {"status": "draft", "title": "Another text beside it"},
        {"never_recommend": True},
        {"embargoed_until": "2026-10-21T12:00:00Z"},
        {"expires_at": "2026-10-20T12:00:00Z"},
    ],
    ids=str,
)
def test_what_is_withdrawn_is_gone_from_every_list_without_the_indexer(
    client: FlaskClient, desk_documents: Documents, fields: Document
) -> None:
    before = listed(client)
    assert "harbour-4" in before
    client.put("/v1/articles/harbour-4", json=desk_documents["harbour-4"] | fields)
    assert listed(client) == [name for name in before if name != "harbour-4"]


def test_no_related_takes_effect_without_the_indexer(
    client: FlaskClient, desk_documents: Documents
) -> None:
    client.put("/v1/articles/harbour-2", json=desk_documents["harbour-2"] | {"no_related": True})
    assert listed(client) == []


def test_what_is_deleted_is_in_no_list_and_gone_as_a_seed(client: FlaskClient) -> None:
    before = listed(client)
    client.delete("/v1/articles/harbour-4")
    assert listed(client) == [name for name in before if name != "harbour-4"]
    for path in ("related", "related.html"):
        assert client.get(f"/v1/articles/harbour-4/{path}").status_code == 410


def test_a_deleted_article_that_comes_back_is_listed_again(
    client: FlaskClient, own_desk: Settings, desk_documents: Documents, index_with_fake: Index
) -> None:
    before = listed(client)
    client.delete("/v1/articles/harbour-4")
    client.put("/v1/articles/harbour-4", json=desk_documents["harbour-4"])
    assert client.get("/v1/articles/harbour-4/related").status_code == 200
    index_with_fake(own_desk)
    assert listed(client) == before


def test_an_article_of_markup_is_read_by_its_text(
    client: FlaskClient, own_desk: Settings, desk_documents: Documents, index_with_fake: Index
) -> None:
    """It says what harbour-2 says, so that is no item under it."""
    given = desk_documents["harbour-2"]
    marked = {key: given[key] for key in ("title", "language")}
    client.put(FRESH, json=marked | {"body_html": f"<p>{given['body']}</p>"})
    assert index_with_fake(own_desk) == 1
    assert client.get(FRESH).get_json()["body_html"] == f"<p>{given['body']}</p>"
    under = listed(client, f"{FRESH}/related")
    assert "harbour-2" not in under
    assert "harbour-4" in under


def test_ready_tells_the_change_that_shows(client: FlaskClient) -> None:
    before = client.get("/readyz").get_json()
    change = client.put(FRESH, json={"title": "Fresh"}).get_json()["change"]
    after = client.get("/readyz").get_json()
    assert after == before | {"change": change, "articles": before["articles"] + 1}


# Waiting until a write is visible.


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.web.state.WAIT_SECONDS", 0.05)


@contextmanager
def indexing(settings: Settings, index: Index) -> Iterator[None]:
    """Somebody reads what comes, meanwhile."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set() and not index(settings):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_write_that_waits_is_answered_when_its_text_was_read(
    client: FlaskClient,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.web.state.WAIT_SECONDS", 60.0)
    with indexing(own_desk, index_with_fake):
        answer = client.put(f"{FRESH}?wait=visible", json=make_story("fresh"))
    assert answer.status_code == 201
    assert answer.get_json()["result"] == "created"
    assert "fresh" in listed(client)


@pytest.mark.usefixtures("_impatient")
def test_a_write_whose_text_is_not_read_in_time_is_202_and_kept(
    client: FlaskClient, make_story: Story
) -> None:
    answer = client.put(f"{FRESH}?wait=visible", json=make_story("fresh"))
    assert (answer.status_code, answer.get_json()["result"]) == (202, "created")
    assert client.get(FRESH).status_code == 200


@pytest.mark.usefixtures("_impatient")
def test_a_write_that_brings_no_new_text_is_visible_without_the_indexer(
    client: FlaskClient, desk_documents: Documents
) -> None:
    moved = desk_documents["harbour-4"] | {"section": "moved"}
    for result in ("updated", "unchanged"):
        answer = client.put("/v1/articles/harbour-4?wait=visible", json=moved)
        assert (answer.status_code, answer.get_json()["result"]) == (200, result)


@pytest.mark.usefixtures("_impatient")
def test_a_deletion_is_visible_without_the_indexer(client: FlaskClient) -> None:
    assert client.delete("/v1/articles/harbour-4?wait=visible").status_code == 204


@pytest.mark.usefixtures("_impatient")
def test_deleting_twice_is_visible_twice(client: FlaskClient) -> None:
    for _ in range(2):
        assert client.delete("/v1/articles/harbour-4?wait=visible").status_code == 204


@pytest.mark.usefixtures("_impatient")
def test_a_draft_is_visible_without_the_indexer(client: FlaskClient, make_story: Story) -> None:
    draft = make_story("fresh", status="draft")
    assert client.put(f"{FRESH}?wait=visible", json=draft).status_code == 201


@pytest.mark.usefixtures("_impatient")
def test_a_write_is_visible_only_when_every_worker_shows_it(
    client: FlaskClient, client_of: Clients, own_desk: Settings
) -> None:
    other = client_of(own_desk)
    assert other.get(SEED).status_code == 200
    assert client.delete("/v1/articles/harbour-4?wait=visible").status_code == 202
    assert other.get(SEED).status_code == 200
    assert client.delete("/v1/articles/harbour-5?wait=visible").status_code == 202


def test_a_worker_that_follows_by_itself_shows_a_write_that_was_waited_for(
    own_desk: Settings,
    secrets: dict[str, str],
    make_story: Story,
    index_with_fake: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.web.state.WAIT_SECONDS", 60.0)
    app = create_app(own_desk)
    shared, client = app.extensions["read-also"], app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = secrets["editor"]
    try:
        assert client.delete("/v1/articles/harbour-4?wait=visible").status_code == 204
        assert "harbour-4" not in listed(client)
        with indexing(own_desk, index_with_fake):
            answer = client.put(f"{FRESH}?wait=visible", json=make_story("fresh"))
        assert answer.status_code == 201
        assert "fresh" in listed(client)
    finally:
        shared.follower.stop()
        shared.store.close()


# While the store is away, or locked.


@contextmanager
def store_away() -> Iterator[None]:
    def refuse(_: LazyStore) -> None:
        raise StoreUnusable("cannot reach /srv/secret/read-also.db")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LazyStore, "__call__", refuse)
        yield


def test_while_the_store_is_away_lists_go_on_and_writes_are_503(
    client: FlaskClient, make_story: Story
) -> None:
    before = client.get(SEED)
    with store_away():
        again = client.get(SEED)
        assert (again.status_code, again.data) == (200, before.data)
        assert client.get("/readyz").get_json()["store"] == "away"
        for answer in (
            client.put(FRESH, json=make_story("fresh")),
            client.delete("/v1/articles/harbour-4"),
            client.get("/v1/articles/harbour-4"),
            client.get("/v1/articles/nobody/related"),
        ):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert answer.content_type == "application/problem+json"
            assert "secret" not in answer.text
    assert client.get("/readyz").get_json()["store"] == "ok"
    assert client.get(FRESH).status_code == 404
    assert client.put(FRESH, json=make_story("fresh")).status_code == 201


def test_started_without_store_and_copy_it_is_alive_and_not_ready(
    client_of: Clients, own_desk: Settings
) -> None:
    client = client_of(own_desk)
    with store_away():
        for path in ("/readyz", SEED, "/v1/articles/harbour-2/related.html"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert answer.content_type == "application/problem+json"
            assert "secret" not in answer.text
        assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_started_without_the_store_it_serves_from_its_own_copy(
    client: FlaskClient, client_of: Clients, own_desk: Settings, make_story: Story
) -> None:
    for headline in ("Once", "Twice"):  # the copy holds both, and the last counts
        client.put("/v1/articles/harbour-5", json=make_story("harbour-5", title=headline))
        client.get(SEED)
    client.delete("/v1/articles/harbour-4")
    before = client.get(SEED)
    late = client_of(own_desk)
    with store_away():
        answer = late.get(SEED)
        assert (answer.status_code, answer.data) == (200, before.data)
        assert late.get("/readyz").get_json()["store"] == "away"


@contextmanager
def locked(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Writers are held up inside the store until the end; each tells when it got there."""
    arrived, free, put = threading.Semaphore(0), threading.Event(), ArticleStore.put

    def wait(store: ArticleStore, article: Any) -> Receipt:
        arrived.release()
        free.wait()
        return put(store, article)

    with monkeypatch.context() as patch:
        patch.setattr(ArticleStore, "put", wait)
        try:
            yield arrived
        finally:
            free.set()


def test_one_more_writer_than_may_wait_is_503_while_reads_are_answered(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]
) -> None:
    def write(number: int) -> int:
        other = client.application.test_client()
        other.environ_base["HTTP_X_API_KEY"] = secrets["writer"]
        return other.put(f"/v1/articles/w-{number}", json={"title": "W"}).status_code

    with ThreadPoolExecutor(WRITERS) as pool:
        with locked(monkeypatch) as arrived:
            writes = [pool.submit(write, number) for number in range(WRITERS)]
            for _ in range(WRITERS):
                assert arrived.acquire(timeout=30)
            refused = client.put("/v1/articles/w-9", json={"title": "W"})
            assert client.delete("/v1/articles/harbour-4").status_code == 503
            assert client.get(SEED).status_code == 200
            assert client.get("/v1/articles/harbour-2").status_code == 200
            assert not any(each.done() for each in writes)
        assert [each.result() for each in writes] == [201] * WRITERS
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert client.get("/v1/articles/w-9").status_code == 404
    assert client.put("/v1/articles/w-9", json={"title": "W"}).status_code == 201
