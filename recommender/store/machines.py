"""The needs of the snapshot catalogs of all machines that share this store.

Several machines may share a store, each with snapshots of its own. The change log and the cached
vectors may be shortened only as far as every one of these catalogs allows.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from recommender.store import schema

__all__ = ["FORGET_AFTER", "CatalogNeeds", "ReportedCatalogs"]

FORGET_AFTER: Final = timedelta(days=30)
"""If a catalog was not reported for this time, its machine is gone."""


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
