"""The articles that changed after a log position, as live views need them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from recommender.analysis.features import Features
from recommender.articles import Article, parse_outline
from recommender.ranking.overrides import StoredOverrides
from recommender.store import schema
from recommender.store.change_log import newest_number
from recommender.store.feature_cache import features_among
from recommender.store.override_versions import overrides_after
from recommender.store.policy_versions import newest_policy_change

__all__ = ["Update", "UpdateBatch", "read_named", "read_unread", "read_updates"]


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """The present state of an article that changed.

    Attributes:
        id: the article's id.
        change: number of its last write.
        outline: the article without its texts; None if it was deleted.
        features: of the text analyzed last; None if none was.
        up_to_date: whether the text analyzed last is the present one.
    """

    id: str
    change: int
    outline: Article | None
    features: Features | None = None
    up_to_date: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class UpdateBatch:
    """Some of the changes after a change number, in order.

    Attributes:
        through: these updates cover every change up to this number, unless a later change of the
            same article replaced it.
        complete: whether nothing comes after them.
        updates: one for each article.
        policy: change of the newest policy, if that came after the number. It is given at once,
            also when articles that changed before it come in a later batch.
        overrides: pins and blocks that were set after the number, in order; given at once too.
    """

    through: int
    complete: bool
    updates: tuple[Update, ...]
    policy: int | None = None
    overrides: tuple[StoredOverrides, ...] = ()


def read_updates(
    connection: sa.Connection, number: int, limit: int, analyzer: str, model: str
) -> UpdateBatch:
    """Read the next articles that changed after a number, with the features of their texts."""
    rows = _touched(connection, number, limit)
    policy = newest_policy_change(connection, number)
    overrides = overrides_after(connection, number)
    complete = len(rows) < limit
    return UpdateBatch(
        through=newest_number(connection) if complete else rows[-1].touched,
        complete=complete,
        updates=_updates_of(connection, rows, analyzer, model),
        policy=policy,
        overrides=overrides,
    )


def read_named(
    connection: sa.Connection, ids: Sequence[str], analyzer: str, model: str
) -> tuple[Update, ...]:
    """Read the present state of some articles; those that were never stored are left out."""
    rows = connection.execute(_columns().where(schema.articles.c.id.in_(ids))).all()
    return _updates_of(connection, rows, analyzer, model)


def _updates_of(
    connection: sa.Connection, rows: Sequence[Any], analyzer: str, model: str
) -> tuple[Update, ...]:
    hashes = [row.read_hash for row in rows if row.read_hash]
    features = features_among(connection, hashes, analyzer, model)
    return tuple(
        Update(
            id=row.id,
            change=row.change,
            outline=None if row.outline is None else parse_outline(row.outline),
            features=features.get(row.read_hash),
            up_to_date=row.text_hash == row.read_hash,
        )
        for row in rows
    )


def read_unread(connection: sa.Connection, number: int, limit: int) -> tuple[Update, ...]:
    """Read the newest articles, changed up to a number, whose text was never analyzed."""
    table = schema.articles
    query = (
        sa.select(table.c.id, table.c.change, table.c.outline)
        .where(table.c.touched <= number, table.c.read_hash.is_(None), table.c.deleted.is_(False))
        .order_by(table.c.touched.desc())
        .limit(limit)
    )
    rows = connection.execute(query).all()
    return tuple(Update(i, change, parse_outline(o), up_to_date=False) for i, change, o in rows)


def _touched(connection: sa.Connection, number: int, limit: int) -> Sequence[Any]:
    touched = schema.articles.c.touched
    query = _columns().where(touched > number).order_by(touched).limit(limit)
    return connection.execute(query).all()


def _columns() -> sa.Select[Any]:
    table = schema.articles
    columns = (table.c.id, table.c.change, table.c.touched, table.c.outline)
    return sa.select(*columns, table.c.text_hash, table.c.read_hash)
