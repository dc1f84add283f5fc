"""Requests as traces: what a collector gets, and that nobody waits for one."""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from flask.testing import FlaskClient

from recommender.errors import StoreUnusable
from recommender.logs import ACCESS
from recommender.release import RELEASE
from recommender.settings import Settings
from recommender.web import EXTENSION, traces
from recommender.web.auth import needs
from tests.support.collectors import Collector, attributes_of, open_collector
from tests.support.waiting import free_port, until

LISTED = "/v1/articles/harbour-2/related"
ROUTE = "/v1/articles/<article_id>/related"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVER, INTERNAL, ERROR = 2, 1, 2
Make = Callable[..., FlaskClient]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with open_collector() as opened:
        yield opened


@pytest.fixture
def client(client_of: Make, own_desk: Settings, collector: Collector) -> FlaskClient:
    return client_of(replace(own_desk, traces=collector.url))


def of(client: FlaskClient) -> traces.Traces:
    sent: traces.Traces = client.application.extensions[EXTENSION].traces
    return sent


def logged(caplog: pytest.LogCaptureFixture, name: str) -> list[Any]:
    return [record for record in caplog.records if record.name == name]


def test_a_list_that_is_given_again_is_a_span_without_steps(
    client: FlaskClient, collector: Collector
) -> None:
    first, again = client.get(LISTED), client.get(LISTED)
    of(client).flush()
    assert first.data == again.data
    assert [span.name for span in collector.spans].count(f"GET {ROUTE}") == 2
    children = {span.parent_span_id for span in collector.spans} - {b""}
    assert len(children) == 1


def test_a_request_is_a_span_named_by_its_route_and_its_steps_are_its_children(
    client: FlaskClient, collector: Collector
) -> None:
    client.get(LISTED, headers={"X-Request-ID": "r-1"})
    of(client).flush()
    (resource,) = collector.received
    named = attributes_of(resource.resource)
    assert (named["service.name"], named["service.version"]) == ("read-also", RELEASE)
    *steps, request = collector.spans
    assert (request.name, request.kind, request.parent_span_id) == (f"GET {ROUTE}", SERVER, b"")
    assert attributes_of(request) == {
        "http.request.method": "GET",
        "http.route": ROUTE,
        "http.response.status_code": 200,
        "read_also.request_id": "r-1",
        "read_also.key": "editor",
    }
    assert {step.name for step in steps} == {"filters", "search", "scores", "selection"}
    assert {(step.parent_span_id, step.trace_id) for step in steps} == {
        (request.span_id, request.trace_id)
    }
    assert all(step.kind == INTERNAL and not step.attributes for step in steps)
    edges = [(step.start_time_unix_nano, step.end_time_unix_nano) for step in steps]
    first, last = request.start_time_unix_nano, request.end_time_unix_nano
    assert all(first <= began <= ended <= last for began, ended in edges)


def test_a_trace_is_continued_and_its_id_stands_in_the_line_of_the_request(
    client: FlaskClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, ACCESS)
    client.get(LISTED, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    of(client).flush()
    request = collector.spans[-1]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    (line,) = logged(caplog, ACCESS)
    assert line.trace_id == TRACE


def test_a_caller_may_leave_its_request_out(
    client: FlaskClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, ACCESS)
    client.get(LISTED, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    of(client).flush()
    assert collector.spans == []
    assert [line.trace_id for line in logged(caplog, ACCESS)] == [TRACE]


def test_the_standard_variables_name_the_service_give_a_key_and_sample_whatever_callers_want(
    client_of: Make, own_desk: Settings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "desk")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k")
    for ratio in ("0.0", "1.0"):
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
        client = client_of(replace(own_desk, traces=collector.url))
        for flag in ("00", "01"):
            client.get(LISTED, headers={"traceparent": f"00-{TRACE}-{PARENT}-{flag}"})
        of(client).flush()
        assert [span.kind for span in collector.spans].count(SERVER) == 2 * float(ratio)
    assert {attributes_of(one.resource)["service.name"] for one in collector.received} == {"desk"}
    assert {headers["x-key"] for headers in collector.headers} == {"k"}


@pytest.mark.parametrize("sent", ["", "1", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}\tx", "ä"])
def test_a_malformed_parent_begins_a_new_trace(
    client: FlaskClient, collector: Collector, sent: str
) -> None:
    for _ in range(2):
        assert client.get(LISTED, headers={"traceparent": sent}).status_code == 200
    of(client).flush()
    ids = {span.trace_id.hex() for span in collector.spans}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", one) and one != TRACE for one in ids)


def test_no_text_no_id_of_an_article_and_no_secret_is_sent(
    client: FlaskClient, collector: Collector, secrets: dict[str, str]
) -> None:
    client.put("/v1/articles/hidden-id", json={"title": "Hidden title", "body": "Hidden body"})
    client.get("/who/hidden-path?token=hidden-token", headers={"tracestate": "hidden=1"})
    of(client).flush()
    put, unknown = [span for span in collector.spans if span.kind == SERVER]
    assert (put.name, unknown.name) == ("PUT /v1/articles/<article_id>", "GET")
    assert "http.route" not in attributes_of(unknown)
    assert [span.name for span in collector.spans if span.parent_span_id == put.span_id] == [
        "store"
    ]
    sent = b"".join(collector.bodies).lower()
    assert b"hidden" not in sent
    assert secrets["editor"].encode() not in sent


def test_a_failure_is_an_error_with_its_kind_and_probes_are_no_traces(
    client: FlaskClient, collector: Collector
) -> None:
    def fail(**_: str) -> NoReturn:
        raise StoreUnusable("away")

    client.application.view_functions["lists.related"] = needs("read")(fail)
    client.get(LISTED)
    client.get("/healthz")
    of(client).flush()
    (request,) = collector.spans
    assert (request.status.code, attributes_of(request)["error.type"]) == (ERROR, "StoreUnusable")


def test_requests_are_answered_and_the_log_says_it_once_while_the_collector_is_away(
    client_of: Make,
    own_desk: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(traces, "SEND_SECONDS", 0.1)
    client = client_of(replace(own_desk, traces=f"http://127.0.0.1:{free_port()}/v1/traces"))
    for _ in range(3):
        assert client.get(LISTED).status_code == 200
        of(client).flush()
    (line,) = logged(caplog, traces.__name__)
    said = r"traces cannot be sent to http://127\.0\.0\.1:\d+/v1/traces: [5-9] spans are lost: \w+"
    assert re.match(said, line.getMessage())
    others = {record.name for record in caplog.records} - {traces.__name__}
    assert not any(logging.getLogger(name).propagate for name in others if "otlp" in name)


def test_requests_are_answered_while_the_collector_is_silent_and_what_is_too_much_is_dropped(
    client_of: Make,
    own_desk: Settings,
    collector: Collector,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"QUEUE_SPANS": 8, "BATCH_SPANS": 1, "SEND_SECONDS": 60.0}.items():
        monkeypatch.setattr(traces, name, value)
    client = client_of(replace(own_desk, traces=collector.url))
    collector.may_answer.clear()
    client.get(LISTED)
    assert until(lambda: len(collector.bodies) == 1)
    assert [client.get(LISTED).status_code for _ in range(5)] == [200] * 5
    assert len(collector.bodies) == 1
    assert any("Queue" in record.getMessage() for record in caplog.records)
    collector.may_answer.set()
    of(client).stop()
    assert len(collector.spans) == 9


def test_a_refusal_is_said_with_its_status_and_that_it_is_over(
    client: FlaskClient, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    for collector.status in (401, 200):
        client.get(LISTED)
        of(client).flush()
    refused, over = (line.getMessage() for line in logged(caplog, traces.__name__))
    assert "401" in refused
    assert over == f"over, after 1 times: traces cannot be sent to {collector.url}"


def test_what_was_recorded_is_sent_at_the_end_unless_the_collector_is_away(
    client: FlaskClient, collector: Collector
) -> None:
    client.get(LISTED)
    of(client).stop()
    assert len(collector.spans) >= 5
    assert client.get(LISTED).status_code == 200


def test_after_a_failure_the_end_waits_for_nothing(
    client: FlaskClient, collector: Collector
) -> None:
    collector.status = 400
    client.get(LISTED)
    of(client).flush()
    client.get(LISTED)
    of(client).stop()
    assert len(collector.bodies) == 1
