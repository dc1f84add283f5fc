"""Log lines: their fields, that no value makes a line of its own, and how repetitions are told."""

import json
import logging
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from recommender.logs import ACCESS, REQUEST_ID, RepeatedFault, Repeats, start_logging

FORGED = "a\n2026-01-01T00:00:00Z error web[1]: forged\x1b[2J\u2028forged \x85forged\r\nforged"
Started = Callable[[str], None]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Start logging as a process does that has set up nothing yet."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    for name in ("sys.excepthook", "threading.excepthook"):
        monkeypatch.setattr(name, None)

    def start(form: str) -> None:
        root.handlers = []
        start_logging("tests", form)

    yield start
    logging.captureWarnings(capture=False)
    root.handlers = before
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.split("\n") if line]


def test_a_line_has_time_level_process_event_and_what_was_given(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started("json")
    begun = datetime.now(tz=UTC)
    logging.getLogger("room").info("serving %s", "g-1", extra={"rows": 3})
    (line,) = lines(capsys)
    assert begun <= datetime.fromisoformat(line.pop("time")) <= datetime.now(tz=UTC)
    assert line.pop("pid") > 0
    assert line == {"level": "info", "process": "tests", "event": "serving g-1", "rows": 3}


def test_a_line_that_is_logged_while_a_request_is_answered_has_its_id(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started("json")
    token = REQUEST_ID.set("r-1")
    logging.getLogger("room").warning("inside")
    REQUEST_ID.reset(token)
    logging.getLogger("room").warning("outside")
    inside, outside = lines(capsys)
    assert inside["request_id"] == "r-1"
    assert "request_id" not in outside


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_value_and_no_error_makes_a_line_of_its_own(
    form: str, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started(form)
    try:
        int(FORGED + "\n")
    except ValueError:
        logging.getLogger("room").exception("at %s", FORGED, extra={"article": FORGED})
    said = capsys.readouterr().err
    own = [line for line in said.splitlines() if not line.startswith("    | ")]
    assert len(own) == 1
    assert "forged" in own[0]
    assert not set("\x1b\x85\u2028\r") & set(said)
    assert "Traceback" in said


def test_text_quotes_what_is_not_plain(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started("text")
    logging.getLogger("room").info(
        "request", extra={"route": "/v1/<id>", "key": 'a "b" c', "ms": 2}
    )
    line = capsys.readouterr().err
    assert line.endswith(': request route=/v1/<id> key="a \\"b\\" c" ms=2\n')
    assert " info tests[" in line


def test_the_first_of_equal_messages_is_logged_and_then_one_a_minute_with_how_many() -> None:
    repeats = Repeats()
    seen = [repeats.admit("disk full", float(second)) for second in range(130)]
    assert {at: count for at, count in enumerate(seen) if count is not None} == {
        0: 0,
        60: 59,
        120: 59,
    }
    assert repeats.admit("another", 130.0) == 0


def test_no_more_kinds_of_messages_are_remembered_than_a_bound() -> None:
    repeats = Repeats()
    assert [repeats.admit(number, 0.0) for number in range(1_001)] == [0] * 1_001
    assert repeats.admit(1_000, 1.0) is None
    assert repeats.admit(0, 1.0) == 0  # the oldest was forgotten


def test_of_a_long_message_little_is_remembered() -> None:
    """A warning of gunicorn quotes a line of a request: a thousand of them would be 8 MB."""
    repeats = Repeats()
    tracemalloc.start()
    for number in range(1_000):
        repeats.admit(f"{number} {'x' * 8_000}", 0.0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 500_000
    assert repeats.admit(f"999 {'x' * 8_000}", 1.0) is None


def test_one_fault_at_many_articles_is_one_line_and_requests_are_all_said(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started("json")
    for number in range(5):
        fault = OSError(28, "No space left on device")
        logging.getLogger("room").error("article %d: %s", number, fault)
        logging.getLogger("room").warning("parked article %d", number)
        logging.getLogger(ACCESS).warning("slow request")
    events = [line["event"] for line in lines(capsys)]
    assert events.count("slow request") == 5
    assert [event for event in events if "space" in event] == [
        "article 0: [Errno 28] No space left on device"
    ]
    assert [event for event in events if "parked" in event] == [
        f"parked article {n}" for n in range(5)
    ]


def test_what_one_fault_keeps_from_working_is_all_said(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started("json")
    log, fault = logging.getLogger("room"), OSError(28, "No space left on device")
    faults = [RepeatedFault(log, meaning) for meaning in ("no journal", "no heartbeat")]
    for one in faults * 3:
        one.note(fault)
    said = lines(capsys)
    assert [line["event"].partition(":")[0] for line in said] == ["no journal", "no heartbeat"]
    assert not any("repeated" in line for line in said)


def test_an_uncaught_error_is_a_line_too() -> None:
    program = (
        "import threading; from recommender.logs import start_logging\n"
        "start_logging('tests', 'json')\n"
        "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()\n"
        "raise ValueError('a\\nb')\n"
    )
    done = subprocess.run(  # noqa: S603 - this interpreter, words of our own
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["level"], line["event"]) for line in said] == [
        ("critical", "uncaught error in a thread"),
        ("critical", "uncaught error"),
    ]
    assert "ZeroDivisionError" in said[0]["exception"]
    assert said[1]["exception"].endswith("ValueError: a\nb")
