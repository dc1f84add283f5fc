"""Editors have the last word: pins stand first, blocks never, and both tell who, when and why."""

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings

Document = dict[str, Any]
Documents = dict[str, Document]
Clients = Callable[..., FlaskClient]
Story = Callable[..., Document]

SEED = "/v1/articles/harbour-2"
LIST = f"{SEED}/related"
LAST = "orchard-3"
"""Of another topic, so that no ranking puts it first."""


def rows(client: FlaskClient, query: str = "limit=100", path: str = LIST) -> list[tuple[str, str]]:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return [(item["id"], item["reason"]) for item in answer.get_json()["items"]]


def ids(client: FlaskClient, query: str = "limit=100", path: str = LIST) -> list[str]:
    return [one for one, _ in rows(client, query, path)]


def pin(client: FlaskClient, *overrides: str | Document, path: str = SEED) -> Document:
    pins = [{"id": one} if isinstance(one, str) else one for one in overrides]
    answer = client.put(f"{path}/pins", json={"pins": pins})
    assert answer.status_code == 200, answer.text
    receipt: Document = answer.get_json()
    return receipt


def block(client: FlaskClient, *overrides: str | Document) -> None:
    blocks = [{"id": one} if isinstance(one, str) else one for one in overrides]
    answer = client.put(f"{SEED}/blocks", json={"blocks": blocks})
    assert answer.status_code == 200, answer.text


def test_pins_stand_first_in_their_order_and_the_rest_follows_as_before(
    client: FlaskClient,
) -> None:
    before = rows(client)
    pin(client, LAST, "harbour-11", "harbour-4")
    after = rows(client)
    pinned = [LAST, "harbour-11", "harbour-4"]
    assert after[:3] == [(one, "pinned") for one in pinned]
    assert after[3:] == [row for row in before if row[0] not in pinned]
    assert ids(client, "limit=2") == pinned[:2]


def test_a_pin_may_be_of_another_language_a_reprint_or_a_translation(client: FlaskClient) -> None:
    seed = "/v1/articles/harbour-1"
    wanted = ["harbour-1-ru", "harbour-1-reprint", "harbour-zh"]
    assert not set(wanted) & set(ids(client, path=f"{seed}/related"))
    pin(client, *wanted, path=seed)
    assert ids(client, path=f"{seed}/related")[:3] == wanted


def test_what_an_item_below_tells_again_is_left_out_for_the_sake_of_a_pin(
    client: FlaskClient,
) -> None:
    assert {"harbour-1", "harbour-1-reprint"} & set(ids(client))
    pin(client, "harbour-1-reprint")
    listed = ids(client)
    assert listed[0] == "harbour-1-reprint"
    assert "harbour-1" not in listed


@pytest.mark.parametrize(
    "kind", ["draft", "withheld", "canceled", "embargoed", "scheduled", "expired", "never"]
)
def test_nothing_that_must_not_be_shown_is_shown_by_a_pin(client: FlaskClient, kind: str) -> None:
    before = rows(client)
    pin(client, f"harbour-{kind}")
    assert rows(client) == before


def test_a_pin_meets_what_a_list_is_asked_to_be(
    client: FlaskClient, desk_documents: Documents
) -> None:
    pin(client, LAST, "harbour-zh", "harbour-4")
    assert ids(client, "section=farm")[0] == LAST
    assert "harbour-4" not in ids(client, "section=farm")
    assert LAST not in ids(client, "section=city")
    assert ids(client, "language=zh") == ["harbour-zh"]
    assert ids(client, f"exclude={LAST}")[:2] == ["harbour-zh", "harbour-4"]
    assert LAST not in ids(client, "min_score=0.05")
    newer = (
        desk_documents["harbour-2"]["published_at"] <= desk_documents["harbour-4"]["published_at"]
    )
    assert newer
    assert "harbour-4" not in ids(client, "mode=background")


def test_a_pin_holds_from_when_until_when_it_is_asked_for(
    client: FlaskClient, clock: SimpleNamespace
) -> None:
    window = {"starts_at": "2026-10-20T13:00:00+01:00", "ends_at": "2026-10-20T12:00:10Z"}
    pin(client, {"id": LAST, **window})
    assert ids(client)[0] == LAST
    assert "max-age=10" in client.get(LIST).headers["Cache-Control"]
    clock.now += 9
    assert ids(client)[0] == LAST
    clock.now += 1
    assert ids(client)[0] != LAST
    clock.now -= 11
    assert ids(client)[0] != LAST
    assert "max-age=1," in client.get(LIST).headers["Cache-Control"] + ","


def test_a_block_takes_one_out_of_one_list_alone(client: FlaskClient) -> None:
    before = ids(client)
    other = ids(client, path="/v1/articles/harbour-4/related")
    block(client, before[0])
    assert before[0] not in ids(client)
    assert ids(client, path="/v1/articles/harbour-4/related") == other
    pin(client, before[0])
    assert before[0] not in ids(client), "a block wins over a pin"
    told = client.get(f"{LIST}?explain=all").get_json()["dropped"]
    assert {one["rule"] for one in told if one["id"] == before[0]} == {"blocked"}


def test_a_block_holds_from_when_until_when_it_is_asked_for(
    client: FlaskClient, clock: SimpleNamespace
) -> None:
    first = ids(client)[0]
    window = {"starts_at": "2026-10-20T12:00:00Z", "ends_at": "2026-10-20T12:00:10Z"}
    block(client, {"id": first, **window})
    assert first not in ids(client)
    assert "max-age=10" in client.get(LIST).headers["Cache-Control"]
    clock.now += 10
    assert ids(client)[0] == first
    clock.now -= 11
    assert ids(client)[0] == first
    assert "max-age=1," in client.get(LIST).headers["Cache-Control"] + ","


def test_overrides_are_replaced_whole_and_taken_away(client: FlaskClient) -> None:
    before = rows(client)
    pin(client, LAST)
    pin(client, "harbour-11")
    assert [one for one, reason in rows(client) if reason == "pinned"] == ["harbour-11"]
    for _ in range(2):
        assert client.delete(f"{SEED}/pins").status_code == 204
    assert rows(client) == before


def test_who_when_and_why_are_kept_item_by_item(
    client: FlaskClient, client_of: Clients, own_desk: Settings
) -> None:
    first = {"id": LAST, "why": "the harvest in the harbour"}
    pin(client, first)
    writer = client_of(own_desk, "writer")
    answer = writer.put(
        f"{SEED}/pins", json={"pins": [{"id": "harbour-11"}, first], "by": "Dilnoza"}
    )
    assert answer.get_json()["result"] == "updated"
    told = client.get(f"{SEED}/pins").get_json()
    assert [(one["id"], one["by"], one["why"]) for one in told["pins"]] == [
        ("harbour-11", "writer: Dilnoza", ""),
        (LAST, "editor", "the harvest in the harbour"),
    ]
    assert [(one["by"], len(one["pins"])) for one in told["history"]] == [
        ("writer: Dilnoza", 2),
        ("editor", 1),
    ]
    assert told["history"][0]["change"] == answer.get_json()["change"]
    moments = [datetime.fromisoformat(one["at"]) for one in told["history"]]
    assert moments == sorted(moments, reverse=True)
    assert told["history"][0]["at"] == told["pins"][0]["at"]
    assert {one["at"][-1] for one in (*told["pins"], *told["history"])} == {"Z"}


def test_the_same_overrides_again_are_no_change(client: FlaskClient) -> None:
    first = pin(client, LAST)
    assert first["result"] == "updated"
    assert pin(client, LAST) == first | {"result": "unchanged"}
    assert client.get(f"{SEED}/blocks").get_json() == {
        "article_id": "harbour-2",
        "blocks": [],
        "history": [],
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"pins": [{"id": "harbour-2"}]}, "/pins/0/id"),
        ({"pins": [{"id": "harbour-4"}, {"id": "harbour-4"}]}, "/pins/1/id"),
        ({"pins": [{"id": "harbour-4"}, {"id": "nobody"}]}, "/pins/1/id"),
        ({"pins": [{"id": ".."}]}, "/pins/0/id"),
        ({"pins": [{"id": "harbour-4", "why": 3}]}, "/pins/0/why"),
        ({"pins": [{"id": "harbour-4", "ends_at": "tomorrow"}]}, "/pins/0/ends_at"),
        ({"pins": [{"id": "harbour-4", "by": "me"}]}, "/pins/0/by"),
        ({"pins": [{"id": f"harbour-{n}"} for n in range(3, 104)]}, "/pins"),
        ({"pins": "harbour-4"}, "/pins"),
        ({"blocks": []}, "/pins"),
        ({"pins": [], "by": "x" * 101}, "/by"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_place(
    client: FlaskClient, body: Document, pointer: str
) -> None:
    before = rows(client)
    answer = client.put(f"{SEED}/pins", json=body)
    assert answer.status_code == 422
    assert pointer in [fault["pointer"] for fault in answer.get_json()["errors"]]
    assert rows(client) == before


def test_a_window_that_ends_before_it_begins_is_refused(client: FlaskClient) -> None:
    window = {"starts_at": "2026-10-20T12:00:00Z", "ends_at": "2026-10-20T12:00:00Z"}
    answer = client.put(f"{SEED}/pins", json={"pins": [{"id": LAST, **window}]})
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [
        {"pointer": "/pins/0", "detail": "ends_at must be later than starts_at"}
    ]


@pytest.mark.parametrize("kind", ["pins", "blocks"])
def test_only_a_writer_sets_and_only_a_reader_asks(
    client_of: Clients, own_desk: Settings, kind: str
) -> None:
    address = f"{SEED}/{kind}"
    body: Document = {kind: []}
    reader, writer = client_of(own_desk, "reader"), client_of(own_desk, "writer")
    nobody = client_of(own_desk, None)
    assert [c.put(address, json=body).status_code for c in (nobody, reader, writer)] == [
        401,
        403,
        200,
    ]
    assert [c.delete(address).status_code for c in (nobody, reader, writer)] == [401, 403, 204]
    assert [c.get(address).status_code for c in (nobody, writer, reader)] == [401, 403, 200]


@pytest.mark.parametrize("kind", ["pins", "blocks"])
def test_an_article_that_is_not_there_has_no_overrides(client: FlaskClient, kind: str) -> None:
    client.delete("/v1/articles/harbour-5")
    for article_id, status in (("nobody", 404), ("harbour-5", 410)):
        address = f"/v1/articles/{article_id}/{kind}"
        assert client.get(address).status_code == status
        assert client.put(address, json={kind: []}).status_code == status
        assert client.delete(address).status_code == status


def test_a_pin_that_was_deleted_may_stay_in_the_list_of_pins_and_shows_again_when_it_is_back(
    client: FlaskClient, desk_documents: Documents
) -> None:
    pin(client, LAST, "harbour-11")
    client.delete(f"/v1/articles/{LAST}")
    assert ids(client)[0] == "harbour-11"
    pin(client, LAST, "harbour-11", "harbour-4")
    client.put(f"/v1/articles/{LAST}", json=desk_documents[LAST])
    assert ids(client)[:3] == [LAST, "harbour-11", "harbour-4"]


def test_a_pin_shows_before_its_text_was_read(client: FlaskClient, make_story: Story) -> None:
    client.put("/v1/articles/fresh", json=make_story("fresh"))
    assert "fresh" not in ids(client)
    pin(client, "fresh")
    assert rows(client)[0] == ("fresh", "pinned")


def test_an_article_without_a_list_has_none_of_pins_either(client: FlaskClient) -> None:
    silent = "/v1/articles/harbour-silent"
    pin(client, LAST, path=silent)
    answer = client.get(f"{silent}/related").get_json()
    assert (answer["items"], answer["short_because"]) == ([], "no_related")


def test_an_override_that_is_waited_for_shows(client: FlaskClient) -> None:
    answer = client.put(f"{SEED}/pins?wait=visible", json={"pins": [{"id": LAST}]})
    assert answer.status_code == 200
    assert client.put(f"{SEED}/pins?wait=long", json={"pins": []}).status_code == 400
    assert ids(client)[0] == LAST
