"""Finished answers that a worker keeps, so that the same question again costs no ranking.

An answer is given again only while the same one would be made. After a refresh that shows something
new to this worker, an answer that is asked for is first held against it: the pins and blocks of its
article, and the rows that its list was made from (`Basis`). Where that does not show that the list
is the same, the answer is forgotten. A new policy or snapshot forgets every answer; so does the
first moment at which an article comes on show or goes, or, where ages count, an hour.

There are two shelves, as in a segmented LRU cache (Karedla, Love and Wherry 1994): one for answers
that were asked for once, and one for those that were asked for again. Both share the memory. If it
is full, the first keeps a small part of it. So questions that nobody repeats, as hostile ones, push
out no answer that readers ask for.
"""

import threading
import zlib
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
from recommender.ranking.basis import Basis
from recommender.ranking.filters import Columns, computed
from recommender.ranking.overrides import Overrides, OverridesByArticle

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["KeptAnswer", "KeptAnswers", "Moment", "Question", "pack_answer"]

MOST_NEW_BYTES: Final = 2**23
MOST_BYTES: Final = 2**26
"""Of the answers of a worker that were asked for once, if the memory is full; and of all, with what
they are found by."""
CALLERS: Final = ((False, True), (False, False), (True, False))
"""Whether callers are the public, and whether they see everything stored."""
PACKING: Final = 6
"""The level of compression. It takes 40 millionths of a second; the fastest would leave a tenth
more."""
TYPICAL: Final = (
    b'"null,"image_url":null,"reason":"words"},{"id":"fallback:section"},{"id":"fallback:latest"}'
    b'"\n\n{"article_id":"","items":[{"id":"","rank":1,"score":0.,"title":"","url":"https://www.",'
    b'"section":"","language":"","published_at":"20-T::00Z","image_url":"https://","reason":'
    b'"semantic"},{"id":""}],"requested":12,"returned":12,"mode":"mixed","generation":"000000"}\n'
)
"""What lists have in common: the texts that a compressed list may refer to, the likely ones last.
Whatever stands here, a list is read as it was packed."""
LONGEST_QUERY: Final = 256
OVERHEAD_BYTES: Final = 420
"""Of one answer beside its texts: objects, numbers, a place to be found. Rather too much."""
BASIS_BYTES: Final = 90
FILTER_BYTES: Final = 40
"""Of what a list was made from, beside its numbers; and of each character by which it was asked
for, if it has a filter of its own. Rather too much."""
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

    @property
    def key(self) -> str:
        """One text, by which an answer is found: it takes less memory than its parts.

        A path may hold any character, also one that divides it from a query.
        """
        return f"{self.public:d}{self.sees_stored:d}{len(self.path)}{self.path}?{self.query}"


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What all answers are made from, as far as it changes with writes.

    Attributes: as of `LiveState`. Of the view only its manifest and what is present stand here:
    each opened snapshot has its own of the first, and each view of the second. To keep the view
    would keep its snapshot open.
    """

    manifest: object
    present: object
    policy: object
    overrides: OverridesByArticle
    change: int

    @classmethod
    def of(cls, live: LiveState) -> Self:
        """Those of a live state."""
        view = live.view
        of_view = (view.snapshot.manifest, view.present)
        return cls(*of_view, live.active_policy, live.overrides, live.change)

    def is_of(self, live: LiveState) -> bool:
        """Whether all answers of this moment hold for a live state."""
        return (
            self.present is live.view.present
            and self.policy is live.active_policy
            and self.overrides is live.overrides
        )

    def is_after(self, live: LiveState) -> bool:
        """Whether a live state of the same snapshot is older."""
        return self.manifest is live.view.snapshot.manifest and live.change < self.change

    def is_comparable(self, live: LiveState) -> bool:
        """Whether an answer of this moment may hold for a live state that is older or newer.

        None does if other articles are hidden from all lists.
        """
        return (
            self.manifest is live.view.snapshot.manifest
            and self.policy is live.active_policy
            and self.overrides.hidden is live.overrides.hidden
        )


@dataclass(frozen=True, slots=True, eq=False)
class KeptAnswer:
    """The bytes of an answer, and what its headers are made from.

    Attributes:
        packed: what `unpack` gives.
        length: of the body.
        purgeable: whether the ids of all its articles are among them.
        changes_at: when an article in it expires, or a pin, a block or a site rule begins or ends,
            POSIX.
        made_at: the moment that the list was made for, POSIX.
        article_id: of the article that it is for.
        route: the rule of the path by which it was asked for.
        basis: what its list was made from; None if every change may change it.
    """

    packed: bytes
    length: int
    purgeable: bool
    changes_at: float
    made_at: float
    article_id: str
    route: str
    basis: Basis | None = None

    def unpack(self) -> tuple[str, str, bytes]:
        """The header with the hash, the purge keys, and the body, as they were packed."""
        etag, keys, body = zlib.decompressobj(zdict=TYPICAL).decompress(self.packed).split(b"\n", 2)
        return etag.decode(), keys.decode(), body


def pack_answer(etag: str, keys: str, body: bytes) -> bytes:
    """Compress what takes most of the memory of an answer.

    Args:
        etag: the header with the hash of the body.
        keys: the ids by which caches purge it, with spaces between.
        body: as it was sent.
    """
    packing = zlib.compressobj(PACKING, zdict=TYPICAL)
    return packing.compress(b"\n".join([etag.encode(), keys.encode(), body])) + packing.flush()


@dataclass(slots=True, eq=False)
class _Kept:
    """A place of a kept answer.

    Attributes:
        answer: the answer.
        overrides: the pins and blocks of its article.
        of_moment: the number of the last moment for which it is known to hold.
        known: how many rows the view had then.
    """

    answer: KeptAnswer
    overrides: Overrides
    of_moment: int
    known: int = 0

    def holds(self, live: LiveState, now: float, known: int) -> bool:
        """Whether a later state, with the same snapshot and policy, would give it too.

        `known` is how many rows the view had when it held last. This changes nothing here, since
        other threads may hold it against another state at the same time.
        """
        basis = self.answer.basis
        if basis is None or live.overrides.of_itself(self.answer.article_id) != self.overrides:
            return False
        return basis.holds(live.view, now, known)


class _Shelf:
    """Kept answers; the one that was asked for longest ago leaves first."""

    def __init__(self) -> None:
        self.bytes = 0
        self.places: OrderedDict[str, _Kept] = OrderedDict()

    def put(self, key: str, kept: _Kept) -> None:
        """Put an answer on it, which it does not have."""
        self.places[key] = kept
        self.bytes += bytes_of(key, kept.answer)

    def take(self, key: str) -> None:
        """Take an answer from it, if it is there."""
        kept = self.places.pop(key, None)
        if kept is not None:
            self.bytes -= bytes_of(key, kept.answer)

    def take_oldest(self) -> tuple[str, _Kept]:
        """Take the answer that was asked for longest ago; there is one."""
        key = next(iter(self.places))
        kept = self.places[key]
        self.take(key)
        return key, kept

    def clear(self) -> None:
        """Take all from it."""
        self.places.clear()
        self.bytes = 0


class KeptAnswers:
    """The answers of one worker, those that were asked for last; for all its threads.

    Attributes:
        now: tells the time, seconds since 1970 in UTC.
    """

    def __init__(
        self,
        now: Callable[[], float],
        most_bytes: int = MOST_BYTES,
        most_new_bytes: int = MOST_NEW_BYTES,
    ) -> None:
        """Keep none yet.

        Args:
            now: tells the time, seconds since 1970 in UTC.
            most_bytes: the most that all answers may take; 0 to keep none.
            most_new_bytes: the most that those may take that were asked for once, if there are so
                many others that not all find room.
        """
        self.now = now
        self._most_bytes, self._most_new_bytes = most_bytes, min(most_new_bytes, most_bytes)
        self._new, self._repeated = _Shelf(), _Shelf()
        self._moment: Moment | None = None
        self._moments = 0  # that were followed so far
        self._holds = (inf, -inf)
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """What the answers take."""
        return self._new.bytes + self._repeated.bytes

    def may_have(self, environ: "WSGIEnvironment") -> bool:
        """Whether an answer to the question of a request is kept for anybody."""
        asked = (Question.of(environ, public=one, sees_stored=other).key for one, other in CALLERS)
        return any(one in self._repeated.places or one in self._new.places for one in asked)

    def find(self, question: Question, live: LiveState, now: float) -> KeptAnswer | None:
        """The answer to a question, if it would be made the same at `now`, seconds since 1970."""
        key = question.key
        with self._lock:
            if not self._follow(live, now) or live.reading is not None:
                return None
            kept = self._shelf_of(key).places.get(key)
            if kept is None or not kept.answer.made_at <= now < kept.answer.changes_at:
                return None
            moment, known = self._moments, kept.known
            if kept.of_moment == moment:
                return self._give(key, kept)
        # Meanwhile other threads find theirs.
        holds = kept.holds(live, now, known)
        with self._lock:
            if not holds:
                if (shelf := self._shelf_of(key)).places.get(key) is kept:
                    shelf.take(key)
                return None
            if moment == self._moments:
                kept.of_moment, kept.known = moment, len(live.view.present)
            return self._give(key, kept)

    def _shelf_of(self, key: str) -> _Shelf:
        """The shelf that has an answer, if one has it."""
        return self._repeated if key in self._repeated.places else self._new

    def _give(self, key: str, kept: _Kept) -> KeptAnswer:
        """An answer that is asked for again; if it is still kept, it is the last one to leave."""
        if self._repeated.places.get(key) is kept:
            self._repeated.places.move_to_end(key)
        elif self._new.places.get(key) is kept:
            self._new.take(key)
            self._repeated.put(key, kept)
        return kept.answer

    def keep(
        self, question: Question, answer: KeptAnswer, before: LiveState, live: LiveState
    ) -> None:
        """Keep an answer that was made while the live state went from `before` to `live`.

        It is not kept if the state changed meanwhile: nobody knows then which one it shows.
        """
        if len(question.query) > LONGEST_QUERY or not Moment.of(before).is_of(live):
            return
        overrides, key = live.overrides.of_itself(answer.article_id), question.key
        with self._lock:
            if not self._follow(live, answer.made_at):
                return
            for shelf in (self._repeated, self._new):
                shelf.take(key)
            if (size := bytes_of(key, answer)) <= self._most_new_bytes:
                self._make_room(size)
                self._new.put(key, _Kept(answer, overrides, self._moments))

    def _make_room(self, size: int) -> None:
        """Let answers leave until there is room for one of some bytes, of those asked for once.

        Those that were asked for again get another chance among them.
        """
        while self.bytes + size > self._most_bytes:
            if self._new.bytes + size > self._most_new_bytes:
                self._new.take_oldest()
            else:
                self._new.put(*self._repeated.take_oldest())

    def _follow(self, live: LiveState, now: float) -> bool:
        """Go on to a state and a time, and forget all answers of which nothing holds there.

        Returns:
            False for a state that is older than one that was followed.
        """
        before, (begin, end) = self._moment, self._holds
        is_same = before is not None and before.is_of(live)
        if is_same and begin <= now < end:
            return True
        is_comparable = before is not None and before.is_comparable(live)
        if before is not None and before.is_after(live):
            return False
        if not is_comparable or now < begin or (end <= now and _may_change(live, end, now)):
            self._new.clear()
            self._repeated.clear()
        if not is_same:
            self._moment = Moment.of(live)
            self._moments += 1
        self._holds = _time_around(live.view, now)
        return True


def bytes_of(key: str, answer: KeptAnswer) -> int:
    """What an answer takes of the memory, with the key that it is found by."""
    texts = (key, answer.packed, answer.article_id)
    size, basis = OVERHEAD_BYTES + sum(map(getsizeof, texts)), answer.basis
    if basis is not None:
        size += BASIS_BYTES + getsizeof(basis.packed)
        if not basis.wanted.is_usual:
            size += FILTER_BYTES * len(key)
    return size


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
