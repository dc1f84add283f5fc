"""Articles in, articles out; every write is one numbered change, durable before it is answered."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa

from recommender.articles import Article, parse_article
from recommender.errors import StaleVersion, StoreRestored, StoreUnusable, UnknownArticle
from recommender.store import schema
from recommender.store.batches import Removal, put_or_refuse, write_or_refuse
from recommender.store.catalogs import ReportedCatalogs
from recommender.store.cursors import Cursors
from recommender.store.database import PATIENCE_SECONDS, open_engine, writing
from recommender.store.features import AT_ONCE, FeatureCache
from recommender.store.log import Change, Point, StoreState, epoch_of, point_at, state_of
from recommender.store.moment import Stored, StoreView
from recommender.store.overrides import OverrideStore
from recommender.store.pages import Page, read_page
from recommender.store.pending import PendingTexts
from recommender.store.policies import Policies
from recommender.store.updates import Update, Updates, read_unread, read_updates
from recommender.store.writes import Receipt, delete_article, get_stored, patch_article, put_article
from recommender.strict_json import JsonObject

__all__ = ["ArticleStore", "open_store"]

PAGE: Final = 500


def open_store(url: str, patience_seconds: float = PATIENCE_SECONDS) -> "ArticleStore":
    """Open the store at an SQLAlchemy address, making or upgrading its tables.

    Args:
        url: the address.
        patience_seconds: how long a write waits for other writers before it is refused.

    Raises:
        StoreUnusable: it cannot be opened, or a newer program made it.
    """
    return ArticleStore(open_engine(url, patience_seconds))


class ArticleStore:
    """The articles of one newsroom. Safe to use from several threads and processes.

    Every call raises StoreUnusable while the database cannot be reached or is locked for longer
    than the store's patience.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self.features = FeatureCache(engine, self._writer)
        self.pending = PendingTexts(engine, self._writer)
        self.policies = Policies(engine, self._writer)
        self.cursors = Cursors(engine, self._writer)
        self.catalogs = ReportedCatalogs(engine, self._writer)
        self.overrides = OverrideStore(engine, self._writer)

    @property
    def engine(self) -> sa.Engine:
        """The database, for what must be done with it as a whole."""
        return self._engine

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    def put(self, article: Article) -> Receipt:
        """Store one article.

        Raises:
            StaleVersion: a newer version is stored.
        """
        with self._writer.begin() as connection:
            return put_article(connection, article, bulk=False)

    def put_many(
        self, articles: Iterable[Article], *, bulk: bool = True
    ) -> list[Receipt | StaleVersion]:
        """Store several articles in one transaction; answers stand in their order.

        Those of a bulk load are read behind single writes.
        """
        with self._writer.begin() as connection:
            return [put_or_refuse(connection, article, bulk=bulk) for article in articles]

    def write_many(
        self, writes: Iterable[Article | Removal], *, bulk: bool = True
    ) -> list[Receipt | StaleVersion | UnknownArticle]:
        """Store and delete several in one transaction, in their order; otherwise as `put_many`."""
        with self._writer.begin() as connection:
            return [write_or_refuse(connection, write, bulk=bulk) for write in writes]

    def patch(self, article_id: str, patch: JsonObject) -> Receipt:
        """Change what a merge patch (RFC 7396) names, in one transaction with the reading of it.

        Raises:
            UnknownArticle, DeletedArticle: there is nothing to change.
            InvalidArticle: it would break the contract; each field is named.
            StaleVersion: a newer version is stored.
        """
        with self._writer.begin() as connection:
            return patch_article(connection, article_id, patch)

    def delete(self, article_id: str) -> Receipt:
        """Delete an article; its id and change number are remembered. Doing so twice is fine.

        Raises:
            UnknownArticle: it was never stored.
        """
        with self._writer.begin() as connection:
            return delete_article(connection, article_id)

    def get(self, article_id: str) -> Article:
        """The article as given.

        Raises:
            UnknownArticle: it was never stored.
            DeletedArticle: it was deleted.
        """
        with self._engine.begin() as connection:
            return get_stored(connection, article_id)

    def page(self, after: str, limit: int, most_letters: int) -> Page:
        """Articles by ascending id (byte order), those after an id; see `read_page`."""
        with self._engine.begin() as connection:
            return read_page(connection, after, limit, most_letters)

    def get_many(self, ids: Sequence[str]) -> dict[str, Stored]:
        """Those of some articles that are stored now, by id; deleted and unknown ones are not."""
        table = schema.articles
        columns = (table.c.id, table.c.document, table.c.text_hash, table.c.read_hash)
        query = sa.select(*columns, table.c.change).where(table.c.deleted.is_(False))
        with self._engine.begin() as connection:
            return {
                article_id: Stored(parse_article(document), text_hash, read_hash, change)
                for at in range(0, len(ids), AT_ONCE)
                for article_id, document, text_hash, read_hash, change in connection.execute(
                    query.where(table.c.id.in_(ids[at : at + AT_ONCE]))
                )
            }

    def text_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """The hashes of the texts of some articles, by id; deleted ones have none."""
        table = schema.articles
        query = sa.select(table.c.id, table.c.text_hash)
        with self._engine.begin() as connection:
            rows = connection.execute(query.where(table.c.id.in_(ids)))
            return {key: text_hash for key, text_hash in rows if text_hash is not None}

    def state(self) -> StoreState:
        """Epoch and newest change, read together."""
        with self._engine.begin() as connection:
            return state_of(connection)

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

    def updates_after(
        self, point: Point, *, epoch: str, analyzer: str, model: str, limit: int = PAGE
    ) -> tuple[Point, Updates]:
        """The articles touched after a point of the log, and the point that this leads to.

        Args:
            point: where the caller stands.
            epoch: the epoch of the store in which it stands there.
            analyzer: fingerprint of the terms wanted.
            model: fingerprint of the vectors wanted.
            limit: how many at most.

        Raises:
            StoreRestored: the store has another epoch, or its log another entry at the point.
        """
        with self._engine.begin() as connection:
            if not _has(connection, point, epoch):
                raise StoreRestored(point.number)
            updates = read_updates(connection, point.number, limit, analyzer, model)
            return point_at(connection, updates.through), updates

    def unread_before(self, point: Point, limit: int) -> tuple[Update, ...]:
        """The newest articles, touched up to a point, of which no text was ever read."""
        with self._engine.begin() as connection:
            return read_unread(connection, point.number, limit)

    def entries_since(self, point: Point, epoch: str) -> int:
        """How many entries about articles the log has after a point.

        All that it ever had, if the point is not its own.
        """
        apart = (schema.policies.c.change, schema.overrides.c.change)
        with self._engine.begin() as connection:
            begin = point.number if _has(connection, point, epoch) else 0
            counts = (sa.select(sa.func.count()).where(change > begin) for change in apart)
            others = sum(connection.scalar(count) or 0 for count in counts)
            return state_of(connection).change - begin - others

    def goes_on_from(self, point: Point, epoch: str) -> bool:
        """Whether a point is one of this store's own log."""
        with self._engine.begin() as connection:
            return _has(connection, point, epoch)

    def touched_since(self, number: int) -> int:
        """How many articles were touched after a change, deleted ones too."""
        table = schema.articles
        query = sa.select(sa.func.count()).where(table.c.touched > number)
        with self._engine.begin() as connection:
            return connection.scalar(query) or 0

    def trim(self, before: int) -> int:
        """Forget the entries of the log up to a number, but never the newest; tells how many."""
        table = schema.changes
        newest = sa.select(sa.func.max(table.c.number)).scalar_subquery()
        with self._writer.begin() as connection:
            old = sa.delete(table).where(table.c.number < before, table.c.number < newest)
            return connection.execute(old).rowcount

    def damage(self) -> tuple[str, ...]:
        """What SQLite finds wrong with its file, a piece a line; PostgreSQL looks after its own."""
        if self._engine.dialect.name != "sqlite":
            return ()
        try:
            with self._engine.begin() as connection:
                said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        except StoreUnusable as fault:  # too damaged to be looked through
            return (str(fault),)
        return tuple(line for line in said if line != "ok")

    @contextmanager
    def reading(self) -> Iterator[StoreView]:
        """Every article at one moment; writes that come meanwhile are not seen."""
        with self._engine.begin() as connection:
            yield StoreView(connection)


def _has(connection: sa.Connection, point: Point, epoch: str) -> bool:
    return epoch == epoch_of(connection) and point_at(connection, point.number) == point
