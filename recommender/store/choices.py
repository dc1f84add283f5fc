"""Pins and blocks as editors set them: one row each time, none ever altered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from recommender.errors import DeletedArticle, FieldFault, InvalidChoices, UnknownArticle
from recommender.ranking.overrides import (
    Choice,
    Kind,
    Wish,
    as_json,
    check_wishes,
    keep_authors,
    parse_choices,
)
from recommender.store import schema
from recommender.store.features import AT_ONCE
from recommender.store.times import in_utc
from recommender.store.writes import Receipt, find_row, log_change

__all__ = ["EditorsChoices", "StoredChoices", "choices_after", "forget_choices"]

LOOKED_THROUGH: Final = 20
ERASER: Final = "erase"
"""By whom choices are set anew without an article of which nothing may stay."""


@dataclass(frozen=True, slots=True)
class StoredChoices:
    """The pins or the blocks of an article, as they were set once.

    Attributes:
        change: the number of its entry in the change log.
        article_id: whose list they are for.
        kind: `pins` or `blocks`.
        document: JSON text; see `recommender.ranking.overrides.parse_choices`.
        by: who set them.
        at: when, in UTC.
    """

    change: int
    article_id: str
    kind: str
    document: str
    by: str
    at: datetime


class EditorsChoices:
    """What editors set under articles, the last of each kind holding."""

    def __init__(self, engine: sa.Engine, writer: sa.Engine) -> None:
        self._engine = engine
        self._writer = writer

    def put(self, article_id: str, kind: Kind, wishes: tuple[Wish, ...], by: str) -> Receipt:
        """Set the pins or the blocks of an article in the place of those that it has.

        Raises:
            UnknownArticle: the article was never stored.
            DeletedArticle: it was deleted.
            InvalidChoices: the wishes cannot be meant, or name an article that is not stored.
        """
        check_wishes(wishes, article_id, kind)
        with self._writer.begin() as connection:
            _refuse_absent(connection, article_id)
            before = _newest(connection, article_id, kind, 1)
            held = parse_choices(before[0].document) if before else ()
            if tuple(choice.wish for choice in held) == wishes:
                return Receipt(article_id, "unchanged", before[0].change if before else 0)
            _refuse_unknown(connection, wishes, held, kind)
            change, at = log_change(connection, article_id, "choice"), datetime.now(tz=UTC)
            row = {"article_id": article_id, "kind": kind, "by": by, "at": at, "change": change}
            document = as_json(keep_authors(wishes, held, by, at))
            connection.execute(sa.insert(schema.choices).values(**row, document=document))
        return Receipt(article_id, "updated", change)

    def history(
        self, article_id: str, kind: Kind, limit: int = LOOKED_THROUGH
    ) -> tuple[StoredChoices, ...]:
        """The pins or the blocks that were ever set under an article, the newest first."""
        with self._engine.begin() as connection:
            return _newest(connection, article_id, kind, limit)

    def all(self) -> tuple[StoredChoices, ...]:
        """What holds now, in the order in which it was set."""
        with self._engine.begin() as connection:
            return choices_after(connection, 0)


def choices_after(connection: sa.Connection, number: int) -> tuple[StoredChoices, ...]:
    """What was set after a change and holds still, in the order in which it was set."""
    table = schema.choices
    newest = (
        sa.select(sa.func.max(table.c.change))
        .where(table.c.change > number)
        .group_by(table.c.article_id, table.c.kind)
    )
    return _stored(connection, sa.select(table).where(table.c.change.in_(newest)))


def forget_choices(connection: sa.Connection, article_id: str) -> None:
    """Leave nothing of what editors said of a deleted article, under it or under others.

    Where it was chosen under others that is one more choice, without it, so that workers follow.
    """
    table = schema.choices
    deleted = sa.select(schema.articles.c.id).where(
        schema.articles.c.id == article_id, schema.articles.c.deleted.is_(True)
    )
    connection.execute(sa.delete(table).where(table.c.article_id.in_(deleted)))
    if connection.scalar(deleted) is None:
        return
    naming = table.c.document.contains(f'"id":"{article_id}"', autoescape=True)
    rows = _stored(connection, sa.select(table).where(naming))
    held = {one.change for one in choices_after(connection, 0)}
    for row in rows:
        _rewrite(connection, row, article_id, again=row.change in held)


def _rewrite(
    connection: sa.Connection, row: StoredChoices, article_id: str, *, again: bool
) -> None:
    table = schema.choices
    kept = tuple(one for one in parse_choices(row.document) if one.id != article_id)
    document = as_json(kept)
    at_change = table.c.change == row.change
    connection.execute(sa.update(table).where(at_change).values(document=document))
    if again:
        change = log_change(connection, row.article_id, "choice")
        values = {"change": change, "article_id": row.article_id, "kind": row.kind}
        values |= {"document": document, "by": ERASER, "at": datetime.now(tz=UTC)}
        connection.execute(sa.insert(table).values(**values))


def _newest(
    connection: sa.Connection, article_id: str, kind: str, limit: int
) -> tuple[StoredChoices, ...]:
    table = schema.choices
    mine = sa.and_(table.c.article_id == article_id, table.c.kind == kind)
    query = sa.select(table.c.change).where(mine).order_by(table.c.change.desc()).limit(limit)
    chosen = sa.select(table).where(table.c.change.in_(query))
    return _stored(connection, chosen)[::-1]


def _stored(
    connection: sa.Connection, query: sa.Select[tuple[object, ...]]
) -> tuple[StoredChoices, ...]:
    rows = connection.execute(query.order_by(schema.choices.c.change)).mappings()
    return tuple(StoredChoices(**{**row, "at": in_utc(row["at"])}) for row in rows)


def _refuse_absent(connection: sa.Connection, article_id: str) -> None:
    row = find_row(connection, article_id)
    if row is None:
        raise UnknownArticle(article_id)
    if row.deleted:
        raise DeletedArticle(article_id)


def _refuse_unknown(
    connection: sa.Connection, wishes: Sequence[Wish], held: Iterable[Choice], kind: Kind
) -> None:
    """Refuse an id that is not stored, unless it stood there already: it may be deleted since."""
    asked = {wish.id for wish in wishes} - {choice.id for choice in held}
    known = _stored_among(connection, sorted(asked))
    faults = tuple(
        FieldFault(f"/{kind}/{place}/id", f"no article {wish.id!r}; push it first")
        for place, wish in enumerate(wishes)
        if wish.id in asked - known
    )
    if faults:
        raise InvalidChoices(f"the {kind} are not acceptable", faults)


def _stored_among(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    table = schema.articles
    query = sa.select(table.c.id).where(table.c.deleted.is_(False))
    return {
        found
        for at in range(0, len(ids), AT_ONCE)
        for found in connection.scalars(query.where(table.c.id.in_(ids[at : at + AT_ONCE])))
    }
