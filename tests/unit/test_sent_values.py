"""Numbers and moments that browsers send to the console."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from recommender.errors import BadParameter
from recommender.web.console.sent_values import find_number, read_change, read_moment

NOWHERE = ["", "x", "-1", "1.0", "٣", "9" * 19, "9" * 5_000, "1\n"]
DUSHANBE = ZoneInfo("Asia/Dushanbe")


def test_numbers_that_every_store_can_hold_are_read() -> None:
    assert find_number("0") == 0
    assert find_number("9" * 18) == 10**18 - 1
    assert read_change({"seen": "7"}, "seen") == 7


@pytest.mark.parametrize("text", NOWHERE)
def test_anything_else_is_no_number(text: str) -> None:
    assert find_number(text) is None
    with pytest.raises(BadParameter, match="seen must be a number"):
        read_change({"seen": text}, "seen")


def test_a_moment_without_an_offset_is_meant_in_the_time_zone() -> None:
    assert read_moment({}, "at", DUSHANBE) is None
    at = read_moment({"at": "2026-10-20T17:00"}, "at", DUSHANBE)
    assert at == datetime(2026, 10, 20, 12, tzinfo=UTC)
    at = read_moment({"at": "2026-10-20T12:00Z"}, "at", DUSHANBE)
    assert at == datetime(2026, 10, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hours", "why"),
    [
        ("9999-12-31T23:59-14:00", 0, "outside the years 1 to 9999"),
        ("0001-01-01T00:00+14:00", 0, "outside the years 1 to 9999"),
        ("9999-12-31T23:59", -10, "outside the years 1 to 9999"),
        ("noon", 0, "is no time"),
    ],
)
def test_a_moment_that_utc_does_not_have_is_refused(text: str, hours: int, why: str) -> None:
    with pytest.raises(BadParameter, match=why):
        read_moment({"at": text}, "at", timezone(timedelta(hours=hours)))
