"""Ranking policies as they were set: kept as text, one row a version, none ever altered."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import sqlalchemy as sa

from recommender.store import schema
from recommender.store.times import in_utc
from recommender.store.writes import log_change

__all__ = ["Policies", "PolicyReceipt", "StoredPolicy", "newest_policy_change"]

_NO_ARTICLE: Final = ""  # which is no article's id
_LOOKED_THROUGH: Final = 10


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """One version of the policy.

    Attributes:
        version: counted from 1.
        change: the number of its entry in the change log.
        document: JSON text, which the store does not look into.
        at: when it was set, in UTC.
    """

    version: int
    change: int
    document: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PolicyReceipt:
    """What setting a policy did, and the version and change number that hold it now."""

    result: Literal["created", "unchanged"]
    version: int
    change: int


class Policies:
    """The versions of the policy, the last of which holds."""

    def __init__(self, engine: sa.Engine, writer: sa.Engine) -> None:
        self._engine = engine
        self._writer = writer

    def put(self, document: str) -> PolicyReceipt:
        """Set a policy, which is one change; the text that holds already is not set again."""
        with self._writer.begin() as connection:
            newest = next(iter(_newest(connection, 1)), None)
            if newest is not None and newest.document == document:
                return PolicyReceipt("unchanged", newest.version, newest.change)
            version = 1 if newest is None else newest.version + 1
            change = log_change(connection, _NO_ARTICLE, "policy")
            row = sa.insert(schema.policies).values(
                version=version, change=change, document=document, at=datetime.now(tz=UTC)
            )
            connection.execute(row)
        return PolicyReceipt("created", version, change)

    def history(self, limit: int = _LOOKED_THROUGH) -> tuple[StoredPolicy, ...]:
        """The versions, the newest first."""
        with self._engine.begin() as connection:
            return _newest(connection, limit)


def newest_policy_change(connection: sa.Connection, number: int) -> int | None:
    """The change of the newest version, if that came after a number."""
    change = schema.policies.c.change
    newest: int | None = connection.scalar(sa.select(sa.func.max(change)).where(change > number))
    return newest


def _newest(connection: sa.Connection, limit: int) -> tuple[StoredPolicy, ...]:
    table = schema.policies
    columns = (table.c.version, table.c.change, table.c.document, table.c.at)
    query = sa.select(*columns).order_by(table.c.version.desc()).limit(limit)
    return tuple(
        StoredPolicy(version, change, document, in_utc(at))
        for version, change, document, at in connection.execute(query)
    )
