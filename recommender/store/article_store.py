"""The article store: one transaction for each call; and how a process opens it."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from recommender.analysis.html import MARKUP_VERSION
from recommender.articles import Article
from recommender.errors import StoreRestored, StoreUnusable
from recommender.store import schema
from recommender.store.article_rows import (
    DeleteRequest,
    Receipt,
    StoredArticle,
    StoredPage,
    WriteRefusal,
    delete_article,
    get_article,
    get_articles,
    get_outlines,
    patch_article,
    put_article,
    read_ids,
    read_page,
    write_or_refuse,
)
from recommender.store.audit_log import ACTOR, Actor, AuditLog
from recommender.store.change_log import (
    LogPosition,
    Publications,
    ReportedCatalogs,
    StoreState,
    has_position,
    position_at,
    state_of,
    time_after,
    trim_log,
)
from recommender.store.change_signal import ChangeSignal
from recommender.store.checkpoint_rows import Checkpoints
from recommender.store.console_sessions import ConsoleSessions
from recommender.store.database import PATIENCE_SECONDS, open_engine, writing
from recommender.store.feature_cache import FeatureCache
from recommender.store.jobs import Jobs
from recommender.store.model_choice import ModelChoices
from recommender.store.override_versions import OverrideStore
from recommender.store.policy_versions import Policies
from recommender.store.scan import StoreScan
from recommender.store.sqlite import empty_write_ahead_log
from recommender.store.stored_keys import StoredKeys
from recommender.store.text_queue import QueueLength, TextQueue
from recommender.store.updates import Update, UpdateBatch, read_named, read_unread, read_updates
from recommender.store.webhook_receivers import ReceiverLag, WebhookReceivers
from recommender.store.write_progress import WriteProgress, read_progress
from recommender.strict_json import JsonObject

__all__ = ["ArticleStore", "Backlog", "open_store"]

UPDATES_AT_ONCE: Final = 500


def open_store(
    url: str,
    patience_seconds: float = PATIENCE_SECONDS,
    *,
    must_exist: bool = False,
    answer_seconds: float = math.inf,
) -> "ArticleStore":
    """Open the store at an SQLAlchemy address; create or upgrade its tables.

    Args:
        url: the address.
        patience_seconds: how long a write waits for other writers before it is refused.
        must_exist: refuse to create a store. For callers that only read: a new, empty store would
            hide that the address is wrong.
        answer_seconds: how long one call waits for the answer of a server, which may be stopped.

    Raises:
        StoreUnusable: it cannot be opened, or a newer program made it; or it does not exist.
    """
    engine = open_engine(
        url, patience_seconds, must_exist=must_exist, answer_seconds=answer_seconds
    )
    return ArticleStore(engine)


@dataclass(frozen=True, slots=True)
class Backlog:
    """The work that is not done yet.

    Attributes:
        queue: how many texts wait to be analyzed.
        drift: how many articles changed after the live snapshot was built; all if there is none,
            or if it was built from another store.
        change: the newest change in the store.
        receivers: how far each receiver of webhooks is behind.
    """

    queue: QueueLength
    drift: int
    change: int
    receivers: tuple[ReceiverLag, ...] = ()


class ArticleStore:
    """The articles of one newsroom. Safe to use from several threads and processes.

    Every call raises StoreUnusable while the database cannot be reached, or is locked for longer
    than the store's patience.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._writer = writing(engine)
        self.features = FeatureCache(engine, self._writer)
        self.queue = TextQueue(engine, self._writer)
        self.policies = Policies(engine, self._writer)
        self.publications = Publications(self._writer)
        self.checkpoints = Checkpoints(engine, self._writer)
        self.model_choices = ModelChoices(engine, self._writer)
        self.catalogs = ReportedCatalogs(engine, self._writer)
        self.overrides = OverrideStore(engine, self._writer)
        self.keys = StoredKeys(engine, self._writer)
        self.audit_log = AuditLog(engine, self._writer)
        self.webhooks = WebhookReceivers(engine, self._writer)
        self.console_sessions = ConsoleSessions(engine, self._writer)
        self.jobs = Jobs(engine, self._writer)
        self.change_signal = ChangeSignal(engine)

    def acting(self, actor: Actor) -> "ArticleStore":
        """This store for one actor: the audit log records every change in its name.

        It uses the connections of this store, and is not closed by itself.
        """
        return ArticleStore(self.engine.execution_options(**{ACTOR: actor}))

    def close(self) -> None:
        """Close the connections."""
        self.change_signal.close()
        self.engine.dispose()

    def put(self, article: Article, *, awaited: bool = False) -> Receipt:
        """Store one article. `awaited`: the caller waits until it is visible, so it is read first.

        Raises:
            StaleVersion: a newer version is stored.
        """
        with self._writer.begin() as connection:
            return put_article(connection, article, bulk=False, awaited=awaited)

    def write_many(
        self, writes: Iterable[Article | DeleteRequest], *, bulk: bool = True
    ) -> list[Receipt | WriteRefusal]:
        """Store and delete several articles in one transaction; return the results in order.

        The texts of a bulk load are analyzed after those of single writes.
        """
        with self._writer.begin() as connection:
            return [write_or_refuse(connection, write, bulk=bulk) for write in writes]

    def patch(self, article_id: str, patch: JsonObject, *, awaited: bool = False) -> Receipt:
        """Apply a merge patch (RFC 7396) to an article; read and write are one transaction.

        `awaited` is as for `put`.

        Raises:
            UnknownArticle, DeletedArticle: there is nothing to change.
            InvalidArticle: the result would break the contract; each field is named.
            StaleVersion: a newer version is stored.
        """
        with self._writer.begin() as connection:
            return patch_article(connection, article_id, patch, awaited=awaited)

    def delete(self, article_id: str) -> Receipt:
        """Delete an article but for its id and change numbers; deleting it again changes nothing.

        Raises:
            UnknownArticle: it was never stored.
        """
        with self._writer.begin() as connection:
            return delete_article(connection, article_id)

    def get(self, article_id: str) -> Article:
        """Read an article as it was given.

        Raises:
            UnknownArticle: it was never stored.
            DeletedArticle: it was deleted.
        """
        with self.engine.begin() as connection:
            return get_article(connection, article_id)

    def write_progress(self, article_id: str) -> WriteProgress:
        """Read how far the last write of an article has come.

        Raises:
            UnknownArticle: it was never stored.
            DeletedArticle: it was deleted.
        """
        with self.engine.begin() as connection:
            return read_progress(connection, article_id)

    def page(self, after: str, limit: int, most_characters: int) -> StoredPage:
        """Read the articles after an id, in byte order; see `read_page`."""
        with self.engine.begin() as connection:
            return read_page(connection, after, limit, most_characters)

    def ids(self, prefix: str, after: str, limit: int) -> list[str]:
        """Read ids that begin with a prefix and follow an id, in byte order; see `read_ids`."""
        with self.engine.begin() as connection:
            return read_ids(connection, prefix, after, limit)

    def get_many(self, ids: Sequence[str]) -> dict[str, StoredArticle]:
        """Read several articles, by id; unknown and deleted ones are left out."""
        with self.engine.begin() as connection:
            return get_articles(connection, ids)

    def outlines(self, ids: Sequence[str]) -> dict[str, Article]:
        """Read several articles without their texts, by id; unknown and deleted are left out."""
        with self.engine.begin() as connection:
            return get_outlines(connection, ids)

    def texts_at(self, changes: Mapping[str, int]) -> dict[str, Article]:
        """Read articles with plain text, by id, of those whose last change is the given one.

        An article that was written, withdrawn or deleted since is left out, and so is one with
        markup whose plain text is not stored. Two queries, however many ids there are.

        Args:
            changes: by id, the change number that the article must still have.
        """
        stored = self.get_many(list(changes))
        same = [one for key, one in stored.items() if one.change == changes[key]]
        marked = [one.text_hash for one in same if one.article.body_html]
        bodies = self.features.texts(marked, MARKUP_VERSION) if marked else {}
        texts = {one.article.id: one.article for one in same if not one.article.body_html}
        for one in same:
            if one.text_hash in bodies:
                texts[one.article.id] = one.article.with_text(bodies[one.text_hash])
        return texts

    def text_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Read the hashes of the texts of some articles, by id; deleted ones are left out."""
        table = schema.articles
        query = sa.select(table.c.id, table.c.text_hash)
        with self.engine.begin() as connection:
            rows = connection.execute(query.where(table.c.id.in_(ids)))
            return {key: text_hash for key, text_hash in rows if text_hash is not None}

    def touched_since(self, ids: Sequence[str], change: int) -> frozenset[str]:
        """Find which of some articles were written, deleted or read after a change."""
        table = schema.articles
        query = sa.select(table.c.id).where(table.c.id.in_(ids), table.c.touched > change)
        with self.engine.begin() as connection:
            return frozenset(connection.scalars(query))

    def state(self) -> StoreState:
        """Read epoch and newest change together."""
        with self.engine.begin() as connection:
            return state_of(connection)

    def updates_after(
        self,
        position: LogPosition,
        *,
        epoch: str,
        analyzer: str,
        model: str,
        limit: int = UPDATES_AT_ONCE,
    ) -> tuple[LogPosition, UpdateBatch]:
        """Read the articles that changed after a log position, and the position reached.

        Args:
            position: where the caller is in the log.
            epoch: the epoch of the store that the caller follows.
            analyzer: fingerprint of the terms wanted.
            model: fingerprint of the vectors wanted.
            limit: how many articles at most.

        Raises:
            StoreRestored: the store has another epoch, or its log does not have the position.
        """
        with self.engine.begin() as connection:
            if not has_position(connection, position, epoch):
                raise StoreRestored(position.number)
            updates = read_updates(connection, position.number, limit, analyzer, model)
            return position_at(connection, updates.through), updates

    def unread_before(self, position: LogPosition, limit: int) -> tuple[Update, ...]:
        """Read the newest articles, up to a log position, whose text was never analyzed."""
        with self.engine.begin() as connection:
            return read_unread(connection, position.number, limit)

    def updates_of(self, ids: Sequence[str], *, analyzer: str, model: str) -> tuple[Update, ...]:
        """Read the present state of some articles; see `updates_after`."""
        with self.engine.begin() as connection:
            return read_named(connection, ids, analyzer, model)

    def entries_since(self, position: LogPosition, epoch: str) -> int:
        """Count the log entries about articles after a position.

        If the position is not in this store's log, all entries about articles are counted.
        """
        tables = (schema.policies, schema.overrides, schema.publications)
        with self.engine.begin() as connection:
            begin = position.number if has_position(connection, position, epoch) else 0
            counts = (sa.select(sa.func.count()).where(t.c.change > begin) for t in tables)
            others = sum(connection.scalar(count) or 0 for count in counts)
            return state_of(connection).change - begin - others

    def has_position(self, position: LogPosition, epoch: str) -> bool:
        """Whether a position is in this store's log."""
        with self.engine.begin() as connection:
            return has_position(connection, position, epoch)

    def deleted_since(self, change: int) -> frozenset[str]:
        """Find the articles that were deleted after a change, also if they were written anew.

        The log must reach back to it.
        """
        table = schema.changes
        query = sa.select(table.c.article_id).where(
            table.c.number > change, table.c.kind == "delete"
        )
        with self.engine.begin() as connection:
            return frozenset(connection.scalars(query))

    def backlog(self, built_at: LogPosition, epoch: str) -> Backlog:
        """Count the work that is not done yet. It reads indexes only, so every scrape may ask.

        Args:
            built_at: the position at which the live snapshot was built; `LOG_START` without one.
            epoch: the epoch of the store from which it was built.
        """
        queue, receivers = self.queue.length(), self.webhooks.lags()
        touched = schema.articles.c.touched
        with self.engine.begin() as connection:
            number = built_at.number if has_position(connection, built_at, epoch) else 0
            drift = connection.scalar(sa.select(sa.func.count()).where(touched > number)) or 0
            return Backlog(queue, drift, state_of(connection).change, receivers)

    def time_after(self, change: int) -> datetime | None:
        """When the first change after another was made; None if there is none.

        Of changes that the log has no more, the oldest that it has counts.
        """
        with self.engine.begin() as connection:
            return time_after(connection, change)

    def trim(self, before: int) -> int:
        """Remove the log entries before a change, but never the newest; return how many."""
        with self._writer.begin() as connection:
            return trim_log(connection, before)

    def empty_write_ahead_log(self) -> None:
        """Let SQLite give back what it has logged; PostgreSQL sees to that itself."""
        if self.engine.dialect.name == "sqlite":
            empty_write_ahead_log(self.engine)

    def find_damage(self) -> tuple[str, ...]:
        """Let SQLite check its file; return what is wrong, or nothing. It skips PostgreSQL."""
        if self.engine.dialect.name != "sqlite":
            return ()
        try:
            with self.engine.begin() as connection:
                lines = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        except StoreUnusable as fault:  # too damaged to be checked
            return (str(fault),)
        return tuple(line for line in lines if line != "ok")

    @contextmanager
    def scan(self) -> Iterator[StoreScan]:
        """Read the whole store as it is at one moment; later writes are not seen."""
        with self.engine.begin() as connection:
            yield StoreScan.begin(connection)
