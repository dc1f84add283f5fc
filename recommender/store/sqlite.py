"""Engines for SQLite files: the driver, the settings that keep every acknowledged write, times."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from index import make_folder
from recommender.errors import StoreUnusable

__all__ = [
    "UtcTime",
    "create_sqlite",
    "empty_write_ahead_log",
    "file_identity",
    "is_missing",
    "load_driver",
    "safe_settings",
]

_RETRY_SECONDS: Final = 0.002
_COMMITS: Final = "commits"
_LOG_PATIENCE_MS: Final = 100
_LOG_TRIES: Final = 10
_LOG_REST_SECONDS: Final = 0.2
_UNBOUNDED: Final = -1  # as many connections as there are threads
_WAL_REPAIRED: Final = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""For each branch of SQLite, the first release without the bug that damages a WAL database."""
_log = logging.getLogger(__name__)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A time in UTC: SQLite stores no zone, and PostgreSQL answers in the zone of the session."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: sa.Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        """Convert an aware time to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: sa.Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        """Return an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def create_sqlite(
    address: sa.URL, patience_seconds: float, is_announced: Callable[[], bool]
) -> sa.Engine:
    """Make the engine of a file; a missing file is created, with the folders above it.

    Args:
        address: of the file.
        patience_seconds: how long a transaction waits for others.
        is_announced: asked at each commit, whether others are told of it.
    """
    if address.database in {None, "", ":memory:"}:
        raise StoreUnusable("a database in memory loses what it accepted; name a file")
    if "uri" not in address.query:  # a `file:` address names no path here
        # SQLite makes only the entry in the file's own folder durable; this does the folders above.
        make_folder(Path(address.database or "").parent)
    driver = load_driver()
    engine = sa.create_engine(
        address, module=driver, max_overflow=_UNBOUNDED, hide_parameters=True
    )  # errors are logged, texts are not
    patience = f"busy_timeout={round(patience_seconds * 1000)}"
    settings = (patience, *safe_settings(driver.sqlite_version_info), "secure_delete=ON")
    sa.event.listen(engine, "connect", _connect_hook(settings, patience_seconds))
    sa.event.listen(engine, "begin", _begin_hook(patience_seconds))
    sa.event.listen(engine, "commit", _note_commit)
    sa.event.listen(engine, "checkin", _tell_hook(address.database or "", is_announced))
    return engine


def safe_settings(version: tuple[int, ...]) -> tuple[str, ...]:
    """Choose the pragmas that keep an acknowledged write, for a version of SQLite.

    Releases before 3.51.3 (3.50.7 and 3.44.6 of older lines) may corrupt a WAL database when
    several connections write; they get a rollback journal, where readers wait for writers.
    """
    line = next((fixed for fixed in _WAL_REPAIRED if version[:2] == fixed[:2]), _WAL_REPAIRED[0])
    if version >= line:
        return ("journal_mode=WAL", "synchronous=FULL")  # NORMAL loses writes at power loss
    return ("journal_mode=DELETE", "synchronous=EXTRA")


def empty_write_ahead_log(engine: sa.Engine) -> None:
    """Give back the file of the write-ahead log, which has what was deleted long ago.

    It stays as large as it ever was, and is written over from its beginning. If others read from it
    for seconds, it stays for the next time, which is logged.
    """
    error: Any = engine.dialect.dbapi
    with closing(engine.raw_connection()) as raw:
        driver: Any = raw.driver_connection
        (patience,) = driver.execute("PRAGMA busy_timeout").fetchone()
        try:
            is_empty = any(_truncate_log(driver) for _ in range(_LOG_TRIES))
            reason = None if is_empty else "others use it"
        except error.Error as fault:
            reason = str(fault)
        finally:
            driver.execute(f"PRAGMA busy_timeout={patience}")
    if reason is not None:
        _log.warning("the write-ahead log of the article store is emptied later: %s", reason)
    # Others see that something happened to the file, and would miss the news of it.
    with suppress(OSError):
        os.utime(engine.url.database or "")


def _truncate_log(driver: Any) -> bool:  # noqa: ANN401 - a DBAPI connection
    """Try to empty the log; while others wait for that, they wait a tenth of a second at most."""
    driver.execute("PRAGMA busy_timeout=0")
    driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # most of the work; others write
    driver.execute(f"PRAGMA busy_timeout={_LOG_PATIENCE_MS}")
    is_busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        time.sleep(_LOG_REST_SECONDS)
    return not is_busy


def file_identity(url: str, suffix: str = "") -> tuple[int, int] | None:
    """Return device and inode of an SQLite file, which show whether it was replaced; else None.

    With a suffix such as `-wal`, those of the file beside it. The file is not opened: closing it
    would drop the locks that this process has on it.
    """
    file = _file_of(url)
    if file is None:
        return None
    try:
        found = os.stat(file + suffix)  # noqa: PTH116 - asked at every look
    except OSError:  # opening the store says what is wrong
        return None
    return found.st_dev, found.st_ino


def is_missing(url: str) -> bool:
    """Whether an address names an SQLite file that is not there."""
    file = _file_of(url)
    return file is not None and not Path(file).exists()


@cache
def _file_of(url: str) -> str | None:
    """Return the path in an address; None if it names no SQLite file, or is malformed."""
    try:
        address = make_url(url)
    except sa.exc.ArgumentError:  # opening the store says what is wrong
        return None
    return address.database or None if address.get_backend_name() == "sqlite" else None


def load_driver() -> ModuleType:
    """Return pysqlite3, which bundles a safe SQLite; Python's own module if it is not installed."""
    try:
        import pysqlite3  # noqa: PLC0415 - not needed on other databases
    except ImportError:
        return sqlite3
    return pysqlite3  # type: ignore[no-any-return]


def _connect_hook(
    settings: tuple[str, ...], patience_seconds: float
) -> Callable[[Any, object], None]:
    def set_up(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
        connection.isolation_level = None  # the begin hook starts transactions
        for pragma in settings:
            # SQLite does not wait when two processes set the journal mode of a new file at once.
            _execute_when_unlocked(connection, f"PRAGMA {pragma}", patience_seconds)

    return set_up


def _begin_hook(patience_seconds: float) -> Callable[[sa.Connection], None]:
    """Let a writer take the write lock at its start: later, it would fail instead of waiting.

    It tries every few milliseconds. SQLite's own waiting goes up to a tenth of a second between
    two tries. A bulk load pauses for a shorter time, so this writer would never get the lock.
    """

    def begin(connection: sa.Connection) -> None:
        raw: Any = connection.connection.driver_connection
        if not connection.get_execution_options().get("writes", False):
            raw.execute("BEGIN")
            return
        raw.execute("PRAGMA busy_timeout=0")
        try:
            _execute_when_unlocked(raw, "BEGIN IMMEDIATE", patience_seconds)
        except load_driver().Error as error:
            raise StoreUnusable.now(error) from error
        finally:
            raw.execute(f"PRAGMA busy_timeout={round(patience_seconds * 1000)}")

    return begin


def _note_commit(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("writes", False):
        connection.info[_COMMITS] = True


def _tell_hook(path: str, is_announced: Callable[[], bool]) -> Callable[[object, Any], None]:
    """Tell other processes of a commit when its connection is given back, which is just after it.

    The file gets the present time, of which the system tells who watches it. It is not opened.
    """

    def tell(_connection: object, record: Any) -> None:  # noqa: ANN401 - of a pool
        if record.info.pop(_COMMITS, False) and is_announced():
            with suppress(OSError):
                os.utime(path)

    return tell


def _execute_when_unlocked(
    raw: Any,  # noqa: ANN401 - a DBAPI connection
    statement: str,
    patience_seconds: float,
) -> None:
    """Execute a statement, and try again while the database is locked."""
    until = time.monotonic() + patience_seconds
    while True:
        try:
            raw.execute(statement)
        except load_driver().Error as error:
            if time.monotonic() >= until or "locked" not in str(error):
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return
