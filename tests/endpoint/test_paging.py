"""GET /v1/articles and /v1/article-ids: the whole store, page by page."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from flask.testing import FlaskClient

from recommender.web import EXTENSION

Document = dict[str, Any]


def pages(client: FlaskClient, **query: object) -> list[list[Document]]:
    """The articles of each page."""
    found = []
    while True:
        answer = client.get("/v1/articles", query_string=query)
        assert answer.status_code == 200
        assert set(answer.get_json()) == {"articles", "next"}
        found.append(answer.get_json()["articles"])
        if answer.get_json()["next"] is None:
            return found
        query["cursor"] = answer.get_json()["next"]


def cursor(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_all_pages_together_hold_every_article_once_by_ascending_id(
    desk: FlaskClient, desk_documents: dict[str, Document], limit: int
) -> None:
    found = pages(desk, limit=limit)
    listed = [article["id"] for page in found for article in page]
    assert listed == sorted(desk_documents)
    assert {len(page) for page in found[:-1]} <= {limit}


def test_a_page_has_fifty_articles_as_they_were_given(desk: FlaskClient) -> None:
    answer = desk.get("/v1/articles?limit=2")
    assert answer.headers["Cache-Control"] == "no-store"
    for article in answer.get_json()["articles"]:
        assert article == desk.get(f"/v1/articles/{article['id']}").json
    whole = desk.get("/v1/articles").get_json()["articles"]
    assert len(whole) == min(50, len(pages(desk, limit=1)))


def test_deleted_articles_are_not_listed_and_no_page_is_lost_with_them(
    client: FlaskClient, desk_documents: dict[str, Document]
) -> None:
    first = client.get("/v1/articles?limit=5").get_json()
    last = first["articles"][-1]["id"]
    client.delete(f"/v1/articles/{last}")
    rest = pages(client, limit=100, cursor=first["next"])
    assert [article["id"] for page in rest for article in page] == sorted(desk_documents)[5:]
    assert last not in {article["id"] for page in pages(client) for article in page}


@pytest.mark.long
def test_a_page_of_long_articles_is_cut_short(client: FlaskClient) -> None:
    for number in range(6):
        client.put(f"/v1/articles/0-{number}", json={"title": "A", "body": "x" * 990_000})
    first = client.get("/v1/articles?limit=100").get_json()
    assert [article["id"] for article in first["articles"]] == [
        "...",
        *(f"0-{number}" for number in range(4)),
    ]
    after = client.get("/v1/articles", query_string={"cursor": first["next"], "limit": 2})
    assert [article["id"] for article in after.get_json()["articles"]] == ["0-4", "0-5"]


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "a",
        "abcd",
        "=",
        "\u0663",
        cursor(b"harbour-2"),
        cursor(b"2:harbour-2"),
        cursor(b"1:a b"),
        cursor(b"1:.."),
        cursor(b"1:" + b"x" * 201),
        cursor(b"1:\xff"),
        cursor(b"1:harbour-2") + "=",
        cursor(b"1:harbour-2") + " ",
        cursor(b"1:harbour-2") + "!",
        "x" * 5_000,
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_cursor_that_was_made_elsewhere_is_400(desk: FlaskClient, foreign: str) -> None:
    answer = desk.get("/v1/articles", query_string={"cursor": foreign})
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == ["/cursor"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "", "1_0", "+5", "05", "1e1", "\u0661", "x"])
def test_a_limit_outside_its_bounds_is_400(desk: FlaskClient, limit: str) -> None:
    answer = desk.get("/v1/articles", query_string={"limit": limit, "page": "2"})
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == ["/limit", "/page"]


def test_two_pages_are_read_at_a_time(desk: FlaskClient) -> None:
    reads = desk.application.extensions[EXTENSION].limits.reads
    with reads.hold("a test"), reads.hold("a test"):
        assert desk.get("/v1/articles").status_code == 503
    assert desk.get("/v1/articles").status_code == 200


def pages_of_ids(client: FlaskClient, **query: object) -> list[list[str]]:
    found = []
    while True:
        answer = client.get("/v1/article-ids", query_string=query)
        assert (answer.status_code, set(answer.get_json())) == (200, {"ids", "next"})
        found.append(answer.get_json()["ids"])
        if answer.get_json()["next"] is None:
            return found
        query["cursor"] = answer.get_json()["next"]


def test_the_pages_of_ids_together_hold_those_that_begin_with_a_prefix(
    client: FlaskClient, desk_documents: dict[str, Document]
) -> None:
    for prefix in ("", "harbour-", "harbour-1", "nobody"):
        expected = sorted(one for one in desk_documents if one.startswith(prefix))
        for limit in (1, 7, 1000):
            found = pages_of_ids(client, prefix=prefix, limit=limit)
            assert [one for page in found for one in page] == expected
            assert {len(page) for page in found[:-1]} <= {limit}
    assert client.get("/v1/article-ids").get_json() == {"ids": sorted(desk_documents), "next": None}


def test_ids_that_cannot_be_asked_for_are_400(client: FlaskClient) -> None:
    refused = {"prefix": ["a b", "x" * 201], "limit": ["0", "1001"], "cursor": ["a"]}
    for name, values in refused.items():
        for value in values:
            answer = client.get("/v1/article-ids", query_string={name: value})
            assert answer.status_code == 400
            assert [fault["pointer"] for fault in answer.get_json()["errors"]] == [f"/{name}"]
