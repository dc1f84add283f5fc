"""News of commits: whoever waits for one is woken by it, in every process of every machine.

News only say that it is time to look. What was committed is what the store says then. So news may
come too often, and where they do not come at all, looking now and then finds the same.
"""

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import sqlalchemy as sa
from inotify_simple import INotify, flags

from recommender.bell import Bell
from recommender.errors import StoreUnusable

__all__ = ["NOTIFY", "CommitNews", "CommitWatch", "watch_commits"]

_CHANNEL: Final = "concat('read_also_', to_regclass('store_facts')::oid)"
"""It is of the store: a database may have several, each in a schema of its own."""
NOTIFY: Final = f"SELECT pg_notify({_CHANNEL}, '')"
SETTLED_SECONDS: Final = 0.3  # after news, until what was not announced has been looked for
RETRY_SECONDS: Final = 10.0  # before it is tried again to watch
BEGIN_SECONDS: Final = 0.2  # for which who begins to watch waits for that
LATE_SECONDS: Final = 0.2  # news that come later than this after a commit was seen are lost
DOUBT_SECONDS: Final = 60.0  # for this time after news were lost, nobody relies on them
_EVENTS: Final = flags.ATTRIB | flags.DELETE_SELF | flags.MOVE_SELF
_log = logging.getLogger(__name__)


class CommitWatch(Protocol):
    """Hears of every commit to one store."""

    def fileno(self) -> int:
        """The open file that can be read when there are news."""

    def take(self) -> bool:
        """Take what has come; whether there was anything.

        Raises:
            OSError, StoreUnusable: nothing more will come.
        """

    def close(self) -> None:
        """Hear no more."""


def watch_commits(engine: sa.Engine) -> CommitWatch:
    """Begin to watch.

    Raises:
        OSError, StoreUnusable: this system, or this database, has no news for us.
    """
    if engine.dialect.name == "sqlite":
        return _FileWatch(engine.url.database or "")
    return _Listener(engine)


class CommitNews:
    """What the threads of one process hear of the commits to one store."""

    def __init__(self, watch: Callable[[], CommitWatch]) -> None:
        """Hear nothing yet.

        Args:
            watch: begins to watch; see `watch_commits`.
        """
        self.heard = 0
        """How often there were news. It differs after each commit that was heard of."""
        self._open = watch
        self._watch: CommitWatch | None = None
        self._try_at = -math.inf
        self._lock = threading.Lock()
        self._waiting = set[Bell]()
        self._seen: object = None
        self._seen_at = -math.inf
        self._heard_at = -math.inf
        self._unheard: tuple[float, int] | None = None
        self._doubted_until = -math.inf

    @property
    def is_reliable(self) -> bool:
        """Whether one may wait for news instead of looking often."""
        return self._watch is not None and time.monotonic() >= self._doubted_until

    @property
    def is_settled(self) -> bool:
        """Whether the last news are so old that nothing more has come with them."""
        return time.monotonic() >= self._heard_at + SETTLED_SECONDS

    def listen(self) -> None:
        """Begin to hear, if the store was seen last, unless it failed to a moment ago.

        A server may take seconds to give a session; then this goes on without the caller.
        """
        with self._lock:
            is_away, is_first = self._seen is None, math.isinf(self._try_at)
            if self._watch is not None or is_away or time.monotonic() < self._try_at:
                return
            self._try_at = time.monotonic() + RETRY_SECONDS
        begun = threading.Thread(
            target=lambda: self._begin(is_first=is_first), name="news", daemon=True
        )
        begun.start()
        begun.join(BEGIN_SECONDS)

    def _begin(self, *, is_first: bool) -> None:
        try:
            watch = self._open()
        except (OSError, StoreUnusable) as fault:
            if is_first:
                _log.info("nothing tells of commits, so they are looked for often: %s", fault)
            return
        with self._lock:
            is_wanted = self._watch is None and self._seen is not None
            if is_wanted:
                self._watch, self._try_at = watch, -math.inf
        if is_wanted:
            self._tell()  # of what was committed before
        else:
            watch.close()

    def wait(self, bell: Bell, seconds: float, heard: int) -> None:
        """Wait until there are news, a bell rings, or the time is over.

        Args:
            bell: of the calling thread.
            seconds: the time.
            heard: the number of news that the thread knows; if there are more, it does not wait.
        """
        with self._lock:
            self._waiting.add(bell)
            also = None if self._watch is None else self._watch.fileno()
        try:
            if self.heard == heard and bell.wait(seconds, also):
                self._take()
        finally:
            self._waiting.discard(bell)

    def check(self, value: object) -> None:
        """Check that the news are complete, against what was seen.

        Args:
            value: differs from the last one if something was committed between.
        """
        now = time.monotonic()
        with self._lock:
            if self._unheard is not None:
                seen_at, heard = self._unheard
                if self.heard != heard:
                    self._unheard = None
                elif now - seen_at >= LATE_SECONDS:
                    self._unheard, self._doubted_until = None, now + DOUBT_SECONDS
            was_settled = self._seen_at >= self._heard_at + SETTLED_SECONDS
            if was_settled and self._seen not in {None, value} and self._watch is not None:
                self._unheard = self._unheard or (now, self.heard)
            self._seen, self._seen_at = value, now

    def close(self) -> None:
        """Hear no more; who waits is woken."""
        with self._lock:
            watch, self._watch, self._seen = self._watch, None, None
        if watch is not None:
            self._tell()
            watch.close()

    def _take(self) -> None:
        with self._lock:
            watch = self._watch
            if watch is None:
                return
            try:
                if not watch.take():
                    return
            except (OSError, StoreUnusable):
                watch.close()
                self._watch = None
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            self.heard, self._heard_at = self.heard + 1, time.monotonic()
            waiting = tuple(self._waiting)
        for bell in waiting:
            bell.ring()


class _FileWatch:
    """Hears when a process sets the times of a file, as every writer of an SQLite store does.

    The writes of SQLite itself come too early: a commit is visible when it is noted in shared
    memory, after the last of them.
    """

    def __init__(self, path: str) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError("this system has no inotify")
        self._inotify = INotify(nonblocking=True)
        try:
            self._inotify.add_watch(path, _EVENTS)
        except OSError:
            self._inotify.close()
            raise

    def fileno(self) -> int:
        number: int = self._inotify.fileno()
        return number

    def take(self) -> bool:
        has_come = False
        with suppress(BlockingIOError):
            while os.read(self.fileno(), 2**12):
                has_come = True
        return has_come

    def close(self) -> None:
        self._inotify.close()


class _Listener:
    """Hears what writers notify of, in a session of its own.

    A pooler by transaction gives that session to others: then nothing comes.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._faults = engine.dialect.loaded_dbapi.Error
        self._session: Any = None
        try:
            connection = engine.raw_connection()
            self._session = connection.driver_connection
            connection.detach()  # the pool never hands it to others
            self._session.autocommit = True
            (channel,) = self._session.execute(f"SELECT {_CHANNEL}").fetchone()
            self._session.execute(f'LISTEN "{channel}"')
            self._number = int(self._session.fileno())
        except self._faults as fault:
            self.close()
            raise StoreUnusable.now(fault) from fault

    def fileno(self) -> int:
        return self._number

    def take(self) -> bool:
        has_come = False
        try:
            self._session.pgconn.consume_input()
            while self._session.pgconn.notifies() is not None:
                has_come = True
        except self._faults as fault:
            raise StoreUnusable.now(fault) from fault
        return has_come

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
