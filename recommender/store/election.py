"""The election of one indexer among those of several machines that share a PostgreSQL store.

The elected one holds an advisory lock in a session of its own. The server frees the lock when that
session ends: at once when its process is killed, and within seconds when its machine vanishes.
"""

import threading
from collections.abc import Callable
from typing import Any, Final

from recommender.errors import ElectionLost, StoreUnusable
from recommender.store.article_store import ArticleStore

__all__ = ["Election"]

_SEAT: Final = 0x496E6478  # "Indx": the first half of the advisory lock of the elected one
_NOTICE_LOSS: Final = """
    SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = 5000
"""
"""For the server: it ends the session of a machine that has been silent for five seconds, whether
an answer to it was under way (the last one) or not. Over a Unix socket they have no effect.
"""
_STAND: Final = f"""
    SELECT pg_try_advisory_lock({_SEAT}, ('store_facts'::regclass::oid::bigint % 2147483647)::int)
"""
"""The second half is of the store: a database may have several, each in a schema of its own."""
_STILL_THERE: Final = "SELECT 1"


class Election:
    """One process of all that share a store is elected. Safe to use from several threads.

    On SQLite every process is: only one machine can use the file, and a lock in the data folder
    lets one indexer work there.
    """

    def __init__(self, store: Callable[[], ArticleStore]) -> None:
        """Ask nothing yet.

        Args:
            store: opens the store, or raises StoreUnusable.
        """
        self._store = store
        self._session: Any = None
        self._is_won = False
        self._wins = 0
        self._asking = threading.RLock()

    def is_won(self) -> bool:
        """Whether this process is elected; if it is not, it tries to be. Asks the server each time.

        Raises:
            StoreUnusable: the server does not answer; this process is not elected any more.
        """
        engine = self._store().engine
        if engine.dialect.name == "sqlite":
            return True
        with self._asking:
            try:
                if self._session is None:
                    self._session = self._open(engine)
                answer = self._session.execute(_STILL_THERE if self._is_won else _STAND).fetchone()
            except engine.dialect.loaded_dbapi.Error as fault:
                self.close()
                raise StoreUnusable.now(fault) from fault
            # As long as a session lives, the server frees no lock of it.
            if not self._is_won and answer[0]:
                self._is_won, self._wins = True, self._wins + 1
            return self._is_won

    def term_of_office(self) -> int:
        """Which time it is that this process is elected, from 1; 0 if it is not. It does not stand.

        Asks the server each time. While the number stays, no other process was elected.

        Raises:
            StoreUnusable: the server does not answer; this process is not elected any more.
        """
        with self._asking:
            if self._store().engine.dialect.name == "sqlite":
                return 1
            return self._wins if self._is_won and self.is_won() else 0

    def check(self) -> None:
        """Check that this process is still elected: another one may have taken its place.

        Raises:
            ElectionLost: another one is elected.
            StoreUnusable: the server does not answer.
        """
        if not self.is_won():
            raise ElectionLost

    def close(self) -> None:
        """Give the place up, if this process has it."""
        with self._asking:
            session, self._session, self._is_won = self._session, None, False
            if session is not None:
                session.close()

    @staticmethod
    def _open(engine: Any) -> Any:  # noqa: ANN401 - a DBAPI connection
        connection = engine.raw_connection()
        session: Any = connection.driver_connection
        connection.detach()  # the pool never hands it to others
        session.autocommit = True  # a session that waits in a transaction would be ended
        session.execute(_NOTICE_LOSS)
        return session
