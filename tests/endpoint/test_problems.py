"""Errors are problem documents (RFC 9457), all of one shape."""

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from typing import Any

import pysqlite3
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from recommender.errors import StoreUnusable
from recommender.settings import Settings
from recommender.store import ArticleStore

MEMBERS = ["type", "title", "status", "detail", "instance", "request_id"]


def check(response: TestResponse, status: int, title: str, instance: str) -> dict[str, Any]:
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    document: dict[str, Any] = json.loads(response.data)
    assert [name for name in document if name != "errors"] == MEMBERS
    assert document["type"] == "about:blank"
    assert (document["status"], document["title"]) == (status, title)
    assert document["instance"] == instance
    assert isinstance(document["detail"], str)
    assert document["detail"]
    for fault in document.get("errors", []):
        assert list(fault) == ["pointer", "detail"]
    return document


def test_each_status_has_the_one_shape(client: FlaskClient) -> None:
    path, deleted = "/v1/articles/harbour-2", "/v1/articles/harbour-3"
    client.delete(deleted)
    client.put(path, json={"title": "A", "version": 5})
    answers = [
        (client.get(f"{path}/related?limit=0"), 400, "Bad Request", f"{path}/related"),
        (client.get("/v1/articles/nobody"), 404, "Not Found", "/v1/articles/nobody"),
        (client.put(path, json={"title": "B", "version": 4}), 409, "Conflict", path),
        (client.get(deleted), 410, "Gone", deleted),
        (client.put(path, data=b" " * 5_000_000), 413, None, path),
        (client.put(path, json={}), 422, None, path),
    ]
    for response, status, title, instance in answers:
        check(response, status, title or response.get_json()["title"], instance)


def test_the_query_and_the_key_are_not_repeated(client: FlaskClient) -> None:
    document = check(client.get("/nowhere?secret=hunter2"), 404, "Not Found", "/nowhere")
    assert "hunter2" not in str(document)


@pytest.mark.parametrize(
    "path", ["/v1", "/v2/articles/a", "/v1/articles/", "/static/../x", "/v1//articles/harbour-2"]
)
def test_an_unknown_route_is_404(desk: FlaskClient, path: str) -> None:
    document = check(desk.get(path), 404, "Not Found", path)
    assert document["detail"] == "nothing is served at this address; /docs lists what is"


@pytest.mark.parametrize(
    ("path", "article_id", "character"),
    [
        ("/v1/articles/news/2026/1", "news/2026/1", "5 is '/'"),
        ("/v1/articles/news%2F1/related", "news/1", "5 is '/'"),
        ("/v1/articles/caf%C3%A9/1", "café/1", "4 is 'é'"),
    ],
)
def test_where_a_slash_in_an_id_leads_nowhere_the_answer_says_so(
    desk: FlaskClient, path: str, article_id: str, character: str
) -> None:
    for answer in (desk.get(path), desk.put(path, json={"title": "A"})):
        assert answer.status_code == 404
        detail = answer.get_json()["detail"]
        assert f"; if {article_id!r} is meant as an id, it must match " in detail
        assert f"its character {character}" in detail


def test_an_id_that_breaks_the_grammar_is_explained_at_every_call(client: FlaskClient) -> None:
    path, reason = "/v1/articles/caf%C3%A9", "its character 4 is 'é', U+00E9: write it as ~C3~A9"
    unknown = [client.get(path), client.get(f"{path}/related"), client.delete(path)]
    assert [(answer.status_code, reason in answer.text) for answer in unknown] == [(404, True)] * 3
    refused = client.put(path, json={"title": "A"})
    assert (refused.status_code, refused.get_json()["errors"][0]["pointer"]) == (400, "/id")
    assert reason in refused.get_json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        (
            "POST",
            "/v1/articles/harbour-2",
            {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"},
        ),
        ("PUT", "/v1/articles/harbour-2/related", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/healthz", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "/read/harbour-2", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_with_the_right_ones(
    desk: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    response = desk.open(path, method=method)
    check(response, 405, "Method Not Allowed", path)
    assert set(response.headers["Allow"].split(", ")) == allowed


def test_an_unexpected_error_is_500_and_leaks_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("postgresql://user:hunter2@db/secret")

    monkeypatch.setattr(ArticleStore, "get", explode)
    with caplog.at_level(logging.ERROR):
        response = client.get("/v1/articles/harbour-2")
    check(response, 500, "Internal Server Error", "/v1/articles/harbour-2")
    assert "hunter2" not in response.text + str(response.headers)
    assert "RuntimeError" not in response.text
    assert "Traceback" not in response.text
    assert "hunter2" in caplog.text


def test_a_store_that_fails_is_503_and_leaks_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnusable("cannot open /srv/secret/read-also.db")

    monkeypatch.setattr(ArticleStore, "get", fail)
    response = client.get("/v1/articles/harbour-2")
    check(response, 503, "Service Unavailable", "/v1/articles/harbour-2")
    assert response.headers["Retry-After"] == "5"
    assert "secret" not in response.text


def test_a_busy_store_is_503_and_stores_nothing(
    client_of: Callable[..., FlaskClient], own_desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer holds the lock for longer than a request waits."""
    monkeypatch.setattr("service.WEB_PATIENCE_SECONDS", 0.05)
    client = client_of(own_desk, "editor")
    path = str(own_desk.data_dir / "read-also.db")
    with closing(pysqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        response = client.put("/v1/articles/a", json={"title": "A"})
        other.execute("ROLLBACK")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.content_type == "application/problem+json"
    assert path not in response.text
    assert client.get("/v1/articles/a").status_code == 404
    assert client.put("/v1/articles/a", json={"title": "A"}).status_code == 201


def test_a_flood_of_faults_has_a_short_answer(client: FlaskClient) -> None:
    body = {"title": "x", "tags": [1] * 200_000} | {f"k{n}": 1 for n in range(50_000)}
    response = client.put("/v1/articles/a", json=body)
    assert response.status_code == 422
    assert len(response.data) < 1_000


def test_an_explained_list_without_items_is_not_cached_either(desk: FlaskClient) -> None:
    answer = desk.get("/v1/articles/harbour-silent/related?explain=1")
    assert answer.get_json()["items"] == []
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_answer_forbids_content_sniffing(desk: FlaskClient) -> None:
    for path in ("/healthz", "/v1/articles/harbour-2/related", "/nowhere"):
        assert desk.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_hostile_ids_stay_json(desk: FlaskClient) -> None:
    for strange in ("%3Cscript%3E", "%22%7D", "%F0%9F%90%A6", "%ed%a0%80"):
        response = desk.get(f"/v1/articles/{strange}/related")
        assert json.loads(response.data)["status"] == 404
        assert response.content_type == "application/problem+json"


def test_no_path_makes_a_line_of_the_log(
    client: FlaskClient,
    store_away: Callable[[], AbstractContextManager[None]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not either where another server than ours, with a log of its own, runs the application."""
    with store_away(), caplog.at_level(logging.WARNING):
        answer = client.delete("/v1/articles/a%0A2026-01-01%20ERROR%20forged%0D%1B[2J%E2%80%A8x")
    assert answer.status_code == 503
    (said,) = [one.getMessage() for one in caplog.records if "forged" in one.getMessage()]
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said
