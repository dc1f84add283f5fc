"""A fault that repeats is logged when it begins, once a minute, and when it is over."""

import logging
from collections.abc import Iterator

import pytest

from recommender.repeated_fault import RepeatedFault

LOG = logging.getLogger("tests")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The monotonic time, as a list of one value."""
    now = [1_000.0]
    monkeypatch.setattr("recommender.repeated_fault.time.monotonic", lambda: now[0])
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
    fault.note(OSError("full again"))
    assert caplog.messages == [
        "nothing is written: full 0",
        "nothing is written: full 600 (600 times more)",
        "nothing is written: full 1200 (600 times more)",
        "over, after 1300 times: nothing is written",
        "nothing is written: full again",
    ]


def test_only_the_first_line_of_a_surprise_has_its_traceback(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    fault = RepeatedFault(LOG, "nothing is written")
    fault.note(ValueError("odd"), trace=True)
    clock[0] += 60.0
    fault.note(ValueError("odd"), trace=True)
    assert [bool(record.exc_info) for record in caplog.records] == [True, False]
