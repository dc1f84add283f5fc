"""The whole store as it was at one moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from recommender.articles import Article, parse_article
from recommender.store import schema
from recommender.store.log import state_of
from recommender.store.pending import ATTEMPTS

__all__ = ["Standing", "StoreView", "Stored"]

PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """An article as it was given, with the hashes of its text and of the text read last."""

    article: Article
    text_hash: str
    read_hash: str | None
    change: int


@dataclass(frozen=True, slots=True)
class Standing:
    """An id that was ever stored, and how it stands.

    Attributes:
        id: the article's.
        change: the write that gave it its present state.
        touched: the newest entry of the log about it.
        deleted: whether only its tombstone is left.
        documented: whether there is a document.
        outline: as it is kept; None if there is none.
        text_hash: of its present text.
        read_hash: of the text that was read last.
        waits: whether it is in the queue of texts to be read, or parked there.
        parked: whether it is parked.
        queued_at: when the text came that waits; None where the log does not reach back so far.
        known: whether the terms of the text read last are kept.
        embedded: whether the vector of the text read last is kept.
    """

    id: str
    change: int
    touched: int
    deleted: bool
    documented: bool
    outline: str | None
    text_hash: str | None
    read_hash: str | None
    waits: bool
    parked: bool
    queued_at: datetime | None
    known: bool
    embedded: bool


class StoreView:
    """The store as it was at one moment."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.state = state_of(connection)

    def pending_ids(self) -> frozenset[str]:
        """The ids of those whose text waits to be read, parked ones too."""
        return frozenset(self._connection.scalars(sa.select(schema.pending.c.article_id)))

    def __iter__(self) -> Iterator[Stored]:
        """All articles that are not deleted, by ascending id (byte order), read in pages."""
        table = schema.articles
        columns = (table.c.id, table.c.document, table.c.text_hash, table.c.read_hash)
        last = ""
        while True:
            query = (
                sa.select(*columns, table.c.change)
                .where(table.c.deleted.is_(False), table.c.id > last)
                .order_by(table.c.id)
                .limit(PAGE)
            )
            rows = self._connection.execute(query).all()
            for _, document, text_hash, read_hash, change in rows:
                yield Stored(parse_article(document), text_hash, read_hash, change)
            if len(rows) < PAGE:
                return
            last = rows[-1][0]

    def standings(self, analyzer: str, model: str) -> Iterator[Standing]:
        """Every id ever stored, by ascending id (byte order), without texts, as a stream.

        Args:
            analyzer: fingerprint of the terms asked for.
            model: fingerprint of the vectors asked for.
        """
        query = _standings(analyzer, model).execution_options(yield_per=PAGE)
        for row in self._connection.execute(query).mappings():
            at = row["queued_at"]
            aware = at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
            yield Standing(**{**row, "queued_at": aware})

    def unclaimed(self) -> int:
        """How many texts have terms, a vector or a plain text, though no article has them."""
        kept = [sa.select(t.c.text_hash) for t in (schema.vectors, schema.terms, schema.texts)]
        owned = [sa.select(schema.articles.c[name]) for name in ("text_hash", "read_hash")]
        every = sa.union(*kept).subquery()
        orphans = sa.except_(sa.select(every.c.text_hash), *owned).subquery()
        query = sa.select(sa.func.count()).select_from(orphans)
        return self._connection.scalar(query) or 0


def _standings(analyzer: str, model: str) -> sa.Select[Any]:
    a, p, log = schema.articles, schema.pending, schema.changes
    terms, vectors = (
        sa.and_(t.c.text_hash == a.c.read_hash, t.c.fingerprint == fingerprint)
        for t, fingerprint in ((schema.terms, analyzer), (schema.vectors, model))
    )
    joined = a.outerjoin(p, p.c.article_id == a.c.id).outerjoin(log, log.c.number == p.c.change)
    joined = joined.outerjoin(schema.terms, terms).outerjoin(schema.vectors, vectors)
    facts = {
        "documented": a.c.document.is_not(None),
        "waits": p.c.change.is_not(None),
        "parked": sa.func.coalesce(p.c.attempts >= ATTEMPTS, sa.false()),
        "queued_at": log.c.at,
        "known": schema.terms.c.text_hash.is_not(None),
        "embedded": schema.vectors.c.text_hash.is_not(None),
    }
    own = (a.c.id, a.c.change, a.c.touched, a.c.deleted, a.c.outline, a.c.text_hash, a.c.read_hash)
    named = (column.label(name) for name, column in facts.items())
    return sa.select(*own, *named).select_from(joined).order_by(a.c.id)
