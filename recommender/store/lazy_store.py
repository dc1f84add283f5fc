"""A store that is opened when it is first needed, and again after a failure."""

import math
import threading
import time
from collections.abc import Callable
from typing import Final

from recommender.errors import StoreUnusable
from recommender.store.article_store import ArticleStore, open_store
from recommender.store.database import PATIENCE_SECONDS
from recommender.store.sqlite import file_identity, is_missing

__all__ = ["LazyStore"]

RETRY_AFTER_SECONDS: Final = 1.0
"""For this time after a failure to open the store, callers get the same error without a new try."""


class LazyStore:
    """Opens the store when it is first needed, and again after a failure.

    So a process can start, and go on, while the database is away.
    """

    def __init__(
        self,
        url: str,
        patience_seconds: float = PATIENCE_SECONDS,
        *,
        may_create: Callable[[], bool] = lambda: True,
        answer_seconds: float = math.inf,
    ) -> None:
        """Open nothing yet.

        Args:
            url: an SQLAlchemy address.
            patience_seconds: how long a write waits for other writers before it is refused.
            may_create: whether a missing SQLite file may be created. If snapshots exist, a missing
                file was lost: an empty store in its place would be served as if all was deleted.
            answer_seconds: how long one call waits for the answer of a server.
        """
        self._url = url
        self._patience_seconds = patience_seconds
        self._may_create = may_create
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._store: ArticleStore | None = None
        self._file: tuple[int, int] | None = None
        self._wal_file: tuple[int, int] | None = None
        self._retry_at = 0.0
        self._fault: StoreUnusable | None = None

    def __call__(self) -> ArticleStore:
        """Return the open store.

        Raises:
            StoreUnusable: it cannot be opened now.
        """
        with self._lock:
            if self._store is not None and file_identity(self._url) != self._file:
                self._close()  # the file was replaced or removed
            if self._store is None:
                self._store = self._open()
            return self._store

    def close(self) -> None:
        """Close the connections, if there are any."""
        with self._lock:
            self._close()

    def _open(self) -> ArticleStore:
        if self._fault is not None and time.monotonic() < self._retry_at:
            raise self._fault
        try:
            self._refuse_lost_file()
            self._refuse_replaced_file()
            store = open_store(
                self._url, self._patience_seconds, answer_seconds=self._answer_seconds
            )
        except StoreUnusable as fault:
            self._fault, self._retry_at = fault, time.monotonic() + RETRY_AFTER_SECONDS
            raise
        self._file, self._wal_file = file_identity(self._url), file_identity(self._url, "-wal")
        self._fault = None
        return store

    def _refuse_lost_file(self) -> None:
        if is_missing(self._url) and not self._may_create():
            raise StoreUnusable(
                "the file of the article store is gone; put a backup in its place: "
                "read-also restore"
            )

    def _refuse_replaced_file(self) -> None:
        """Refuse a new database file beside the write-ahead log of the old one.

        SQLite would apply that log to the new file, and damage it.
        """
        replaced = self._file is not None and self._file != file_identity(self._url)
        if replaced and self._wal_file and self._wal_file == file_identity(self._url, "-wal"):
            raise StoreUnusable(
                "the file of the article store was replaced while it was open; stop everything "
                "that uses it, remove its -wal and -shm files, and use read-also restore to put "
                "a backup in its place"
            )

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
