"""How far the last write of an article has come, and what its list says until it is read."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings

Document = dict[str, Any]
Clients = Callable[..., FlaskClient]
Index = Callable[..., int]
Story = Callable[..., Document]

FRESH = "/v1/articles/fresh"
STATUS = f"{FRESH}/status"


def status(client: FlaskClient, path: str = STATUS) -> Document:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    found: Document = answer.get_json()
    goes_on = found["waits_for"] in {"indexer", "workers"}
    assert answer.headers.get("Retry-After") == ("1" if goes_on else None)
    return found


def test_a_write_is_followed_from_its_receipt_until_every_worker_shows_it(
    client: FlaskClient,
    client_of: Clients,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
) -> None:
    other = client_of(own_desk)
    other.get("/readyz")
    change = client.put(FRESH, json=make_story("fresh")).get_json()["change"]
    received = status(client)
    assert (received["state"], received["waits_for"]) == ("received", "indexer")
    assert (received["change"], received["waiting"], received["workers"]) == (change, 1, 2)
    assert (received["read_change"], received["read_at"], received["error"]) == (None, None, None)
    assert received["written_at"].endswith("Z")
    index_with_fake(own_desk)
    indexed = status(client)
    assert (indexed["state"], indexed["waits_for"]) == ("indexed", "workers")
    assert indexed["read_change"] > change > indexed["shown_change"]
    assert indexed["read_at"] >= indexed["written_at"] == received["written_at"]
    assert status(other)["state"] == "visible"
    shown = status(client)
    assert (shown["state"], shown["waits_for"], shown["waiting"]) == ("visible", None, 0)
    assert shown["shown_change"] == shown["read_change"]


def test_a_write_without_a_new_text_and_an_old_article_need_no_reading(
    client: FlaskClient, desk_documents: dict[str, Document]
) -> None:
    path = "/v1/articles/harbour-2"
    old = status(client, f"{path}/status")
    assert (old["state"], old["hidden_because"]) == ("visible", None)
    change = client.patch(path, json={"never_recommend": True}).get_json()["change"]
    moved = status(client, f"{path}/status")
    assert (moved["state"], moved["hidden_because"]) == ("visible", "never_recommend")
    assert (moved["change"], moved["read_change"]) == (change, None)
    client.put(path, json=desk_documents["harbour-2"] | {"title": "Another"})
    assert status(client, f"{path}/status")["state"] == "received"


def test_a_text_that_cannot_be_read_is_parked_with_its_error_and_a_remedy(
    client: FlaskClient, own_desk: Settings, index_with_fake: Index
) -> None:
    client.put(FRESH, json={"title": "Fresh", "body_html": "<poison>"})
    index_with_fake(own_desk)
    parked = status(client)
    assert (parked["state"], parked["waits_for"], parked["attempts"]) == (
        *("parked", "another_text"),
        3,
    )
    assert parked["error"] == "UnreadableMarkup: took more than 2 s"
    assert parked["remedy"].startswith("send the article with another text")
    client.patch(FRESH, json={"body_html": "<p>Good</p>"})
    assert (status(client)["state"], status(client)["error"]) == ("received", None)


def test_what_is_not_there_has_no_status_and_the_scope_lists_sees_none(
    client: FlaskClient, client_of: Clients, own_desk: Settings
) -> None:
    assert client.get(STATUS).status_code == 404
    client.put(FRESH, json={"title": "Fresh"})
    client.delete(FRESH)
    assert client.get(STATUS).status_code == 410
    for key, expected in (("reader", 410), ("writer", 403), ("front", 403), (None, 401)):
        assert client_of(own_desk, key).get(STATUS).status_code == expected


@pytest.mark.parametrize("limit", [1, 100])
def test_until_an_article_is_read_its_list_says_so_and_when_to_ask_again(
    client: FlaskClient,
    own_desk: Settings,
    make_story: Story,
    index_with_fake: Index,
    limit: int,
) -> None:
    client.put(FRESH, json=make_story("fresh"))
    path = f"{FRESH}/related?limit={limit}"
    unread = client.get(path)
    assert unread.get_json()["short_because"] == "not_read_yet"
    assert {item["reason"] for item in unread.get_json()["items"]} == {"fallback:latest"}
    assert unread.headers["Cache-Control"] == "private, max-age=5"
    assert unread.headers["Retry-After"] == "5"
    index_with_fake(own_desk)
    read = client.get(path)
    assert read.get_json().get("short_because") == (None if limit == 1 else "few_eligible")
    assert "Retry-After" not in read.headers
    client.put(FRESH, json=make_story("fresh", title="Another"))
    again = client.get(path)  # made from the text that was read before
    assert again.get_json().get("short_because") == read.get_json().get("short_because")
    assert again.headers["Cache-Control"] == "private, max-age=5"


def test_while_a_large_part_of_the_archive_waits_answers_say_how_far_it_is_read(
    client_of: Clients,
    bare: Settings,
    make_story: Story,
    index_with_fake: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.live.archive_reading.FEW", 3)
    monkeypatch.setattr("recommender.live.follower.READING_SECONDS", 0.0)
    client, path = client_of(bare), "/v1/articles/first-1/related"

    def told() -> list[Document | None]:
        answers = (client.get("/readyz").get_json(), client.get(path).get_json())
        return [answer.get("archive_reading") for answer in answers]

    client.put("/v1/articles/first-1", json=make_story("first-1"))
    index_with_fake(bare)
    assert told() == [None, None]
    for number in range(2, 6):
        client.put(f"/v1/articles/first-{number}", json=make_story(f"first-{number}"))
    advice = {"advice": "to read it in one go, run: read-also rebuild"}
    assert told() == [{"read": 1, "stored": 5} | advice] * 2
    assert client.get(path).headers["Cache-Control"] == "private, max-age=5"
    index_with_fake(bare)
    assert told() == [None, None]
    assert client.get(path).headers["Cache-Control"].startswith("private, max-age=30")
