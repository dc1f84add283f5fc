"""PUT, GET and DELETE of an article."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from recommender.settings import Settings

PATH = "/v1/articles/new"
BOOLEANS = {"no_related": False, "never_recommend": False}
FULL: dict[str, Any] = {
    "id": "new",
    "title": "A crane returns",
    "body": "It stood in the river.\n\nIt left.",
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


def test_put_creates_updates_and_notices_what_is_unchanged(client: FlaskClient) -> None:
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


def test_get_gives_back_what_was_put_with_times_in_utc(client: FlaskClient) -> None:
    client.put(PATH, json=FULL)
    response = client.get(PATH)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json == FULL | {
        "published_at": "2026-10-01T03:00:00Z",
        "updated_at": "2026-10-02T08:00:00.250000Z",
    }


def test_what_get_answers_may_be_put_again(client: FlaskClient) -> None:
    client.put(PATH, json=FULL)
    assert client.put(PATH, json=client.get(PATH).get_json()).get_json()["result"] == "unchanged"


def test_text_is_kept_as_given(client: FlaskClient) -> None:
    text = " \t<b>Ҳамчунин</b> &amp; 相关\r\n\u200f\U0001f426 "
    client.put(PATH, json={"title": text, "body": text})
    assert client.get(PATH).json == {"id": "new", "title": text, "body": text}


def test_markup_is_kept_as_given(client: FlaskClient) -> None:
    markup = "<p class=a>Ҳамчунин &amp; 相关</p>\r\n<script>alert(1)</script>"
    assert client.put(PATH, json={"title": "A", "body_html": markup}).status_code == 201
    assert client.get(PATH).json == {"id": "new", "title": "A", "body_html": markup}
    again = client.put(PATH, json=client.get(PATH).get_json())
    assert again.get_json()["result"] == "unchanged"


def test_null_means_absent(client: FlaskClient) -> None:
    client.put(PATH, json=dict.fromkeys(FULL) | {"id": "new", "title": "A"} | BOOLEANS)
    assert client.get(PATH).json == {"id": "new", "title": "A"}


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


def test_the_version_that_holds_is_told_where_the_article_shows_none(client: FlaskClient) -> None:
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


def test_delete_of_what_never_was_is_404(client: FlaskClient) -> None:
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


def test_every_wrong_field_is_named(client: FlaskClient) -> None:
    wrong = {
        "title": 5,
        "body": ["a"],
        "url": "ftp://x.example/",
        "section": "",
        "tags": ["good", 7, ""],
        "language": "e",
        "published_at": "yesterday",
        "status": "live",
        "no_related": "yes",
        "version": -1,
        "translation_of": "a b",
        "colour": "red",
        "a/b~c": 1,
    }
    response = client.put(PATH, json=wrong)
    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert sorted(fault["pointer"] for fault in response.get_json()["errors"]) == sorted(
        [f"/{name}" for name in wrong if name not in {"tags", "a/b~c"}]
        + ["/tags/1", "/tags/2", "/a~1b~0c"]
    )


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, ""),
        ({"title": "  ", "body": "\n"}, ""),
        ({"title": "A\x00"}, "/title"),
        ({"title": "A", "body": "\x00"}, "/body"),
        ({"title": "A" * 2001}, "/title"),
        ({"title": "A", "version": 2**63}, "/version"),
        ({"title": "A", "version": 1.0}, "/version"),
        ({"title": "A", "version": True}, "/version"),
        ({"title": "A", "published_at": 1_760_000_000}, "/published_at"),
        ({"title": "A", "published_at": "2026-10-01"}, "/published_at"),
        ({"title": "A", "published_at": "2026-10-01T08:00:00"}, "/published_at"),
        ({"title": "A", "published_at": "2026-02-30T08:00:00Z"}, "/published_at"),
        ({"title": "A", "published_at": "0001-01-01T00:00:00+05:00"}, "/published_at"),
        ({"title": "A", "url": "https:///nohost"}, "/url"),
        ({"title": "A", "url": "https://a b.example/"}, "/url"),
        ({"title": "A", "url": "https://[bad/"}, "/url"),
        ({"title": "A", "tags": "a"}, "/tags"),
        ({"title": "A", "tags": ["a"] * 101}, "/tags"),
        ({"title": "A", "translation_of": ".."}, "/translation_of"),
        ({"title": "A", "id": "other"}, "/id"),
        ({"title": "A", "id": 5}, "/id"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_an_article_outside_the_contract_is_422(
    client: FlaskClient, document: dict[str, Any], pointer: str
) -> None:
    response = client.put(PATH, json=document)
    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == [pointer]
    assert client.get(PATH).status_code == 404


@pytest.mark.parametrize("spelling", ["new", None])
def test_the_id_may_be_repeated_or_left_out(client: FlaskClient, spelling: str | None) -> None:
    body = {"title": "A"} if spelling is None else {"title": "A", "id": spelling}
    assert client.put(PATH, json=body).status_code == 201


@pytest.mark.parametrize(
    "strange", ["a%20b", "%E2%98%83", "y" * 201, "a%00b", "a%0A", "%ff", "a+b"]
)
def test_an_id_outside_the_grammar_cannot_be_put(client: FlaskClient, strange: str) -> None:
    response = client.put(f"/v1/articles/{strange}", json={"title": "A"})
    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == ["/id"]


@pytest.mark.parametrize("good", ["a", "A.b_c~d:e-f", "...", "z" * 200, "0"])
def test_an_id_within_the_grammar_can(client: FlaskClient, good: str) -> None:
    assert client.put(f"/v1/articles/{good}", json={"title": "Fresh"}).status_code in {200, 201}
    assert client.get(f"/v1/articles/{good}").json == {"id": good, "title": "Fresh"}


DEEP = b"[" * 200_000
HOSTILE = {
    "blank": b"   ",
    "no JSON": b"title=A",
    "cut short": b'{"title": "A"',
    "two documents": b'{"title": "A"}{"title": "B"}',
    "an array": b"[]",
    "a string": b'"title"',
    "null": b"null",
    "a number": b"1",
    "deep arrays": DEEP,
    "deep objects": b'{"a":' * 100_000,
    "deep inside a field": b'{"title":"A","tags":' + DEEP,
    "a lone surrogate": b'{"title": "\\ud800"}',
    "a lone surrogate in a tag": b'{"title": "A", "tags": ["\\udfff"]}',
    "a lone surrogate as key": b'{"title": "A", "\\ud800": 1}',
    "an encoded surrogate": b'{"title": "\xed\xa0\x80"}',
    "invalid UTF-8": b'{"title": "\xff\xfe"}',
    "latin-1": '{"title": "Ä"}'.encode("latin-1"),
    "UTF-16": '{"title": "A"}'.encode("utf-16"),
    "NaN": b'{"title": "A", "version": NaN}',
    "Infinity": b'{"title": "A", "version": -Infinity}',
    "2**63": b'{"title": "A", "version": 9223372036854775808}',
    "a long number": b'{"title": "A", "version": ' + b"9" * 10_000 + b"}",
    "1e400": b'{"title": "A", "version": 1e400}',
    "NUL": b'{"title": "A\\u0000"}',
    "a raw NUL": b'{"title": "A\x00"}',
    "objects for text": b'{"title": {"$gt": ""}}',
    "many unknown keys": json.dumps({f"k{n}": n for n in range(20_000)}).encode(),
    "two forms of one text": b'{"title": "A", "body": "A", "body_html": "<p>A</p>"}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_422_and_stores_nothing(client: FlaskClient, body: bytes) -> None:
    response = client.put(PATH, data=body, content_type="application/json")
    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert len(response.get_json()["errors"]) >= 1
    assert client.get(PATH).status_code == 404


def test_the_content_type_does_not_matter(client: FlaskClient) -> None:
    """CMS scripts forget it; the address says what is sent."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = client.put(PATH, data=b'{"title": "A"}', content_type=kind)
        assert response.status_code in {200, 201}


def put_raw(
    client: FlaskClient, secret: str, body: bytes, change: Callable[[dict[str, Any]], None]
) -> TestResponse:
    """A PUT as a server hands it over, with the environ changed by hand."""
    builder = EnvironBuilder(PATH, method="PUT", input_stream=BytesIO(body))
    environ = builder.get_environ() | {"HTTP_X_API_KEY": secret}
    change(environ)
    answer = run_wsgi_app(client.application.wsgi_app, environ, buffered=True)
    return TestResponse(*answer, builder.get_request())


def test_an_empty_body_is_422(client: FlaskClient, secrets: dict[str, str]) -> None:
    response = put_raw(client, secrets["editor"], b"", lambda e: e.update(CONTENT_LENGTH="0"))
    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == [""]


def test_a_body_without_a_length_is_411(client: FlaskClient, secrets: dict[str, str]) -> None:
    def chunked(environ: dict[str, Any]) -> None:
        environ.pop("CONTENT_LENGTH", None)
        environ.update(HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input_terminated": True})

    response = put_raw(client, secrets["editor"], b'{"title": "A"}', chunked)
    assert (response.status_code, response.content_type) == (411, "application/problem+json")
    assert client.get(PATH).status_code == 404


@pytest.mark.parametrize("length", ["-1", "abc", ""])
def test_a_length_that_is_none_is_no_length(
    client: FlaskClient, secrets: dict[str, str], length: str
) -> None:
    response = put_raw(
        client, secrets["editor"], b'{"title": "A"}', lambda e: e.update(CONTENT_LENGTH=length)
    )
    assert response.status_code in {400, 411, 422}
    assert client.get(PATH).status_code == 404


def test_a_body_cut_short_is_refused(client: FlaskClient, secrets: dict[str, str]) -> None:
    """A connection lost halfway must not store half an article as a whole one."""
    response = put_raw(
        client, secrets["editor"], b'{"title": "A"}', lambda e: e.update(CONTENT_LENGTH="400")
    )
    assert (response.status_code, response.content_type) == (400, "application/problem+json")
    assert client.get(PATH).status_code == 404


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
    """Another process, or this one after a crash, reads what was answered for."""
    client.put(PATH, json={"title": "A"})
    assert client_of(own_desk).get(PATH).json == {"id": "new", "title": "A"}
