"""The Python client, against the application itself."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from recommender.api import Override
from recommender.articles import Article, parse_article
from recommender.client import ApiError, Client, Deletion, Target, as_line, loads_of
from recommender.errors import FieldFault
from recommender.ranking.appears_in import MOST_SECONDS

Document = dict[str, Any]
PATH = "/v1/articles/harbour-2"
EMPTY = {"article_id": "a", "items": [], "requested": 12, "returned": 0, "mode": "mixed"}
EMPTY |= {"generation": "g"}


@pytest.fixture
def cms(client: FlaskClient, secrets: dict[str, str]) -> Iterator[Client]:
    """A client of a desk of its own, with a key that may read and write."""
    transport = httpx.WSGITransport(client.application.wsgi_app)
    with Client("http://desk.example", secrets["editor"], transport=transport) as made:
        yield made


def answering(*answers: httpx.Response, **options: Any) -> tuple[Client, list[httpx.Request]]:
    """A client that is given these answers, the last one for good, and the list of its requests."""
    left, requests = list(answers), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return left.pop(0) if len(left) > 1 else left[0]

    made = Client("http://desk.example", transport=httpx.MockTransport(answer), **options)
    return made, requests


def test_a_list_is_what_the_api_answers_to_the_options_as_a_query(
    cms: Client, client: FlaskClient
) -> None:
    query = "limit=2&mode=latest&section=city&language=en,ru&exclude=harbour-3,harbour-5"
    more = "max_age=90d&diversity=0.3&min_score=0&explain=all"
    found = cms.related(
        "harbour-2",
        limit=2,
        mode="latest",
        section="city",
        language="en,ru",
        exclude=["harbour-3", "harbour-5"],
        max_age="90d",
        diversity=0.3,
        min_score=0.0,
        explain="all",
    )
    assert found.returned == 2
    assert json.loads(found.to_json()) == client.get(f"{PATH}/related?{query}&{more}").get_json()


def test_a_query_too_long_for_an_address_is_sent_as_a_body(cms: Client) -> None:
    every = cms.related("harbour-2", limit=100, language="any", diversity=0.3)
    gone = [item.id for item in every.items[::2]]
    more = [f"{number:03}{'x' * 197}" for number in range(500 - len(gone))]
    options: Any = {"limit": 100, "language": "any", "diversity": 0.3, "exclude": gone}
    short = cms.related("harbour-2", **options)
    assert cms.related("harbour-2", **(options | {"exclude": [*gone, *more]})) == short
    assert not {item.id for item in short.items}.intersection(gone)


@pytest.mark.parametrize(("many", "method"), [(36, "GET"), (38, "POST")])
def test_a_query_that_every_server_takes_goes_into_the_address(many: int, method: str) -> None:
    cms, requests = answering(httpx.Response(200, json=EMPTY))
    cms.related("x" * 200, exclude=["y" * 200] * many)
    (sent,) = requests
    assert sent.method == method
    assert len(f"{method}  HTTP/1.1") + len(sent.url.raw_path) <= 8_190


def test_an_option_that_is_none_or_false_is_not_sent() -> None:
    cms, requests = answering(httpx.Response(200, json=EMPTY))
    cms.related("a", section=None, explain=False, min_score=0.0)
    cms.related_to({"title": "T"}, section=None, explain=False)
    cms.related("a", explain=True)
    assert requests[0].url.query == b"min_score=0.000000"
    assert requests[2].url.query == b"explain=1"
    assert json.loads(requests[1].content) == {"title": "T"}


def test_the_fragment_is_html(cms: Client, client: FlaskClient) -> None:
    assert cms.related_html("harbour-2", limit=2) == client.get(f"{PATH}/related.html?limit=2").text
    look = "heading=More&heading_level=3&images=1"
    shown = cms.related_html("harbour-2", heading="More", heading_level=3, images=True)
    assert shown == client.get(f"{PATH}/related.html?{look}").text


@pytest.mark.usefixtures("indexer")
def test_drafts_and_lists_of_a_page(cms: Client) -> None:
    draft = cms.related_to({"title": "Harbour crane", "body": "ship quay tide"}, limit=2)
    first, second = cms.related_lists(
        [{"article_id": "harbour-2", "limit": 4}, {"article_id": "harbour-3", "limit": 4}]
    )
    assert (draft.article_id, draft.returned) == (None, 2)
    assert (first.article_id, second.article_id) == ("harbour-2", "harbour-3")
    assert {item.id for item in first.items}.isdisjoint(item.id for item in second.items)


def test_articles_are_put_patched_fetched_and_deleted(cms: Client) -> None:
    article = parse_article(b'{"id": "new", "title": "A", "tags": ["port"], "section": "city"}')
    assert cms.put(article).result == "created"
    assert cms.put({"id": "new", "title": "A", "tags": ["port"]}).result == "updated"
    assert cms.patch("new", {"title": "B", "tags": None}).result == "updated"
    assert cms.get("new") == Article(id="new", title="B")
    cms.delete("new")
    cms.delete("new")
    with pytest.raises(ApiError) as gone:
        cms.get("new")
    assert gone.value.status == 410


@pytest.mark.parametrize("name", ["a~b:c.d_e-f", "...", "related"])
def test_any_id_makes_an_address(cms: Client, name: str) -> None:
    assert cms.get(name).id == name


def test_a_write_may_ask_to_wait_until_it_is_visible() -> None:
    written = httpx.Response(200, json={"id": "a", "result": "created", "change": 1})
    cms, requests = answering(written)
    cms.put({"id": "a"}, wait=True)
    cms.patch("a", {}, wait=True)
    cms.delete("a", wait=True)
    cms.delete("a")
    assert [one.url.query for one in requests] == [b"wait=visible"] * 3 + [b""]


def test_the_client_waits_for_slow_calls() -> None:
    """An attempt at anything else has ten seconds."""
    answers = [
        {"id": "a", "title": "A"},
        {"article_id": "a", "appears_in": [], "checked": 1, "complete": True},
        {"errors": False, "items": [{"id": "a", "status": 201}]},
    ]
    cms, requests = answering(*(httpx.Response(200, json=answer) for answer in answers))
    cms.get("a")
    cms.appears_in("a")
    list(cms.bulk([{"id": "a"}]))
    waits = [one.extensions["timeout"]["read"] for one in requests]
    assert waits == [10.0, 30.0, 120.0]
    assert waits[1] > 3 * MOST_SECONDS


def test_all_articles_come_in_order_over_many_pages(
    cms: Client, desk_documents: dict[str, Document]
) -> None:
    assert [article.id for article in cms.articles(7)] == sorted(desk_documents)


def test_a_bulk_load_is_answered_line_by_line(cms: Client) -> None:
    writes: list[Any] = [
        {"id": "a", "title": "A"},
        parse_article(b'{"id": "b", "title": "B"}'),
        Deletion(Target("harbour-3")),
        {"id": "c"},
        {"id": "d", "title": "\ud800"},
        Deletion(Target("nobody")),
    ]
    items = list(cms.bulk(writes))
    assert [(item.id, item.status, item.result) for item in items] == [
        ("a", 201, "created"),
        ("b", 201, "created"),
        ("harbour-3", 204, "deleted"),
        ("c", 422, None),
        (None, 422, None),
        ("nobody", 404, None),
    ]
    assert items[3].error is not None
    assert items[3].error.errors == (FieldFault("", "a title or a body is required"),)
    assert list(cms.bulk([])) == []


@given(st.lists(st.integers(1, 30)), st.integers(1, 6), st.integers(10, 60))
def test_lines_are_cut_into_loads_that_fit(sizes: list[int], lines: int, size: int) -> None:
    given_lines = [b"x" * size for size in sizes]
    loads = list(loads_of(given_lines, lines, size))
    assert [line for load in loads for line in load] == given_lines
    for at, load in enumerate(loads):
        assert 1 <= len(load) <= lines
        assert len(load) == 1 or sum(map(len, load)) <= size
        if at:  # no load could have taken the first line of the next one
            before = loads[at - 1]
            full = len(before) == lines
            assert full or sum(map(len, before)) + len(load[0]) > size


def test_a_write_is_one_line_whatever_it_holds() -> None:
    text = "a\nb\r\u2028\x85c"
    line = as_line({"id": "a", "title": text})
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"id": "a", "title": text}
    assert json.loads(as_line(Deletion(Target("a")))) == {"delete": {"id": "a"}}


def busy(after: str | None = None, status: int = 503) -> httpx.Response:
    headers = {} if after is None else {"Retry-After": after}
    problem = {"type": "about:blank", "title": "t", "status": status, "detail": "busy"}
    return httpx.Response(status, json=problem | {"instance": "/"}, headers=headers)


ODD_TIMES = ("Wed, 21 Oct 2026 07:28:00 GMT", "-1", "nan", "99999", "")


@pytest.mark.parametrize(
    ("after", "wait"), [("7", 7.0), (None, 5.0), *((odd, 5.0) for odd in ODD_TIMES)]
)
def test_a_refused_call_is_made_again_when_the_service_says_or_in_five_seconds(
    after: str | None, wait: float
) -> None:
    waits = list[float]()
    good = httpx.Response(200, json={"id": "a", "title": "A"})
    cms, requests = answering(busy(after), busy(after, 429), good, sleep=waits.append)
    assert cms.get("a").title == "A"
    assert (len(requests), waits) == (3, [wait, wait])


def test_after_the_last_attempt_the_refusal_is_raised() -> None:
    waits = list[float]()
    cms, requests = answering(busy("1"), attempts=2, sleep=waits.append)
    with pytest.raises(ApiError, match="503: busy") as refused:
        cms.get("a")
    assert (refused.value.status, len(requests), waits) == (503, 2, [1.0])


def test_lines_that_the_store_left_undone_are_sent_again_in_order() -> None:
    def answer(*items: Document) -> httpx.Response:
        return httpx.Response(200, json={"errors": True, "items": items})

    done, again = {"id": "a", "status": 201}, {"id": "b", "status": 503}
    cms, requests = answering(
        answer(done, {"id": "x", "status": 422}, again, {"id": "c", "status": 503}),
        busy("0"),
        answer({"id": "b", "status": 200}, {"id": "c", "status": 204}),
        sleep=lambda _: None,
    )
    writes: list[Any] = [{"id": "a"}, {"id": "x"}, {"id": "b"}, Deletion(Target("c"))]
    items = list(cms.bulk(writes))
    assert [(item.id, item.status) for item in items] == [
        ("a", 201),
        ("x", 422),
        ("b", 200),
        ("c", 204),
    ]
    assert [one.content.count(b"\n") for one in requests] == [4, 2, 2]


def test_a_load_that_a_proxy_refuses_is_sent_in_halves_and_goes_on(
    client: FlaskClient, secrets: dict[str, str]
) -> None:
    """As nginx does with its default `client_max_body_size`, here of 3,000 bytes."""
    sizes, service = list[int](), httpx.WSGITransport(client.application.wsgi_app)

    def pass_on(request: httpx.Request) -> httpx.Response:
        sizes.append(len(request.content))
        if sizes[-1] > 3_000:
            return httpx.Response(413, text="<html><h1>413 Request Entity Too Large</h1></html>")
        return service.handle_request(request)

    proxy = httpx.MockTransport(pass_on)
    writes: list[Any] = [{"id": f"b-{n}", "title": "T", "body": "x" * 900} for n in range(9)]
    writes[4]["body"] *= 9
    writes.append(Deletion(Target("b-0")))
    with Client("http://desk.example", secrets["editor"], transport=proxy) as cms:
        items = list(cms.bulk(writes))
    want = [201] * 4 + [413] + [201] * 4 + [204]
    assert [(item.id, item.status) for item in items] == [
        (f"b-{n % 9}", status) for n, status in enumerate(want)
    ]
    assert client.get("/v1/articles/b-8").status_code == 200


def test_no_load_is_larger_than_what_nginx_takes_by_default() -> None:
    lines = [b"x" * 100_000] * 50
    assert max(sum(map(len, load)) for load in loads_of(lines)) <= 2**20


def test_lines_that_stay_undone_are_answered_as_undone() -> None:
    again = httpx.Response(
        200,
        json={"errors": True, "items": [{"id": "a", "status": 503}, {"id": "b", "status": 503}]},
    )
    cms, requests = answering(again, attempts=2, sleep=lambda _: None)
    assert [item.status for item in cms.bulk([{"id": "a"}, {"id": "b"}])] == [503, 503]
    assert len(requests) == 2


def test_a_refusal_names_each_field(cms: Client) -> None:
    with pytest.raises(ApiError) as refused:
        cms.put({"id": "new", "title": 5, "colour": "red"})
    error = refused.value
    assert (error.status, error.detail) == (422, "the article is not acceptable")
    assert [fault.pointer for fault in error.faults] == ["/title", "/colour"]
    assert str(error).startswith("422: the article is not acceptable; /title: ")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectError("refused"), r"no answer from http://desk\.example"),
        (httpx.DecodingError("not gzip"), "not gzip"),
    ],
    ids=["nobody is there", "garbled on the way"],
)
def test_no_answer_is_an_error_without_a_status(error: httpx.RequestError, said: str) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    cms = Client("http://desk.example", transport=httpx.MockTransport(fail))
    with pytest.raises(ApiError, match=said) as away:
        cms.get("a")
    assert away.value.status is None


def test_a_request_that_cannot_be_sent_is_no_answer_of_the_service() -> None:
    cms, requests = answering(httpx.Response(200, json={}))
    for unsendable in (
        {"id": "a", "title": "\ud800"},
        {"id": "a\ud800"},
        {"id": "a", "x": math.nan},
    ):
        with pytest.raises(ValueError, match=r"surrogates|JSON compliant"):
            cms.put(unsendable)
    with pytest.raises(ValueError, match="ascii"):
        Client("http://desk.example", "ключ")
    assert requests == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, text="<html>Bad Gateway"),
        httpx.Response(200, text="<html>Welcome"),
        httpx.Response(200, json={"id": "a"}),
        httpx.Response(404, json={"error": "no"}),
    ],
)
def test_an_answer_of_something_else_is_an_error(answer: httpx.Response) -> None:
    cms, _ = answering(answer)
    with pytest.raises(ApiError) as refused:
        cms.get("a")
    assert refused.value.status == answer.status_code


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_cannot_lead_a_call_to_another_path(name: str) -> None:
    cms, requests = answering(httpx.Response(200, json={}))
    with pytest.raises(ApiError, match="is no id"):
        cms.delete(name)
    assert requests == []


def test_strange_ids_stay_one_step_of_the_address() -> None:
    cms, requests = answering(httpx.Response(204))
    cms.delete("../../x?y#z%2F☃")
    raw = "/v1/articles/..%2F..%2Fx%3Fy%23z%252F%E2%98%83"
    assert requests[0].url.raw_path.decode() == raw


def test_pins_and_blocks_are_set_and_read(cms: Client, clock: SimpleNamespace) -> None:
    until = datetime.fromtimestamp(clock.now, UTC).replace(year=2027)
    pin = Override(id="orchard-1", why="ours", ends_at=until)
    assert cms.set_pins("harbour-2", [pin], by="mira").result == "updated"
    cms.set_blocks("harbour-2", [Override(id="harbour-3")])
    (kept,) = cms.pins("harbour-2").pins
    assert (kept.id, kept.why, kept.ends_at, kept.by) == (
        "orchard-1",
        "ours",
        until,
        "editor: mira",
    )
    assert [one.id for one in cms.blocks("harbour-2").blocks] == ["harbour-3"]
    listed = [item.id for item in cms.related("harbour-2", limit=100).items]
    assert listed[0] == "orchard-1"
    assert "harbour-3" not in listed
    assert "harbour-2" in cms.appears_in("orchard-1").appears_in
    cms.set_pins("harbour-2", [])
    assert cms.pins("harbour-2").pins == ()


def test_the_example_of_the_page_runs(
    client: FlaskClient,
    secrets: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    transport = httpx.WSGITransport(client.application.wsgi_app)
    made = httpx.Client(
        transport=transport,
        base_url="http://desk.example",
        headers={"X-API-Key": secrets["editor"]},
    )
    monkeypatch.setattr("recommender.client.httpx.Client", lambda **_: made)
    exec(compile(example, "http-api.md", "exec"), {})  # noqa: S102 - our own page
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 6
    assert "'a'" in printed[-1]
    assert "'59'" in printed[-1]


def test_importing_the_client_loads_neither_model_nor_server() -> None:
    heavy = ["torch", "flask", "sqlalchemy", "faiss", "numpy", "transformers"]
    code = f"import sys, recommender.client; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
