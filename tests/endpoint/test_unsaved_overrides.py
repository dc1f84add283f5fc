"""POST /v1/related with pins and blocks that are not saved: the list that they would make."""

from contextlib import closing
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings
from recommender.store import open_store

Document = dict[str, Any]

SEED = "harbour-2"
STORED = {"pins": "orchard-3", "blocks": "harbour-4"}
WANTED: Document = {"article_id": SEED, "limit": 100}


def tried(client: FlaskClient, **more: object) -> Document:
    answer = client.post("/v1/related", json=WANTED | more)
    assert answer.status_code == 200, answer.text
    found: Document = answer.get_json()
    return found


def ids(found: Document) -> list[str]:
    return [item["id"] for item in found["items"]]


def pinned(found: Document) -> list[str]:
    return [item["id"] for item in found["items"] if item["reason"] == "pinned"]


def named(*wanted: str) -> list[Document]:
    return [{"id": one} for one in wanted]


def save(client: FlaskClient, **overrides: list[Document]) -> None:
    for kind, wanted in overrides.items():
        answer = client.put(f"/v1/articles/{SEED}/{kind}", json={kind: wanted})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def edited(client: FlaskClient) -> FlaskClient:
    """The desk where an editor pinned and blocked something under the seed."""
    save(client, **{kind: named(one) for kind, one in STORED.items()})
    return client


@pytest.mark.parametrize(
    "sent",
    [
        {"pins": named("harbour-11", "orchard-1")},
        {"pins": []},
        {"blocks": named("orchard-3", "harbour-11")},
        {"pins": named("harbour-4", "harbour-11"), "blocks": []},
    ],
    ids=str,
)
@pytest.mark.parametrize("explain", [False, "all"])
def test_the_list_is_the_one_that_they_would_make_if_they_were_saved(
    edited: FlaskClient, sent: Document, explain: object
) -> None:
    before = tried(edited, explain=explain)
    found = tried(edited, explain=explain, **sent)
    assert tried(edited, explain=explain) == before, "nothing is stored"
    save(edited, **sent)
    assert found == tried(edited, explain=explain) != before


@pytest.mark.usefixtures("indexer")
def test_a_text_has_the_pins_and_blocks_that_are_sent(
    edited: FlaskClient, desk_documents: dict[str, Document]
) -> None:
    story = desk_documents[SEED]
    text = {name: story[name] for name in ("title", "body", "language")}
    plain = edited.post("/v1/related", json=text | {"options": {"limit": 100}}).get_json()
    first, second, *_ = ids(plain)
    sent = {"pins": named("orchard-1", second), "blocks": named(first)}
    asked = text | sent | {"options": {"limit": 100, "explain": "all"}}
    found = edited.post("/v1/related", json=asked).get_json()
    assert ids(found)[:2] == pinned(found) == ["orchard-1", second]
    assert first not in ids(found)
    assert {one["rule"] for one in found["dropped"] if one["id"] == first} == {"blocked"}
    stored = edited.post("/v1/related", json=text | {"id": SEED}).get_json()
    assert pinned(stored) == [STORED["pins"]]
    both = edited.post("/v1/related", json=text | {"id": SEED, "pins": []}).get_json()
    assert pinned(both) == []
    assert STORED["blocks"] not in ids(both)


def test_each_list_of_a_page_has_its_own(edited: FlaskClient) -> None:
    requests = [
        {"article_id": SEED, "pins": named("orchard-1")},
        {"article_id": "harbour-11", "pins": named("orchard-1", "orchard-3")},
        {"article_id": SEED},
    ]
    answer = edited.post("/v1/related", json={"requests": requests}).get_json()
    shown = [pinned(one) for one in answer["lists"]]
    assert shown == [["orchard-1"], ["orchard-3"], []], "no later list repeats a pin"


def test_what_is_not_stored_or_not_active_now_has_no_effect(edited: FlaskClient) -> None:
    over = {"ends_at": "2001-01-01T00:00:00Z"}
    sent = {
        "pins": [{"id": "nobody"}, {"id": "orchard-1", **over}, {"id": "harbour-11"}],
        "blocks": [{"id": "nobody-else"}, {"id": "harbour-11", **over}],
    }
    assert pinned(tried(edited, **sent)) == ["harbour-11"]


def test_nothing_is_written(edited: FlaskClient, own_desk: Settings) -> None:
    with closing(open_store(own_desk.database_url)) as store:
        before = store.state(), store.overrides.all()
        tried(edited, pins=named("orchard-1"), blocks=named("orchard-2"))
        assert (store.state(), store.overrides.all()) == before


TEXT = {"title": "T"}


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (WANTED | {"pins": None}, 422, "/pins"),
        (WANTED | {"pins": "orchard-1"}, 422, "/pins"),
        (WANTED | {"pins": ["orchard-1"]}, 422, "/pins/0"),
        (WANTED | {"pins": [{"id": "a/b"}]}, 422, "/pins/0/id"),
        (WANTED | {"blocks": [{"id": "a", "because": "b"}]}, 422, "/blocks/0/because"),
        (WANTED | {"pins": named("a", "b", "a")}, 422, "/pins/2/id"),
        (WANTED | {"blocks": named(SEED)}, 422, "/blocks/0/id"),
        (TEXT | {"id": SEED, "pins": named(SEED)}, 422, "/pins/0/id"),
        (WANTED | {"pins": named(*(f"a{n}" for n in range(101)))}, 422, "/pins"),
        (WANTED | {"blocks": named(*(f"a{n}" for n in range(501)))}, 422, "/blocks"),
        (TEXT | {"blocks": named(*(f"a{n}" for n in range(501)))}, 422, "/blocks"),
        ({"requests": [WANTED, WANTED | {"pins": [{}]}]}, 422, "/requests/1/pins/0/id"),
        ({"like": [SEED, "harbour-4"], "pins": []}, 422, "/pins"),
        ({"like": [SEED], "blocks": named("a")}, 422, "/blocks"),
        (WANTED | {"pin": []}, 400, "/pin"),
        (WANTED | {"options": {"pins": []}}, 400, "/options/pins"),
    ],
)
def test_what_a_put_would_refuse_is_refused_at_its_place(
    desk: FlaskClient, body: Document, status: int, pointer: str
) -> None:
    answer = desk.post("/v1/related", json=body)
    assert answer.status_code == status, answer.text
    assert pointer in [fault["pointer"] for fault in answer.get_json()["errors"]]


def test_as_many_as_a_put_takes_are_taken(desk: FlaskClient) -> None:
    sent = {
        "pins": named(*(f"a{n}" for n in range(99)), "orchard-1"),
        "blocks": named(*(f"b{n}" for n in range(500))),
    }
    assert pinned(tried(desk, **sent)) == ["orchard-1"]


def test_a_name_that_is_nearly_pins_is_answered_with_it(desk: FlaskClient) -> None:
    (fault,) = desk.post("/v1/related", json=WANTED | {"pinz": []}).get_json()["errors"]
    assert "'pins'" in fault["detail"]
