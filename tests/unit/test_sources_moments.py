"""Dates as mail writes them: read in UTC, or none at all; never a traceback."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.sources.moments import mail_moment


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 01 Jan 2024 10:00:00 GMT",
        "Mon, 01 Jan 2024 11:00:00 +0100",
        "Mon, 01 Jan 2024 10:00:00 -0000",
        "Mon, 01 Jan 2024 10:00:00",
        "1 Jan 2024 05:00:00 EST",
    ],
)
def test_it_is_read_in_utc(text: str) -> None:
    """With an offset, with a zone by name, and without any."""
    read = mail_moment(text)

    assert read == datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Thu, 31 Feb 2024 10:00:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 2020 00:88888888888888888888:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1200",
    ],
)
def test_what_no_calendar_has_is_none(text: str) -> None:
    """Among them an offset and a minute of twenty digits, and a moment past all years."""
    assert mail_moment(text) is None


@given(st.text(alphabet="0123456789 +-:,GMTJanFeb", max_size=60))
def test_no_text_raises(text: str) -> None:
    """Whatever a site writes there."""
    read = mail_moment(text)

    assert read is None or read.tzinfo is UTC
