"""Articles in, articles out; every write is one numbered change, durable before it is answered."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import sqlalchemy as sa

from recommender.articles import Article, parse_article
from recommender.errors import DeletedArticle, StaleVersion, UnknownArticle
from recommender.store import schema
from recommender.store.database import open_engine, writing
from recommender.store.features import FeatureCache

__all__ = ["ArticleStore", "Change", "Receipt", "StoreState", "Stored", "open_store"]

PAGE: Final = 500
Result = Literal["created", "updated", "unchanged", "deleted"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write did, and the number of the change that holds the article's present state."""

    id: str
    result: Result
    change: int


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change log."""

    number: int
    article_id: str
    kind: Literal["upsert", "delete"]


@dataclass(frozen=True, slots=True)
class StoreState:
    """The store's random epoch, and the number of its newest change (0: none)."""

    epoch: str
    change: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An article with the hash of its text and its change number."""

    article: Article
    text_hash: str
    change: int


@dataclass(frozen=True, slots=True)
class _Row:
    change: int
    version: int | None
    deleted: bool
    document: str | None


def open_store(url: str) -> "ArticleStore":
    """Open the store at an SQLAlchemy address, making or upgrading its tables.

    Raises:
        StoreUnusable: it cannot be opened, or a newer program made it.
    """
    return ArticleStore(open_engine(url))


class ArticleStore:
    """The articles of one newsroom. Safe to use from several threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self.features = FeatureCache(engine, self._writer)

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    def put(self, article: Article) -> Receipt:
        """Store one article.

        Raises:
            StaleVersion: a newer version is stored.
        """
        with self._writer.begin() as connection:
            return _put(connection, article)

    def put_many(self, articles: Iterable[Article]) -> list[Receipt | StaleVersion]:
        """Store several articles in one transaction; answers stand in their order."""
        with self._writer.begin() as connection:
            return [_put_or_refuse(connection, article) for article in articles]

    def delete(self, article_id: str) -> Receipt:
        """Delete an article; its id and change number are remembered. Doing so twice is fine.

        Raises:
            UnknownArticle: it was never stored.
        """
        with self._writer.begin() as connection:
            row = _find(connection, article_id)
            if row is None:
                raise UnknownArticle(article_id)
            if row.deleted:
                return Receipt(article_id, "unchanged", row.change)
            change = _log(connection, article_id, "delete")
            table = schema.articles
            connection.execute(
                sa.update(table)
                .where(table.c.id == article_id)
                .values(change=change, deleted=True, document=None, text_hash=None)
            )
            return Receipt(article_id, "deleted", change)

    def get(self, article_id: str) -> Article:
        """The article as given.

        Raises:
            UnknownArticle: it was never stored.
            DeletedArticle: it was deleted.
        """
        with self._engine.begin() as connection:
            row = _find(connection, article_id)
        if row is None:
            raise UnknownArticle(article_id)
        if row.document is None:
            raise DeletedArticle(article_id)
        return parse_article(row.document)

    def state(self) -> StoreState:
        """Epoch and newest change number, read together."""
        with self._engine.begin() as connection:
            return _state(connection)

    def changes_after(self, number: int, limit: int = 1_000) -> list[Change]:
        """The next entries of the change log, oldest first."""
        table = schema.changes
        query = (
            sa.select(table.c.number, table.c.article_id, table.c.kind)
            .where(table.c.number > number)
            .order_by(table.c.number)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            return [Change(*row) for row in connection.execute(query)]

    @contextmanager
    def reading(self) -> Iterator["StoreView"]:
        """Every article at one moment; writes that come meanwhile are not seen."""
        with self._engine.begin() as connection:
            yield StoreView(connection)


class StoreView:
    """The store as it was at one moment."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.state = _state(connection)

    def __iter__(self) -> Iterator[Stored]:
        """All articles that are not deleted, by ascending id (byte order), read in pages."""
        table = schema.articles
        last = ""
        while True:
            query = (
                sa.select(table.c.id, table.c.document, table.c.text_hash, table.c.change)
                .where(table.c.deleted.is_(False), table.c.id > last)
                .order_by(table.c.id)
                .limit(PAGE)
            )
            rows = self._connection.execute(query).all()
            for _, document, text_hash, change in rows:
                yield Stored(parse_article(document), text_hash, change)
            if len(rows) < PAGE:
                return
            last = rows[-1][0]


def _state(connection: sa.Connection) -> StoreState:
    facts, log = schema.store_facts, schema.changes
    epoch = connection.scalar(sa.select(facts.c.value).where(facts.c.name == "epoch"))
    return StoreState(str(epoch), connection.scalar(sa.select(sa.func.max(log.c.number))) or 0)


def _find(connection: sa.Connection, article_id: str) -> _Row | None:
    table = schema.articles
    query = sa.select(table.c.change, table.c.version, table.c.deleted, table.c.document)
    row = connection.execute(query.where(table.c.id == article_id)).first()
    return None if row is None else _Row(*row)


def _put_or_refuse(connection: sa.Connection, article: Article) -> Receipt | StaleVersion:
    try:
        return _put(connection, article)
    except StaleVersion as refusal:  # raised before anything was written
        return refusal


def _put(connection: sa.Connection, article: Article) -> Receipt:
    row = _find(connection, article.id)
    document = article.to_json()
    if row is not None:
        _refuse_stale(article, row)
        if row.document == document:
            return Receipt(article.id, "unchanged", row.change)
    change = _log(connection, article.id, "upsert")
    values = {
        "change": change,
        # A caller that tells no version does not make an older one acceptable again.
        "version": article.version if article.version is not None or row is None else row.version,
        "deleted": False,
        "text_hash": article.text_hash,
        "document": document,
    }
    table = schema.articles
    if row is None:
        connection.execute(sa.insert(table).values(id=article.id, **values))
    else:
        connection.execute(sa.update(table).where(table.c.id == article.id).values(**values))
    return Receipt(article.id, "created" if row is None or row.deleted else "updated", change)


def _refuse_stale(article: Article, row: _Row) -> None:
    if row.version is not None and article.version is not None and article.version < row.version:
        raise StaleVersion(article.id, article.version, row.version)


def _log(connection: sa.Connection, article_id: str, kind: str) -> int:
    """Append to the change log, which numbers in order: writers are one at a time."""
    entry = sa.insert(schema.changes).values(
        article_id=article_id, kind=kind, at=datetime.now(tz=UTC)
    )
    number = connection.execute(entry).inserted_primary_key[0]  # type: ignore[index]
    return int(number)
