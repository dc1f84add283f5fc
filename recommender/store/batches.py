"""Several writes in one transaction, where one that is refused holds up no other."""

from dataclasses import dataclass

import sqlalchemy as sa

from recommender.articles import Article
from recommender.errors import StaleVersion, UnknownArticle
from recommender.store.writes import Receipt, delete_article, put_article

__all__ = ["Removal", "put_or_refuse", "write_or_refuse"]


@dataclass(frozen=True, slots=True)
class Removal:
    """The wish to delete an article."""

    id: str


def put_or_refuse(
    connection: sa.Connection, article: Article, *, bulk: bool
) -> Receipt | StaleVersion:
    """Store an article, or tell why not."""
    try:
        return put_article(connection, article, bulk=bulk)
    except StaleVersion as refusal:  # raised before anything was written
        return refusal


def write_or_refuse(
    connection: sa.Connection, write: Article | Removal, *, bulk: bool
) -> Receipt | StaleVersion | UnknownArticle:
    """Store or delete an article, or tell why not."""
    if isinstance(write, Article):
        return put_or_refuse(connection, write, bulk=bulk)
    try:
        return delete_article(connection, write.id)
    except UnknownArticle as refusal:
        return refusal
