"""Dates as mail writes them (RFC 2822), which HTTP headers and feeds have too."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["mail_moment"]


def mail_moment(text: str) -> datetime | None:
    """The moment that a date such as `Mon, 01 Jan 2024 10:00:00 +0100` names, in UTC.

    One without an offset, or of `-0000`, is taken for UTC.

    Returns:
        None where there is none that a calendar has: another text, a 31 February, an offset of a
        year, or a moment whose UTC is past the year 9999.
    """
    try:
        moment = parsedate_to_datetime(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
