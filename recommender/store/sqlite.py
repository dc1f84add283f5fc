"""Engines for SQLite files: the driver, and the settings under which nothing accepted is lost."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from index import make_folder
from recommender.errors import StoreUnusable
from recommender.store.refusals import unusable

__all__ = ["create_sqlite", "file_of", "is_missing", "safe_settings"]

_RETRY_SECONDS: Final = 0.002
_UNBOUNDED: Final = -1  # as many connections as there are threads
_WAL_REPAIRED: Final = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The releases, the newest of each line, from which a WAL database is safe to share."""


def create_sqlite(address: sa.URL, patience_seconds: float) -> sa.Engine:
    """An engine for a file, which is made with the folders above it where it is missing."""
    if address.database in {None, "", ":memory:"}:
        raise StoreUnusable("a database in memory forgets what it accepted; name a file")
    # Each folder durable in its parent: SQLite syncs no more than the database's own.
    make_folder(Path(address.database or "").parent)
    driver = _driver()
    engine = sa.create_engine(address, module=driver, max_overflow=_UNBOUNDED)
    patience = f"busy_timeout={round(patience_seconds * 1000)}"
    settings = (patience, *safe_settings(driver.sqlite_version_info), "secure_delete=ON")
    sa.event.listen(engine, "connect", _preparer(settings, patience_seconds))
    sa.event.listen(engine, "begin", _beginner(patience_seconds))
    return engine


def safe_settings(version: tuple[int, ...]) -> tuple[str, ...]:
    """The pragmas that keep an acknowledged write, for a release of SQLite.

    Releases before 3.51.3 (3.50.7 and 3.44.6 of older lines) may corrupt a WAL database that
    several connections write; they get a rollback journal, whose readers wait for writers.
    """
    line = next((fixed for fixed in _WAL_REPAIRED if version[:2] == fixed[:2]), _WAL_REPAIRED[0])
    if version >= line:
        return ("journal_mode=WAL", "synchronous=FULL")  # NORMAL loses writes at power loss
    return ("journal_mode=DELETE", "synchronous=EXTRA")


def file_of(url: str, ending: str = "") -> tuple[int, int] | None:
    """Device and number of an SQLite file, by which one put in its place is noticed; else None.

    With an ending such as `-wal`, of the file beside it.

    It is not opened: closing it again would drop the locks that this process has on it.
    """
    try:
        address = make_url(url)
        if address.get_backend_name() != "sqlite":
            return None
        found = Path(f"{address.database}{ending}").stat()
    except (sa.exc.ArgumentError, OSError):  # opening it tells what is wrong
        return None
    return found.st_dev, found.st_ino


def is_missing(url: str) -> bool:
    """Whether an address names an SQLite file that is not there."""
    try:
        address = make_url(url)
    except sa.exc.ArgumentError:  # opening it tells what is wrong
        return False
    named = address.get_backend_name() == "sqlite" and address.database
    return bool(named) and not Path(str(address.database)).exists()


def _driver() -> ModuleType:
    """The SQLite that pysqlite3 bundles, which is repaired; the system's where that is absent."""
    try:
        import pysqlite3  # noqa: PLC0415 - not needed on other databases
    except ImportError:
        return sqlite3
    return pysqlite3  # type: ignore[no-any-return]


def _preparer(settings: tuple[str, ...], patience_seconds: float) -> Callable[[Any, object], None]:
    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
        connection.isolation_level = None  # transactions begin where the beginner says
        for pragma in settings:
            # SQLite does not wait where two that make a file change its journal at once.
            _insist(connection, f"PRAGMA {pragma}", patience_seconds)

    return prepare


def _beginner(patience_seconds: float) -> Callable[[sa.Connection], None]:
    """A writer takes the write lock at once; a late upgrade would fail instead of waiting.

    It asks every few milliseconds: SQLite's own waiting backs off to a tenth of a second, at which
    a bulk load that pauses shortly between its transactions would starve everybody else.
    """

    def begin(connection: sa.Connection) -> None:
        raw: Any = connection.connection.driver_connection
        if not connection.get_execution_options().get("writes", False):
            raw.execute("BEGIN")
            return
        raw.execute("PRAGMA busy_timeout=0")
        try:
            _insist(raw, "BEGIN IMMEDIATE", patience_seconds)
        except _driver().Error as error:
            raise unusable(error) from error
        finally:
            raw.execute(f"PRAGMA busy_timeout={round(patience_seconds * 1000)}")

    return begin


def _insist(raw: Any, statement: str, patience_seconds: float) -> None:  # noqa: ANN401 - DBAPI
    """Run a statement as soon as others let it, within some patience."""
    until = time.monotonic() + patience_seconds
    while True:
        try:
            raw.execute(statement)
        except _driver().Error as error:
            if time.monotonic() >= until or "locked" not in str(error):
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return
