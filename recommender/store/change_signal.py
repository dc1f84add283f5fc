"""A cheap test whether a store may have changed since the last look."""

import threading
from collections.abc import Hashable
from itertools import count
from typing import Any, Final

import sqlalchemy as sa

from recommender.errors import StoreUnusable
from recommender.store.commit_news import CommitNews, watch_commits

__all__ = ["ChangeSignal"]

_SQLITE: Final = "PRAGMA data_version"
"""A number that changes when another connection commits; to read it takes 3 microseconds."""

_POSTGRESQL: Final = """
    SELECT (SELECT value FROM store_facts WHERE name = 'epoch'), number, at
    FROM changes ORDER BY number DESC LIMIT 1
"""
_serials = count()


class ChangeSignal:
    """Reads on a connection of its own, which never writes.

    Attributes:
        news: tell when to read.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.news = CommitNews(lambda: watch_commits(engine))
        self._engine = engine
        self._query = _SQLITE if engine.dialect.name == "sqlite" else _POSTGRESQL
        self._lock = threading.Lock()
        self._connection: Any = None
        self._cursor: Any = None
        self._serial = 0

    @property
    def shows_all(self) -> bool:
        """Whether every commit changes the value, not only one to the change log."""
        return self._query == _SQLITE  # the news of others may be lost

    def read(self) -> Hashable:
        """Return a value. If the store changed since an earlier call, the value differs.

        It may differ where nothing has changed. On PostgreSQL it shows changes of the log, and
        what `news` were heard of: without them, a text that is queued again after a failure does
        not change it.

        Raises:
            StoreUnusable: the database cannot be reached.
        """
        heard = self.news.heard, self.news.is_settled
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                    self._serial = next(_serials)  # two connections may return the same number
                    self._cursor = self._connection.cursor()  # a new one for each look costs more
                row = self._cursor.execute(self._query).fetchone()
            except self._engine.dialect.loaded_dbapi.Error as error:
                self._close()
                raise StoreUnusable.now(error) from error
            value = self._serial, *(row or ())
            self.news.check(value)
        return value if self._query == _SQLITE else (heard, *value)

    def close(self) -> None:
        """Close the connection; it is opened again when it is needed."""
        with self._lock:
            self._close()

    def _connect(self) -> Any:  # noqa: ANN401 - a DBAPI connection
        connection = self._engine.raw_connection()
        driver: Any = connection.driver_connection
        connection.detach()  # the pool never hands it to others
        if self._engine.dialect.name != "sqlite":
            driver.autocommit = True  # each query sees what is committed then
        return driver

    def _close(self) -> None:
        self.news.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = self._cursor = None
