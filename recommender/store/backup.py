"""Backups: a copy of the store, made while others write to it, and put back in its place.

A backup is an SQLite file that can be opened as a store. It has an epoch of its own. From the
epoch, a process that follows the store sees that the restored store is a different one.
"""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import sqlalchemy as sa

from index import make_folder, replacing
from recommender.errors import StoreUnusable
from recommender.progress import Meter, silent
from recommender.store import schema
from recommender.store.article_store import ArticleStore
from recommender.store.database import open_engine, writing
from recommender.store.sqlite import load_driver

__all__ = ["back_up", "back_up_unopened", "find_leftovers", "restore"]

ROWS_AT_ONCE: Final = 500
OWN_TABLES: Final = {"store_facts", "articles", "changes", "alembic_version"}
_HEX: Final = "[0-9a-f]" * 8


def back_up(store: ArticleStore, path: Path, meter: Meter = silent) -> None:
    """Copy the store, as it is at one moment, to a new file; it is whole, or it is not there.

    Writers do not wait for it, on SQLite with a write-ahead log and on PostgreSQL.

    Args:
        store: the store.
        path: the file.
        meter: shows the progress of copying from PostgreSQL; SQLite copies in one statement.

    Raises:
        FileExistsError: the file exists; it stays as it is.
        StoreUnusable: the store cannot be read, or it is damaged.
        OSError: the disk refuses.
    """
    _check_folder(path)
    _refuse_existing(path)
    if damage := store.find_damage():
        raise StoreUnusable(f"the article store is damaged, and not copied: {damage[0]}")
    with replacing(path) as aside, _cleaning_up(aside):
        if store.engine.dialect.name == "sqlite":
            with closing(store.engine.raw_connection()) as raw:
                _vacuum_into(raw.driver_connection, aside)
        else:
            _copy_rows(store.engine, aside, meter)
        _finish(aside)
        _refuse_existing(path)


def back_up_unopened(url: str, path: Path) -> None:
    """Copy an SQLite store of an earlier schema, which this program would upgrade by opening it.

    The program that wrote the store can restore the copy.

    Args:
        url: the SQLAlchemy address of the store.
        path: the new file.

    Raises:
        FileExistsError: the file exists; it stays as it is.
        StoreUnusable: the store is damaged, or not an SQLite file.
        OSError: the disk refuses.
    """
    source = _file_of(url)
    _check_folder(path)
    _refuse_existing(path)
    with replacing(path) as aside, _cleaning_up(aside):
        _copy_database(source, aside)
        _finish(aside)
        _refuse_existing(path)


def restore(url: str, path: Path) -> int:
    """Put a backup in the place of a store that nobody uses; return how many articles it has.

    The backup is only read. A backup of an earlier schema is upgraded. The store is replaced in
    one step; until then it is as it was.

    Args:
        url: the SQLAlchemy address of the store; a file that does not exist is created.
        path: the backup.

    Raises:
        StoreUnusable: the backup cannot be used; or the store is in use, is not an SQLite file, or
            cannot be opened.
        OSError: the disk refuses.
    """
    target = _file_of(url)
    if path.exists() and target.exists() and path.samefile(target):
        raise StoreUnusable(f"{path} is the article store itself; name a backup of it")
    make_folder(target.parent)
    with _exclusively(target), replacing(target) as aside, _cleaning_up(aside):
        for leftover in find_leftovers(target):
            leftover.unlink(missing_ok=True)
        try:
            _read_backup(path, aside)
            return _finish(aside)
        except (StoreUnusable, OSError) as fault:
            reason = f"{path} is not restored, and the store is as it was: {fault}"
            raise StoreUnusable(reason) from fault


def find_leftovers(database: Path) -> list[Path]:
    """Find the whole stores that killed restores left beside a database file."""
    endings = ("part", "restoring")  # versions up to 0.1 wrote the second
    name = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in database.name)
    patterns = (f".{name}.{_HEX}.{ending}*" for ending in endings)
    return [path for pattern in patterns for path in database.parent.glob(pattern)]


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder; make it first")


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise FileExistsError(f"{path} exists already; name another file, or move that one away")


def _file_of(url: str) -> Path:
    """Return the file of an SQLite address."""
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreUnusable("the address of the article store is malformed") from error
    if address.get_backend_name() != "sqlite":
        raise StoreUnusable(
            "only an SQLite store can be replaced by a backup; for PostgreSQL use its own tools "
            "(pg_dump, pg_restore), or `read-also export` over the backup and `read-also import` "
            "over the database"
        )
    if address.database in {None, "", ":memory:"}:
        raise StoreUnusable("a database in memory cannot be restored; name a file")
    return Path(address.database or "")


@contextmanager
def _cleaning_up(database: Path) -> Iterator[None]:
    """Remove the files that SQLite keeps beside a database of our own."""
    try:
        yield
    finally:
        for suffix in ("-wal", "-shm", "-journal"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)


@contextmanager
def _exclusively(target: Path) -> Iterator[None]:
    """Keep everybody else out of a store while it is replaced.

    Its write-ahead log is emptied and removed before: SQLite would apply it to the new file.

    Raises:
        StoreUnusable: another process has it open, or it is not a store of this program.
    """
    if not target.exists():
        with _cleaning_up(target):  # a log without its database
            pass
        yield
        return
    driver = load_driver()
    with closing(driver.connect(str(target), isolation_level=None, timeout=0)) as connection:
        try:
            tables = _tables_of(connection)
            if tables and not tables >= OWN_TABLES:
                raise StoreUnusable(
                    f"{target} is the database of another program; it is not touched"
                )
            # This fails while anybody else has the database open.
            connection.execute("PRAGMA journal_mode=DELETE").fetchall()
            connection.execute("BEGIN EXCLUSIVE")
        except driver.DatabaseError as error:
            raise _not_replaceable(target, error) from error
        yield


def _not_replaceable(target: Path, error: Exception) -> StoreUnusable:
    if "locked" in str(error):
        return StoreUnusable(
            f"the article store {target} is in use; stop everything that uses it (read-also serve, "
            "web, indexer), and restore again"
        )
    return StoreUnusable(
        f"the article store cannot be opened: {error}; stop everything that uses it, move {target} "
        "away with its -wal and -shm files, and restore again"
    )


def _tables_of(connection: Any) -> set[str]:  # noqa: ANN401 - a DBAPI connection
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}


def _read_backup(path: Path, aside: Path) -> None:
    """Copy a backup, which is only read, and upgrade the schema of the copy."""
    _copy_database(path, aside)
    open_engine(sa.URL.create("sqlite", database=str(aside)).render_as_string()).dispose()


def _copy_database(path: Path, aside: Path) -> None:
    """Copy a store file as it is, whatever its schema; it is only read."""
    with _connected(f"{path.absolute().as_uri()}?mode=ro", uri=True) as source:
        if not _tables_of(source) >= OWN_TABLES:
            raise StoreUnusable("it is no backup of an article store")
        _refuse_damaged(source)
        _vacuum_into(source, aside)


def _vacuum_into(connection: Any, aside: Path) -> None:  # noqa: ANN401 - a DBAPI connection
    """Copy a database as it is at one moment. SQLite does not sync the copy: the caller does."""
    driver = load_driver()
    try:
        connection.execute("VACUUM INTO ?", (str(aside),))
    except driver.OperationalError as error:
        raise OSError(f"the copy {aside} cannot be made: {error}") from error
    except driver.DatabaseError as error:
        raise StoreUnusable(f"the article store is damaged: {error}") from error


def _copy_rows(engine: sa.Engine, aside: Path, meter: Meter) -> None:
    """Copy another database row by row into a new SQLite store."""
    copy = open_engine(sa.URL.create("sqlite", database=str(aside)).render_as_string())
    try:
        with engine.begin() as source, writing(copy).begin() as target:
            for table in schema.metadata.sorted_tables:
                _copy_table(source, target, table, meter)
    finally:
        copy.dispose()


def _copy_table(
    source: sa.Connection, target: sa.Connection, table: sa.Table, meter: Meter
) -> None:
    target.execute(sa.delete(table))
    total = source.scalar(sa.select(sa.func.count()).select_from(table)) or 0
    rows = source.execute(sa.select(table), execution_options={"yield_per": ROWS_AT_ONCE})
    with rows, meter(f"copying {table.name}", total, "row") as advance:
        for some in rows.mappings().partitions(ROWS_AT_ONCE):
            target.execute(sa.insert(table), [dict(row) for row in some])
            advance(len(some))


def _finish(aside: Path) -> int:
    """Give a copy an epoch of its own, check it, and make it one file; count its articles."""
    with _connected(str(aside)) as copy:
        new_epoch = "UPDATE store_facts SET value = ? WHERE name = 'epoch'"
        if copy.execute(new_epoch, (secrets.token_hex(8),)).rowcount != 1:
            raise StoreUnusable("it is no article store: it has no epoch")
        _refuse_damaged(copy)
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()
        query = "SELECT count(*) FROM articles WHERE NOT deleted"
        count: int = copy.execute(query).fetchone()[0]
        return count


def _refuse_damaged(connection: Any) -> None:  # noqa: ANN401 - a DBAPI connection
    lines = connection.execute("PRAGMA integrity_check").fetchall()
    if lines != [("ok",)]:
        raise StoreUnusable(f"it is damaged: {lines[0][0]}")


@contextmanager
def _connected(database: str, *, uri: bool = False) -> Iterator[Any]:
    """Connect without SQLAlchemy to a file that only we use; each statement is a transaction."""
    driver: ModuleType = load_driver()
    try:
        with closing(driver.connect(database, uri=uri, isolation_level=None)) as connection:
            yield connection
    except driver.OperationalError as error:
        raise OSError(f"the copy cannot be made: {error}") from error
    except driver.DatabaseError as error:
        raise StoreUnusable(str(error)) from error
