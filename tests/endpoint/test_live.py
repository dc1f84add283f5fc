"""A write shows in the lists: at once if no text has to be analyzed, else after that."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings
from tests.support.waiting import until

Document = dict[str, Any]
Documents = dict[str, Document]
Clients = Callable[..., FlaskClient]
Index = Callable[..., int]
Story = Callable[..., Document]
Away = Callable[[], AbstractContextManager[None]]

SEED = "/v1/articles/harbour-2/related"
FRESH = "/v1/articles/fresh"


def listed(client: FlaskClient, path: str = SEED) -> list[str]:
    answer = client.get(f"{path}?limit=100")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.get_json()["items"]]


def titles(client: FlaskClient) -> dict[str, str]:
    items = client.get(f"{SEED}?limit=100").get_json()["items"]
    return {item["id"]: item["title"] for item in items}


@pytest.mark.long
def test_an_article_is_listed_after_its_text_was_read(
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


def test_a_new_headline_shows_before_the_new_text_is_read(
    client: FlaskClient, desk_documents: Documents
) -> None:
    assert titles(client)["harbour-4"] == desk_documents["harbour-4"]["title"]
    client.put("/v1/articles/harbour-4", json=desk_documents["harbour-4"] | {"title": "Newer"})
    assert titles(client)["harbour-4"] == "Newer"
    own = client.get("/v1/articles/harbour-4/related")
    assert own.headers["Cache-Control"] == "private, max-age=5"
    assert own.get_json()["items"][0]["reason"] == "semantic"


def test_a_withdrawn_article_leaves_every_list_without_the_indexer(
    client: FlaskClient, desk_documents: Documents
) -> None:
    before = listed(client)
    withdrawn = {"status": "withheld", "title": "Another text with it"}
    client.put("/v1/articles/harbour-4", json=desk_documents["harbour-4"] | withdrawn)
    assert listed(client) == [name for name in before if name != "harbour-4"]


def test_a_deleted_article_is_in_no_list_and_no_seed(client: FlaskClient) -> None:
    before = listed(client)
    client.delete("/v1/articles/harbour-4")
    assert listed(client) == [name for name in before if name != "harbour-4"]
    for path in ("related", "related.html"):
        assert client.get(f"/v1/articles/harbour-4/{path}").status_code == 410


def test_the_probe_shows_the_newest_change(client: FlaskClient) -> None:
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
    """An indexer analyzes new texts during the block."""
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
def test_a_deletion_is_visible_without_the_indexer_also_the_second_time(
    client: FlaskClient,
) -> None:
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
    following: FlaskClient,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.web.state.WAIT_SECONDS", 60.0)
    assert following.delete("/v1/articles/harbour-4?wait=visible").status_code == 204
    assert "harbour-4" not in listed(following)
    with indexing(own_desk, index_with_fake):
        answer = following.put(f"{FRESH}?wait=visible", json=make_story("fresh"))
    assert answer.status_code == 201
    assert "fresh" in listed(following)


# While the store is away.


def test_while_the_store_is_away_lists_go_on_and_writes_are_503(
    client: FlaskClient, make_story: Story, store_away: Away
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


def test_a_worker_started_without_store_and_journal_is_alive_and_not_ready(
    client_of: Clients, own_desk: Settings, store_away: Away
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


def test_a_worker_started_without_the_store_serves_from_the_journal(
    client: FlaskClient,
    client_of: Clients,
    own_desk: Settings,
    make_story: Story,
    store_away: Away,
) -> None:
    for headline in ("Once", "Twice"):  # the journal holds both, and the last counts
        client.put("/v1/articles/harbour-5", json=make_story("harbour-5", title=headline))
        client.get(SEED)
    client.delete("/v1/articles/harbour-4")
    before = client.get(SEED)
    late = client_of(own_desk)
    with store_away():
        answer = late.get(SEED)
        assert (answer.status_code, answer.data) == (200, before.data)
        assert late.get("/readyz").get_json()["store"] == "away"


def test_a_lost_database_is_not_replaced_by_an_empty_one_and_lists_go_on(
    following: FlaskClient, own_desk: Settings, make_story: Story
) -> None:
    before = following.get(SEED)
    assert before.status_code == 200
    path = own_desk.data_dir / "read-also.db"
    aside = path.rename(own_desk.data_dir / "aside.db")
    assert until(lambda: following.get("/readyz").get_json()["store"] == "away")
    again = following.get(SEED)
    assert (again.status_code, again.data) == (200, before.data)
    answer = following.put(FRESH, json=make_story("fresh"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert not path.exists()
    aside.rename(path)
    assert until(lambda: following.put(FRESH, json=make_story("fresh")).status_code == 201)
    assert following.get(SEED).status_code == 200


def test_over_a_lost_database_a_new_application_makes_none(
    client_of: Callable[..., FlaskClient], own_desk: Settings, make_story: Story
) -> None:
    path = own_desk.data_dir / "read-also.db"
    aside = path.rename(own_desk.data_dir / "aside.db")
    client = client_of(own_desk)
    assert client.put(FRESH, json=make_story("fresh")).status_code == 503
    assert client.get(SEED).status_code == 503  # it has no journal to start from
    assert not path.exists()
    aside.rename(path)
    assert until(lambda: client.get(SEED).status_code == 200)
