"""The rules for the body and the query of every call."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from recommender.web.endpoints import description_of
from tests.support.archives import origin_of
from tests.support.hostile_bodies import BODIES, TAKERS, bodies

GOOD = b'{"id": "new", "title": "A", "body": "B"}'


def raw(client: FlaskClient, method: str, path: str, **environ: Any) -> TestResponse:
    """A request as a server passes it on, with a changed environ."""
    builder = EnvironBuilder(path, method=method, input_stream=BytesIO(GOOD))
    key = {"HTTP_AUTHORIZATION": client.environ_base["HTTP_AUTHORIZATION"]}
    kind = {"CONTENT_TYPE": "application/json"}
    whole = builder.get_environ() | key | kind | environ
    answer = run_wsgi_app(client.application.wsgi_app, whole, buffered=True)
    return TestResponse(*answer, builder.get_request())


def routes(client: FlaskClient) -> Iterator[tuple[str, str]]:
    """Every call there is; pages of the demonstration that the API does not describe are none."""
    views = client.application.view_functions
    for rule in client.application.url_map.iter_rules():
        if description_of(views[rule.endpoint]) is None:
            continue
        path = rule.rule.replace("<article_id>", "harbour-2")
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            yield method, path


@pytest.mark.parametrize("terminated", [True, False], ids=["as gunicorn does", "else"])
@pytest.mark.parametrize(("method", "path"), TAKERS)
def test_a_body_must_have_the_length_that_it_states(
    client: FlaskClient, method: str, path: str, *, terminated: bool
) -> None:
    """Servers hand over a stream that ends by itself, too soon or not, or one to count along."""
    ends = {"wsgi.input_terminated": True} if terminated else {}
    chunked = raw(client, method, path, HTTP_TRANSFER_ENCODING="chunked", **ends)
    short = raw(client, method, path, CONTENT_LENGTH=str(len(GOOD) + 1), **ends)
    large = raw(client, method, path, CONTENT_LENGTH=str(16 * 2**20 + 1), **ends)
    assert [one.status_code for one in (chunked, short, large)] == [411, 400, 413]
    assert {one.content_type for one in (chunked, short, large)} == {"application/problem+json"}
    if terminated:
        assert f"ended after {len(GOOD)} of {len(GOOD) + 1} bytes" in short.get_json()["detail"]
    assert client.get("/v1/articles/new").status_code == 404


def test_an_empty_body_is_no_document(client: FlaskClient) -> None:
    response = raw(client, "PUT", "/v1/articles/new", CONTENT_LENGTH="0")
    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == [""]


@pytest.mark.parametrize("length", ["-1", "abc", ""])
def test_a_bad_content_length_is_refused(client: FlaskClient, length: str) -> None:
    response = raw(client, "PUT", "/v1/articles/new", CONTENT_LENGTH=length)
    assert response.status_code in {400, 411, 422}
    assert client.get("/v1/articles/new").status_code == 404


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("no_such=1", "/no_such"),
        ("=", "/"),
        ("a%00b=1", "/a\x00b"),
        ("x=%", ""),
        ("x=%zz", ""),
        ("x=%f", ""),
        ("x=%ff", ""),
        ("x=%ed%a0%80", ""),
        ("x=%c0%af", ""),
        ("%ff=x", ""),
    ],
)
def test_every_call_refuses_a_query_that_it_does_not_know(
    client: FlaskClient, secrets: dict[str, str], query: str, pointer: str
) -> None:
    of_operators = {"/v1/audit": {"HTTP_AUTHORIZATION": f"Bearer {secrets['operator']}"}}
    walked = []
    for method, path in routes(client):
        walked.append(path)
        length = {"CONTENT_LENGTH": str(len(GOOD))}
        more = length | origin_of(path) | of_operators.get(path, {})
        answer = raw(client, method, path, QUERY_STRING=query, **more)
        assert answer.status_code == 400, (method, path)
        assert [one["pointer"] for one in answer.get_json()["errors"]] == [pointer], (method, path)
    assert {"/healthz", "/metrics", "/openapi.json", "/docs", "/v1/articles"} <= set(walked)


def test_a_call_refused_for_its_query_changes_nothing(client: FlaskClient) -> None:
    before = client.get("/v1/articles/harbour-2").json
    for method, path in TAKERS:
        answer = client.open(f"{path}?no_such=1", method=method, data=GOOD)
        assert answer.status_code == 400
    assert client.delete("/v1/articles/harbour-2?wait=visible&x").status_code == 400
    assert client.get("/v1/articles/harbour-2").json == before
    assert client.get("/v1/articles/new").status_code == 404


def test_many_wrong_parameters_have_a_short_answer(desk: FlaskClient) -> None:
    query = "&".join(f"p{number}=1" for number in range(900))
    answer = desk.get(f"/v1/articles/harbour-2/related?{query}")
    assert (answer.status_code, len(answer.get_json()["errors"])) == (400, 20)


def test_no_hostile_body_is_an_unexpected_error(client: FlaskClient) -> None:
    """It is refused or accepted as valid; 503 is a draft without an indexer to read it."""
    statuses = set()
    for number, body in enumerate(bodies(len(BODIES) + 150)):
        method, path = TAKERS[number % len(TAKERS)]
        answer = client.open(path, method=method, data=body, content_type="application/json")
        if answer.status_code == 503:
            assert (path, answer.headers["Retry-After"]) == ("/v1/related", "5")
        statuses.add(answer.status_code)
    assert statuses <= {200, 201, 400, 404, 411, 413, 422, 503}
