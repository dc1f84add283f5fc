"""Engines for PostgreSQL: one writer at a time, and no wait without an end."""

import math
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from recommender.store.commit_news import NOTIFY

__all__ = ["check_encoding", "create_postgresql", "wait_for_answers"]

_LOCK: Final = 0x52656164416C736F  # "ReadAlso": the advisory lock that writers wait for
_IDLE_MS: Final = 60_000
"""A writer that sends nothing for this time is dead; the server ends it, and frees the lock."""
_CONNECT_SECONDS: Final = 5
_UNBOUNDED: Final = -1  # as many connections as there are threads


def create_postgresql(
    address: sa.URL,
    patience_seconds: float,
    answer_seconds: float,
    is_announced: Callable[[], bool],
) -> sa.Engine:
    """Make the engine of a server's database, by psycopg.

    Args:
        address: of the database.
        patience_seconds: how long a transaction waits for others.
        answer_seconds: how long one call may wait for the server.
        is_announced: asked at each commit, whether others are told of it.

    Raises:
        ValueError: the address names another driver, or an @ in it is ambiguous.
        ImportError: psycopg is not installed.
    """
    if address.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise ValueError("its driver is psycopg; write postgresql://")
    if "@" in f"{address.host}{address.database}":
        raise ValueError("write an @ in a name or a password as %40")
    wanted = _settings(patience_seconds)
    try:
        # psycopg is optional, so it is imported only for this kind of store.
        from recommender.store.bounded_connection import Connector  # noqa: PLC0415

        engine = sa.create_engine(
            address.set(drivername="postgresql+psycopg"),
            isolation_level="REPEATABLE READ",  # all that one transaction reads is of one moment
            pool_pre_ping=True,
            max_overflow=_UNBOUNDED,
            hide_parameters=True,  # errors are logged, texts are not
            connect_args={key: wanted[key] for key in wanted if key not in address.query},
        )
    except ImportError as error:
        raise ImportError(
            "PostgreSQL needs an extra; run in the checkout: pip install '.[postgresql]'"
        ) from error
    connector = Connector(answer_seconds)
    sa.event.listen(
        engine, "do_connect", lambda _dialect, _record, _, given: connector.connect(**given)
    )
    sa.event.listen(engine, "begin", _begin_hook(patience_seconds))
    sa.event.listen(engine, "commit", _commit_hook(is_announced))
    return engine


def wait_for_answers(connection: sa.Connection) -> None:
    """Let the calls of one connection take any time: an upgrade of the schema may be long."""
    raw: Any = connection.connection.driver_connection
    raw.answer_seconds = math.inf


def _settings(patience_seconds: float) -> dict[str, str | int]:
    """Choose libpq's parameters, so that a server that went away is noticed."""
    return {
        "client_encoding": "utf8",
        "connect_timeout": max(1, round(min(patience_seconds, _CONNECT_SECONDS))),
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": max(1, round(patience_seconds * 1000)),
    }


def _begin_hook(patience_seconds: float) -> Callable[[sa.Connection], None]:
    """Let writers wait for each other, so that change numbers become visible in order."""
    patience = (
        f"SELECT set_config('lock_timeout', '{max(1, round(patience_seconds * 1000))}', true)"
    )
    write_lock = (
        f"{patience}, set_config('idle_in_transaction_session_timeout', '{_IDLE_MS}', true), "
        f"pg_advisory_xact_lock({_LOCK})"
    )

    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql(write_lock if writes else patience)

    return begin


def _commit_hook(is_announced: Callable[[], bool]) -> Callable[[sa.Connection], None]:
    """Let whoever listens be notified when a writer commits, just after that."""

    def commit(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("writes", False) and is_announced():
            connection.exec_driver_sql(NOTIFY)

    return commit


def check_encoding(engine: sa.Engine) -> None:
    """Refuse a database that cannot hold every text.

    Raises:
        ValueError: its encoding is not UTF-8.
    """
    with engine.connect() as connection:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise ValueError(f"its encoding is {encoding}; create the database with UTF8")
