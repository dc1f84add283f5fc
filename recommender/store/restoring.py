"""Puts a copy of the store back in its place, safely while others have it open.

The restored store gets an epoch of its own: that is noticed as another store, and nobody takes what
happened since the backup for part of it.
"""

import glob
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from recommender.errors import StoreUnusable
from recommender.progress import Meter, silent
from recommender.store.backup import PAGES, rename, told
from recommender.store.database import PATIENCE_SECONDS, open_engine
from recommender.store.sqlite import create_sqlite

__all__ = ["restore"]

RETRY_SECONDS: Final = 0.002
DONE: Final = 101  # SQLITE_DONE
OWN_TABLES: Final = {"store_facts", "articles", "changes", "alembic_version"}


def restore(
    url: str, path: Path, meter: Meter = silent, patience_seconds: float = PATIENCE_SECONDS
) -> int:
    """Put a copy in the place of a store that others may have open; tells how many articles it has.

    They see what was there or what is put there, each whole, and with it a new epoch. The copy is
    only read; one of an earlier schema is brought to this version. The folder of the store needs
    room for the copy twice meanwhile. Cut off by a kill, what that left is removed the next time.

    Args:
        url: the store's SQLAlchemy address; a file that is missing is made.
        path: the copy.
        meter: is told of the pages that were read.
        patience_seconds: how long to wait for others who write.

    Raises:
        StoreUnusable: the copy is not to be restored, or the store is not SQLite's, cannot be
            opened or is busy for too long; it is as it was.
        OSError: the disk refuses; the store is as it was.
    """
    target = _file_at(url)
    if path.exists() and target.exists() and path.samefile(target):
        raise StoreUnusable(f"{path} is the article store itself; name a copy of it")
    engine = create_sqlite(sa.make_url(url), patience_seconds)
    driver = engine.dialect.dbapi
    try:
        with _taken(driver, path, target, meter) as copy, _held(engine, target) as store:
            with _refusing(driver, "the copy cannot be put in the article store's place"):
                _replace(store, copy, patience_seconds)
            with _refusing(driver, "the copy is in the article store's place, but"):
                return _look_through(store, patience_seconds)
    finally:
        engine.dispose()


def _file_at(url: str) -> Path:
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreUnusable("the address of the article store is malformed") from error
    if address.get_backend_name() != "sqlite":
        raise StoreUnusable(
            "a copy takes the place of an SQLite store only; for PostgreSQL use the database's own "
            "tools, or `read-also export` over the copy and `read-also import` over the database"
        )
    return Path(address.database or "")


@contextmanager
def _taken(driver: Any, path: Path, target: Path, meter: Meter) -> Iterator[Any]:  # noqa: ANN401
    """A connection to an own copy of the copy: sound, of this schema, under a new epoch.

    The epoch has to come with the articles: named anew in the store, they would be seen without it.
    """
    _sweep(target)
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.restoring")
    address = sa.URL.create("sqlite", database=str(aside)).render_as_string()
    with ExitStack() as stack:
        stack.callback(_sweep, target)
        with _refusing(driver, f"{path} is not restored, and the store is as it was"):
            copy = stack.enter_context(closing(driver.connect(str(aside), isolation_level=None)))
            _take(driver, path, copy, meter)
            open_engine(address).dispose()  # migrates it
            rename(copy)
        yield copy


def _sweep(target: Path) -> None:
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.restoring*"):
        left.unlink(missing_ok=True)


@contextmanager
def _refusing(driver: Any, what: str) -> Iterator[None]:  # noqa: ANN401 - a module
    try:
        yield
    except (StoreUnusable, driver.Error, sa.exc.SQLAlchemyError) as fault:
        reason = getattr(fault, "orig", None) or fault  # without the statement
        raise StoreUnusable(f"{what}: {reason}") from fault


def _take(driver: Any, path: Path, copy: Any, meter: Meter) -> None:  # noqa: ANN401 - DBAPI's
    """Copy the pages of a file that is only read, after a look at what it is."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(driver.connect(address, uri=True, isolation_level=None)) as source:
        source.execute("BEGIN")
        if not _tables(source) >= OWN_TABLES:
            raise StoreUnusable("it is no copy of an article store")
        pages = source.execute("PRAGMA page_count").fetchone()[0]
        with meter("reading", pages, "page") as advance:
            source.backup(copy, pages=PAGES, progress=told(advance))


def _tables(connection: Any) -> set[str]:  # noqa: ANN401 - a DBAPI connection
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}


@contextmanager
def _held(engine: sa.Engine, target: Path) -> Iterator[Any]:
    """The store's own connection, bare; what is in the store may be damaged, or of any schema."""
    advice = f"stop what uses it, move {target} away with its -wal and -shm, and restore again"
    with ExitStack() as stack:
        with _refusing(engine.dialect.dbapi, f"the article store cannot be opened; {advice}"):
            connection = stack.enter_context(engine.connect())
            raw: Any = connection.connection.driver_connection
            tables = _tables(raw)
        if tables and not tables >= OWN_TABLES:
            raise StoreUnusable(f"{target} is another program's database, and stays as it is")
        yield raw


def _replace(store: Any, copy: Any, patience_seconds: float) -> None:  # noqa: ANN401 - DBAPI's
    """Write every page in one transaction of the store, by SQLite's own backup.

    All pages are one step: SQLite takes the write lock, writes, and commits before it returns.
    Readers of a write-ahead log go on at their moment; a kill leaves a log without its commit.
    """
    size = store.execute("PRAGMA page_size").fetchone()[0]
    if copy.execute("PRAGMA page_size").fetchone()[0] != size:
        copy.execute(f"PRAGMA page_size={size}")  # a write-ahead log keeps its own
        copy.execute("VACUUM")
    until = time.monotonic() + patience_seconds

    def tell(status: int, _remaining: int, _total: int) -> None:
        if status != DONE and time.monotonic() >= until:
            raise StoreUnusable("others write to the article store; it is as it was, try again")

    store.execute("PRAGMA busy_timeout=0")  # or SQLite waits, and more and more seldom asks
    copy.backup(store, pages=-1, progress=tell, sleep=RETRY_SECONDS)


def _look_through(store: Any, patience_seconds: float) -> int:  # noqa: ANN401 - a DBAPI connection
    """Tell how many articles the store has, if it is whole."""
    # The log is now as long as the store; where others read from it, a later write empties it.
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.execute(f"PRAGMA busy_timeout={round(patience_seconds * 1000)}")
    said = store.execute("PRAGMA integrity_check").fetchall()
    if said != [("ok",)]:
        raise StoreUnusable(f"it is damaged: {said[0][0]}")
    count: int = store.execute("SELECT count(*) FROM articles WHERE NOT deleted").fetchone()[0]
    return count
