"""Removes from the database what a deleted article left there."""

from contextlib import closing
from typing import Any, Final

import sqlalchemy as sa

from recommender.errors import StoreUnusable
from recommender.store import schema
from recommender.store.article_store import ArticleStore
from recommender.store.audit_log import forget_subject, log_action
from recommender.store.database import PATIENCE_SECONDS, writing
from recommender.store.feature_cache import FEATURE_TABLES
from recommender.store.override_versions import forget_overrides

__all__ = ["overwrite_free_space", "scrub"]

REWRITTEN: Final = (
    schema.articles,
    schema.queue,
    schema.overrides,
    schema.audit_log,
    *FEATURE_TABLES,
)


def scrub(store: ArticleStore, article_id: str) -> None:
    """Remove all of a deleted article but its id and change numbers.

    An article that is not deleted stays as it is.
    """
    table, queue = schema.articles, schema.queue
    emptied = dict.fromkeys(schema.EMPTIED_BY_DELETION)
    deleted = sa.and_(table.c.id == article_id, table.c.deleted.is_(True))
    queued = queue.c.article_id.in_(sa.select(table.c.id).where(deleted))
    with writing(store.engine).begin() as connection:
        connection.execute(sa.update(table).where(deleted).values(**emptied))
        connection.execute(sa.delete(queue).where(queued))
        forget_overrides(connection, article_id)
        if connection.scalar(sa.select(table.c.id).where(deleted)) is not None:
            forget_subject(connection, article_id)
            log_action(connection, "article.erase", article_id)


def overwrite_free_space(store: ArticleStore) -> None:
    """Rewrite the tables, so that their free space holds nothing of what was deleted.

    Writers wait meanwhile; on PostgreSQL readers wait too.

    Raises:
        StoreUnusable: others use the store for longer than its patience, or the disk is full.
    """
    if store.engine.dialect.name == "sqlite":
        _overwrite_sqlite(store.engine)
    else:
        _overwrite_postgresql(store.engine)


def _overwrite_sqlite(engine: sa.Engine) -> None:
    """Rewrite the file, then empty its write-ahead log, which has a copy of what was rewritten."""
    error: Any = engine.dialect.dbapi
    with closing(engine.raw_connection()) as raw:
        driver: Any = raw.driver_connection
        try:
            driver.execute("VACUUM")
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except error.Error as fault:
            raise _not_overwritten(str(fault)) from fault
    if busy:
        raise _not_overwritten("others are reading from its write-ahead log")


def _overwrite_postgresql(engine: sa.Engine) -> None:
    """Rewrite the tables. The server's own statistics may keep samples of values."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # While this waits for a lock, other queries wait behind it. So it does not wait long.
        connection.exec_driver_sql(f"SET lock_timeout = '{PATIENCE_SECONDS:.0f}s'")
        try:
            for table in REWRITTEN:
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table.name}")
        finally:
            connection.exec_driver_sql("RESET lock_timeout")


def _not_overwritten(reason: str) -> StoreUnusable:
    return StoreUnusable(
        f"the free space of the article store could not be overwritten: {reason}; run it again"
    )
