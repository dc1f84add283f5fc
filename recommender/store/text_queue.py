"""The queue of texts to analyze, and the dead letters: texts that failed too often."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from recommender.analysis.features import AnalyzerVersions, Features
from recommender.articles import Article, parse_article
from recommender.progress import Meter, silent
from recommender.store import schema
from recommender.store.change_log import EntryKind, log_change, newest_number
from recommender.store.feature_cache import store_embeddings, store_terms, store_texts

__all__ = [
    "ATTEMPTS",
    "AnalyzedText",
    "DeadLetter",
    "QueueLength",
    "QueuedText",
    "TextQueue",
    "dequeue",
    "enqueue",
    "hurry",
]

ATTEMPTS: Final = 3
"""After this many failures a text is a dead letter; features of an older text stay in use."""
MOST_REASON_CHARACTERS: Final = 2_000
REQUEUED_AT_ONCE: Final = 1_000
"""So many texts are queued again in one transaction."""
SETTLED_AT_ONCE: Final = 20_000
"""So many queued texts are looked through in one transaction when a rebuild settles the queue."""


@dataclass(frozen=True, slots=True)
class QueuedText:
    """An article whose text waits to be analyzed.

    Attributes:
        article: the article.
        text_hash: hash of the text that waits.
        change: number of the write that queued it.
        bulk: whether a bulk load wrote it; single writes are analyzed first.
        attempts: how often analyzing it failed.
    """

    article: Article
    text_hash: str
    change: int
    bulk: bool
    attempts: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class AnalyzedText:
    """The features of a queued text.

    Attributes:
        queued: the queued text.
        body: the plain text of its markup; None if the article has no markup.
        features: of its text, with the embedding.
    """

    queued: QueuedText
    body: str | None
    features: Features


@dataclass(frozen=True, slots=True)
class QueueLength:
    """How many texts wait: from single writes, from bulk loads; and how many are dead letters."""

    single: int
    bulk: int
    dead: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An article whose text could not be analyzed, and why."""

    id: str
    change: int
    fault: str


@dataclass(frozen=True, slots=True)
class QueuePart:
    """A part of the queue in the order of changes: its last change, and how many texts it has."""

    last: int
    texts: int


@dataclass(frozen=True, slots=True)
class TextQueue:
    """The queue between the writers of articles and the indexer."""

    _engine: sa.Engine
    _writer: sa.Engine

    def next(self, limit: int, *, bulk: bool, urgent: bool = False) -> list[QueuedText]:
        """Return queued texts of single writes or of bulk loads, the oldest first; no dead letters.

        Those that failed before come last. With `urgent` those come first whose writers wait until
        they are visible, and of equal ones the newest.
        """
        table, articles = schema.queue, schema.articles
        order = (table.c.awaited.desc(), table.c.change.desc()) if urgent else (table.c.change,)
        query = (
            sa.select(
                articles.c.document,
                articles.c.text_hash,
                *(table.c.change, table.c.bulk, table.c.attempts),
            )
            .join(articles, articles.c.id == table.c.article_id)
            .where(table.c.bulk.is_(bulk), table.c.attempts < ATTEMPTS)
            .order_by(table.c.attempts, *order)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            rows = connection.execute(query).all()
        return [QueuedText(parse_article(row[0]), *row[1:]) for row in rows]

    def acknowledge(
        self, analyzed: Sequence[AnalyzedText], versions: AnalyzerVersions
    ) -> list[int]:
        """Take texts off the queue, keep their features, and log each as read.

        A text whose article was written again or deleted meanwhile is left out: nothing of it is
        kept, because it may have to be erased.

        Returns:
            The change numbers of the new log entries, in order.
        """
        with self._writer.begin() as connection:
            numbers = [
                _acknowledge(connection, q.article.id, q.change, q.text_hash)
                for q in (text.queued for text in analyzed)
            ]
            current = [text for text, number in zip(analyzed, numbers, strict=True) if number]
            _keep_features(connection, current, versions)
        return [number for number in numbers if number is not None]

    def acknowledge_known(self, analyzer: str, model: str, meter: Meter = silent) -> int:
        """Log as read all queued texts whose terms and vector are stored; return how many.

        The texts are taken in the order of their changes, thousands in a transaction: the number of
        statements does not grow with the texts, and another writer waits a second at most.

        Args:
            analyzer: fingerprint of the terms.
            model: fingerprint of the vectors.
            meter: counts the queued texts.
        """
        parts = self._parts()
        if not parts:
            return 0
        acknowledged, after = 0, 0
        with meter("settling", sum(part.texts for part in parts), "article") as advance:
            for part in parts:
                known = _select_known(analyzer, model, after, part.last)
                with self._writer.begin() as connection:
                    acknowledged += _acknowledge_all(connection, known)
                advance(part.texts)
                after = part.last
        return acknowledged

    def _parts(self) -> list[QueuePart]:
        """Cut the queue, ordered by change, into parts of SETTLED_AT_ONCE texts."""
        change = schema.queue.c.change
        place = sa.func.row_number().over(order_by=change) - 1
        placed = sa.select(change, (place // SETTLED_AT_ONCE).label("part")).subquery()
        last = sa.func.max(placed.c.change)
        query = sa.select(last, sa.func.count()).group_by(placed.c.part).order_by(last)
        with self._engine.begin() as connection:
            return [QueuePart(*row) for row in connection.execute(query)]

    def count_failure(self, article_id: str, change: int, fault: str) -> None:
        """Count a failed attempt at the text that a change brought, if it still waits.

        The last attempt makes it a dead letter, which is logged.
        """
        table = schema.queue
        failed = (
            sa.update(table)
            .where(table.c.article_id == article_id, table.c.change == change)
            .values(attempts=table.c.attempts + 1, fault=_storable(fault))
        )
        with self._writer.begin() as connection:
            if connection.scalar(failed.returning(table.c.attempts)) == ATTEMPTS:
                _log_touch(connection, article_id, "parked")

    def give_up(self, article_id: str, text_hash: str, fault: str) -> None:
        """Make a queued text a dead letter, if the article still has that text; log it."""
        table, articles = schema.queue, schema.articles
        same = sa.select(articles.c.id).where(
            articles.c.id == article_id, articles.c.text_hash == text_hash
        )
        given_up = (
            sa.update(table)
            .where(table.c.article_id.in_(same), table.c.attempts < ATTEMPTS)
            .values(attempts=ATTEMPTS, fault=_storable(fault))
        )
        with self._writer.begin() as connection:
            if connection.execute(given_up).rowcount:
                _log_touch(connection, article_id, "parked")

    def requeue_unembedded(self, model: str) -> int:
        """Queue again all analyzed articles without a vector of a model; return how many.

        They are searched for while others write, and put in part by part. One that an article's
        next text made needless meanwhile is left out.
        """
        put = 0
        with self._engine.begin() as connection:
            query = _select_unembedded(model, schema.articles.c.id)
            found = connection.scalars(query.execution_options(yield_per=REQUEUED_AT_ONCE))
            for ids in found.partitions():
                put += self._requeue(model, ids)
        return put

    def _requeue(self, model: str, ids: Sequence[str]) -> int:
        """Queue again those of some articles that still have no vector of a model."""
        articles = schema.articles.c
        values = (articles.id, articles.change, sa.true(), sa.literal(0))
        some = _select_unembedded(model, *values).where(articles.id.in_(ids))
        columns = ["article_id", "change", "bulk", "attempts"]
        put = sa.insert(schema.queue).from_select(columns, some)
        with self._writer.begin() as connection:
            return len(connection.execute(put.returning(schema.queue.c.article_id)).all())

    def retry_dead_letters(self) -> int:
        """Queue all dead letters again, as a bulk load; return how many."""
        table = schema.queue
        dead = sa.update(table).where(table.c.attempts >= ATTEMPTS)
        with self._writer.begin() as connection:
            return connection.execute(dead.values(attempts=0, bulk=True)).rowcount

    def length(self) -> QueueLength:
        """Count what waits, and the dead letters."""
        table = schema.queue
        dead = table.c.attempts >= ATTEMPTS
        query = sa.select(table.c.bulk, dead, sa.func.count()).group_by(table.c.bulk, dead)
        with self._engine.begin() as connection:
            counts = {(bool(b), bool(d)): n for b, d, n in connection.execute(query)}
        single, bulk = counts.get((False, False), 0), counts.get((True, False), 0)
        return QueueLength(single, bulk, counts.get((False, True), 0) + counts.get((True, True), 0))

    def oldest_change(self) -> int | None:
        """The oldest change whose text waits to be analyzed; None if none waits."""
        table = schema.queue
        query = sa.select(sa.func.min(table.c.change)).where(table.c.attempts < ATTEMPTS)
        with self._engine.begin() as connection:
            found: int | None = connection.scalar(query)
            return found

    def dead_letter_ids(self) -> frozenset[str]:
        """Return the ids of all dead letters."""
        table = schema.queue
        query = sa.select(table.c.article_id).where(table.c.attempts >= ATTEMPTS)
        with self._engine.begin() as connection:
            return frozenset(connection.scalars(query))

    def read_faults(self, ids: Sequence[str]) -> dict[str, str]:
        """Read why texts could not be read, by id, of those of some articles that are dead letters.

        Args:
            ids: a page of them, not thousands.
        """
        table = schema.queue
        query = sa.select(table.c.article_id, table.c.fault)
        query = query.where(table.c.article_id.in_(ids), table.c.attempts >= ATTEMPTS)
        with self._engine.begin() as connection:
            return {article_id: fault or "" for article_id, fault in connection.execute(query)}

    def dead_letters(self, limit: int = 1_000) -> list[DeadLetter]:
        """Return dead letters, the oldest first."""
        table = schema.queue
        query = (
            sa.select(table.c.article_id, table.c.change, table.c.fault)
            .where(table.c.attempts >= ATTEMPTS)
            .order_by(table.c.change)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            return [DeadLetter(*row) for row in connection.execute(query)]


def enqueue(
    connection: sa.Connection, article_id: str, change: int, *, bulk: bool, awaited: bool
) -> None:
    """Queue an article's text for analysis; earlier attempts no longer count."""
    was_single = dequeue(connection, article_id) is False
    # A text of a single write keeps its priority when a bulk load brings the article again.
    values = {"change": change, "bulk": bulk and not was_single, "attempts": 0, "awaited": awaited}
    connection.execute(sa.insert(schema.queue).values(article_id=article_id, **values))


def hurry(connection: sa.Connection, article_id: str) -> None:
    """Let an article's text, if it is queued, be analyzed before what nobody waits for."""
    table = schema.queue
    queued = sa.update(table).where(table.c.article_id == article_id)
    connection.execute(queued.values(bulk=False, awaited=True))


def dequeue(connection: sa.Connection, article_id: str) -> bool | None:
    """Take an article off the queue; return whether it was a bulk write, None if not queued."""
    table = schema.queue
    removed = sa.delete(table).where(table.c.article_id == article_id).returning(table.c.bulk)
    row = connection.execute(removed).first()
    return None if row is None else bool(row.bulk)


def _storable(fault: str) -> str:
    """Shorten a reason, which may quote a text; replace characters that databases refuse."""
    cut = fault[:MOST_REASON_CHARACTERS]
    return cut.encode("utf-8", "replace").decode().replace("\0", "?")


def _keep_features(
    connection: sa.Connection, analyzed: Iterable[AnalyzedText], versions: AnalyzerVersions
) -> None:
    by_hash = {text.queued.text_hash: text for text in analyzed}
    features = {key: text.features for key, text in by_hash.items()}
    store_terms(connection, features, versions.analyzer)
    embeddings = {key: one.embedding for key, one in features.items() if one.embedding is not None}
    store_embeddings(connection, embeddings, versions.model)
    bodies = {key: t.body for key, t in by_hash.items() if t.body is not None}
    store_texts(connection, bodies, versions.markup)


def _acknowledge(
    connection: sa.Connection, article_id: str, change: int, text_hash: str
) -> int | None:
    """Log a queued text as read; None if its article was written again or deleted meanwhile."""
    table, articles = schema.queue, schema.articles
    taken = connection.execute(
        sa.delete(table).where(table.c.article_id == article_id, table.c.change == change)
    )
    if not taken.rowcount:
        return None
    read = sa.update(articles).where(articles.c.id == article_id).values(read_hash=text_hash)
    connection.execute(read)
    return _log_touch(connection, article_id, "read")


def _select_unembedded(model: str, *values: Any) -> sa.Select[Any]:  # noqa: ANN401 - of a column
    """Select of analyzed articles that do not wait those without a vector of a model."""
    table, articles, vectors = schema.queue, schema.articles, schema.vectors
    embedded = sa.exists().where(
        vectors.c.text_hash == articles.c.read_hash, vectors.c.fingerprint == model
    )
    queued = sa.exists().where(table.c.article_id == articles.c.id)
    return sa.select(*values).where(articles.c.read_hash.is_not(None), ~embedded, ~queued)


def _select_known(analyzer: str, model: str, after: int, last: int) -> sa.Select[Any]:
    """Select, of the texts that changes after one up to another queued, those with features."""
    table, articles = schema.queue, schema.articles
    terms, vectors = schema.terms, schema.vectors
    return (
        sa.select(table.c.article_id, sa.literal("read"), sa.literal(datetime.now(tz=UTC)))
        .join(articles, articles.c.id == table.c.article_id)
        .join(terms, terms.c.text_hash == articles.c.text_hash)
        .join(vectors, vectors.c.text_hash == articles.c.text_hash)
        .where(terms.c.fingerprint == analyzer, vectors.c.fingerprint == model)
        .where(table.c.change > after, table.c.change <= last)
        .order_by(table.c.change)
    )


def _acknowledge_all(connection: sa.Connection, known: sa.Select[Any]) -> int:
    """Log selected texts as read, as `_acknowledge` does with one; return how many.

    Nobody else writes meanwhile: all entries after the newest are those of this call.
    """
    log, articles, table = schema.changes, schema.articles, schema.queue
    is_new = log.c.number > newest_number(connection)
    columns = ["article_id", "kind", "at"]
    connection.execute(sa.insert(log).from_select(columns, known))
    read = {"read_hash": articles.c.text_hash, "touched": log.c.number}
    same = articles.c.id == log.c.article_id
    connection.execute(sa.update(articles).where(same, is_new).values(read))
    taken = sa.select(log.c.article_id).where(is_new)
    return connection.execute(sa.delete(table).where(table.c.article_id.in_(taken))).rowcount


def _log_touch(connection: sa.Connection, article_id: str, kind: EntryKind) -> int:
    """Log what became of an article's text; return the number of the entry."""
    number, table = log_change(connection, article_id, kind), schema.articles
    connection.execute(sa.update(table).where(table.c.id == article_id).values(touched=number))
    return number
