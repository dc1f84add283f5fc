"""Helpers for tests of a store: articles to write, and reading the log back."""

import json
from dataclasses import dataclass

import sqlalchemy as sa

from recommender.analysis.features import AnalyzerVersions
from recommender.articles import Article, parse_article
from recommender.store import ArticleStore, schema

__all__ = ["VERSIONS", "LogEntry", "articles_of", "ids_of", "log_of", "make_article"]

VERSIONS = AnalyzerVersions("markup", "words", "model")


def make_article(article_id: str = "a", **fields: object) -> Article:
    return parse_article(json.dumps({"id": article_id, "title": "T"} | fields))


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the change log: see `schema.changes`."""

    number: int
    article_id: str
    kind: str


def log_of(store: ArticleStore, after: int = 0) -> list[LogEntry]:
    """The entries of the change log after a number, the oldest first."""
    table = schema.changes
    query = sa.select(table.c.number, table.c.article_id, table.c.kind)
    with store.engine.begin() as connection:
        rows = connection.execute(query.where(table.c.number > after).order_by(table.c.number))
        return [LogEntry(*row) for row in rows]


def articles_of(store: ArticleStore) -> list[Article]:
    """All that are not deleted, by ascending id."""
    with store.scan() as view:
        return [stored.article for stored in view]


def ids_of(store: ArticleStore) -> list[str]:
    return [article.id for article in articles_of(store)]
