"""Opens the database: the driver, its safety settings, and the schema's version."""

from pathlib import Path
from typing import Any, Final

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from recommender.errors import StoreUnusable

__all__ = ["open_engine", "writing"]

BUSY_MS: Final = 20_000
MIGRATIONS: Final = Path(__file__).with_name("migrations")
_WRITES: Final = {"writes": True}


def open_engine(url: str) -> sa.Engine:
    """Connect and bring the schema to this version.

    Raises:
        StoreUnusable: the address is malformed, the file cannot be opened, or its schema is newer.
    """
    try:
        engine = _create(url)
        _migrate(engine)
        sa.event.listen(engine, "handle_error", _tell)
    except (sa.exc.SQLAlchemyError, ImportError, OSError, ValueError) as error:
        raise StoreUnusable(f"cannot open the article store {_masked(url)}: {error}") from error
    return engine


def writing(engine: sa.Engine) -> sa.Engine:
    """The same database for transactions that write: they queue at their start, not halfway."""
    return engine.execution_options(**_WRITES)


def _create(url: str) -> sa.Engine:
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return sa.create_engine(address)
    # The system's SQLite may corrupt a WAL database under concurrent checkpoints
    # (fixed in 3.51.3); pysqlite3 bundles a fixed one.
    import pysqlite3  # noqa: PLC0415 - not needed on other databases

    if address.database in {None, "", ":memory:"}:
        raise StoreUnusable("a database in memory forgets what it accepted; name a file")
    Path(address.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(address, module=pysqlite3, connect_args={"timeout": BUSY_MS / 1000})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.isolation_level = None  # transactions begin where _begin_sqlite says
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL loses acknowledged writes at power loss
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    """A writer takes the write lock at once; a late upgrade would fail instead of waiting."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _tell(context: sa.ExceptionContext) -> None:
    """A busy, full or unreadable database becomes our own error, wherever a statement met it."""
    if isinstance(context.sqlalchemy_exception, sa.exc.OperationalError):
        raise StoreUnusable(
            f"the article store cannot be used now: {context.original_exception}; nothing of this "
            "write was kept, try again"
        ) from context.original_exception


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
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        return "(malformed address)"
