"""`fields`: what items show on request, for cards."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.settings import Settings

Document = dict[str, Any]

LIST = "/v1/articles/guiyang-smart-city/related"
ALL = "summary,authors,tags,image"
DESK = "/v1/articles/harbour-2/related"
MORE = ("summary", "authors", "tags", "image", "image_url", "title")
CARD = {
    "title": "A crane returns",
    "summary": "It stood in the river.",
    "authors": ["Anna Petrova", "B. Li"],
    "tags": ["birds", "river"],
    "image_url": "https://news.example/crane.jpg",
    "image_srcset": "https://news.example/crane-300.jpg 300w",
}


def items(client: FlaskClient, query: str = "", path: str = LIST) -> list[Document]:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    found: list[Document] = answer.get_json()["items"]
    return found


def test_items_show_what_is_asked_for_and_nothing_else_changes(
    sample_client: FlaskClient, sample_articles: dict[str, Document]
) -> None:
    plain, cards = (
        items(sample_client, "limit=100"),
        items(sample_client, f"limit=100&fields={ALL}"),
    )
    for usual, card in zip(plain, cards, strict=True):
        given = sample_articles[usual["id"]]
        more = {
            "summary": given.get("summary", "").strip(),
            "authors": given.get("authors", []),
            "tags": given.get("tags", []),
        }
        if usual["image_url"]:  # the demonstration draws one for each article
            more["image"] = {"url": usual["image_url"]}
        assert card == usual | more
    tags = items(sample_client, "fields=tags")
    assert [item.keys() - usual.keys() for item, usual in zip(tags, plain, strict=False)] == [
        {"tags"}
    ] * len(tags)


def test_a_change_shows_at_once_what_it_shows_after_a_rebuild(
    client: FlaskClient,
    client_of: Callable[..., FlaskClient],
    own_desk: Settings,
    index_with_fake: Callable[..., int],
    rebuild_with_fake: Callable[..., object],
) -> None:
    client.patch("/v1/articles/harbour-4", json=CARD)
    index_with_fake(own_desk)
    live = {one["id"]: one for one in items(client, f"limit=100&fields={ALL}", DESK)}
    card = live["harbour-4"]
    assert [card[name] for name in ("title", "summary", "authors", "tags")] == [
        CARD[name] for name in ("title", "summary", "authors", "tags")
    ]
    assert card["image"] == {"url": CARD["image_url"], "srcset": CARD["image_srcset"]}
    rebuild_with_fake(own_desk)
    rebuilt = items(client_of(own_desk, "reader"), f"limit=100&fields={ALL}", DESK)
    shown = {one["id"]: [one.get(name) for name in MORE] for one in rebuilt}
    assert shown == {one: [item.get(name) for name in MORE] for one, item in live.items()}


def test_a_body_names_fields_in_a_list(sample_client: FlaskClient) -> None:
    body = {"article_id": "guiyang-smart-city", "fields": ["tags", "summary", "tags"], "limit": 3}
    answer = sample_client.post("/v1/related", json=body)
    assert answer.get_json()["items"] == items(sample_client, "limit=3&fields=summary,tags")


def test_answers_with_other_fields_are_known_by_other_hashes(sample_client: FlaskClient) -> None:
    tags = {sample_client.get(f"{LIST}?fields={one}").headers["ETag"] for one in ("tags", ALL)}
    assert len(tags) == 2


@pytest.mark.parametrize("query", ["fields=", "fields=body", "fields=tags,,image", "fields=Tags"])
def test_an_unknown_field_is_refused(sample_client: FlaskClient, query: str) -> None:
    answer = sample_client.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    fault = answer.get_json()["errors"][0]
    assert (fault["pointer"], "summary, authors, tags, image" in fault["detail"]) == (
        "/fields",
        True,
    )


def test_the_fragment_has_no_fields(sample_client: FlaskClient) -> None:
    assert sample_client.get(f"{LIST}.html?fields=tags").status_code == 400


def test_fields_of_an_article_that_is_withheld_are_nowhere(
    public: FlaskClient, own_desk: Settings, client_of: Callable[..., FlaskClient]
) -> None:
    editor = client_of(own_desk, "editor")
    editor.patch("/v1/articles/harbour-withheld", json={"summary": "Hushed up", "tags": ["secret"]})
    answer = public.get(f"{DESK}?limit=100&fields={ALL}")
    assert answer.status_code == 200
    assert "Hushed up" not in answer.text
    assert "secret" not in answer.text
