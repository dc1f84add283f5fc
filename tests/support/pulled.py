"""The results of a pull, kind by kind."""

import json
from collections.abc import Iterable, Sequence

from recommender.articles import Article
from recommender.errors import InvalidArticle
from recommender.sources import CheckpointJson, Gone, LeftOut, Mark, Pulled, Record

__all__ = [
    "articles",
    "gone_ids",
    "ids",
    "last_cursor",
    "left_out",
    "only_article",
    "records",
    "refusals",
]


def records(pulled: Iterable[Pulled]) -> list[Record]:
    return [one for one in pulled if isinstance(one, Record)]


def articles(pulled: Iterable[Pulled]) -> list[Article]:
    contents = [one.content for one in records(pulled)]
    return [content for content in contents if isinstance(content, Article)]


def ids(pulled: Iterable[Pulled]) -> list[str]:
    """Of the articles."""
    return [article.id for article in articles(pulled)]


def only_article(pulled: Iterable[Pulled]) -> Article:
    """The article of the only record."""
    (record,) = records(pulled)
    assert isinstance(record.content, Article), record.content
    return record.content


def refusals(pulled: Iterable[Pulled]) -> list[str]:
    """Place and reason of each bad record."""
    return [
        f"{one.place}: {one.content}"
        for one in records(pulled)
        if isinstance(one.content, InvalidArticle)
    ]


def gone_ids(pulled: Iterable[Pulled]) -> list[str]:
    return [one.content.id for one in records(pulled) if isinstance(one.content, Gone)]


def left_out(pulled: Iterable[Pulled]) -> list[str]:
    """Why each part that is no article is left out."""
    return [one.reason for one in pulled if isinstance(one, LeftOut)]


def last_cursor(pulled: Sequence[Pulled]) -> CheckpointJson | None:
    """The last mark's, as the store gives it back, which keeps plain JSON; None without marks."""
    marks = [one for one in pulled if isinstance(one, Mark)]
    if not marks:
        return None
    cursor: CheckpointJson = json.loads(json.dumps(marks[-1].checkpoint, allow_nan=False))
    assert cursor == marks[-1].checkpoint
    return cursor
