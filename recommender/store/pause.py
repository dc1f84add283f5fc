"""The pause of a thread that follows a store: until the next commit, where that is heard of."""

import time
from collections.abc import Callable
from typing import Final

from recommender.bell import Bell, until_idle_look
from recommender.store.article_store import ArticleStore
from recommender.store.commit_news import CommitNews

__all__ = ["Pause"]

REST_SHARE: Final = 0.5


class Pause:
    """The pauses of one thread between two looks.

    `stop` and `hurry` may be called from any thread, and from a signal handler.
    """

    def __init__(self, store: Callable[[], ArticleStore], seconds: float) -> None:
        """Wait for nothing yet.

        Args:
            store: opens the store, or raises StoreUnusable.
            seconds: between two looks where nothing tells of commits, and just after one that
                was heard of; at least half of it is always between.
        """
        self._store = store
        self._seconds = seconds
        self._bell = Bell()
        self._known: tuple[CommitNews, int] | None = None
        self._saw_all = False
        self._hurries = False
        self.is_over = False
        """Whether there is nothing to wait for any more."""

    def wait(self) -> bool:
        """Wait until it is time to look at the store; False if `stop` was called."""
        news, began = self._news(), time.monotonic()
        rested, latest = began + REST_SHARE * self._seconds, began + self._seconds
        if self._saw_all and news is not None and news.is_reliable:
            latest = began + until_idle_look()
        while not (self._hurries or self.is_over):
            is_new = news is not None and (news, news.heard) != self._known
            left = (rested if is_new else latest) - time.monotonic()
            if left <= 0:
                break
            if news is None or is_new or self._known is None:
                self._bell.wait(left)
            else:
                news.wait(self._bell, left, self._known[1])
        self._known = None if news is None else (news, news.heard)
        self._saw_all = news is not None and news.is_settled
        self._hurries = False
        return not self.is_over

    def rest(self, seconds: float) -> None:
        """Wait for some time, whatever happens, unless `stop` is called."""
        until = time.monotonic() + seconds
        while not self.is_over and (left := until - time.monotonic()) > 0:
            self._bell.wait(left)

    def hurry(self) -> None:
        """End the wait that goes on, or the next one."""
        self._hurries = True
        self._bell.ring()

    def stop(self) -> None:
        """End the wait that goes on, and let no other begin."""
        self.is_over = True
        self._bell.ring()

    def _news(self) -> CommitNews | None:
        if self._known is not None and self._known[0].is_reliable:
            return self._known[0]
        try:
            news = self._store().change_signal.news
        except Exception:  # noqa: BLE001 - the look that comes next meets it too, and says so
            return None
        news.listen()
        return news
