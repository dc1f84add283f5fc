"""The overrides that editors set: each change adds one row, and no row is altered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from recommender.api import Override, RecordedOverride
from recommender.errors import (
    ChangedMeanwhile,
    DeletedArticle,
    FieldFault,
    InvalidOverrides,
    UnknownArticle,
)
from recommender.ranking.overrides import (
    AnyKind,
    StoredOverrides,
    check_overrides,
    keep_authors,
    overrides_to_json,
    parse_overrides,
)
from recommender.store import schema
from recommender.store.article_rows import Receipt, find_row
from recommender.store.change_log import log_change

__all__ = ["OverrideStore", "forget_overrides", "overrides_after"]

NEWEST_ROWS: Final = 20
ERASER: Final = "erase"
"""The author of overrides that an erasure has changed."""


@dataclass(frozen=True, slots=True)
class OverrideStore:
    """The overrides of articles; the newest row of each kind is active."""

    _engine: sa.Engine
    _writer: sa.Engine

    def put(
        self,
        article_id: str,
        kind: AnyKind,
        overrides: tuple[Override, ...],
        by: str,
        *,
        seen: int | None = None,
    ) -> Receipt:
        """Replace the overrides of one kind of an article.

        Args:
            article_id: the article.
            kind: which of them.
            overrides: all that hold from now on, in their order.
            by: who sets them.
            seen: the change of those that the caller has seen, 0 for none; None to replace any.

        Raises:
            ChangedMeanwhile: others were set than those that the caller has seen, unless it has set
                the same itself, and did not get the answer.
            UnknownArticle: the article was never stored.
            DeletedArticle: it was deleted.
            InvalidOverrides: they contradict themselves, or name an article that is not stored.
        """
        check_overrides(overrides, article_id, kind)
        with self._writer.begin() as connection:
            _refuse_absent(connection, article_id)
            before = next(iter(_newest(connection, article_id, kind, 1)), None)
            active = parse_overrides(before.document) if before else ()
            is_same = tuple(one.requested for one in active) == overrides
            _refuse_late(
                before, seen, kind, is_repeated=is_same and before is not None and before.by == by
            )
            if is_same:
                return Receipt(article_id, "unchanged", before.change if before else 0)
            _refuse_unknown(connection, overrides, active, kind)
            change, at = log_change(connection, article_id, "choice"), datetime.now(tz=UTC)
            row = {"article_id": article_id, "kind": kind, "by": by, "at": at, "change": change}
            document = overrides_to_json(keep_authors(overrides, active, by, at))
            connection.execute(sa.insert(schema.overrides).values(**row, document=document))
        return Receipt(article_id, "updated", change)

    def history(
        self, article_id: str, kind: AnyKind, limit: int = NEWEST_ROWS
    ) -> tuple[StoredOverrides, ...]:
        """Read the overrides of a kind that were ever set for an article, the newest first."""
        with self._engine.begin() as connection:
            return _newest(connection, article_id, kind, limit)

    def all(self) -> tuple[StoredOverrides, ...]:
        """Read the active overrides, in the order in which they were set."""
        with self._engine.begin() as connection:
            return overrides_after(connection, 0)


def overrides_after(connection: sa.Connection, number: int) -> tuple[StoredOverrides, ...]:
    """Read the active overrides that were set after a change, in the order of setting."""
    table = schema.overrides
    newest = (
        sa.select(sa.func.max(table.c.change))
        .where(table.c.change > number)
        .group_by(table.c.article_id, table.c.kind)
    )
    return _stored(connection, sa.select(table).where(table.c.change.in_(newest)))


def forget_overrides(connection: sa.Connection, article_id: str) -> None:
    """Remove a deleted article from all overrides: its own, and those of other articles.

    Overrides of other articles get a new row without it, which workers follow.
    """
    table = schema.overrides
    deleted = sa.select(schema.articles.c.id).where(
        schema.articles.c.id == article_id, schema.articles.c.deleted.is_(True)
    )
    connection.execute(sa.delete(table).where(table.c.article_id.in_(deleted)))
    if connection.scalar(deleted) is None:
        return
    naming = table.c.document.contains(f'"id":"{article_id}"', autoescape=True)
    rows = _stored(connection, sa.select(table).where(naming))
    active = {one.change for one in overrides_after(connection, 0)}
    for row in rows:
        _rewrite(connection, row, article_id, is_active=row.change in active)


def _rewrite(
    connection: sa.Connection, row: StoredOverrides, article_id: str, *, is_active: bool
) -> None:
    table = schema.overrides
    remaining = tuple(one for one in parse_overrides(row.document) if one.id != article_id)
    document = overrides_to_json(remaining)
    at_change = table.c.change == row.change
    connection.execute(sa.update(table).where(at_change).values(document=document))
    if is_active:
        change = log_change(connection, row.article_id, "choice")
        values = {"change": change, "article_id": row.article_id, "kind": row.kind}
        values |= {"document": document, "by": ERASER, "at": datetime.now(tz=UTC)}
        connection.execute(sa.insert(table).values(**values))


def _newest(
    connection: sa.Connection, article_id: str, kind: str, limit: int
) -> tuple[StoredOverrides, ...]:
    table = schema.overrides
    mine = sa.and_(table.c.article_id == article_id, table.c.kind == kind)
    query = sa.select(table.c.change).where(mine).order_by(table.c.change.desc()).limit(limit)
    newest = sa.select(table).where(table.c.change.in_(query))
    return _stored(connection, newest)[::-1]


def _stored(
    connection: sa.Connection, query: sa.Select[tuple[object, ...]]
) -> tuple[StoredOverrides, ...]:
    rows = connection.execute(query.order_by(schema.overrides.c.change)).mappings()
    return tuple(StoredOverrides(**row) for row in rows)


def _refuse_late(
    before: StoredOverrides | None, seen: int | None, kind: AnyKind, *, is_repeated: bool
) -> None:
    """Refuse a change of what somebody else has set since the caller looked."""
    if seen is None or is_repeated or seen == (before.change if before else 0):
        return
    who = before.by if before else "nobody"
    raise ChangedMeanwhile(f"{who} has changed the {kind} meanwhile; look again")


def _refuse_absent(connection: sa.Connection, article_id: str) -> None:
    row = find_row(connection, article_id)
    if row is None:
        raise UnknownArticle(article_id)
    if row.deleted:
        raise DeletedArticle(article_id)


def _refuse_unknown(
    connection: sa.Connection,
    overrides: Sequence[Override],
    active: Iterable[RecordedOverride],
    kind: AnyKind,
) -> None:
    """Refuse an id that is not stored, unless an earlier override names it.

    Such an article may have been deleted since.
    """
    new = {override.id for override in overrides} - {one.id for one in active}
    known = _stored_among(connection, sorted(new))
    faults = tuple(
        FieldFault(f"/{kind}/{place}/id", f"no article {override.id!r}; push it first")
        for place, override in enumerate(overrides)
        if override.id in new - known
    )
    if faults:
        raise InvalidOverrides(f"the {kind} are not acceptable", faults)


def _stored_among(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    table = schema.articles
    query = sa.select(table.c.id).where(table.c.deleted.is_(False))
    return {
        found
        for at in range(0, len(ids), schema.ROWS_PER_STATEMENT)
        for found in connection.scalars(
            query.where(table.c.id.in_(ids[at : at + schema.ROWS_PER_STATEMENT]))
        )
    }
