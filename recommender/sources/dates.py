"""Dates and times of other systems. One without an offset is taken for UTC."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from recommender.articles import as_rfc3339

__all__ = ["parse_mail_date", "to_rfc3339"]


def to_rfc3339(value: object) -> str | None:
    """An ISO 8601 date and time as RFC 3339 in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip().upper())
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return as_rfc3339(aware.astimezone(UTC), "seconds")
    except (ValueError, OverflowError):
        return None


def parse_mail_date(text: str) -> datetime | None:
    """A date as mail, HTTP headers and RSS write it, such as `Mon, 01 Jan 2024 10:00:00 +0100`.

    Returns:
        The moment in UTC. None if it is not a date, such as 31 February, or outside the years that
        a datetime has.
    """
    try:
        at = parsedate_to_datetime(text)
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
