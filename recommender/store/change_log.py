"""The change log: every write is one entry, and entries become visible in the order of numbers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import sqlalchemy as sa

from recommender.store import schema

__all__ = [
    "LOG_START",
    "LogEntry",
    "LogPosition",
    "StoreState",
    "epoch_of",
    "has_position",
    "log_change",
    "position_at",
    "read_log",
    "state_of",
    "trim_log",
]

EntryKind = Literal["upsert", "delete", "read", "policy", "choice"]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the change log.

    Attributes:
        number: the change number.
        article_id: which article it is about; empty for a `policy`.
        kind: `upsert`, `delete`, `read` (the text was analyzed), `choice` (pins or blocks were
            set) or `policy` (a ranking policy was set).
    """

    number: int
    article_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A place in a change log: the number of an entry, and a mark made from its time.

    After a restore, the old and the new log may have the same numbers; then the marks differ.
    """

    number: int
    mark: str


LOG_START: Final = LogPosition(0, "")
"""Before the first change of any store."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """The store's random epoch, and the newest entry of its log."""

    epoch: str
    newest: LogPosition

    @property
    def change(self) -> int:
        """The number of the newest change; 0 if there is none."""
        return self.newest.number


def log_change(connection: sa.Connection, article_id: str, kind: EntryKind) -> int:
    """Append an entry, and return its number.

    Only one transaction writes at a time, so numbers become visible in order.
    """
    entry = sa.insert(schema.changes).values(
        article_id=article_id, kind=kind, at=datetime.now(tz=UTC)
    )
    number = connection.execute(entry).inserted_primary_key[0]  # type: ignore[index]
    return int(number)


def read_log(connection: sa.Connection, after: int, limit: int) -> list[LogEntry]:
    """Read the entries after a change number, the oldest first."""
    table = schema.changes
    query = (
        sa.select(table.c.number, table.c.article_id, table.c.kind)
        .where(table.c.number > after)
        .order_by(table.c.number)
        .limit(limit)
    )
    return [LogEntry(*row) for row in connection.execute(query)]


def trim_log(connection: sa.Connection, before: int) -> int:
    """Remove the entries before a change number, but never the newest; return how many."""
    table = schema.changes
    newest = sa.select(sa.func.max(table.c.number)).scalar_subquery()
    old = sa.delete(table).where(table.c.number < before, table.c.number < newest)
    return connection.execute(old).rowcount


def epoch_of(connection: sa.Connection) -> str:
    """Read the random name of the store."""
    facts = schema.store_facts
    return str(connection.scalar(sa.select(facts.c.value).where(facts.c.name == "epoch")))


def state_of(connection: sa.Connection) -> StoreState:
    """Read epoch and newest entry, as this transaction sees them."""
    newest = connection.scalar(sa.select(sa.func.max(schema.changes.c.number))) or 0
    return StoreState(epoch_of(connection), position_at(connection, newest))


def position_at(connection: sa.Connection, number: int) -> LogPosition:
    """Make the position of an entry; its mark is empty if the log has no such entry."""
    table = schema.changes
    at = connection.scalar(sa.select(table.c.at).where(table.c.number == number))
    return LogPosition(number, "" if at is None else f"{at:%Y%m%dT%H%M%S.%f}")


def has_position(connection: sa.Connection, position: LogPosition, epoch: str) -> bool:
    """Whether a position is in this store's log."""
    same_store = epoch == epoch_of(connection)
    return same_store and position_at(connection, position.number) == position
