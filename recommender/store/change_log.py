"""The change log: every write is one entry, and entries become visible in the order of numbers.

Several machines may share a store, each with a catalog of snapshots of its own. The log and the
cached features may be shortened only as far as every one of these catalogs allows, and the log only
as far as the receivers of webhooks are.
"""

import json
import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal

import sqlalchemy as sa

from recommender.store import schema
from recommender.store.audit_log import Action, log_action

__all__ = [
    "FORGET_AFTER",
    "LOG_START",
    "NO_ARTICLE",
    "Announcements",
    "CatalogNeeds",
    "EntryKind",
    "LogPosition",
    "Publications",
    "ReportedCatalogs",
    "StoreState",
    "archive_state_of",
    "epoch_of",
    "has_position",
    "log_change",
    "newest_number",
    "position_at",
    "state_of",
    "time_after",
    "trim_log",
]

FORGET_AFTER: Final = timedelta(days=30)
"""If a catalog was not reported for this time, its machine is gone."""
KEPT_FOR_WEBHOOKS: Final = timedelta(days=7)
"""How long an entry stays because a receiver of webhooks has not accepted it."""
ANNOUNCE_SECONDS: Final = 0.1  # between two announcements of commits by one process
NO_ARTICLE: Final = ""
"""No article has this id."""
EntryKind = Literal[
    "upsert", "delete", "read", "parked", "policy", "choice", "published", "refused"
]
_ACTIONS: Final[Mapping[EntryKind, Action]] = MappingProxyType(
    {
        "upsert": "article.put",
        "delete": "article.delete",
        "choice": "overrides.set",
        "policy": "policy.set",
    }
)
"""What the audit log calls an entry that somebody caused."""


class Announcements:
    """Which commits of a process are announced: not those just after one that was.

    To announce wakes every process of every machine. While many commits come, whoever has heard of
    one looks ten times a second, and finds the others.
    """

    def __init__(self) -> None:
        """Nothing was announced yet."""
        self._last = -math.inf

    def is_due(self) -> bool:
        """Whether to announce a commit now."""
        now = time.monotonic()
        if now < self._last + ANNOUNCE_SECONDS:
            return False
        self._last = now
        return True


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
    """Append an entry, and return its number. The audit log says who caused it.

    Only one transaction writes at a time, so numbers become visible in order.
    """
    entry = sa.insert(schema.changes).values(
        article_id=article_id, kind=kind, at=datetime.now(tz=UTC)
    )
    number = int(connection.execute(entry).inserted_primary_key[0])  # type: ignore[index]
    if kind in _ACTIONS:
        log_action(connection, _ACTIONS[kind], article_id, number)
    return number


def trim_log(connection: sa.Connection, before: int, *, now: datetime | None = None) -> int:
    """Remove the entries before a change number, but never the newest; return how many.

    For a receiver of webhooks that has not accepted them, entries of the last 7 days stay.

    Args:
        connection: a transaction that writes.
        before: no snapshot needs an older entry.
        now: the present time in UTC, unless it is the clock's.
    """
    table, told = schema.changes, schema.publications
    young = table.c.at >= (now or datetime.now(tz=UTC)) - KEPT_FOR_WEBHOOKS
    slowest = sa.select(sa.func.min(schema.webhooks.c.position)).scalar_subquery()
    waiting = sa.select(sa.func.min(table.c.number)).where(young, table.c.number > slowest)
    end = min(before, connection.scalar(waiting) or before)
    connection.execute(sa.delete(told).where(told.c.change < end))
    newest = sa.select(sa.func.max(table.c.number)).scalar_subquery()
    old = sa.delete(table).where(table.c.number < end, table.c.number < newest)
    return connection.execute(old).rowcount


def epoch_of(connection: sa.Connection) -> str:
    """Read the random name of the store."""
    facts = schema.store_facts
    return str(connection.scalar(sa.select(facts.c.value).where(facts.c.name == "epoch")))


def state_of(connection: sa.Connection) -> StoreState:
    """Read epoch and newest entry, as this transaction sees them."""
    newest = newest_number(connection)
    return StoreState(epoch_of(connection), position_at(connection, newest))


def archive_state_of(connection: sa.Connection) -> StoreState:
    """Read epoch and the newest entry that a snapshot depends on: it may not be of a publication.

    So a rebuild of an archive that did not change makes the same generation again.
    """
    table = schema.changes
    query = sa.select(table.c.number).where(table.c.kind.not_in(("published", "refused")))
    newest = connection.scalar(query.order_by(table.c.number.desc()).limit(1)) or 0
    return StoreState(epoch_of(connection), position_at(connection, newest))


def newest_number(connection: sa.Connection) -> int:
    """Read the number of the newest entry; 0 if there is none."""
    return connection.scalar(sa.select(sa.func.max(schema.changes.c.number))) or 0


def position_at(connection: sa.Connection, number: int) -> LogPosition:
    """Make the position of an entry; its mark is empty if the log has no such entry."""
    table = schema.changes
    at = connection.scalar(sa.select(table.c.at).where(table.c.number == number))
    return LogPosition(number, "" if at is None else f"{at:%Y%m%dT%H%M%S.%f}")


def has_position(connection: sa.Connection, position: LogPosition, epoch: str) -> bool:
    """Whether a position is in this store's log."""
    same_store = epoch == epoch_of(connection)
    return same_store and position_at(connection, position.number) == position


def time_after(connection: sa.Connection, number: int) -> datetime | None:
    """When the first entry after a number was made, of those that are kept; None without one."""
    table = schema.changes
    query = sa.select(table.c.at).where(table.c.number > number)
    found: datetime | None = connection.scalar(query.order_by(table.c.number).limit(1))
    return found


@dataclass(frozen=True, slots=True)
class Publications:
    """Notes what became of the snapshots that were built: an entry of the log for each."""

    _writer: sa.Engine

    def note(self, generation: str, articles: int, *, is_new: bool = True) -> None:
        """Note that a generation was published.

        Args:
            generation: its name.
            articles: how many articles it has.
            is_new: False if it was live before: then it is noted only if it never was, because a
                process died after it had published it.
        """
        table = schema.publications
        known = sa.select(table.c.change).where(table.c.generation == generation)
        with self._writer.begin() as connection:
            if is_new or connection.scalar(known) is None:
                _log_publication(connection, "published", generation=generation, articles=articles)

    def note_refusal(self, reason: str) -> None:
        """Note why the gate refused a snapshot."""
        with self._writer.begin() as connection:
            _log_publication(connection, "refused", reason=reason)


def _log_publication(connection: sa.Connection, kind: EntryKind, **values: object) -> None:
    change = log_change(connection, NO_ARTICLE, kind)
    connection.execute(sa.insert(schema.publications).values(change=change, **values))


@dataclass(frozen=True, slots=True)
class CatalogNeeds:
    """The part of the store that must stay.

    Attributes:
        oldest_change: the log is needed from this change on.
        fingerprints: versions of models, analyzers and markup readers whose features are needed.
    """

    oldest_change: int
    fingerprints: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReportedCatalogs:
    """The catalogs that were reported, one row each."""

    _engine: sa.Engine
    _writer: sa.Engine

    def report(
        self, catalog_id: str, needs: CatalogNeeds, *, now: datetime | None = None
    ) -> CatalogNeeds:
        """Record the needs of one catalog, and forget catalogs that were not reported for 30 days.

        Args:
            catalog_id: the random name of the catalog.
            needs: replaces its earlier needs.
            now: the present time in UTC, unless it is the clock's.

        Returns:
            The needs of all catalogs together.
        """
        table, now = schema.catalogs, now or datetime.now(tz=UTC)
        gone = sa.or_(table.c.id == catalog_id, table.c.seen_at < now - FORGET_AFTER)
        listed = json.dumps(sorted(needs.fingerprints))
        row = {"id": catalog_id, "oldest_change": needs.oldest_change, "models": listed}
        with self._writer.begin() as connection:
            connection.execute(sa.delete(table).where(gone))
            connection.execute(sa.insert(table).values(**row, seen_at=now))
            return _needs_of_all(connection)

    def needs(self) -> CatalogNeeds:
        """Read the needs of all reported catalogs together."""
        with self._engine.begin() as connection:
            return _needs_of_all(connection)

    def touch(self, catalog_id: str) -> bool:
        """Record that the machine of a reported catalog is there; False if it is not known."""
        table = schema.catalogs
        seen = sa.update(table).where(table.c.id == catalog_id).values(seen_at=datetime.now(tz=UTC))
        with self._writer.begin() as connection:
            return connection.execute(seen).rowcount > 0


def _needs_of_all(connection: sa.Connection) -> CatalogNeeds:
    table = schema.catalogs
    rows = connection.execute(sa.select(table.c.oldest_change, table.c.models)).all()
    lists: list[Collection[str]] = [json.loads(row.models) for row in rows]
    oldest_change = min((row.oldest_change for row in rows), default=0)
    return CatalogNeeds(oldest_change, frozenset().union(*lists))
