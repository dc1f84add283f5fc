"""How far the last write of an article has come, as the store knows it."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from recommender.articles import Article, parse_outline
from recommender.errors import DeletedArticle, UnknownArticle
from recommender.store import schema
from recommender.store.article_rows import find_row
from recommender.store.text_queue import ATTEMPTS

__all__ = ["WriteProgress", "read_progress"]


@dataclass(frozen=True, slots=True)
class WriteProgress:
    """How far the last write of an article has come.

    Attributes:
        outline: the article without its texts.
        change: number of the write.
        written_at: its time; None if the change log does not reach back so far.
        read_change: number of the log entry that its text was read; None if it was not read yet, or
            had been read before the write.
        read_at: the time of that entry; None as for `written_at`.
        is_queued: whether its text waits to be read, or failed too often.
        attempts: how often to read it has failed.
        fault: why it failed the last time.
        waiting: how many texts wait in the queue, failed ones not counted.
    """

    outline: Article
    change: int
    written_at: datetime | None
    read_change: int | None
    read_at: datetime | None
    is_queued: bool
    attempts: int
    fault: str | None
    waiting: int

    @property
    def is_parked(self) -> bool:
        """Whether its text failed too often and is not tried again by itself."""
        return self.is_queued and self.attempts >= ATTEMPTS

    @property
    def newest_change(self) -> int:
        """Whoever shows the change log up to here shows all of this article."""
        return self.read_change or self.change


def read_progress(connection: sa.Connection, article_id: str) -> WriteProgress:
    """Read how far the last write of an article has come.

    Raises:
        UnknownArticle: it was never stored.
        DeletedArticle: it was deleted.
    """
    row = find_row(connection, article_id)
    if row is None:
        raise UnknownArticle(article_id)
    if row.deleted:
        raise DeletedArticle(article_id, was_public=bool(row.was_public))
    articles, queue = schema.articles, schema.queue
    wrote, read = schema.changes.alias(), schema.changes.alias()
    query = (
        sa.select(
            *(articles.c.outline, articles.c.change, articles.c.touched),
            wrote.c.at.label("written_at"),
            read.c.at.label("read_at"),
            *(queue.c.article_id.label("queued"), queue.c.attempts, queue.c.fault),
        )
        .join(wrote, wrote.c.number == articles.c.change, isouter=True)
        .join(read, read.c.number == articles.c.touched, isouter=True)
        .join(queue, queue.c.article_id == articles.c.id, isouter=True)
        .where(articles.c.id == article_id)
    )
    found = connection.execute(query).one()
    was_read = found.touched > found.change
    waiting = sa.select(sa.func.count()).select_from(queue).where(queue.c.attempts < ATTEMPTS)
    return WriteProgress(
        outline=parse_outline(found.outline),
        change=found.change,
        written_at=found.written_at,
        read_change=found.touched if was_read else None,
        read_at=found.read_at if was_read else None,
        is_queued=found.queued is not None,
        attempts=found.attempts or 0,
        fault=found.fault,
        waiting=connection.scalar(waiting) or 0,
    )
