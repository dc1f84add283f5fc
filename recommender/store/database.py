"""Opens the database: the driver, its safety settings, and the schema's version."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from index import make_folder
from recommender.errors import StoreUnusable

__all__ = ["PATIENCE_SECONDS", "file_of", "open_engine", "safe_settings", "writing"]

PATIENCE_SECONDS: Final = 20.0
MIGRATIONS: Final = Path(__file__).with_name("migrations")
_WRITES: Final = {"writes": True}
_LOCK: Final = 0x52656164416C736F  # "ReadAlso": the advisory lock that PostgreSQL writers queue on
_RETRY_SECONDS: Final = 0.002
_IDLE_MS: Final = 60_000
"""A writer that is silent for so long has died; PostgreSQL then takes its lock away."""
_CONNECT_SECONDS: Final = 5
_UNBOUNDED: Final = -1  # as many connections as there are threads
_SECRETS: Final = {"password", "sslpassword"}
_WAL_REPAIRED: Final = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The releases, the newest of each line, from which a WAL database is safe to share."""


def open_engine(url: str, patience_seconds: float = PATIENCE_SECONDS) -> sa.Engine:
    """Connect and bring the schema to this version.

    Args:
        url: an SQLAlchemy address.
        patience_seconds: how long a transaction waits for others before it is refused.

    Raises:
        StoreUnusable: the address is malformed, the file cannot be opened, or its schema is newer.
    """
    try:
        engine = _create(url, patience_seconds)
        try:
            _prepare(engine)
        except BaseException:
            engine.dispose()
            raise
    except (sa.exc.SQLAlchemyError, ImportError, OSError, ValueError) as error:
        reason = getattr(error, "orig", None) or error  # without the statement
        raise StoreUnusable(f"cannot open the article store {_masked(url)}: {reason}") from error
    sa.event.listen(engine, "handle_error", _tell)
    return engine


def writing(engine: sa.Engine) -> sa.Engine:
    """The same database for transactions that write: they queue at their start, not halfway."""
    options: dict[str, Any] = dict(_WRITES)
    if engine.dialect.name != "sqlite":
        # Each statement sees what was committed before the lock was had.
        options["isolation_level"] = "READ COMMITTED"
    return engine.execution_options(**options)


def safe_settings(version: tuple[int, ...]) -> tuple[str, ...]:
    """The pragmas that keep an acknowledged write, for a release of SQLite.

    Releases before 3.51.3 (3.50.7 and 3.44.6 of older lines) may corrupt a WAL database that
    several connections write; they get a rollback journal, whose readers wait for writers.
    """
    line = next((fixed for fixed in _WAL_REPAIRED if version[:2] == fixed[:2]), _WAL_REPAIRED[0])
    if version >= line:
        return ("journal_mode=WAL", "synchronous=FULL")  # NORMAL loses writes at power loss
    return ("journal_mode=DELETE", "synchronous=EXTRA")


def file_of(url: str) -> tuple[int, int] | None:
    """Device and number of an SQLite file, by which one put in its place is noticed; else None.

    It is not opened: closing it again would drop the locks that this process has on it.
    """
    try:
        address = make_url(url)
        if address.get_backend_name() != "sqlite":
            return None
        found = Path(address.database or "").stat()
    except (sa.exc.ArgumentError, OSError):  # opening it tells what is wrong
        return None
    return found.st_dev, found.st_ino


def _create(url: str, patience_seconds: float) -> sa.Engine:
    address = make_url(url)
    match address.get_backend_name():
        case "sqlite":
            return _create_sqlite(address, patience_seconds)
        case "postgresql":
            return _create_postgresql(address, patience_seconds)
        case other:
            raise ValueError(f"{other} is neither sqlite nor postgresql")


def _create_sqlite(address: sa.URL, patience_seconds: float) -> sa.Engine:
    if address.database in {None, "", ":memory:"}:
        raise StoreUnusable("a database in memory forgets what it accepted; name a file")
    # Each folder durable in its parent: SQLite syncs no more than the database's own.
    make_folder(Path(address.database or "").parent)
    driver = _sqlite_driver()
    engine = sa.create_engine(address, module=driver, max_overflow=_UNBOUNDED)
    patience = f"busy_timeout={round(patience_seconds * 1000)}"
    settings = (patience, *safe_settings(driver.sqlite_version_info), "secure_delete=ON")
    sa.event.listen(engine, "connect", _sqlite_preparer(settings))
    sa.event.listen(engine, "begin", _sqlite_beginner(patience_seconds))
    return engine


def _sqlite_driver() -> ModuleType:
    """The SQLite that pysqlite3 bundles, which is repaired; the system's where that is absent."""
    try:
        import pysqlite3  # noqa: PLC0415 - not needed on other databases
    except ImportError:
        return sqlite3
    return pysqlite3  # type: ignore[no-any-return]


def _sqlite_preparer(settings: tuple[str, ...]) -> Callable[[Any, object], None]:
    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
        connection.isolation_level = None  # transactions begin where the beginner says
        for pragma in settings:
            connection.execute(f"PRAGMA {pragma}")

    return prepare


def _sqlite_beginner(patience_seconds: float) -> Callable[[sa.Connection], None]:
    """A writer takes the write lock at once; a late upgrade would fail instead of waiting.

    It asks every few milliseconds: SQLite's own waiting backs off to a tenth of a second, at which
    a bulk load that pauses shortly between its transactions would starve everybody else.
    """

    def begin(connection: sa.Connection) -> None:
        raw: Any = connection.connection.driver_connection
        if not connection.get_execution_options().get("writes", False):
            raw.execute("BEGIN")
            return
        until = time.monotonic() + patience_seconds
        raw.execute("PRAGMA busy_timeout=0")
        try:
            while not _began(raw, last=time.monotonic() >= until):
                time.sleep(_RETRY_SECONDS)
        finally:
            raw.execute(f"PRAGMA busy_timeout={round(patience_seconds * 1000)}")

    return begin


def _began(raw: Any, *, last: bool) -> bool:  # noqa: ANN401 - a DBAPI connection
    try:
        raw.execute("BEGIN IMMEDIATE")
    except _sqlite_driver().Error as error:
        if last or "locked" not in str(error):
            raise _unusable(error) from error
        return False
    return True


def _create_postgresql(address: sa.URL, patience_seconds: float) -> sa.Engine:
    if address.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise ValueError("its driver is psycopg; write postgresql://")
    if "@" in f"{address.host}{address.database}":
        raise ValueError("write an @ that is no border as %40")
    wanted = _postgresql_settings(patience_seconds)
    try:
        engine = sa.create_engine(
            address.set(drivername="postgresql+psycopg"),
            isolation_level="REPEATABLE READ",  # what one transaction reads is of one moment
            pool_pre_ping=True,
            max_overflow=_UNBOUNDED,
            connect_args={key: wanted[key] for key in wanted if key not in address.query},
        )
    except ImportError as error:
        raise ImportError("PostgreSQL needs read-also[postgresql] to be installed") from error
    sa.event.listen(engine, "begin", _postgresql_beginner(patience_seconds))
    return engine


def _postgresql_settings(patience_seconds: float) -> dict[str, str | int]:
    """What libpq is told unless the address says otherwise: a server that is gone is noticed."""
    return {
        "client_encoding": "utf8",
        "connect_timeout": max(1, round(min(patience_seconds, _CONNECT_SECONDS))),
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": max(1, round(patience_seconds * 1000)),
    }


def _postgresql_beginner(patience_seconds: float) -> Callable[[sa.Connection], None]:
    """Writers queue, so that change numbers become visible in their order; nobody waits forever."""
    patience = (
        f"SELECT set_config('lock_timeout', '{max(1, round(patience_seconds * 1000))}', true)"
    )
    turn = (
        f"{patience}, set_config('idle_in_transaction_session_timeout', '{_IDLE_MS}', true), "
        f"pg_advisory_xact_lock({_LOCK})"
    )

    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql(turn if writes else patience)

    return begin


def _tell(context: sa.ExceptionContext) -> None:
    """A busy, full, absent or unreadable database becomes our own error, wherever it was met."""
    error = context.sqlalchemy_exception
    # The bare DatabaseError is what SQLite says of a damaged file.
    gone = type(error) is sa.exc.DatabaseError or isinstance(
        error, (sa.exc.OperationalError, sa.exc.InternalError)
    )
    if (gone or context.is_disconnect) and not context.is_pre_ping:
        raise _unusable(context.original_exception) from context.original_exception


def _unusable(error: BaseException) -> StoreUnusable:
    return StoreUnusable(
        f"the article store cannot be used now: {error}; try again, since what was being written "
        "may not be kept"
    )


def _prepare(engine: sa.Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            raise ValueError(f"its encoding is {encoding}; create the database with UTF8")
    _migrate(engine)


def _migrate(engine: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        version = MigrationContext.configure(connection).get_current_revision()
    if version == scripts.get_current_head():
        return
    if version is not None and version not in {s.revision for s in scripts.walk_revisions()}:
        raise StoreUnusable(
            f"the article store {_masked(str(engine.url))} has schema {version}, which is newer "
            "than this program; install the newer program"
        )
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")


def _masked(url: str) -> str:
    """An address as messages may show it."""
    try:
        address = make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return "(malformed address)"
    if address.get_backend_name() != "sqlite" and "@" in f"{address.host}{address.database}":
        return "(malformed address)"  # whose password may end anywhere
    return address.difference_update_query(_SECRETS).render_as_string(hide_password=True)
