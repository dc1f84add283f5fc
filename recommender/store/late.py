"""A store that is opened when it is first needed, and again after that failed."""

import threading

from recommender.store.articles import ArticleStore, open_store
from recommender.store.database import PATIENCE_SECONDS
from recommender.store.sqlite import file_of

__all__ = ["LateStore"]


class LateStore:
    """Hands out one store; whoever starts while the database is away can go on without it."""

    def __init__(self, url: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._url = url
        self._patience_seconds = patience_seconds
        self._opening = threading.Lock()
        self._store: ArticleStore | None = None
        self._file: tuple[int, int] | None = None

    def __call__(self) -> ArticleStore:
        """The store.

        Raises:
            StoreUnusable: it cannot be opened now.
        """
        with self._opening:
            found = file_of(self._url)
            if self._store is not None and found != self._file:
                # Another file was put in its place; the open one is nobody's any more.
                self._store.close()
                self._store = None
            if self._store is None:
                self._store = open_store(self._url, self._patience_seconds)
                self._file = file_of(self._url)
            return self._store

    def close(self) -> None:
        """Give back the connections, if any were made."""
        with self._opening:
            if self._store is not None:
                self._store.close()
                self._store = None
