"""POST /v1/bulk: each line is answered in order as it would be alone, or nothing is stored."""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from recommender.articles import Article
from recommender.errors import StoreUnusable
from recommender.request_origin import STOPPING
from recommender.settings import Settings
from recommender.store import ArticleStore, DeleteRequest, QueueLength, Receipt, open_store
from recommender.web import EXTENSION
from recommender.web.bulk_routes import LINES_PER_BATCH, MOST_FAULTS, MOST_LINES, MOST_LOAD_BYTES
from tests.support.archives import archive_settings

Document = dict[str, Any]
NDJSON = "application/x-ndjson"
BAD_LINES = [
    (b'{"id": "a"', None, ""),
    (b"[]", None, ""),
    (b'{"id": "a", "title": "\xff"}', None, ""),
    (b'{"id": "a", "version": NaN}', None, "/version"),
    (b'{"title": "A"}', None, "/id"),
    (b'{"id": "a b", "title": "A"}', None, "/id"),
    (b'{"id": 5, "title": "A"}', None, "/id"),
    (b'{"id": "a", "title": 5}', "a", "/title"),
    (b'{"id": "a"}', "a", ""),
    (b'{"delete": "a"}', None, "/delete"),
    (b'{"delete": {}}', None, "/delete"),
    (b'{"delete": {"id": 5}}', None, "/delete"),
    (b'{"delete": {"id": "a", "why": "b"}}', "a", "/delete"),
    (b'{"delete": {"id": "a"}, "id": "a"}', "a", "/delete"),
]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    # By its path one would find the blueprint, which has the name of its module.
    monkeypatch.setattr("recommender.web.bulk_routes.BATCH_PAUSE_SECONDS", 0)


def article(article_id: str, **fields: object) -> Document:
    return {"id": article_id, "title": "A"} | fields


def gone(article_id: object) -> Document:
    return {"delete": {"id": article_id}}


def ndjson(lines: Iterable[object]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def load(client: FlaskClient, body: bytes | Sequence[object], kind: str = NDJSON) -> TestResponse:
    data = body if isinstance(body, bytes) else ndjson(body)
    return client.post("/v1/bulk", data=data, content_type=kind)


def answers(response: TestResponse) -> list[tuple[str | None, int]]:
    assert response.status_code == 200
    return [(item["id"], item["status"]) for item in response.get_json()["items"]]


def test_lines_are_answered_in_order_with_what_was_done(client: FlaskClient) -> None:
    client.put("/v1/articles/b", json={"title": "A", "version": 7})
    change = client.put("/v1/articles/c", json={"title": "A"}).get_json()["change"]
    lines = [
        article("a"),
        article("b", version=6),
        article("c"),
        article("c", title="B"),
        gone("harbour-2"),
        gone("harbour-2"),
        gone("nobody"),
        article("a"),
        gone("a"),
        article("a"),
    ]
    response = load(client, lines)
    items = response.get_json()["items"]
    assert response.get_json()["errors"] is True
    done = {item["change"]: item["result"] for item in items if "change" in item}
    assert [(item["id"], item["status"]) for item in items] == [
        ("a", 201),
        ("b", 409),
        ("c", 200),
        ("c", 200),
        ("harbour-2", 204),
        ("harbour-2", 204),
        ("nobody", 404),
        ("a", 200),
        ("a", 204),
        ("a", 201),
    ]
    assert items[0] == {"id": "a", "status": 201, "result": "created", "change": change + 1}
    assert items[2] == {"id": "c", "status": 200, "result": "unchanged", "change": change}
    assert items[5] == {
        "id": "harbour-2",
        "status": 204,
        "result": "unchanged",
        "change": change + 3,
    }
    assert max(done) == change + 5
    assert client.get("/v1/articles/harbour-2").status_code == 410
    assert client.get("/v1/articles/c").get_json()["title"] == "B"


def test_bad_lines_are_refused_alone(client: FlaskClient) -> None:
    body = b"".join(line + b"\n" + ndjson([article("x")]) for line, _, _ in BAD_LINES)
    response = load(client, body)
    items = response.get_json()["items"]
    assert response.get_json()["errors"] is True
    assert answers(response)[1::2] == [("x", 201)] + [("x", 200)] * (len(BAD_LINES) - 1)
    assert [
        (item["id"], item["status"], [fault["pointer"] for fault in item["error"]["errors"]])
        for item in items[0::2]
    ] == [(named, 422, [pointer]) for _, named, pointer in BAD_LINES]


def test_of_a_line_with_many_wrong_fields_some_are_named(client: FlaskClient) -> None:
    """All of them in thousands of lines made an answer of 17 MB of a body of 2."""
    (item,) = load(client, [article("a", **{f"f{n}": 1 for n in range(50)})]).get_json()["items"]
    assert [fault["pointer"] for fault in item["error"]["errors"]] == [
        f"/f{n}" for n in range(MOST_FAULTS)
    ]


def test_deleting_an_impossible_id_is_404(client: FlaskClient) -> None:
    strange = ["a b", "", ".", "a\x00", "y" * 201]
    assert answers(load(client, [*map(gone, strange), article("x")])) == [
        *((None, 404) for _ in strange),
        ("x", 201),
    ]


def test_every_line_has_the_status_of_its_single_call(
    client: FlaskClient, client_of: Callable[..., FlaskClient], own_desk: Settings
) -> None:
    """The oracle is the single call, on another copy of what is stored."""
    versions = [article("v", version=number) for number in (3, 5, 4, 5)]
    lines = [article("a"), article("a"), article("harbour-3"), *versions, gone("a"), gone("zz")]
    lines += [gone("a"), article("a", title=""), article("u", url="ftp://x/")]
    loaded = [status for _, status in answers(load(client, lines))]
    editor = client_of(own_desk)
    for name in ("a", "harbour-3", "v"):
        editor.delete(f"/v1/articles/{name}")

    def alone(line: Document) -> int:
        if "delete" in line:
            return editor.delete(f"/v1/articles/{line['delete']['id']}").status_code
        return editor.put(f"/v1/articles/{line['id']}", json=line).status_code

    fresh = [alone(line) for line in lines]
    assert loaded == [201, 200, 200, 201, 200, 409, 200, 204, 404, 204, 422, 422]
    # What was deleted before is created again, and keeps its newest version.
    assert fresh == [201, 200, 201, 409, 201, 409, 200, 204, 404, 204, 422, 422]


def as_list(lines: Iterable[bytes]) -> bytes:
    return b"[" + b",\n ".join(lines) + b"]"


def test_a_list_is_answered_as_its_members_are_as_lines(
    client: FlaskClient, client_of: Callable[..., FlaskClient], own_desk: Settings, tmp_path: Path
) -> None:
    """The oracle is the same load as lines, on another copy of what is stored."""
    shutil.copytree(own_desk.data_dir, tmp_path / "other")
    other = archive_settings(tmp_path / "other")
    good = [
        ndjson([one]) for one in (article("a"), gone("harbour-2"), gone("nobody"), article("a"))
    ]
    lines = [*good, b"{}", b"5", *(line for line, _, _ in BAD_LINES if b'"a"}' in line)]
    of_list = load(client, as_list(lines), "application/json")
    of_lines = load(client_of(other), b"".join(line.strip() + b"\n" for line in lines))
    assert of_list.get_json() == of_lines.get_json()
    assert [status for _, status in answers(of_list)][:4] == [201, 204, 404, 200]


@pytest.mark.long
def test_lines_are_taken_whatever_they_are_called_and_a_list_is_no_line(
    client: FlaskClient,
) -> None:
    lines = ndjson([article("a"), article("b")])
    assert answers(load(client, lines, "application/json")) == [("a", 201), ("b", 201)]
    assert answers(load(client, as_list([b'{"id": "c", "title": "A"}']))) == [(None, 422)]
    assert load(client, b"[]", "application/json").get_json() == {"errors": False, "items": []}


@pytest.mark.parametrize("body", [b"[", b'[{"id": "a", "title": "A"},]', b'[{"id": "a"}] 5'])
def test_a_broken_list_stores_nothing(client: FlaskClient, body: bytes) -> None:
    response = load(client, body, "application/json")
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert client.get("/v1/articles/a").status_code == 404


def test_a_list_is_bounded_as_lines_are(client: FlaskClient) -> None:
    wide = as_list(ndjson([article("a", body="x" * (4 * 2**20))]) for _ in range(1))
    assert answers(load(client, wide, "application/json")) == [(None, 413)]
    many = as_list([b"1"] * (MOST_LINES + 1))
    assert load(client, many, "application/json").status_code == 413
    assert len(answers(load(client, as_list([b"1"] * MOST_LINES), "application/json"))) == 5_000
    large = as_list([b"1", b" " * MOST_LOAD_BYTES])
    assert load(client, large, "application/json").status_code == 413


def test_blank_lines_and_carriage_returns_are_ignored(client: FlaskClient) -> None:
    body = b'\n{"id": "a", "title": "A"}\r\n  \n{"id": "b", "title": "A"}'
    response = load(client, body)
    assert answers(response) == [("a", 201), ("b", 201)]
    assert response.get_json()["errors"] is False
    assert load(client, b"\n").get_json() == {"errors": False, "items": []}


def test_a_body_larger_than_a_single_article_may_be_is_taken(client: FlaskClient) -> None:
    wide = [article(f"a{n}", body="x" * 900_000) for n in range(6)]
    assert answers(load(client, wide)) == [(f"a{n}", 201) for n in range(6)]


def test_too_large_a_body_is_413_and_stores_nothing(client: FlaskClient) -> None:
    body = ndjson([article("a")])
    response = load(client, body + b" " * (MOST_LOAD_BYTES - len(body) + 1))
    assert response.status_code == 413
    assert str(MOST_LOAD_BYTES) in response.get_json()["detail"]
    assert client.get("/v1/articles/a").status_code == 404
    assert load(client, body + b" " * (MOST_LOAD_BYTES - len(body))).status_code == 200


def test_too_many_lines_are_413_and_store_nothing(client: FlaskClient) -> None:
    response = load(client, ndjson([article("a")]) + b"1\n" * MOST_LINES)
    assert response.status_code == 413
    assert "send the rest in another request" in response.get_json()["detail"]
    assert client.get("/v1/articles/a").status_code == 404
    assert len(answers(load(client, b"1\n" * MOST_LINES))) == MOST_LINES


def test_a_line_larger_than_an_article_may_be_is_413_alone(client: FlaskClient) -> None:
    wide = ndjson([article("a", body="x" * (4 * 2**20))])
    assert answers(load(client, wide + ndjson([article("b")]))) == [(None, 413), ("b", 201)]


def test_a_bulk_load_is_analyzed_after_single_writes(
    client: FlaskClient, own_desk: Settings
) -> None:
    client.put("/v1/articles/single", json={"title": "A"})
    load(client, [article(f"a{n}") for n in range(30)])
    with closing(open_store(own_desk.database_url)) as store:
        assert store.queue.length() == QueueLength(single=1, bulk=30, dead=0)


def fail_after(monkeypatch: pytest.MonkeyPatch, batches: int) -> list[int]:
    """Let the store fail after some batches; return the sizes of the batches."""
    sizes, write_many = list[int](), ArticleStore.write_many

    def write_or_fail(
        store: ArticleStore, writes: Sequence[Article | DeleteRequest]
    ) -> Sequence[Receipt | Exception]:
        sizes.append(len(writes))
        if len(sizes) > batches:
            raise StoreUnusable("locked: /srv/secret/read-also.db")
        return write_many(store, writes)

    monkeypatch.setattr(ArticleStore, "write_many", write_or_fail)
    return sizes


def test_a_store_that_fails_halfway_keeps_the_lines_done(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = fail_after(monkeypatch, batches=2)
    lines = [article(f"a{n}") for n in range(4 * LINES_PER_BATCH)]
    lines[-1] = article("bad", title=5)
    response = load(client, lines)
    statuses = [status for _, status in answers(response)]
    assert statuses == [201] * (2 * LINES_PER_BATCH) + [503] * (2 * LINES_PER_BATCH - 1) + [422]
    assert sizes == [LINES_PER_BATCH] * 3
    assert "secret" not in response.text
    assert client.get(f"/v1/articles/a{2 * LINES_PER_BATCH - 1}").status_code == 200
    assert client.get(f"/v1/articles/a{2 * LINES_PER_BATCH}").status_code == 404
    monkeypatch.undo()
    assert {status for _, status in answers(load(client, lines[:-1]))} == {200, 201}


def test_a_store_that_fails_at_once_is_503(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_after(monkeypatch, batches=0)
    response = load(client, [article("a")])
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_one_load_is_done_at_a_time(client: FlaskClient) -> None:
    with client.application.extensions[EXTENSION].limits.bulk.hold("a test"):
        response = load(client, [article("a")])
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert answers(load(client, [article("a")])) == [("a", 201)]


def test_a_load_is_answered_in_part_when_the_server_stops(
    client: FlaskClient, own_desk: Settings
) -> None:
    ids = [f"new-{number}" for number in range(2 * LINES_PER_BATCH)]
    body = "".join(json.dumps({"id": one, "title": "A"}) + "\n" for one in ids)
    looks = iter([False, True])
    answer = client.post(
        "/v1/bulk",
        data=body,
        content_type=NDJSON,
        environ_overrides={STOPPING: lambda: next(looks)},
    )
    assert answer.status_code == 200
    assert answer.get_json()["errors"]
    items = answer.get_json()["items"]
    assert [item["id"] for item in items] == ids
    assert [item["status"] for item in items] == [201] * LINES_PER_BATCH + [503] * LINES_PER_BATCH
    assert items[-1]["error"]["detail"] == "the server stops, and this was not done; send it again"
    with closing(open_store(own_desk.database_url)) as store:
        assert store.get(ids[LINES_PER_BATCH - 1]).title == "A"
    assert client.get(f"/v1/articles/{ids[LINES_PER_BATCH]}").status_code == 404


def test_a_load_that_did_nothing_before_the_server_stops_is_refused(client: FlaskClient) -> None:
    answer = client.post(
        "/v1/bulk",
        data='{"id": "new", "title": "A"}',
        content_type=NDJSON,
        environ_overrides={STOPPING: lambda: True},
    )
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.get("/v1/articles/new").status_code == 404
