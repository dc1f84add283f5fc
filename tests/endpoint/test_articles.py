"""PUT, GET and DELETE of an article."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings

PATH = "/v1/articles/new"
FULL: dict[str, Any] = {
    "id": "new",
    "title": "A crane returns",
    "body": " \tIt stood in the <b>river</b> &amp; 相关.\r\n\n\u200f\U0001f426 It left. ",
    "summary": "A bird.",
    "url": "https://news.example/new",
    "section": "nature",
    "tags": ["birds", "река"],
    "authors": ["Mira Halloway"],
    "language": "en-GB",
    "image_url": "https://news.example/new.jpg",
    "published_at": "2026-10-01T08:00:00+05:00",
    "updated_at": "2026-10-02T08:00:00.25Z",
    "status": "draft",
    "embargoed_until": "2026-10-03T08:00:00Z",
    "expires_at": "2027-10-03T08:00:00Z",
    "no_related": True,
    "never_recommend": True,
    "translation_of": "old",
    "version": 2**63 - 1,
}


def test_put_creates_updates_and_notices_no_change(client: FlaskClient) -> None:
    """The change number rises by one with each write that changes something."""
    first = client.put(PATH, json={"title": "One"})
    assert first.status_code == 201
    change = first.get_json()["change"]
    assert first.json == {"id": "new", "result": "created", "change": change}
    again = client.put(PATH, json={"title": "One", "body": "", "tags": [], "status": "published"})
    assert again.status_code == 200
    assert again.json == {"id": "new", "result": "unchanged", "change": change}
    other = client.put(PATH, json={"title": "Two"})
    assert other.status_code == 200
    assert other.json == {"id": "new", "result": "updated", "change": change + 1}


def test_put_replaces_the_whole_article(client: FlaskClient) -> None:
    client.put(PATH, json=FULL)
    client.put(PATH, json={"title": "Two"})
    assert client.get(PATH).json == {"id": "new", "title": "Two"}


IN_UTC = {
    "published_at": "2026-10-01T03:00:00Z",
    "updated_at": "2026-10-02T08:00:00.250000Z",
}
MARKUP = {
    "id": "new",
    "title": "A",
    "body_html": "<p class=a>Ҳамчунин &amp; 相关</p>\r\n<script>alert(1)</script>",
}
NULLS = dict.fromkeys(FULL) | {"id": "new", "title": "A", "no_related": False}
NULLS |= {"never_recommend": False}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        pytest.param(FULL, FULL | IN_UTC, id="every field"),
        pytest.param(MARKUP, MARKUP, id="markup"),
        pytest.param(NULLS, {"id": "new", "title": "A"}, id="null is absent"),
    ],
)
def test_get_returns_the_article_that_was_put_and_it_may_be_put_again(
    client: FlaskClient, given: dict[str, Any], stored: dict[str, Any]
) -> None:
    assert client.put(PATH, json=given).status_code == 201
    response = client.get(PATH)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json == stored
    assert client.put(PATH, json=response.get_json()).get_json()["result"] == "unchanged"


def test_an_older_version_is_409_and_changes_nothing(client: FlaskClient) -> None:
    client.put(PATH, json={"title": "Two", "version": 2})
    response = client.put(PATH, json={"title": "One", "version": 1})
    assert response.status_code == 409
    assert "version 1" in response.get_json()["detail"]
    assert client.get(PATH).get_json()["title"] == "Two"
    assert (
        client.put(PATH, json={"title": "Also two", "version": 2}).get_json()["result"] == "updated"
    )
    assert client.put(PATH, json={"title": "Three"}).get_json()["result"] == "updated"


def test_a_refusal_names_the_stored_version_though_the_article_shows_none(
    client: FlaskClient,
) -> None:
    client.put(PATH, json={"title": "Two", "version": 5})
    client.put(PATH, json={"title": "Three"})
    assert "version" not in client.get(PATH).get_json()
    refused = client.put(PATH, json={"title": "One", "version": 4})
    assert refused.status_code == 409
    assert "push version 5 or a newer version" in refused.get_json()["detail"]
    assert client.put(PATH, json={"title": "Four", "version": 5}).status_code == 200


def test_delete_is_204_twice_and_then_410(client: FlaskClient) -> None:
    for _ in range(2):
        response = client.delete("/v1/articles/harbour-2")
        assert (response.status_code, response.data) == (204, b"")
    for response in (client.get("/v1/articles/harbour-2"), client.get("/read/harbour-2")):
        assert (response.status_code, response.get_json()["status"]) == (410, 410)


def test_delete_of_an_unknown_article_is_404(client: FlaskClient) -> None:
    for strange in ("nobody", "%E2%98%83", "a%20b", "y" * 201):
        response = client.delete(f"/v1/articles/{strange}")
        assert (response.status_code, response.get_json()["status"]) == (404, 404)


def test_a_deleted_article_may_come_back(client: FlaskClient) -> None:
    client.put(PATH, json={"title": "One", "version": 7})
    client.delete(PATH)
    response = client.put(PATH, json={"title": "One", "version": 7})
    assert (response.status_code, response.get_json()["result"]) == (201, "created")
    assert client.get(PATH).get_json()["title"] == "One"


def test_get_of_an_unknown_article_is_404(client: FlaskClient) -> None:
    response = client.get("/v1/articles/nobody")
    assert (response.status_code, response.get_json()["instance"]) == (404, "/v1/articles/nobody")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        pytest.param(
            b'{"title": 5, "tags": ["a", 7, ""], "a/b~c": 1}',
            ["/title", "/tags/1", "/tags/2", "/a~1b~0c"],
            id="every wrong field",
        ),
        pytest.param(b'{"title": "A", "id": "other"}', ["/id"], id="another id"),
        pytest.param(b"{}", [""], id="neither title nor body"),
        pytest.param(b"title=A", [""], id="no JSON"),
        pytest.param(b"[]", [""], id="no object"),
        pytest.param(b'{"title": "\xff\xfe"}', [""], id="no UTF-8"),
        pytest.param(b'{"title": "A", "version": NaN}', ["/version"], id="no number"),
        pytest.param(b"[" * 200_000, [""], id="nested deeply"),
    ],
)
def test_an_article_outside_the_contract_is_422_with_pointers_and_is_not_stored(
    client: FlaskClient, body: bytes, pointers: list[str]
) -> None:
    response = client.put(PATH, data=body)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == pointers
    assert client.get(PATH).status_code == 404


@pytest.mark.parametrize("strange", ["a%20b", "y" * 201, "a%00b", "%ff"])
def test_an_id_outside_the_grammar_cannot_be_put(client: FlaskClient, strange: str) -> None:
    response = client.put(f"/v1/articles/{strange}", json={"title": "A"})
    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == ["/id"]


@pytest.mark.parametrize("good", ["A.b_c~d:e-f", "...", "z" * 200])
def test_an_id_within_the_grammar_can(client: FlaskClient, good: str) -> None:
    assert client.put(f"/v1/articles/{good}", json={"title": "Fresh"}).status_code in {200, 201}
    assert client.get(f"/v1/articles/{good}").json == {"id": good, "title": "Fresh"}


def test_the_content_type_does_not_matter(client: FlaskClient) -> None:
    """CMS scripts forget it; the address says what is sent."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = client.put(PATH, data=b'{"title": "A"}', content_type=kind)
        assert response.status_code in {200, 201}


def test_a_body_over_the_limit_is_413(client: FlaskClient) -> None:
    limit = client.application.config["MAX_CONTENT_LENGTH"]
    assert limit == 4 * 2**20
    response = client.put(PATH, data=b" " * (limit + 1))
    assert (response.status_code, response.content_type) == (413, "application/problem+json")
    largest = b'{"title": "A"}'.ljust(limit)
    assert client.put(PATH, data=largest).status_code == 201


def test_a_write_is_on_disk_before_it_is_answered(
    client: FlaskClient, client_of: Callable[..., FlaskClient], own_desk: Settings
) -> None:
    """Another process, or this one after a crash, reads every acknowledged write."""
    client.put(PATH, json={"title": "A"})
    assert client_of(own_desk).get(PATH).json == {"id": "new", "title": "A"}
