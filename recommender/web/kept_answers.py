"""Finished answers that a worker keeps, so that the same question again costs no ranking.

An answer is given again only while all that it was made from is the same: the view, the policy, the
pins and blocks, and what the clock says of them. Whatever is written, the next refresh that shows
it to this worker forgets every answer; so does the first moment at which an article comes on show
or goes, a pin or a rule begins or ends, or, where ages count, an hour.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from sys import getsizeof
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.live import LiveState
from recommender.ranking.filters import Columns, computed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["KeptAnswer", "KeptAnswers", "Moment", "Question"]

MOST_BYTES: Final = 2**22
"""Of all answers of one worker, with what they are found by."""
CALLERS: Final = ((False, True), (False, False), (True, False))
"""Whether callers are the public, and whether they see everything stored."""
LONGEST_QUERY: Final = 256
OVERHEAD_BYTES: Final = 500
"""Of one answer beside its texts: objects, numbers, a place to be found. Rather too much."""
HOUR_SECONDS: Final = 3_600.0
TURNS: Final = ("from_time", "until_time", "revised_at")
"""The columns with the moments at which an article comes on show, goes, or counts as revised."""


class Question(NamedTuple):
    """What was asked for, and by whom as far as the answer depends on it.

    Attributes:
        path: of the list, as the WSGI environment has it.
        query: the query string as it was sent.
        public: whether it was asked without a key.
        sees_stored: whether the key opens everything stored.
    """

    path: str
    query: str
    public: bool
    sees_stored: bool

    @classmethod
    def of(cls, environ: "WSGIEnvironment", *, public: bool, sees_stored: bool) -> Self:
        """The question of a request."""
        return cls(environ["PATH_INFO"], environ.get("QUERY_STRING", ""), public, sees_stored)


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What all answers are made from, as far as it changes with writes.

    Attributes: as of `LiveState`. Of the view only what is present stands here, which every view
    has its own of: to keep the view would keep its snapshot open.
    """

    present: object
    policy: object
    overrides: object

    @classmethod
    def of(cls, live: LiveState) -> Self:
        """Those of a live state."""
        return cls(live.view.present, live.active_policy, live.overrides)

    def is_of(self, live: LiveState) -> bool:
        """Whether answers of this moment hold for a live state."""
        return (
            self.present is live.view.present
            and self.policy is live.active_policy
            and self.overrides is live.overrides
        )


@dataclass(frozen=True, slots=True, eq=False)
class KeptAnswer:
    """The bytes of an answer, and what its headers are made from.

    Attributes:
        body: as it was sent.
        etag: the header with its hash.
        keys: the ids by which caches purge it, with spaces between.
        purgeable: whether the ids of all its articles are among them.
        changes_at: when an article in it expires, or a pin, a block or a site rule begins or ends,
            POSIX.
        made_at: the moment that the list was made for, POSIX.
        article_id: of the article that it is for.
        route: the rule of the path by which it was asked for.
    """

    body: bytes
    etag: str
    keys: str
    purgeable: bool
    changes_at: float
    made_at: float
    article_id: str
    route: str


class KeptAnswers:
    """The answers of one worker, those that were asked for last; for all its threads.

    Attributes:
        now: tells the time, seconds since 1970 in UTC.
        bytes: what the answers take.
    """

    def __init__(self, now: Callable[[], float], most_bytes: int = MOST_BYTES) -> None:
        """Keep none yet.

        Args:
            now: tells the time, seconds since 1970 in UTC.
            most_bytes: the most that all answers may take; 0 to keep none.
        """
        self.now = now
        self._most_bytes = most_bytes
        self.bytes = 0
        self._moment: Moment | None = None
        self._holds = (inf, -inf)
        self._kept: OrderedDict[Question, KeptAnswer] = OrderedDict()
        self._lock = threading.Lock()

    def may_have(self, environ: "WSGIEnvironment") -> bool:
        """Whether an answer to the question of a request is kept for anybody."""
        return any(
            Question.of(environ, public=public, sees_stored=sees_stored) in self._kept
            for public, sees_stored in CALLERS
        )

    def find(self, question: Question, live: LiveState, now: float) -> KeptAnswer | None:
        """The answer to a question, if it would be made the same at `now`, seconds since 1970."""
        with self._lock:
            self._forget_unless_they_hold(live, now)
            found = self._kept.get(question) if live.reading is None else None
            if found is None or not found.made_at <= now < found.changes_at:
                return None
            self._kept.move_to_end(question)
            return found

    def keep(
        self, question: Question, answer: KeptAnswer, before: LiveState, live: LiveState
    ) -> None:
        """Keep an answer that was made while the live state went from `before` to `live`.

        It is not kept if the state changed meanwhile: nobody knows then which one it shows.
        """
        size = bytes_of(question, answer)
        if len(question.query) > LONGEST_QUERY or size > self._most_bytes:
            return
        if not Moment.of(before).is_of(live):
            return
        with self._lock:
            self._forget_unless_they_hold(live, answer.made_at)
            self._drop(question)
            self._kept[question] = answer
            self.bytes += size
            while self.bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))

    def _drop(self, question: Question) -> None:
        answer = self._kept.pop(question, None)
        if answer is not None:
            self.bytes -= bytes_of(question, answer)

    def _forget_unless_they_hold(self, live: LiveState, now: float) -> None:
        """Forget all answers if they were made from something else, or for another time."""
        begin, end = self._holds
        is_same = self._moment is not None and self._moment.is_of(live)
        if is_same and begin <= now < end:
            return
        if is_same and end <= now and not _may_change(live, end, now):
            self._holds = (begin, _time_around(live.view, now)[1])
            return
        self._moment = Moment.of(live)
        self._holds = _time_around(live.view, now)
        self._kept.clear()
        self.bytes = 0


def bytes_of(question: Question, answer: KeptAnswer) -> int:
    """What an answer takes of the memory, with the question that it is found by."""
    texts = (*question[:2], answer.body, answer.etag, answer.keys, answer.article_id)
    return OVERHEAD_BYTES + sum(map(getsizeof, texts))


def _time_around(view: View, now: float) -> tuple[float, float]:
    """From and until when the clock changes nothing in lists of a view, as it is at `now`."""
    hour = now // HOUR_SECONDS * HOUR_SECONDS
    of_parts = (
        computed(part, ("turns", hour), partial(_turns_of_hour, part, hour)) for part in view.parts
    )
    turns = np.concatenate([[hour], *of_parts, [hour + HOUR_SECONDS]])
    return float(turns[turns <= now].max()), float(turns[turns > now].min())


def _may_change(live: LiveState, first: float, last: float) -> bool:
    """Whether the clock may change lists from `first` to `last`, between which an hour is full."""
    columns = (part.columns[name] for part in live.view.parts for name in TURNS)
    turns = (bool(((times >= first) & (times <= last)).any()) for times in columns)
    return live.active_policy.policy.counts_ages or any(turns)


def _turns_of_hour(articles: Columns, hour: float) -> NDArray[np.float64]:
    """The moments of an hour at which the clock changes lists, ascending."""
    times = np.concatenate([articles.columns[name] for name in TURNS])
    return np.sort(times[(times >= hour) & (times < hour + HOUR_SECONDS)])
