"""Requests in the log, and their ids."""

import logging
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from recommender.errors import StoreUnusable
from recommender.logs import ACCESS, REQUEST_ID
from recommender.ranking.candidates import Step
from recommender.web import EXTENSION
from recommender.web.auth import needs

PAGE = (Path(__file__).parents[2] / "docs" / "watching.md").read_text("utf-8")
LISTED = "/v1/articles/harbour-2/related"
USUAL = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of the lines of requests."""
    records = [record for record in caplog.records if record.name == ACCESS]
    return [
        {name: value for name, value in vars(record).items() if name not in USUAL}
        for record in records
    ]


def test_a_request_is_logged_by_route_key_status_and_bytes(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, ACCESS)
    answer = client.get(LISTED)
    body = b'{"title": "A secret title"}'
    client.put("/v1/articles/fresh", data=body)
    listed, put = said(caplog)
    assert listed.pop("ms") > 0
    assert listed == {
        "method": "GET",
        "route": "/v1/articles/<article_id>/related",
        "article": "harbour-2",
        "key": "editor",
        "status": 200,
        "bytes_in": 0,
        "bytes_out": len(answer.data),
    }
    assert (put["method"], put["status"], put["bytes_in"]) == ("PUT", 201, len(body))
    assert "secret" not in caplog.text


def test_a_path_that_no_route_has_is_not_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, ACCESS)
    client.open("/who/knows?token=abc", method="BREW")
    (line,) = said(caplog)
    assert (line["route"], line["method"], line["status"]) == ("none", "other", 404)
    assert "abc" not in caplog.text


def test_good_answers_to_probes_are_not_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, ACCESS)
    client.get("/healthz")
    client.get("/readyz?what=1")
    assert [line["status"] for line in said(caplog)] == [400]


def test_a_slow_request_is_a_warning_with_its_steps(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    extensions = client.application.extensions
    extensions[EXTENSION] = replace(extensions[EXTENSION], slow_seconds=0.0)
    client.get(LISTED)
    (line,) = said(caplog)
    assert caplog.records[-1].levelno == logging.WARNING
    assert set(line["steps_ms"]) == {"filters", "search", "scores", "selection"}
    assert all(spent >= 0 for spent in line["steps_ms"].values())
    assert sum(line["steps_ms"].values()) <= line["ms"] + 0.5


def test_the_page_names_every_field_of_a_request(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: str) -> NoReturn:
        raise StoreUnusable("away")

    extensions = client.application.extensions
    extensions[EXTENSION] = replace(extensions[EXTENSION], slow_seconds=0.0)
    client.application.view_functions["lists.related"] = needs("read")(fail)
    client.get(LISTED)
    (line,) = said(caplog)
    assert line["fault"] == "StoreUnusable"
    table = PAGE.split("**Requests.**")[1].split("\n## ")[0]
    assert set(line) - set(re.findall(r"`(\w+)`", table)) == set()


def test_who_chose_to_wait_for_visibility_did_not_ask_slowly(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, ACCESS)

    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr("recommender.web.watch.time", clock)

    def put(**_: str) -> str:
        g.steps = [Step("visible", clock.now, clock.now + 4.0)]
        clock.now += 4.5
        return "late"

    client.application.view_functions["articles.put_article"] = put
    client.put("/v1/articles/a", data=b"{}")
    assert [(record.msg, record.levelno) for record in caplog.records] == [
        ("request", logging.INFO)
    ]


@pytest.mark.parametrize("sent", ["a1b2-c3.D_4", "x" * 64])
def test_a_plain_id_is_taken_and_returned(sent: str, client: FlaskClient) -> None:
    answer = client.get(LISTED, headers={"X-Request-ID": sent})
    assert answer.headers["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "a%0Ab", 'a"b', "ä", None])
def test_another_id_is_replaced(sent: str | None, client: FlaskClient) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent}
    first, second = (client.get(LISTED, headers=headers) for _ in range(2))
    ids = {answer.headers["X-Request-ID"] for answer in (first, second)}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    assert first.data == second.data


def test_a_problem_names_the_request(client: FlaskClient) -> None:
    answer = client.get("/v1/articles/nobody", headers={"X-Request-ID": "r-1"})
    assert answer.get_json()["request_id"] == "r-1"


def test_lines_of_a_failure_have_the_id_of_the_request(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    app: Flask = client.application
    seen: list[str] = []

    def fail(**_: str) -> NoReturn:
        seen.append(REQUEST_ID.get())
        raise ZeroDivisionError

    app.view_functions["lists.related"] = fail
    answer = client.get(LISTED, headers={"X-Request-ID": "r-2"})
    assert (answer.status_code, answer.headers["X-Request-ID"], seen) == (500, "r-2", ["r-2"])
    assert "ZeroDivisionError" in caplog.text
