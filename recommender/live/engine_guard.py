"""Keeps those who ask an engine on another machine from waiting while it hangs or is away."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

from index.arrays import Floats
from index.conditions import Condition
from index.errors import EngineAway, NoSnapshot
from index.lexical import Query
from index.searchable import FoundRows, SearchedIndex
from index.stored_rows import StoredRows

__all__ = ["EngineGuard", "GuardedIndex"]

MOST_QUESTIONS: Final = 8
"""So many are asked at the same time; a question that nobody waits for any more is one of them."""
PAUSE_SECONDS: Final = 0.5
"""Between two probes of an engine that is away."""
DOUBT_SECONDS: Final = 0.5
"""So long an engine may take to answer a probe after it did not answer a question in time."""
Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Doubt:
    """Whether an engine is away.

    Attributes:
        fault: why it may be.
        until: the moment of the monotonic clock from which it is, if no probe was answered.
        answered: a probe was.
    """

    fault: EngineAway
    until: float
    answered: threading.Event = field(default_factory=threading.Event)

    def settle(self) -> None:
        """Wait until it is known.

        Raises:
            EngineAway: the engine is away.
        """
        if not self.answered.wait(max(0.0, self.until - time.monotonic())):
            raise EngineAway(str(self.fault))


class EngineGuard:
    """Asks an engine, and stops to ask it where it fails, until it has answered a probe.

    An engine that is late with one question alone is not away: it answers a probe at once, and only
    who has asked that question gets no answer.

    Questions are asked in threads of their own, so that a caller waits as long as it wants to,
    whatever the driver of the engine does.
    """

    def __init__(self, probe: Callable[[], object]) -> None:
        """Take the engine as one that answers.

        Args:
            probe: a small question to the engine; raises EngineAway while it is away.
        """
        self._probe = probe
        self._pool = ThreadPoolExecutor(MOST_QUESTIONS, thread_name_prefix="engine")
        self._doubt: _Doubt | None = None
        self._opening = threading.Lock()
        self._closed = threading.Event()

    def check(self) -> None:
        """Return if the engine answers, as far as is known; if it is in doubt, wait a moment.

        Raises:
            EngineAway: it does not.
        """
        doubt = self._doubt
        if doubt is not None:
            doubt.settle()

    def ask(self, question: Callable[[], Answer], until: float) -> Answer:
        """Ask a question, and wait for the answer until a moment of the monotonic clock.

        Raises:
            EngineAway: the engine is away, or the moment has come. In both cases it is probed, and
                not asked until it answers that.
        """
        self.check()
        left = until - time.monotonic()
        if left <= 0:
            raise EngineAway("the index server is too slow for a list")
        asked = self._pool.submit(question)
        try:
            return asked.result(left)
        except TimeoutError:
            asked.cancel()
            fault, patience = EngineAway("the index server does not answer in time"), DOUBT_SECONDS
        except EngineAway as raised:
            fault, patience = raised, 0.0
        self._stop_asking(_Doubt(fault, time.monotonic() + patience))
        raise fault

    def close(self) -> None:
        """End the threads, but wait for none that the engine holds."""
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _stop_asking(self, doubt: _Doubt) -> None:
        with self._opening:
            if self._doubt is not None or self._closed.is_set():
                return
            self._doubt = doubt
        probing = threading.Thread(
            target=self._probe_again, args=(doubt,), name="engine-probe", daemon=True
        )
        probing.start()

    def _probe_again(self, doubt: _Doubt) -> None:
        """Probe the engine until it answers. One thread does so, at once and then with pauses."""
        began, is_logged = time.monotonic(), False
        while not self._answers():
            if not is_logged:
                _log.error("no list is made for now: %s", doubt.fault)
                is_logged = True
            if self._closed.wait(PAUSE_SECONDS):
                return
        self._doubt = None
        doubt.answered.set()
        if is_logged:
            _log.warning("lists are made again after %.0f s", time.monotonic() - began)

    def _answers(self) -> bool:
        try:
            self._probe()
        except EngineAway:
            return False
        except NoSnapshot:
            return True
        except Exception:  # noqa: BLE001 - it answers, but not to this; lists say more
            _log.exception("the index server was probed in vain")
        return True


@dataclass(frozen=True, slots=True)
class GuardedIndex:
    """The searches of an index, guarded, for one list.

    Attributes:
        index: where the rows are.
        guard: asks it.
        until: when all have to be answered, by the monotonic clock.
    """

    index: SearchedIndex
    guard: EngineGuard
    until: float

    def nearest(self, vector: Floats, limit: int, wanted: Condition) -> FoundRows:
        """Find the rows most similar to a unit vector that meet a condition."""
        return self.guard.ask(lambda: self.index.nearest(vector, limit, wanted), self.until)

    def nearest_by_terms(self, query: Query, limit: int, wanted: Condition) -> FoundRows:
        """Find the rows whose terms are most similar that meet a condition, above 0 only."""
        return self.guard.ask(lambda: self.index.nearest_by_terms(query, limit, wanted), self.until)

    def newest(self, limit: int, wanted: Condition) -> FoundRows:
        """Find the rows with the highest numbers in the ordering column that meet a condition."""
        return self.guard.ask(lambda: self.index.newest(limit, wanted), self.until)

    def matching(self, limit: int, wanted: Condition) -> StoredRows:
        """Find rows that meet a condition, in any order."""
        return self.guard.ask(lambda: self.index.matching(limit, wanted), self.until)

    def fetch(self, ids: Iterable[str]) -> StoredRows:
        """Read the rows of some ids, of those that are there, in any order."""
        return self.guard.ask(lambda: self.index.fetch(ids), self.until)
