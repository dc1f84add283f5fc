"""Times as a database tells them."""

from datetime import UTC, datetime

__all__ = ["in_utc"]


def in_utc(at: datetime) -> datetime:
    """SQLite keeps no zone; PostgreSQL tells a time in that of the session."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
