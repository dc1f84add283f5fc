"""A fault that repeats is logged when it begins, once a minute, and when it is over."""

import logging
from collections.abc import Iterator

import pytest

from recommender.logs import RepeatedFault

LOG = logging.getLogger("tests")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The monotonic time, as a list of one value."""
    now = [1_000.0]
    monkeypatch.setattr("recommender.logs.time.monotonic", lambda: now[0])
    yield now
    monkeypatch.undo()


def test_a_fault_of_every_tenth_of_a_second_makes_a_line_a_minute(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    fault = RepeatedFault(LOG, "nothing is written")
    for number in range(1_300):
        clock[0] = 1_000.0 + number / 10
        fault.note(OSError(f"full {number}"))
    fault.clear()
    fault.clear()
    assert caplog.messages == [
        "nothing is written: full 0",
        "nothing is written: full 600",
        "nothing is written: full 1200",
        "over, after 1300 times: nothing is written",
    ]
    repeated = [vars(record).get("repeated") for record in caplog.records]
    assert repeated == [0, 599, 599, None]


def test_a_fault_that_comes_and_goes_makes_two_lines_a_minute(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    fault = RepeatedFault(LOG, "nothing is written")
    for number in range(1_100):
        clock[0] = 1_000.0 + number / 10
        fault.note(OSError("full"))
        fault.clear()
    one, over = "nothing is written: full", "over, after 1 times: nothing is written"
    assert caplog.messages == [one, over, one, over]


def test_only_the_first_line_of_a_surprise_has_its_traceback(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    fault = RepeatedFault(LOG, "nothing is written")
    fault.note(ValueError("odd"), trace=True)
    clock[0] += 60.0
    fault.note(ValueError("odd"), trace=True)
    assert [bool(record.exc_info) for record in caplog.records] == [True, False]
