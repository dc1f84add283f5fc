"""What one write does to the tables, inside a transaction that has its turn."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa

from recommender.articles import Article, article_of, parse_article
from recommender.errors import DeletedArticle, StaleVersion, UnknownArticle
from recommender.store import schema
from recommender.strict_json import JsonObject

__all__ = [
    "Receipt",
    "Row",
    "delete_article",
    "find_row",
    "get_stored",
    "log_change",
    "patch_article",
    "put_article",
]

Result = Literal["created", "updated", "unchanged", "deleted"]
Kind = Literal["upsert", "delete", "read", "policy", "choice"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write did, and the number of the change that holds the article's present state."""

    id: str
    result: Result
    change: int


@dataclass(frozen=True, slots=True)
class Row:
    """What a write must know of the article that is there."""

    change: int
    version: int | None
    deleted: bool
    read_hash: str | None
    document: str | None


def find_row(connection: sa.Connection, article_id: str) -> Row | None:
    """The article's row; None if it was never stored."""
    if "\x00" in article_id:
        return None  # PostgreSQL refuses to be asked for it
    columns = schema.articles.c
    query = sa.select(
        columns.change, columns.version, columns.deleted, columns.read_hash, columns.document
    )
    row = connection.execute(query.where(columns.id == article_id)).first()
    return None if row is None else Row(*row)


def get_stored(connection: sa.Connection, article_id: str) -> Article:
    """The article as given.

    Raises:
        UnknownArticle: it was never stored.
        DeletedArticle: it was deleted.
    """
    row = find_row(connection, article_id)
    if row is None:
        raise UnknownArticle(article_id)
    if row.document is None:
        raise DeletedArticle(article_id)
    return parse_article(row.document)


def put_article(connection: sa.Connection, article: Article, *, bulk: bool) -> Receipt:
    """Store an article; where its text is not the one read last, it waits to be read.

    Raises:
        StaleVersion: a newer version is stored; nothing was written.
    """
    row = find_row(connection, article.id)
    document = article.to_json()
    if row is not None:
        _refuse_stale(article, row)
        if row.document == document:
            return Receipt(article.id, "unchanged", row.change)
    change = log_change(connection, article.id, "upsert")
    values = _values(article, document, row) | {"change": change, "touched": change}
    table = schema.articles
    if row is None:
        connection.execute(sa.insert(table).values(id=article.id, **values))
    else:
        connection.execute(sa.update(table).where(table.c.id == article.id).values(**values))
    read = row is not None and row.read_hash == values["text_hash"]
    _wait(connection, article.id, None if read else change, bulk=bulk)
    return Receipt(article.id, "created" if row is None or row.deleted else "updated", change)


def patch_article(connection: sa.Connection, article_id: str, patch: JsonObject) -> Receipt:
    """Change the fields that a merge patch (RFC 7396) names; those it makes null are removed.

    Raises:
        UnknownArticle, DeletedArticle: there is nothing to change.
        InvalidArticle: it would break the contract.
        StaleVersion: a newer version is stored; nothing was written.
    """
    # An article is flat: an object in a patch stands in for no field and is refused with it.
    merged = get_stored(connection, article_id).to_document() | patch
    kept = {name: value for name, value in merged.items() if value is not None}
    return put_article(connection, article_of(kept, article_id=article_id), bulk=False)


def delete_article(connection: sa.Connection, article_id: str) -> Receipt:
    """Delete an article; its id and numbers stay. Doing so twice is fine.

    Raises:
        UnknownArticle: it was never stored.
    """
    row = find_row(connection, article_id)
    if row is None:
        raise UnknownArticle(article_id)
    if row.deleted:
        return Receipt(article_id, "unchanged", row.change)
    change = log_change(connection, article_id, "delete")
    gone = dict.fromkeys(("document", "outline", "text_hash", "read_hash"))
    table = schema.articles
    connection.execute(
        sa.update(table)
        .where(table.c.id == article_id)
        .values(change=change, touched=change, deleted=True, **gone)
    )
    _wait(connection, article_id, None, bulk=False)
    return Receipt(article_id, "deleted", change)


def log_change(connection: sa.Connection, article_id: str, kind: Kind) -> int:
    """Append to the change log, which numbers in order: writers are one at a time."""
    entry = sa.insert(schema.changes).values(
        article_id=article_id, kind=kind, at=datetime.now(tz=UTC)
    )
    number = connection.execute(entry).inserted_primary_key[0]  # type: ignore[index]
    return int(number)


def _values(article: Article, document: str, row: Row | None) -> dict[str, object]:
    # A caller that tells no version does not make an older one acceptable again.
    keep = article.version is None and row is not None
    return {
        "version": row.version if keep and row is not None else article.version,
        "deleted": False,
        "text_hash": article.text_hash,
        "outline": article.to_outline(),
        "document": document,
    }


def _refuse_stale(article: Article, row: Row) -> None:
    if row.version is not None and article.version is not None and article.version < row.version:
        raise StaleVersion(article.id, article.version, row.version)


def _wait(connection: sa.Connection, article_id: str, change: int | None, *, bulk: bool) -> None:
    """Queue a text for reading, with all its attempts before it; or take it off with None."""
    table = schema.pending
    before = connection.execute(
        sa.delete(table).where(table.c.article_id == article_id).returning(table.c.bulk)
    ).first()
    if change is not None:
        # Whoever waits for a single write goes on waiting when a bulk load brings it again.
        late = bulk and (before is None or bool(before.bulk))
        connection.execute(
            sa.insert(table).values(article_id=article_id, change=change, bulk=late, attempts=0)
        )
