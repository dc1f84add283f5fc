"""Bulk loads of the Python client: how writes are cut into requests, and sent again."""

import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from read_also_client import BulkItem, Deletion, InvalidRequest, Retries, StrangeAnswer
from read_also_client.exchange import Call, Exchange
from read_also_client.loads import MOST_BYTES, Loads, Write, line_of

Document = dict[str, Any]


class Service:
    """Answers bulk loads: every line as told by its id, `busy` lines only from the third time.

    Its proxy refuses bodies that are larger than `most_bytes`.
    """

    def __init__(self, most_bytes: int = 10**9) -> None:
        self.most_bytes = most_bytes
        self.loads = list[list[Document]]()
        self.pauses = list[float]()

    def answer(self, call: Call[Any]) -> httpx.Response:
        body = call.body or b""
        if len(body) > self.most_bytes:
            return httpx.Response(413, text="<html>413")
        lines = [json.loads(line) for line in body.splitlines()]
        self.loads.append(lines)
        statuses = [self._status_of(str(line.get("id", "gone"))) for line in lines]
        if 503 in statuses:  # and so are all that come after it
            at = statuses.index(503)
            statuses[at:] = [503] * (len(statuses) - at)
        items = [
            {"id": line.get("id") or line["delete"]["id"], "status": status}
            for line, status in zip(lines, statuses, strict=True)
        ]
        return httpx.Response(200, json={"errors": True, "items": items})

    def _status_of(self, name: str) -> int:
        if name.startswith("busy"):
            return 503 if len(self.loads) < 3 else 201
        return 422 if name.startswith("bad") else 204 if name == "gone" else 201

    def send(self, writes: Iterable[Write], loads: Loads | None = None) -> list[BulkItem]:
        gathered = loads or Loads(Retries(attempts=4, draw=lambda: 1.0))
        outcomes = list[BulkItem]()
        for write in writes:
            outcomes += self._play(gathered.add(write))
        return outcomes + self._play(gathered.rest())

    def _play(self, exchanged: Exchange[list[BulkItem]]) -> list[BulkItem]:
        try:
            attempt = next(exchanged)
            while True:
                self.pauses.append(attempt.pause_seconds)
                attempt = exchanged.send(self.answer(attempt.call))
        except StopIteration as end:
            items: list[BulkItem] = end.value
            return items


def outcomes(items: Iterable[BulkItem]) -> list[tuple[str | None, int]]:
    return [(item.id, item.status) for item in items]


@given(st.lists(st.integers(1, 30)), st.integers(1, 6), st.integers(40, 90))
def test_writes_are_cut_into_requests_that_fit(sizes: list[int], lines: int, size: int) -> None:
    service = Service()
    writes = [{"id": str(at), "title": "x" * length} for at, length in enumerate(sizes)]
    found = service.send(writes, Loads(Retries(), lines, size))
    assert outcomes(found) == [(str(at), 201) for at in range(len(sizes))]
    assert [line for load in service.loads for line in load] == writes
    weights = [[len(line_of(line).text) for line in load] for load in service.loads]
    for at, load in enumerate(weights):
        assert 1 <= len(load) <= lines
        assert len(load) == 1 or sum(load) <= size
        if at:  # no request could have taken the first line of the next one
            assert len(weights[at - 1]) == lines or sum(weights[at - 1]) + load[0] > size


def test_no_request_is_larger_than_what_proxies_take_by_default() -> None:
    assert MOST_BYTES <= 1_000_000
    service = Service(1_000_000)
    assert len(service.send({"id": str(at), "body": "x" * 99_000} for at in range(25))) == 25
    assert len(service.loads) == 3


def test_a_write_is_one_line_whatever_it_holds() -> None:
    text = "a\nb\r\u2028\x85c"
    line = line_of({"id": 7, "title": text}).text
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"id": "7", "title": text}
    assert json.loads(line_of(Deletion(7)).text) == {"delete": {"id": "7"}}


def test_a_write_that_cannot_be_sent_is_answered_in_its_place_and_stops_no_other() -> None:
    service = Service()
    writes: list[Any] = [
        {"id": "a"},
        {"id": "b", "title": "\ud800"},
        Deletion("c/d"),
        {"id": "bad"},
        {"id": "e"},
    ]
    found = service.send(writes)
    assert outcomes(found) == [("a", 201), ("b", 422), (None, 422), ("bad", 422), ("e", 201)]
    assert [[line["id"] for line in load] for load in service.loads] == [["a", "bad", "e"]]
    error = found[1].error
    assert error is not None
    assert error.detail.startswith("it was not sent: ")
    assert [fault.pointer for fault in error.errors] == ["/title"]
    assert outcomes(Service().send([{"id": "x/y"}])) == [(None, 422)]
    assert Service().send([]) == []


def test_what_the_store_left_undone_is_sent_again_in_order() -> None:
    service = Service()
    found = service.send([{"id": name} for name in ("a", "bad", "busy", "c")])
    assert outcomes(found) == [("a", 201), ("bad", 422), ("busy", 201), ("c", 201)]
    sent = [[line["id"] for line in load] for load in service.loads]
    assert sent == [["a", "bad", "busy", "c"], ["busy", "c"], ["busy", "c"]]
    assert service.pauses == [0.0, 0.5, 1.0]


def test_what_stays_undone_is_answered_as_undone() -> None:
    service = Service()
    found = service.send([{"id": "a"}, {"id": "busy"}, {"id": "c"}], Loads(Retries(attempts=2)))
    assert outcomes(found) == [("a", 201), ("busy", 503), ("c", 503)]
    assert len(service.loads) == 2


def test_a_request_that_a_proxy_refuses_is_sent_in_halves() -> None:
    service = Service(3_000)
    writes: list[Any] = [{"id": f"b-{at}", "body": "x" * 900} for at in range(9)]
    writes[4]["body"] *= 9
    found = service.send([*writes, Deletion("b-0")])
    want = [201] * 4 + [413] + [201] * 4 + [204]
    assert outcomes(found) == [(f"b-{at % 9}", status) for at, status in enumerate(want)]


class Refusing(Service):
    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.refusal = answer

    def answer(self, call: Call[Any]) -> httpx.Response:  # noqa: ARG002 - whatever it is
        return self.refusal


def test_a_request_that_is_refused_as_a_whole_raises() -> None:
    with pytest.raises(InvalidRequest):
        Refusing(httpx.Response(400, text="no")).send([{"id": "a"}])
    with pytest.raises(StrangeAnswer, match="1 writes got 0 answers"):
        Refusing(httpx.Response(200, json={"errors": False, "items": []})).send([{"id": "a"}])
