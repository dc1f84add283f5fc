"""The change log: which store it is, where its newest entry stands, and what the entries say."""

from dataclasses import dataclass
from datetime import UTC
from typing import Final

import sqlalchemy as sa

from recommender.store import schema

__all__ = ["ORIGIN", "Change", "Point", "StoreState", "epoch_of", "point_at", "state_of"]


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change log: an `upsert`, a `delete`, or that a text was `read`.

    Or a `choice` of pins or blocks under an article. Or a `policy`, which is about no article: its
    `article_id` is empty.
    """

    number: int
    article_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a change log: the number of an entry, and the time it was written.

    Two histories that part, as after a backup was put back, differ in the times of like numbers.
    """

    number: int
    mark: str


ORIGIN: Final = Point(0, "")
"""Before the first change of any store."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """The store's random epoch, and the newest entry of its log."""

    epoch: str
    newest: Point

    @property
    def change(self) -> int:
        """The number of the newest change; 0 if there is none."""
        return self.newest.number


def epoch_of(connection: sa.Connection) -> str:
    """The random name of the store."""
    facts = schema.store_facts
    return str(connection.scalar(sa.select(facts.c.value).where(facts.c.name == "epoch")))


def state_of(connection: sa.Connection) -> StoreState:
    """Epoch and newest entry, as this transaction sees them."""
    newest = connection.scalar(sa.select(sa.func.max(schema.changes.c.number))) or 0
    return StoreState(epoch_of(connection), point_at(connection, newest))


def point_at(connection: sa.Connection, number: int) -> Point:
    """A place in the log; without a mark where the log has no such entry."""
    table = schema.changes
    at = connection.scalar(sa.select(table.c.at).where(table.c.number == number))
    if at is not None and at.tzinfo is not None:
        at = at.astimezone(UTC)  # PostgreSQL tells it in the zone of the session
    return Point(number, "" if at is None else f"{at:%Y%m%dT%H%M%S.%f}")
