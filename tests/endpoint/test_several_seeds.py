"""POST /v1/related with `like` and `unlike`: for the last articles of a reader, or for a topic."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings
from recommender.store import open_store

Document = dict[str, Any]

HARBOUR, OTHER, ORCHARD = "harbour-2", "harbour-3", "orchard-1"


def post(client: FlaskClient, status: int = 200, /, **body: object) -> Document:
    answer = client.post("/v1/related", json=body)
    assert answer.status_code == status, answer.text
    document: Document = answer.get_json()
    return document


def ids(answer: Document) -> list[str]:
    return [item["id"] for item in answer["items"]]


def test_a_list_holds_what_belongs_to_each_of_its_seeds_and_says_to_which(
    desk: FlaskClient,
) -> None:
    answer = post(desk, like=[HARBOUR, ORCHARD], limit=100, diversity=0)
    assert answer["article_id"] is None
    assert not {HARBOUR, ORCHARD} & {*ids(answer)}
    for item in answer["items"]:
        if item["reason"] == "semantic":
            assert item["because"] == (ORCHARD if item["id"].startswith("orchard") else HARBOUR)
    assert {item["because"] for item in answer["items"]} == {HARBOUR, ORCHARD}
    assert post(desk, like=[ORCHARD, HARBOUR, ORCHARD], limit=100, diversity=0) == answer


def test_like_one_article_it_is_the_list_of_the_article(
    client: FlaskClient, desk_documents: dict[str, Document]
) -> None:
    client.put(f"/v1/articles/{HARBOUR}/pins", json={"pins": [{"id": ORCHARD}]})
    for one in desk_documents:
        listed = client.get(f"/v1/articles/{one}/related?limit=5&mode=latest").get_json()
        assert post(client, like=[one, one], limit=5, mode="latest") == listed


def test_nothing_is_listed_that_is_nearer_to_what_is_not_liked(desk: FlaskClient) -> None:
    both = post(desk, like=[HARBOUR, ORCHARD], limit=100)
    assert {one.partition("-")[0] for one in ids(both)} >= {"harbour", "orchard"}
    without = post(desk, like=[HARBOUR, OTHER], unlike=[ORCHARD], limit=100, explain="all")
    assert [one for one in ids(without) if one.startswith("orchard")] == []
    rules = {one["id"]: one["rule"] for one in without["dropped"]}
    assert rules["orchard-2"] == "unlike"


def test_pins_are_for_the_list_of_one_article_and_blocks_hold(client: FlaskClient) -> None:
    blocked = ids(post(client, like=[HARBOUR, OTHER]))[0]
    client.put(f"/v1/articles/{HARBOUR}/pins", json={"pins": [{"id": ORCHARD}]})
    client.put(f"/v1/articles/{OTHER}/blocks", json={"blocks": [{"id": blocked}]})
    answer = post(client, like=[HARBOUR, OTHER])
    assert "pinned" not in {item["reason"] for item in answer["items"]}
    assert blocked not in ids(answer)


def test_options_pages_and_lists_of_one_page_work(desk: FlaskClient) -> None:
    whole = post(desk, like=[HARBOUR, ORCHARD], limit=3)
    second = post(desk, like=[HARBOUR, ORCHARD], limit=3, offset=3)
    assert second["offset"] == 3
    assert not {*ids(whole)} & {*ids(second)}
    of_section = post(desk, like=[HARBOUR, ORCHARD], section="economy", exclude=["harbour-4"])
    assert {item["section"] for item in of_section["items"]} == {"economy"}
    assert "harbour-4" not in ids(of_section)
    requests = [{"article_id": HARBOUR, "limit": 3}, {"like": [HARBOUR, ORCHARD], "limit": 3}]
    first, last = post(desk, requests=requests)["lists"]
    assert not {*ids(first)} & {*ids(last)}


def test_explanations_have_the_score_under_each_seed_and_quote_the_nearest_one(
    desk: FlaskClient,
) -> None:
    answer = post(desk, like=[ORCHARD, HARBOUR], unlike=["harbour-fa"], explain=True, limit=6)
    for item in answer["items"]:
        parts = item["explanation"]
        assert [one["id"] for one in parts["seeds"]] == [HARBOUR, ORCHARD, "harbour-fa"]
        scores = {one["id"]: one["score"] for one in parts["seeds"]}
        assert item["score"] == scores[item["because"]]
        assert "no_grounds_because" not in parts
        if item["score"]:
            assert parts["grounds"]["terms"]


def test_an_article_that_was_not_read_yet_is_a_seed_too(client: FlaskClient) -> None:
    client.put("/v1/articles/new", json={"title": "New", "body": "Not read.", "section": "farm"})
    answer = post(client, like=["new", HARBOUR], limit=100)
    assert "orchard-1" in ids(answer)
    assert "new" not in ids(answer)


def test_nothing_about_the_reader_is_stored_and_no_cache_keeps_the_answer(
    client: FlaskClient, own_desk: Settings
) -> None:
    before = open_store(own_desk.database_url).state()
    answer = client.post("/v1/related", json={"like": [HARBOUR, ORCHARD]})
    assert answer.headers["Cache-Control"] == "no-store"
    assert open_store(own_desk.database_url).state() == before


@pytest.mark.parametrize("place", ["like", "unlike"])
def test_an_unknown_or_deleted_article_is_named(client: FlaskClient, place: str) -> None:
    client.delete("/v1/articles/harbour-9")
    for one, status in {"nobody": 404, "harbour-9": 410}.items():
        body = {"like": [HARBOUR], place: [*([HARBOUR] if place == "like" else []), one]}
        assert repr(one) in post(client, status, **body)["detail"]


def test_only_a_key_that_sees_everything_stored_may_ask(
    own_desk: Settings, client_of: Callable[..., FlaskClient]
) -> None:
    front = client_of(own_desk, "front")
    post(front, 403, like=["harbour-withheld", HARBOUR])
    assert post(client_of(own_desk, "reader"), like=["harbour-withheld", HARBOUR])["items"]


MANY = [f"a{number}" for number in range(21)]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        pytest.param({"like": []}, 422, "/like", id="none"),
        pytest.param({"like": MANY}, 422, "/like", id="too many"),
        pytest.param({"like": ["a"], "unlike": MANY}, 422, "/unlike", id="too many unlike"),
        pytest.param({"unlike": ["a"]}, 422, "/like", id="only unlike"),
        pytest.param({"like": ["a", "b/c"]}, 422, "/like/1", id="not an id"),
        pytest.param({"like": "a"}, 422, "/like", id="no list"),
        pytest.param({"like": [1]}, 422, "/like/0", id="a number"),
        pytest.param({"like": None}, 422, "/like", id="null"),
        pytest.param({"like": ["a", "b"], "unlike": ["b"]}, 422, "/unlike", id="both"),
        pytest.param({"like": ["a"], "title": "T"}, 422, "/title", id="with a text"),
        pytest.param({"like": ["a"], "article_id": "b"}, 422, "/article_id", id="with an article"),
        pytest.param({"like": ["a"], "limit": 0}, 400, "/limit", id="an option"),
        pytest.param(
            {"requests": [{"like": ["a"], "unlike": ["a"]}]}, 422, "/requests/0/unlike", id="inside"
        ),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(
    desk: FlaskClient, body: Document, status: int, pointer: str
) -> None:
    assert [one["pointer"] for one in post(desk, status, **body)["errors"]] == [pointer]
