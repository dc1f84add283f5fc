"""A store that is opened when it is first needed, and again after that failed."""

import threading
import time
from collections.abc import Callable
from typing import Final

from recommender.errors import StoreUnusable
from recommender.store.articles import ArticleStore, open_store
from recommender.store.database import PATIENCE_SECONDS
from recommender.store.sqlite import file_of, is_missing

__all__ = ["LateStore"]

REST_SECONDS: Final = 1.0
"""For so long after a failure nobody else has to wait for the same answer."""


class LateStore:
    """Hands out one store; whoever starts while the database is away can go on without it."""

    def __init__(
        self,
        url: str,
        patience_seconds: float = PATIENCE_SECONDS,
        *,
        may_make: Callable[[], bool] = lambda: True,
    ) -> None:
        """Open nothing yet.

        Args:
            url: an SQLAlchemy address.
            patience_seconds: how long a write waits for other writers before it is refused.
            may_make: whether a missing SQLite file is a first start; else it has gone, and an empty
                one in its place would take what it is put back from for itself.
        """
        self._url = url
        self._patience_seconds = patience_seconds
        self._may_make = may_make
        self._opening = threading.Lock()
        self._store: ArticleStore | None = None
        self._file: tuple[int, int] | None = None
        self._log: tuple[int, int] | None = None
        self._refusal: tuple[float, StoreUnusable] | None = None

    def __call__(self) -> ArticleStore:
        """The store.

        Raises:
            StoreUnusable: it cannot be opened now.
        """
        with self._opening:
            if self._store is not None and file_of(self._url) != self._file:
                self._close()  # another file stands there, or none
            if self._store is None:
                self._store = self._open()
            return self._store

    def close(self) -> None:
        """Give back the connections, if any were made."""
        with self._opening:
            self._close()

    def _open(self) -> ArticleStore:
        if self._refusal is not None and time.monotonic() < self._refusal[0]:
            raise self._refusal[1]
        try:
            self._check_is_there()
            self._check_log()
            store = open_store(self._url, self._patience_seconds)
        except StoreUnusable as refusal:
            self._refusal = (time.monotonic() + REST_SECONDS, refusal)
            raise
        self._file, self._log = file_of(self._url), file_of(self._url, "-wal")
        self._refusal = None
        return store

    def _check_is_there(self) -> None:
        if is_missing(self._url) and not self._may_make():
            raise StoreUnusable("the article store's file is gone; put it back: read-also restore")

    def _check_log(self) -> None:
        """Refuse a file that was put in the place of one whose log is still beside it.

        SQLite would apply the old one's log to the new one, and damage it.
        """
        replaced = self._file is not None and self._file != file_of(self._url)
        if replaced and self._log is not None and self._log == file_of(self._url, "-wal"):
            raise StoreUnusable(
                "the article store's file was replaced while it was open; stop all that uses it, "
                "remove its -wal and -shm, and put copies back by read-also restore"
            )

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
