"""Takes out of the database what a deleted article left there."""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from recommender.errors import StoreUnusable
from recommender.store import schema
from recommender.store.article_store import ArticleStore
from recommender.store.database import PATIENCE_SECONDS, writing
from recommender.store.overrides import forget_overrides

__all__ = ["overwrite_free_space", "scrub"]

_REWRITTEN: Final = (
    *(schema.articles, schema.pending, schema.overrides),
    *(schema.texts, schema.vectors, schema.terms),
)


def scrub(store: ArticleStore, article_id: str) -> None:
    """Leave of a deleted article its id and numbers alone; of one that is there, everything."""
    table, pending = schema.articles, schema.pending
    gone = dict.fromkeys(("document", "outline", "text_hash", "read_hash"))
    deleted = sa.and_(table.c.id == article_id, table.c.deleted.is_(True))
    waits = pending.c.article_id.in_(sa.select(table.c.id).where(deleted))
    with writing(store.engine).begin() as connection:
        connection.execute(sa.update(table).where(deleted).values(**gone))
        connection.execute(sa.delete(pending).where(waits))
        forget_overrides(connection, article_id)


def overwrite_free_space(store: ArticleStore) -> None:
    """Write the tables anew, so that nothing of what was deleted is left between what is there.

    Writers wait meanwhile; on PostgreSQL readers too.

    Raises:
        StoreUnusable: others use the store for longer than its patience, or the disk is full.
    """
    if store.engine.dialect.name == "sqlite":
        _overwrite_sqlite(store.engine)
    else:
        _overwrite_postgresql(store.engine)


def _overwrite_sqlite(engine: sa.Engine) -> None:
    """Rewrite the file; what is written goes through the log, which has to be emptied after it."""
    raw = engine.raw_connection()
    error: Any = engine.dialect.dbapi
    try:
        driver: Any = raw.driver_connection
        driver.execute("VACUUM")
        busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except error.Error as fault:
        raise _unfinished(str(fault)) from fault
    finally:
        raw.close()
    if busy:
        raise _unfinished("others are reading from its write-ahead log")


def _overwrite_postgresql(engine: sa.Engine) -> None:
    """Rewrite the tables, and the samples of their values that the planner keeps."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # A lock that is waited for holds up everybody who comes later.
        connection.exec_driver_sql(f"SET lock_timeout = '{PATIENCE_SECONDS:.0f}s'")
        try:
            for statement in _rewriting():
                connection.exec_driver_sql(statement)
        finally:
            connection.exec_driver_sql("RESET lock_timeout")


def _rewriting() -> Iterator[str]:
    for table in _REWRITTEN:
        for column in table.c:
            if isinstance(column.type, sa.Text):
                # The same type again: ANALYZE leaves the samples of an empty table as they are,
                # and this throws them away.
                yield f"ALTER TABLE {table.name} ALTER COLUMN {column.name} TYPE text"
        yield f"VACUUM (FULL, ANALYZE) {table.name}"
    yield "VACUUM FULL pg_statistic"


def _unfinished(reason: str) -> StoreUnusable:
    return StoreUnusable(
        f"the article store's free space could not be overwritten: {reason}; run it again"
    )
