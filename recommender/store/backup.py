"""A consistent copy of the store, made while others write: one SQLite file, opened as any store.

The copy gets an epoch of its own: put back in the store's place it is noticed as another store, and
nobody takes what happened since for part of it.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from index.disk import sync_folder
from recommender.errors import StoreUnusable
from recommender.progress import Advance, Meter, silent
from recommender.store import schema
from recommender.store.article_store import ArticleStore
from recommender.store.database import open_engine, writing

__all__ = ["BESIDE", "PAGES", "back_up", "opened", "rename", "told"]

PAGES: Final = 1_024  # copied in one step, 4 MB
ROWS: Final = 500
BESIDE: Final = ("", "-wal", "-shm", "-journal")


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
    with engine.begin() as connection, opened(driver, aside) as target:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.execute(sa.select(schema.store_facts)).all()  # from here on it is that moment
        raw: Any = connection.connection.driver_connection
        with meter("copying", pages, "page") as advance:
            raw.backup(target, pages=PAGES, progress=told(advance))
    return driver


def told(advance: Advance) -> Any:  # noqa: ANN401 - a callback of the DBAPI
    """Tell a bar of pages what SQLite tells of a backup."""
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
    """Make the copy another store."""
    with opened(driver, aside) as copy:
        rename(copy)


def rename(copy: Any) -> None:  # noqa: ANN401 - a DBAPI connection
    """Give a copy an epoch of its own, look it through, and let it be one file.

    Raises:
        StoreUnusable: it is damaged, or no article store.
    """
    renamed = "UPDATE store_facts SET value = ? WHERE name = 'epoch'"
    if copy.execute(renamed, (secrets.token_hex(8),)).rowcount != 1:
        raise StoreUnusable("what was copied is no article store: it has no epoch")
    said = copy.execute("PRAGMA integrity_check").fetchall()
    if said != [("ok",)]:
        raise StoreUnusable(f"the article store, or its copy, is damaged: {said[0][0]}")
    copy.execute("PRAGMA journal_mode=DELETE").fetchall()


@contextmanager
def opened(driver: Any, path: Path) -> Iterator[Any]:  # noqa: ANN401 - a module
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
