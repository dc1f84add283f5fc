"""What tests of a store write into it, and how they read it back."""

import json
import sys
from collections.abc import Sequence

from recommender.analysis.features import AnalyzerVersions
from recommender.articles import Article, parse_article
from recommender.store import ArticleStore, LogEntry

__all__ = ["RECIPES", "articles_of", "ids_of", "log_of", "make_article"]

RECIPES = AnalyzerVersions("markup", "words", "model")


def make_article(article_id: str = "a", **fields: object) -> Article:
    return parse_article(json.dumps({"id": article_id, "title": "T"} | fields))


def log_of(store: ArticleStore) -> Sequence[LogEntry]:
    """Every entry of the log."""
    return store.changes_after(0, limit=sys.maxsize)


def articles_of(store: ArticleStore) -> list[Article]:
    """All that are not deleted, by ascending id."""
    with store.scan() as view:
        return [stored.article for stored in view]


def ids_of(store: ArticleStore) -> list[str]:
    return [article.id for article in articles_of(store)]
