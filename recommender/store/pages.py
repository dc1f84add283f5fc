"""The articles of the store, some at a time."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from recommender.articles import Article, parse_article
from recommender.store import schema

__all__ = ["Page", "read_page"]

AT_ONCE: Final = 5  # documents of up to millions of letters each


@dataclass(frozen=True, slots=True)
class Page:
    """Articles by ascending id, and whether more follow."""

    articles: tuple[Article, ...]
    more: bool


def read_page(connection: sa.Connection, after: str, limit: int, most_letters: int) -> Page:
    """The articles after an id (byte order) that are not deleted.

    Args:
        connection: a transaction.
        after: the id; an empty one is before all.
        limit: how many at most.
        most_letters: at which length of all documents together the page ends, but for its first.
    """
    table = schema.articles
    query = (
        sa.select(table.c.document)
        .where(table.c.deleted.is_(False), table.c.id > after)
        .order_by(table.c.id)
        .limit(limit + 1)
        .execution_options(yield_per=AT_ONCE)
    )
    articles, length = list[Article](), 0
    with connection.execute(query) as rows:
        for (document,) in rows:
            length += len(document)
            if len(articles) == limit or (articles and length > most_letters):
                return Page(tuple(articles), more=True)
            articles.append(parse_article(document))
    return Page(tuple(articles), more=False)
