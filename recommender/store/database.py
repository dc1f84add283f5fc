"""Opens the database: driver, safety settings, and the version of the schema."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from recommender.errors import StoreUnusable
from recommender.store.change_log import Announcements
from recommender.store.postgresql import check_encoding, create_postgresql, wait_for_answers
from recommender.store.sqlite import create_sqlite, is_missing

__all__ = [
    "PATIENCE_SECONDS",
    "SchemaUpgrade",
    "find_upgrade",
    "open_engine",
    "writing",
]

PATIENCE_SECONDS: Final = 20.0
MIGRATIONS: Final = Path(__file__).with_name("migrations")
_WRITES: Final = {"writes": True}
_SECRETS: Final = {"password", "sslpassword"}


@dataclass(frozen=True, slots=True)
class SchemaUpgrade:
    """What opening a store would do to it: the version of its schema now, and then."""

    current: str
    wanted: str


def open_engine(
    url: str,
    patience_seconds: float = PATIENCE_SECONDS,
    *,
    must_exist: bool = False,
    answer_seconds: float = math.inf,
) -> sa.Engine:
    """Connect, and upgrade the schema to the version of this program.

    Args:
        url: an SQLAlchemy address.
        patience_seconds: how long a transaction waits for others before it is refused.
        must_exist: refuse to create a store.
        answer_seconds: how long one call waits for the answer of a server, which may be stopped.

    Raises:
        StoreUnusable: the address is malformed, the file cannot be opened, its schema is newer, or
            the store does not exist.
    """
    if must_exist and is_missing(url):
        raise _absent(url)
    with _naming_store(url):
        engine = _create(url, patience_seconds, answer_seconds)
        try:
            _prepare(engine, must_exist=must_exist)
        except BaseException:
            engine.dispose()
            raise
    sa.event.listen(engine, "handle_error", _raise_own_error)
    return engine


def find_upgrade(url: str) -> SchemaUpgrade | None:
    """Look at a store without upgrading it; None if opening it would change nothing.

    Args:
        url: an SQLAlchemy address.

    Raises:
        StoreUnusable: as for `open_engine`; also if the store does not exist.
    """
    if is_missing(url):
        raise _absent(url)
    with _naming_store(url):
        engine = _create(url, PATIENCE_SECONDS, math.inf)
        try:
            current = _schema_version(engine, _known_schemas())
        finally:
            engine.dispose()
    if current is None:
        raise _absent(url)
    wanted = _known_schemas()[0]
    return None if current == wanted else SchemaUpgrade(current, wanted)


def writing(engine: sa.Engine) -> sa.Engine:
    """Return the same database for writers, which wait for each other when they begin."""
    options: dict[str, Any] = dict(_WRITES)
    if engine.dialect.name != "sqlite":
        # Each statement then sees what was committed before the lock was granted.
        options["isolation_level"] = "READ COMMITTED"
    return engine.execution_options(**options)


def _create(url: str, patience_seconds: float, answer_seconds: float) -> sa.Engine:
    address = make_url(url)
    match address.get_backend_name():
        case "sqlite":
            return create_sqlite(address, patience_seconds, Announcements().is_due)
        case "postgresql":
            announced = Announcements().is_due
            return create_postgresql(address, patience_seconds, answer_seconds, announced)
        case other:
            raise ValueError(f"{other} is neither sqlite nor postgresql")


def _raise_own_error(context: sa.ExceptionContext) -> None:
    """Raise StoreUnusable for a database that is busy, full, absent or unreadable."""
    if not isinstance(context.original_exception, Exception):
        return  # Ctrl-C came in the middle of a statement, which ends the connection too
    error = context.sqlalchemy_exception
    # SQLite raises the bare DatabaseError for a damaged file.
    gone = type(error) is sa.exc.DatabaseError or isinstance(
        error, (sa.exc.OperationalError, sa.exc.InternalError)
    )
    if (gone or context.is_disconnect) and not context.is_pre_ping:
        raise StoreUnusable.now(context.original_exception) from context.original_exception


@contextmanager
def _naming_store(url: str) -> Iterator[None]:
    """Name the store in what the database or its driver says of it."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, ImportError, OSError, ValueError) as error:
        reason = getattr(error, "orig", None) or error  # without the statement
        raise StoreUnusable(f"cannot open the article store {_masked(url)}: {reason}") from error


def _prepare(engine: sa.Engine, *, must_exist: bool) -> None:
    """Check the encoding, and upgrade the schema."""
    if engine.dialect.name == "postgresql":
        check_encoding(engine)
    known = _known_schemas()
    version = _schema_version(engine, known)
    if version == known[0]:
        return
    if version is None and must_exist:
        raise _absent(str(engine.url))
    config = _alembic_config()
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            wait_for_answers(connection)
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")
    engine.dispose()  # on the next connection, calls end in time


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _known_schemas() -> list[str]:
    """The versions of the schema, the newest first."""
    return [s.revision for s in ScriptDirectory.from_config(_alembic_config()).walk_revisions()]


def _schema_version(engine: sa.Engine, known: list[str]) -> str | None:
    """The version of the schema of a store; None if it has no tables.

    Raises:
        StoreUnusable: it is not a known one.
    """
    with engine.connect() as connection:
        version = MigrationContext.configure(connection).get_current_revision()
    if version is not None and version not in known:
        raise StoreUnusable(
            f"the article store {_masked(str(engine.url))} has schema {version}, which is newer "
            "than this program; install the newer program"
        )
    return version


def _absent(url: str) -> StoreUnusable:
    return StoreUnusable(
        f"there is no article store at {_masked(url)}, and none was created; import articles "
        "(read-also import), or set READ_ALSO_DATA_DIR or READ_ALSO_DATABASE_URL to where it is"
    )


def _masked(url: str) -> str:
    """Hide the secrets of an address, so that a message may show it."""
    try:
        address = make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return "(malformed address)"
    if address.get_backend_name() != "sqlite" and "@" in f"{address.host}{address.database}":
        return "(malformed address)"  # the end of its password cannot be found
    return address.difference_update_query(_SECRETS).render_as_string(hide_password=True)
