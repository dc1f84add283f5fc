"""Reads the whole store as it is at one moment, in one transaction."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from recommender.analysis.features import PROBE_KEY
from recommender.articles import Article, parse_article, parse_outline
from recommender.store import schema
from recommender.store.article_rows import StoredArticle
from recommender.store.change_log import LogPosition, StoreState, archive_state_of, has_position
from recommender.store.feature_cache import FEATURE_TABLES
from recommender.store.text_queue import ATTEMPTS

__all__ = ["ArticleStatus", "StoreScan"]

ROWS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class ArticleStatus:
    """The status of an id that was ever stored, without the text.

    Attributes:
        id: the article's id.
        change: number of its last write.
        touched: number of the newest log entry about it.
        deleted: whether it was deleted.
        has_document: whether there is a document.
        outline: the document without its texts, as JSON text; None if there is none.
        text_hash: hash of its present text.
        read_hash: hash of the text that was analyzed last.
        is_queued: whether its text is in the queue; a dead letter is too.
        is_dead_letter: whether its text failed too often.
        queued_at: when the queued text came; None if the log does not reach back so far.
        has_terms: whether the terms of the text analyzed last are stored.
        has_vector: whether the vector of the text analyzed last is stored.
    """

    id: str
    change: int
    touched: int
    deleted: bool
    has_document: bool
    outline: str | None
    text_hash: str | None
    read_hash: str | None
    is_queued: bool
    is_dead_letter: bool
    queued_at: datetime | None
    has_terms: bool
    has_vector: bool


@dataclass(frozen=True, slots=True, eq=False)
class StoreScan:
    """The store at one moment. Iterating gives every article that is not deleted.

    Attributes:
        state: epoch and the newest change of what can be read here.
    """

    _connection: sa.Connection
    state: StoreState

    @classmethod
    def begin(cls, connection: sa.Connection) -> "StoreScan":
        """Read the state of the store; all else is read in the same transaction."""
        return cls(connection, archive_state_of(connection))

    def count(self) -> int:
        """Count the articles that iterating gives."""
        present = schema.articles.c.deleted.is_(False)
        query = sa.select(sa.func.count()).select_from(schema.articles).where(present)
        return self._connection.scalar(query) or 0

    def queued_ids(self) -> frozenset[str]:
        """Return the ids of all articles in the queue; dead letters are among them."""
        return frozenset(self._connection.scalars(sa.select(schema.queue.c.article_id)))

    def __iter__(self) -> Iterator[StoredArticle]:
        """Yield the articles by ascending id (byte order), read some hundreds at a time."""
        return self._pages(schema.articles.c.document, parse_article)

    def outlines(self) -> Iterator[StoredArticle]:
        """Yield the outlines of the articles: as `__iter__` does, without the texts."""
        return self._pages(schema.articles.c.outline, parse_outline)

    def touched_outlines(self, after: int) -> Iterator[StoredArticle]:
        """Yield the outlines of the articles about which the log has an entry after a number.

        They come by ascending id too; their ids are in memory at once.
        """
        table = schema.articles
        columns = (table.c.outline, table.c.text_hash, table.c.read_hash, table.c.change)
        touched = sa.select(table.c.id).where(table.c.touched > after, table.c.deleted.is_(False))
        ids = sorted(self._connection.scalars(touched))
        for at in range(0, len(ids), ROWS_AT_ONCE):
            some = sa.select(*columns).where(table.c.id.in_(ids[at : at + ROWS_AT_ONCE]))
            for row in self._connection.execute(some.order_by(table.c.id)).all():
                outline = parse_outline(row.outline)
                yield StoredArticle(outline, row.text_hash, row.read_hash, row.change)

    def has_position(self, position: LogPosition, epoch: str) -> bool:
        """Whether a position is in this store's log."""
        return has_position(self._connection, position, epoch)

    def count_touched(self, after: int) -> int:
        """Count the ids, also deleted ones, about which the log has an entry after a number."""
        query = sa.select(sa.func.count()).select_from(schema.articles)
        return self._connection.scalar(query.where(schema.articles.c.touched > after)) or 0

    def deleted_ids(self, after: int) -> frozenset[str]:
        """Return the ids of the articles that were deleted after a change number."""
        table = schema.articles
        query = sa.select(table.c.id).where(table.c.touched > after, table.c.deleted.is_(True))
        return frozenset(self._connection.scalars(query))

    def text_hashes(self) -> Iterator[tuple[str, str]]:
        """Yield id and hash of the present text of each article, by ascending id, as a stream."""
        table = schema.articles
        query = sa.select(table.c.id, table.c.text_hash).where(table.c.deleted.is_(False))
        for row in self._connection.execute(
            query.order_by(table.c.id).execution_options(yield_per=ROWS_AT_ONCE)
        ):
            yield row.id, row.text_hash

    def _pages(
        self, column: sa.Column[Any], parse: Callable[[str], Article]
    ) -> Iterator[StoredArticle]:
        table = schema.articles
        columns = (table.c.id, column, table.c.text_hash, table.c.read_hash, table.c.change)
        last = ""
        while True:
            query = (
                sa.select(*columns)
                .where(table.c.deleted.is_(False), table.c.id > last)
                .order_by(table.c.id)
                .limit(ROWS_AT_ONCE)
            )
            rows = self._connection.execute(query).all()
            for _, text, text_hash, read_hash, change in rows:
                yield StoredArticle(parse(text), text_hash, read_hash, change)
            if len(rows) < ROWS_AT_ONCE:
                return
            last = rows[-1][0]

    def statuses(self, analyzer: str, model: str) -> Iterator[ArticleStatus]:
        """Yield the status of every id ever stored, by ascending id (byte order), as a stream.

        Args:
            analyzer: fingerprint of the terms asked for.
            model: fingerprint of the vectors asked for.
        """
        query = _select_statuses(analyzer, model).execution_options(yield_per=ROWS_AT_ONCE)
        for row in self._connection.execute(query).mappings():
            yield ArticleStatus(**row)

    def count_unused_texts(self) -> int:
        """Count the texts that have terms, a vector or a plain text, but no article."""
        tables = [sa.select(table.c.text_hash) for table in FEATURE_TABLES]
        used = [sa.select(schema.articles.c[name]) for name in ("text_hash", "read_hash")]
        every = sa.union(*tables).subquery()
        stored = sa.select(every.c.text_hash).where(every.c.text_hash != PROBE_KEY)
        unused = sa.except_(stored, *used).subquery()
        query = sa.select(sa.func.count()).select_from(unused)
        return self._connection.scalar(query) or 0

    def count_outdated_rows(self, fingerprints: Collection[str]) -> int:
        """Count the rows of features made by other models, analyzers or readers than these."""
        outdated = (table.c.fingerprint.not_in(fingerprints) for table in FEATURE_TABLES)
        counts = (sa.select(sa.func.count()).where(condition) for condition in outdated)
        return sum(self._connection.scalar(count) or 0 for count in counts)


def _select_statuses(analyzer: str, model: str) -> sa.Select[Any]:
    a, q, log = schema.articles, schema.queue, schema.changes
    terms, vectors = (
        sa.and_(t.c.text_hash == a.c.read_hash, t.c.fingerprint == fingerprint)
        for t, fingerprint in ((schema.terms, analyzer), (schema.vectors, model))
    )
    joined = a.outerjoin(q, q.c.article_id == a.c.id).outerjoin(log, log.c.number == q.c.change)
    joined = joined.outerjoin(schema.terms, terms).outerjoin(schema.vectors, vectors)
    computed = {
        "has_document": a.c.document.is_not(None),
        "is_queued": q.c.change.is_not(None),
        "is_dead_letter": sa.func.coalesce(q.c.attempts >= ATTEMPTS, sa.false()),
        "queued_at": log.c.at,
        "has_terms": schema.terms.c.text_hash.is_not(None),
        "has_vector": schema.vectors.c.text_hash.is_not(None),
    }
    names = ("id", "change", "touched", "deleted", "outline", "text_hash", "read_hash")
    stored_columns = (a.c[name] for name in names)
    labelled = (column.label(name) for name, column in computed.items())
    return sa.select(*stored_columns, *labelled).select_from(joined).order_by(a.c.id)
