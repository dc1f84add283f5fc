"""A consistent copy of the store, made while others write: one SQLite file, opened as any store.

The copy gets an epoch of its own, and again when it is put back in the store's place: that is
noticed as another store, and nobody takes what happened since the backup for part of it.
"""

import glob
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from index.disk import sync_folder
from recommender.errors import StoreUnusable
from recommender.progress import Advance, Meter, silent
from recommender.store import schema
from recommender.store.articles import ArticleStore
from recommender.store.database import PATIENCE_SECONDS, open_engine, writing
from recommender.store.sqlite import create_sqlite

__all__ = ["back_up", "restore"]

PAGES: Final = 1_024  # copied in one step, 4 MB
ROWS: Final = 500
BESIDE: Final = ("", "-wal", "-shm", "-journal")
RETRY_SECONDS: Final = 0.002
DONE: Final = 101  # SQLITE_DONE
OWN_TABLES: Final = {"store_facts", "articles", "changes", "alembic_version"}


def back_up(store: ArticleStore, path: Path, meter: Meter = silent) -> None:
    """Copy the store, as it is at one moment, to a file that is whole or not there at all.

    On SQLite with a write-ahead log, as on PostgreSQL, nobody waits for it.

    Raises:
        FileExistsError: there is such a file already; it stays.
        StoreUnusable: the store cannot be read, or the copy is damaged.
        OSError: the disk refuses.
    """
    with _placed(path) as aside:
        pages = store.engine.dialect.name == "sqlite"
        driver = (_copy_pages if pages else _copy_rows)(store.engine, aside, meter)
        _settle(aside, driver)


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


@contextmanager
def _placed(path: Path) -> Iterator[Path]:
    """A name beside the path; what was written there is renamed to the path at the end."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder; make it first")
    _refuse_existing(path)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        _refuse_existing(path)
        aside.rename(path)
    except BaseException:
        for ending in BESIDE:
            aside.with_name(aside.name + ending).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(f"{path} is there already; name another file, or move that one away")


def _copy_pages(engine: sa.Engine, aside: Path, meter: Meter) -> Any:  # noqa: ANN401 - a module
    """Copy by SQLite's own backup, from one read transaction; tells the driver.

    The transaction keeps the moment: without it every write in between would begin the copy anew.
    """
    driver: Any = engine.dialect.dbapi
    with engine.begin() as connection, _opened(driver, aside) as target:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.execute(sa.select(schema.store_facts)).all()  # from here on it is that moment
        raw: Any = connection.connection.driver_connection
        with meter("copying", pages, "page") as advance:
            raw.backup(target, pages=PAGES, progress=_told(advance))
    return driver


def _told(advance: Advance) -> Any:  # noqa: ANN401 - a callback of the DBAPI
    done = 0

    def tell(_status: int, remaining: int, total: int) -> None:
        nonlocal done
        advance(total - remaining - done)
        done = total - remaining

    return tell


def _copy_rows(engine: sa.Engine, aside: Path, meter: Meter) -> Any:  # noqa: ANN401 - a module
    """Copy another database row by row into a store made for it; tells the copy's driver."""
    address = sa.URL.create("sqlite", database=str(aside))
    copy = open_engine(address.render_as_string())
    try:
        with engine.begin() as source, writing(copy).begin() as target:
            for table in schema.metadata.sorted_tables:
                _copy_table(source, target, table, meter)
    finally:
        copy.dispose()
    return copy.dialect.dbapi


def _copy_table(
    source: sa.Connection, target: sa.Connection, table: sa.Table, meter: Meter
) -> None:
    target.execute(sa.delete(table))
    total = source.scalar(sa.select(sa.func.count()).select_from(table)) or 0
    rows = source.execute(sa.select(table), execution_options={"yield_per": ROWS})
    with rows, meter(f"copying {table.name}", total, "row") as advance:
        for some in rows.mappings().partitions(ROWS):
            target.execute(sa.insert(table), [_in_utc(row) for row in some])
            advance(len(some))


def _in_utc(row: Mapping[Any, Any]) -> dict[str, Any]:
    """SQLite keeps no zone with a time."""
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _settle(aside: Path, driver: Any) -> None:  # noqa: ANN401 - a module
    """Make the copy another store, look it through, and let it be one file."""
    with _opened(driver, aside) as copy:
        _rename(copy)


def _rename(copy: Any) -> None:  # noqa: ANN401 - a DBAPI connection
    renamed = "UPDATE store_facts SET value = ? WHERE name = 'epoch'"
    if copy.execute(renamed, (secrets.token_hex(8),)).rowcount != 1:
        raise StoreUnusable("what was copied is no article store: it has no epoch")
    said = copy.execute("PRAGMA integrity_check").fetchall()
    if said != [("ok",)]:
        raise StoreUnusable(f"the article store, or its copy, is damaged: {said[0][0]}")
    copy.execute("PRAGMA journal_mode=DELETE").fetchall()


@contextmanager
def _opened(driver: Any, path: Path) -> Iterator[Any]:  # noqa: ANN401 - a module
    """A bare connection to a file of our own; everything in it is its own transaction."""
    connection = driver.connect(str(path), isolation_level=None)
    try:
        yield connection
    except driver.OperationalError as error:
        raise OSError(f"the copy {path} cannot be made: {error}") from error
    except driver.DatabaseError as error:
        raise StoreUnusable(f"the article store, or its copy, is damaged: {error}") from error
    finally:
        connection.close()


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
    address = sa.URL.create("sqlite", database=str(aside))
    try:
        with closing(driver.connect(str(aside), isolation_level=None)) as copy:
            with _refusing(driver, f"{path} is not restored, and the store is as it was"):
                _take(driver, path, copy, meter)
                open_engine(address.render_as_string()).dispose()  # migrates it
                _rename(copy)
            yield copy
    finally:
        _sweep(target)


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
            source.backup(copy, pages=PAGES, progress=_told(advance))


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
