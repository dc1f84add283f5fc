"""Overrides win: pins come first, blocks never show, and both say who, when and why."""

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


def pin(client: FlaskClient, *overrides: str | Document) -> Document:
    pins = [{"id": one} if isinstance(one, str) else one for one in overrides]
    answer = client.put(f"{SEED}/pins", json={"pins": pins})
    assert answer.status_code == 200, answer.text
    receipt: Document = answer.get_json()
    return receipt


def block(client: FlaskClient, *overrides: str | Document) -> None:
    blocks = [{"id": one} if isinstance(one, str) else one for one in overrides]
    answer = client.put(f"{SEED}/blocks", json={"blocks": blocks})
    assert answer.status_code == 200, answer.text


def test_pins_come_first_in_their_order_and_the_rest_follows_as_before(
    client: FlaskClient,
) -> None:
    before = rows(client, "limit=100&diversity=0")  # or pins would move what is like them
    pin(client, LAST, "harbour-11", "harbour-4")
    after = rows(client, "limit=100&diversity=0")
    pinned = [LAST, "harbour-11", "harbour-4"]
    assert after[:3] == [(one, "pinned") for one in pinned]
    assert after[3:] == [row for row in before if row[0] not in pinned]
    assert ids(client, "limit=2") == pinned[:2]


def test_a_block_removes_an_article_from_one_list_only(client: FlaskClient) -> None:
    before = ids(client)
    other = ids(client, path="/v1/articles/harbour-4/related")
    block(client, before[0])
    assert before[0] not in ids(client)
    assert ids(client, path="/v1/articles/harbour-4/related") == other
    pin(client, before[0])
    assert before[0] not in ids(client), "a block wins over a pin"
    dropped = client.get(f"{LIST}?explain=all").get_json()["dropped"]
    assert {one["rule"] for one in dropped if one["id"] == before[0]} == {"blocked"}


@pytest.mark.parametrize("kind", ["pins", "blocks"])
def test_an_override_is_active_in_its_window_and_no_cache_outlasts_a_bound_of_it(
    client: FlaskClient, clock: SimpleNamespace, kind: str
) -> None:
    first = ids(client)[0]
    window = {"starts_at": "2026-10-20T13:00:00+01:00", "ends_at": "2026-10-20T12:00:10Z"}
    (pin if kind == "pins" else block)(client, {"id": LAST if kind == "pins" else first, **window})

    def holds() -> bool:
        return ids(client)[0] == LAST if kind == "pins" else first not in ids(client)

    assert holds()
    assert client.get(LIST).headers["Cache-Control"] == "private, max-age=0"
    clock.now += 9
    assert holds()
    clock.now += 1
    assert not holds()
    clock.now -= 11
    assert not holds()
    assert client.get(LIST).headers["Cache-Control"] == "private, max-age=0"


def test_overrides_are_replaced_whole_and_deleted(client: FlaskClient) -> None:
    before = rows(client)
    pin(client, LAST)
    pin(client, "harbour-11")
    assert [one for one, reason in rows(client) if reason == "pinned"] == ["harbour-11"]
    for _ in range(2):
        assert client.delete(f"{SEED}/pins").status_code == 204
    assert rows(client) == before


def test_each_item_keeps_who_when_and_why(
    client: FlaskClient, client_of: Clients, own_desk: Settings
) -> None:
    first = {"id": LAST, "why": "the harvest in the harbour"}
    pin(client, first)
    writer = client_of(own_desk, "writer")
    answer = writer.put(
        f"{SEED}/pins", json={"pins": [{"id": "harbour-11"}, first], "by": "Dilnoza"}
    )
    assert answer.get_json()["result"] == "updated"
    answered = client.get(f"{SEED}/pins").get_json()
    assert [(one["id"], one["by"], one["why"]) for one in answered["pins"]] == [
        ("harbour-11", "writer: Dilnoza", ""),
        (LAST, "editor", "the harvest in the harbour"),
    ]
    assert [(one["by"], len(one["pins"])) for one in answered["history"]] == [
        ("writer: Dilnoza", 2),
        ("editor", 1),
    ]
    assert answered["history"][0]["change"] == answer.get_json()["change"]
    moments = [datetime.fromisoformat(one["at"]) for one in answered["history"]]
    assert moments == sorted(moments, reverse=True)
    assert answered["history"][0]["at"] == answered["pins"][0]["at"]
    assert {one["at"][-1] for one in (*answered["pins"], *answered["history"])} == {"Z"}


def test_a_pin_with_another_reason_or_window_is_a_new_one(
    client: FlaskClient, client_of: Clients, own_desk: Settings
) -> None:
    pin(client, {"id": LAST, "why": "the harvest"}, "harbour-11", "harbour-4")
    changed = [
        {"id": LAST, "why": "the storm"},
        {"id": "harbour-11", "ends_at": "2026-10-21T12:00:00Z"},
        {"id": "harbour-4"},
    ]
    writer = client_of(own_desk, "writer")
    assert writer.put(f"{SEED}/pins", json={"pins": changed}).status_code == 200
    pins = client.get(f"{SEED}/pins").get_json()["pins"]
    assert [(one["id"], one["by"], one["why"], one["ends_at"]) for one in pins] == [
        (LAST, "writer", "the storm", None),
        ("harbour-11", "writer", "", "2026-10-21T12:00:00Z"),
        ("harbour-4", "editor", "", None),
    ]


def test_the_same_overrides_again_are_no_change(client: FlaskClient) -> None:
    first = pin(client, LAST)
    assert first["result"] == "updated"
    assert pin(client, LAST) == first | {"result": "unchanged"}
    assert client.get(f"{SEED}/blocks").get_json() == {
        "article_id": "harbour-2",
        "change": 0,
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
        (
            {
                "pins": [
                    {
                        "id": LAST,
                        "starts_at": "2026-10-20T12:00:00Z",
                        "ends_at": "2026-10-20T12:00:00Z",
                    }
                ]
            },
            "/pins/0",
        ),
    ],
)
def test_a_bad_override_is_refused_by_its_pointer(
    client: FlaskClient, body: Document, pointer: str
) -> None:
    before = rows(client)
    answer = client.put(f"{SEED}/pins", json=body)
    assert answer.status_code == 422
    assert pointer in [fault["pointer"] for fault in answer.get_json()["errors"]]
    assert rows(client) == before


@pytest.mark.parametrize("kind", ["pins", "blocks"])
def test_an_article_that_is_not_there_has_no_overrides(client: FlaskClient, kind: str) -> None:
    client.delete("/v1/articles/harbour-5")
    for article_id, status in (("nobody", 404), ("harbour-5", 410)):
        address = f"/v1/articles/{article_id}/{kind}"
        assert client.get(address).status_code == status
        assert client.put(address, json={kind: []}).status_code == status
        assert client.delete(address).status_code == status


def test_a_pin_of_a_deleted_article_shows_again_when_the_article_is_back(
    client: FlaskClient, desk_documents: Documents
) -> None:
    pin(client, LAST, "harbour-11")
    client.delete(f"/v1/articles/{LAST}")
    assert ids(client)[0] == "harbour-11"
    pin(client, LAST, "harbour-11", "harbour-4")
    client.put(f"/v1/articles/{LAST}", json=desk_documents[LAST])
    assert ids(client)[:3] == [LAST, "harbour-11", "harbour-4"]


@pytest.mark.parametrize("kind", ["pins", "blocks"])
def test_overrides_that_are_waited_for_show_in_every_worker_or_the_answer_is_202(
    client: FlaskClient,
    client_of: Clients,
    own_desk: Settings,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    path, wanted = f"{SEED}/{kind}?wait=visible", {kind: [{"id": LAST}]}
    for _ in range(2):  # the second time nothing changes
        assert client.put(path, json=wanted).status_code == 200
    assert (LAST in ids(client)) == (kind == "pins")
    for _ in range(2):
        assert client.delete(path).status_code == 204
    assert client.put(f"{SEED}/{kind}?wait=long", json=wanted).status_code == 400
    other = client_of(own_desk)
    assert ids(other) == ids(client)
    monkeypatch.setattr("recommender.web.state.WAIT_SECONDS", 0.05)
    assert client.put(path, json=wanted).status_code == 202  # the other worker stands still
    assert ids(other) == ids(client)
    assert client.delete(path).status_code == 202
