"""Articles in the database: single reads and writes, inside a transaction of the caller."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal

import sqlalchemy as sa

from recommender.articles import Article, article_of, parse_article, parse_outline
from recommender.errors import DeletedArticle, StaleVersion, UnknownArticle
from recommender.ranking.filters import is_visible
from recommender.store import schema
from recommender.store.change_log import log_change
from recommender.store.text_queue import dequeue, enqueue, hurry
from recommender.strict_json import JsonObject

__all__ = [
    "ArticleRow",
    "DeleteRequest",
    "Receipt",
    "StoredArticle",
    "StoredPage",
    "WriteRefusal",
    "delete_article",
    "find_row",
    "get_article",
    "get_articles",
    "get_outlines",
    "patch_article",
    "put_article",
    "read_ids",
    "read_page",
    "write_or_refuse",
]

DOCUMENTS_AT_ONCE: Final = 5  # documents may have millions of characters each
_AFTER_ALL: Final = "\x7f"  # follows every character of an id
WriteRefusal = StaleVersion | UnknownArticle


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of a write, and the change number of the article's present state."""

    id: str
    result: Literal["created", "updated", "unchanged", "deleted"]
    change: int


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """A request to delete an article, among other writes."""

    id: str


@dataclass(frozen=True, slots=True)
class StoredArticle:
    """An article as it was given.

    Attributes:
        article: the article.
        text_hash: hash of its present text.
        read_hash: hash of the text that was analyzed last; None if none was.
        change: number of its last write.
    """

    article: Article
    text_hash: str
    read_hash: str | None
    change: int


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Articles by ascending id, and whether more follow."""

    articles: tuple[Article, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """The columns of a stored article that a write looks at."""

    change: int
    version: int | None
    deleted: bool
    was_public: bool | None
    read_hash: str | None
    document: str | None


def find_row(connection: sa.Connection, article_id: str) -> ArticleRow | None:
    """Find the row of an article; None if it was never stored."""
    if "\x00" in article_id:
        return None  # PostgreSQL refuses such a text
    columns = schema.articles.c
    query = sa.select(*(columns[field.name] for field in fields(ArticleRow)))
    row = connection.execute(query.where(columns.id == article_id)).first()
    return None if row is None else ArticleRow(*row)


def get_article(connection: sa.Connection, article_id: str) -> Article:
    """Read an article as it was given.

    Raises:
        UnknownArticle: it was never stored.
        DeletedArticle: it was deleted.
    """
    row = find_row(connection, article_id)
    if row is None:
        raise UnknownArticle(article_id)
    if row.document is None:
        raise DeletedArticle(article_id, was_public=bool(row.was_public))
    return parse_article(row.document)


def get_articles(connection: sa.Connection, ids: Sequence[str]) -> dict[str, StoredArticle]:
    """Read several articles, by id; unknown and deleted ones are left out."""
    table = schema.articles
    columns = (table.c.id, table.c.document, table.c.text_hash, table.c.read_hash)
    query = sa.select(*columns, table.c.change).where(table.c.deleted.is_(False))
    return {
        article_id: StoredArticle(parse_article(document), text_hash, read_hash, change)
        for at in range(0, len(ids), schema.ROWS_PER_STATEMENT)
        for article_id, document, text_hash, read_hash, change in connection.execute(
            query.where(table.c.id.in_(ids[at : at + schema.ROWS_PER_STATEMENT]))
        )
    }


def get_outlines(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Article]:
    """Read several articles without their texts, by id; unknown and deleted ones are left out."""
    table = schema.articles
    query = sa.select(table.c.id, table.c.outline).where(table.c.deleted.is_(False))
    return {
        article_id: parse_outline(outline)
        for at in range(0, len(ids), schema.ROWS_PER_STATEMENT)
        for article_id, outline in connection.execute(
            query.where(table.c.id.in_(ids[at : at + schema.ROWS_PER_STATEMENT]))
        )
    }


def read_page(
    connection: sa.Connection, after: str, limit: int, most_characters: int
) -> StoredPage:
    """Read the articles whose ids follow `after` in byte order.

    Args:
        connection: a transaction.
        after: an id; the empty string comes before all.
        limit: how many articles at most.
        most_characters: the page ends before its documents have more characters than this, but it
            always has one article.
    """
    table = schema.articles
    query = (
        sa.select(table.c.document)
        .where(table.c.deleted.is_(False), table.c.id > after)
        .order_by(table.c.id)
        .limit(limit + 1)
        .execution_options(yield_per=DOCUMENTS_AT_ONCE)
    )
    articles, length = list[Article](), 0
    with connection.execute(query) as rows:
        for (document,) in rows:
            length += len(document)
            if len(articles) == limit or (articles and length > most_characters):
                return StoredPage(tuple(articles), more=True)
            articles.append(parse_article(document))
    return StoredPage(tuple(articles), more=False)


def read_ids(connection: sa.Connection, prefix: str, after: str, limit: int) -> list[str]:
    """Read the ids of stored articles that begin with a prefix and follow `after`, in byte order.

    Args:
        connection: a transaction.
        prefix: empty for all ids.
        after: an id; the empty string comes before all.
        limit: how many ids at most.
    """
    ids = schema.articles.c.id
    query = sa.select(ids).where(schema.articles.c.deleted.is_(False), ids > after)
    if prefix:
        query = query.where(ids >= prefix, ids < prefix + _AFTER_ALL)
    return list(connection.scalars(query.order_by(ids).limit(limit)))


def put_article(
    connection: sa.Connection, article: Article, *, bulk: bool, awaited: bool = False
) -> Receipt:
    """Store an article, and queue its text if that is not the text analyzed last.

    Args:
        connection: a transaction.
        article: the article.
        bulk: whether it is one of a bulk load; single writes are analyzed first.
        awaited: whether the caller waits until it is visible; of single writes, those come first.

    Raises:
        StaleVersion: a newer version is stored; nothing was written.
    """
    row = find_row(connection, article.id)
    document = article.to_json()
    if row is not None:
        _refuse_stale(article, row)
        if row.document == document:
            if awaited:
                hurry(connection, article.id)
            return Receipt(article.id, "unchanged", row.change)
    change = log_change(connection, article.id, "upsert")
    values = _values(article, document, row) | {"change": change, "touched": change}
    table = schema.articles
    if row is None:
        connection.execute(sa.insert(table).values(id=article.id, **values))
    else:
        connection.execute(sa.update(table).where(table.c.id == article.id).values(**values))
    if row is not None and row.read_hash == values["text_hash"]:
        dequeue(connection, article.id)
    else:
        enqueue(connection, article.id, change, bulk=bulk, awaited=awaited)
    return Receipt(article.id, "created" if row is None or row.deleted else "updated", change)


def patch_article(
    connection: sa.Connection, article_id: str, patch: JsonObject, *, awaited: bool
) -> Receipt:
    """Apply a merge patch (RFC 7396) to an article; a field with the value null is removed.

    Another picture without other sizes removes those of the picture before.

    Raises:
        UnknownArticle, DeletedArticle: there is nothing to change.
        InvalidArticle: the result would break the contract.
        StaleVersion: a newer version is stored; nothing was written.
    """
    before = get_article(connection, article_id).to_document()
    merged = _merge(before, patch)
    if "image_srcset" not in patch and merged.get("image_url") != before.get("image_url"):
        merged.pop("image_srcset", None)
    article = article_of(merged, article_id=article_id)
    return put_article(connection, article, bulk=False, awaited=awaited)


def _merge(target: JsonObject, patch: JsonObject) -> JsonObject:
    """The result of a merge patch, by the algorithm of RFC 7396."""
    merged = dict(target)
    for name, value in patch.items():
        if isinstance(value, dict):
            nested = merged.get(name)
            merged[name] = _merge(nested if isinstance(nested, dict) else {}, value)
        elif value is None:
            merged.pop(name, None)
        else:
            merged[name] = value
    return merged


def delete_article(connection: sa.Connection, article_id: str) -> Receipt:
    """Delete an article but for its id and change numbers; deleting it again changes nothing.

    That it was published, if it was, is noted: then it is no secret that there was an article.

    Raises:
        UnknownArticle: it was never stored.
    """
    row = find_row(connection, article_id)
    if row is None:
        raise UnknownArticle(article_id)
    if row.document is None:
        return Receipt(article_id, "unchanged", row.change)
    was_public = _was_public(parse_article(row.document))
    change = log_change(connection, article_id, "delete")
    emptied = dict.fromkeys(schema.EMPTIED_BY_DELETION)
    table = schema.articles
    connection.execute(
        sa.update(table)
        .where(table.c.id == article_id)
        .values(change=change, touched=change, deleted=True, was_public=was_public, **emptied)
    )
    dequeue(connection, article_id)
    return Receipt(article_id, "deleted", change)


def _was_public(article: Article) -> bool:
    """Whether readers may see an article now, or could until it expired."""
    return is_visible(article.model_copy(update={"expires_at": None}), time.time())


def write_or_refuse(
    connection: sa.Connection, write: Article | DeleteRequest, *, bulk: bool
) -> Receipt | WriteRefusal:
    """Do one of several writes; a refusal is returned, so that the others go on."""
    try:
        if isinstance(write, DeleteRequest):
            return delete_article(connection, write.id)
        return put_article(connection, write, bulk=bulk)
    except (StaleVersion, UnknownArticle) as refusal:  # raised before anything was written
        return refusal


def _values(article: Article, document: str, row: ArticleRow | None) -> dict[str, object]:
    # A write without a version keeps the stored one, so that older versions stay refused.
    stored_version = None if row is None else row.version
    return {
        "version": stored_version if article.version is None else article.version,
        "deleted": False,
        "was_public": None,
        "text_hash": article.text_hash,
        "outline": article.to_outline(),
        "document": document,
    }


def _refuse_stale(article: Article, row: ArticleRow) -> None:
    if row.version is not None and article.version is not None and article.version < row.version:
        raise StaleVersion(article.id, article.version, row.version)
