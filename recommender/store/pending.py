"""The texts that wait to be read, in the order to read them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from recommender.articles import Article, parse_article
from recommender.store import schema
from recommender.store.features import AT_ONCE, TextTerms, keep_terms, keep_texts, keep_vectors
from recommender.store.writes import log_change

__all__ = ["ATTEMPTS", "Parked", "Pending", "PendingTexts", "Reading", "Recipes", "Waiting"]

ATTEMPTS: Final = 3
"""After so many failures an article is parked: it keeps what was read of it before, if anything."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An article whose text waits, with the hash of that text and the change that brought it.

    `attempts` says how often it could not be read.
    """

    article: Article
    text_hash: str
    change: int
    bulk: bool
    attempts: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was made of a pending text.

    Attributes:
        pending: what was read.
        body: the plain text of its markup; None where it came without markup.
        terms: what the text says of itself.
        vector: float16 [dim], a unit vector.
        passages: codes of its passages, int8 [k, dim]; None keeps none.
    """

    pending: Pending
    body: str | None
    terms: TextTerms
    vector: NDArray[np.float16]
    passages: NDArray[np.int8] | None = None


@dataclass(frozen=True, slots=True)
class Recipes:
    """Fingerprints of what cleans, analyses and embeds a text."""

    markup: str
    analyzer: str
    model: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many texts wait, by kind."""

    single: int
    bulk: int
    parked: int


@dataclass(frozen=True, slots=True)
class Parked:
    """An article that could not be read, and why."""

    id: str
    change: int
    fault: str


class PendingTexts:
    """The queue between those who write articles and the one who reads them."""

    def __init__(self, engine: sa.Engine, writer: sa.Engine) -> None:
        self._engine = engine
        self._writer = writer

    def next(self, limit: int, *, bulk: bool) -> list[Pending]:
        """The oldest that wait, of single writes or of bulk loads; parked ones do not wait."""
        table, articles = schema.pending, schema.articles
        query = (
            sa.select(
                articles.c.document,
                articles.c.text_hash,
                *(table.c.change, table.c.bulk, table.c.attempts),
            )
            .join(articles, articles.c.id == table.c.article_id)
            .where(table.c.bulk.is_(bulk), table.c.attempts < ATTEMPTS)
            .order_by(table.c.attempts, table.c.change)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            rows = connection.execute(query).all()
        return [Pending(parse_article(row[0]), *row[1:]) for row in rows]

    def settle(self, readings: Sequence[Reading], recipes: Recipes) -> list[int]:
        """Keep what was read of each article that still has that text, and log it.

        Of one that was written again or deleted meanwhile nothing is kept: it may be erased.

        Returns:
            The change numbers of the news, in order.
        """
        with self._writer.begin() as connection:
            numbers = [
                _settle(connection, p.article.id, p.change, p.text_hash)
                for p in (reading.pending for reading in readings)
            ]
            told = zip(readings, numbers, strict=True)
            _keep(connection, [reading for reading, number in told if number], recipes)
        return [number for number in numbers if number is not None]

    def fail(self, pending: Pending, fault: str) -> None:
        """Count a failure, unless the text has changed meanwhile."""
        self.fail_at(pending.article.id, pending.change, fault)

    def fail_at(self, article_id: str, change: int, fault: str) -> None:
        """Count a failure of the text that a change brought, if it still waits."""
        table = schema.pending
        with self._writer.begin() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.article_id == article_id, table.c.change == change)
                .values(attempts=table.c.attempts + 1, fault=_storable(fault))
            )

    def park(self, article_id: str, text_hash: str, fault: str) -> None:
        """Give an article up until it is written again, if it still has that text."""
        table, articles = schema.pending, schema.articles
        same = sa.select(articles.c.id).where(
            articles.c.id == article_id, articles.c.text_hash == text_hash
        )
        with self._writer.begin() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.article_id.in_(same))
                .values(attempts=ATTEMPTS, fault=_storable(fault))
            )

    def settle_known(self, analyzer: str, model: str) -> int:
        """Log as read all that waits though its terms and vector are kept; tells how many."""
        settled = 0
        while found := self._known(analyzer, model):
            with self._writer.begin() as connection:
                numbers = [_settle(connection, *row) for row in found]
            settled += sum(number is not None for number in numbers)
        return settled

    def await_again(self, model: str) -> int:
        """Let all that was read, but has no vector of a model, wait again; tells how many."""
        table, articles, vectors = schema.pending, schema.articles, schema.vectors
        embedded = sa.exists().where(
            vectors.c.text_hash == articles.c.read_hash, vectors.c.fingerprint == model
        )
        waiting = sa.exists().where(table.c.article_id == articles.c.id)
        query = sa.select(articles.c.id, articles.c.change, sa.true(), sa.literal(0)).where(
            articles.c.read_hash.is_not(None), ~embedded, ~waiting
        )
        named = ["article_id", "change", "bulk", "attempts"]
        with self._writer.begin() as connection:
            put = sa.insert(table).from_select(named, query).returning(table.c.article_id)
            return len(connection.execute(put).all())

    def _known(self, analyzer: str, model: str) -> list[tuple[str, int, str]]:
        table, articles = schema.pending, schema.articles
        terms, vectors = schema.terms, schema.vectors
        query = (
            sa.select(table.c.article_id, table.c.change, articles.c.text_hash)
            .join(articles, articles.c.id == table.c.article_id)
            .join(terms, terms.c.text_hash == articles.c.text_hash)
            .join(vectors, vectors.c.text_hash == articles.c.text_hash)
            .where(terms.c.fingerprint == analyzer, vectors.c.fingerprint == model)
            .order_by(table.c.change)
            .limit(AT_ONCE)
        )
        with self._engine.begin() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def retry(self) -> int:
        """Let all that is parked wait again, behind single writes; tells how many."""
        table = schema.pending
        parked = sa.update(table).where(table.c.attempts >= ATTEMPTS)
        with self._writer.begin() as connection:
            return connection.execute(parked.values(attempts=0, bulk=True)).rowcount

    def waiting(self) -> Waiting:
        """How many wait."""
        table = schema.pending
        parked = table.c.attempts >= ATTEMPTS
        query = sa.select(table.c.bulk, parked, sa.func.count()).group_by(table.c.bulk, parked)
        with self._engine.begin() as connection:
            counts = {(bool(b), bool(p)): n for b, p, n in connection.execute(query)}
        single, bulk = counts.get((False, False), 0), counts.get((True, False), 0)
        return Waiting(single, bulk, counts.get((False, True), 0) + counts.get((True, True), 0))

    def parked_ids(self) -> frozenset[str]:
        """The ids of all articles that could not be read."""
        table = schema.pending
        query = sa.select(table.c.article_id).where(table.c.attempts >= ATTEMPTS)
        with self._engine.begin() as connection:
            return frozenset(connection.scalars(query))

    def parked(self, limit: int = 1_000) -> list[Parked]:
        """The articles that could not be read, the oldest first."""
        table = schema.pending
        query = (
            sa.select(table.c.article_id, table.c.change, table.c.fault)
            .where(table.c.attempts >= ATTEMPTS)
            .order_by(table.c.change)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            return [Parked(*row) for row in connection.execute(query)]


def _storable(fault: str) -> str:
    """What a fault quotes of a poisonous text may be no text that a database takes."""
    return fault[:2_000].encode("utf-8", "replace").decode().replace("\0", "?")


def _keep(connection: sa.Connection, readings: Iterable[Reading], recipes: Recipes) -> None:
    by_hash = {reading.pending.text_hash: reading for reading in readings}
    keep_terms(connection, {key: r.terms for key, r in by_hash.items()}, recipes.analyzer)
    keep_vectors(
        connection,
        {key: r.vector for key, r in by_hash.items()},
        recipes.model,
        {key: r.passages for key, r in by_hash.items() if r.passages is not None},
    )
    bodies = {key: r.body for key, r in by_hash.items() if r.body is not None}
    keep_texts(connection, bodies, recipes.markup)


def _settle(connection: sa.Connection, article_id: str, change: int, text_hash: str) -> int | None:
    """Take an article off the queue; None if it was written again, or deleted, meanwhile."""
    table, articles = schema.pending, schema.articles
    taken = connection.execute(
        sa.delete(table).where(table.c.article_id == article_id, table.c.change == change)
    )
    if not taken.rowcount:
        return None
    number = log_change(connection, article_id, "read")
    connection.execute(
        sa.update(articles)
        .where(articles.c.id == article_id)
        .values(read_hash=text_hash, touched=number)
    )
    return number
