"""What a CMS says of an article itself: in no list, or without one; and changes with `If-Match`."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings

Clients = Callable[..., FlaskClient]
SEED = "/v1/articles/harbour-2"
OTHER = "harbour-3"
CALLS = ("pins", "blocks", "never", "no-list")
BODIES: dict[str, list[dict[str, Any]]] = {
    "pins": [{"pins": [{"id": one}]} for one in ("orchard-3", "harbour-4", "harbour-5")],
    "blocks": [{"blocks": [{"id": one}]} for one in ("orchard-3", "harbour-4", "harbour-5")],
    "never": [{"why": why} for why in ("a", "b", "c")],
    "no-list": [{"why": why} for why in ("a", "b", "c")],
}
"""By call three bodies that differ."""


def ids(client: FlaskClient) -> list[str]:
    answer = client.get(f"{SEED}/related?limit=100")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.get_json()["items"]]


def test_what_is_never_recommended_is_in_no_list_whatever_the_cms_sends(
    client: FlaskClient, desk_documents: dict[str, Any]
) -> None:
    before, address = ids(client), f"/v1/articles/{OTHER}/never"
    assert OTHER in before
    done = client.put(address, json={"why": "the lawyers", "by": "Mira"})
    assert done.get_json()["result"] == "updated"
    assert OTHER not in ids(client)
    assert client.put(f"/v1/articles/{OTHER}", json=desk_documents[OTHER]).status_code == 200
    assert OTHER not in ids(client)
    dropped = client.get(f"{SEED}/related?explain=all").get_json()["dropped"]
    assert {one["rule"] for one in dropped if one["id"] == OTHER} == {"never_recommend"}
    for _ in range(2):
        assert client.delete(address).status_code == 204
    assert ids(client) == before


def test_no_list_stands_under_an_article_until_one_may(client: FlaskClient) -> None:
    before = ids(client)
    assert client.put(f"{SEED}/no-list", json={}).status_code == 200
    answer = client.get(f"{SEED}/related").get_json()
    assert (answer["items"], answer["short_because"]) == ([], "no_related")
    assert client.delete(f"{SEED}/no-list").status_code == 204
    assert ids(client) == before


def test_a_decision_holds_in_its_time(client: FlaskClient, clock: SimpleNamespace) -> None:
    times = {"starts_at": "2026-10-20T13:00:00+01:00", "ends_at": "2026-10-20T12:00:10Z"}
    for address in (f"/v1/articles/{OTHER}/never", f"{SEED}/no-list"):
        client.put(address, json=times)
        hidden = []
        for seconds in (-1, 0, 9, 10):
            clock.now += seconds
            hidden.append(OTHER not in ids(client))
            assert client.get(f"{SEED}/related").headers["Cache-Control"] in {
                "private, max-age=0",
                "private, max-age=30, stale-while-revalidate=30, stale-if-error=86400",
            }
            clock.now -= seconds
        assert hidden == [False, True, True, False]
        client.delete(address)


def test_the_answer_says_who_decided_when_why_and_what_was_before(
    client: FlaskClient, client_of: Clients, own_desk: Settings
) -> None:
    address = f"{SEED}/never"
    nothing = {"article_id": "harbour-2", "change": 0, "decision": None, "history": []}
    assert client.get(address).get_json() == nothing
    first = client.put(address, json={"why": "the lawyers", "ends_at": "2027-01-01T00:00:00Z"})
    writer = client_of(own_desk, "writer")
    writer.put(address, json={"why": "the court", "by": "Mira"})
    writer.delete(address)
    found = client.get(address).get_json()
    assert found["decision"] is None
    assert [
        (one["by"], one["decision"] and (one["decision"]["why"], one["decision"]["ends_at"]))
        for one in found["history"]
    ] == [
        ("writer", None),
        ("writer: Mira", ("the court", None)),
        ("editor", ("the lawyers", "2027-01-01T00:00:00Z")),
    ]
    assert found["change"] == found["history"][0]["change"]
    assert found["history"][2]["change"] == first.get_json()["change"]
    logged = client_of(own_desk, "operator").get("/v1/audit").get_json()["entries"]
    assert [(one["actor"], one["why"]) for one in logged] == [
        ("editor", "the lawyers"),
        ("writer", "the court"),
        ("writer", ""),
    ]


@pytest.mark.parametrize("call", ["never", "no-list"])
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"why": 3}, "/why"),
        ({"why": "x" * 501}, "/why"),
        ({"by": "x" * 101}, "/by"),
        ({"ends_at": "tomorrow"}, "/ends_at"),
        ({"reason": "x"}, "/reason"),
        ({"starts_at": "2026-10-20T12:00:00Z", "ends_at": "2026-10-20T12:00:00Z"}, ""),
    ],
)
def test_a_bad_decision_is_refused_by_its_pointer(
    client: FlaskClient, call: str, body: dict[str, Any], pointer: str
) -> None:
    answer = client.put(f"{SEED}/{call}", json=body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == [pointer]
    assert client.get(f"{SEED}/{call}").get_json()["history"] == []


@pytest.mark.parametrize("call", ["never", "no-list"])
def test_of_an_article_that_is_not_there_nothing_is_said(client: FlaskClient, call: str) -> None:
    client.delete("/v1/articles/harbour-5")
    for article_id, status in (("nobody", 404), ("no%20body", 404), ("harbour-5", 410)):
        address = f"/v1/articles/{article_id}/{call}"
        assert client.get(address).status_code == status
        assert client.put(address, json={}).status_code == status
        assert client.delete(address).status_code == status


@pytest.mark.parametrize("call", CALLS)
def test_the_second_of_two_is_told_and_nothing_of_the_first_is_lost(
    client: FlaskClient, client_of: Clients, own_desk: Settings, call: str
) -> None:
    """Both have read the same state, and each sends what they want to be there."""
    address, (first, second, third) = f"{SEED}/{call}", BODIES[call]
    other = client_of(own_desk, "writer")
    empty = client.get(address).headers["ETag"]
    assert empty == '"0"'
    done = client.put(address, json=first, headers={"If-Match": empty})
    assert done.status_code == 200
    assert done.headers["ETag"] == client.get(address).headers["ETag"] != empty
    before = client.get(address).get_json()
    for late in (
        other.put(address, json=second, headers={"If-Match": empty}),
        other.delete(address, headers={"If-Match": empty}),
        other.put(address, json=first, headers={"If-Match": empty}),  # the same, by another
    ):
        assert late.status_code == 412
        assert late.content_type == "application/problem+json"
        assert "editor has changed" in late.get_json()["detail"]
    assert client.get(address).get_json() == before
    again = client.put(address, json=first, headers={"If-Match": empty})  # the answer was lost
    assert (again.status_code, again.get_json()["result"]) == (200, "unchanged")
    seen = f"W/{done.headers['ETag']}"  # as a proxy that compresses writes it
    assert other.put(address, json=second, headers={"If-Match": seen}).status_code == 200
    assert client.delete(address, headers={"If-Match": seen}).status_code == 412
    for anything in ({}, {"If-Match": "*"}):
        assert client.put(address, json=third, headers=anything).status_code == 200
    assert client.delete(address).status_code == 204


@pytest.mark.parametrize("tag", ["17", '"a"', '"1", "2"', "", '"' + "9" * 19 + '"'])
def test_a_condition_that_no_answer_has_named_is_refused(client: FlaskClient, tag: str) -> None:
    answer = client.put(f"{SEED}/pins", json={"pins": []}, headers={"If-Match": tag})
    assert answer.status_code == 400
    assert "If-Match" in answer.get_json()["detail"]
