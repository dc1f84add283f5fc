"""What the views share, kept in `app.extensions`; made once per worker."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, cast

import numpy as np
from flask import current_app

from index import View
from recommender.articles import Article
from recommender.drafts import read_draft, seed_outside
from recommender.eligibility import next_turn, on_show, shows
from recommender.errors import StoreUnusable, UnknownArticle
from recommender.live import Follower
from recommender.policy import Policy
from recommender.recommendations import Options, Recommendations
from recommender.related import list_related
from recommender.seeds import seed_of
from recommender.settings import Settings
from recommender.store import LateStore, Receipt

__all__ = ["EXTENSION", "WAIT_SECONDS", "Listing", "State", "state"]

EXTENSION: Final = "read-also"
WRITERS: Final = 4  # of the threads of a worker; the others go on reading while these wait
WAIT_SECONDS: Final = 5.0
MISS_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, and what its answer depends on.

    Attributes:
        recommendations: the list.
        language: the seed's, which the heading should have.
        explained: whether explanations were asked for.
        settled: whether the seed's present text was read.
        seconds_left: until the clock alone may change the list.
    """

    recommendations: Recommendations
    language: str
    explained: bool
    settled: bool
    seconds_left: float


@dataclass(frozen=True, slots=True)
class State:
    """Settings, the store, the live view and the policy."""

    settings: Settings
    store: LateStore
    follower: Follower
    policy: Policy
    _turns: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(WRITERS)
    )
    _missing: threading.Lock = field(default_factory=threading.Lock)

    def list_for(self, article_id: str, options: Options, *, public: bool) -> Listing:
        """The list under an article; one that was not read yet is served from the ladder.

        Raises:
            UnknownArticle: never stored, or not on show and asked for by the public.
            DeletedArticle: deleted.
            NotReady: there is nothing yet to answer from.
        """
        view, now = self.follower.current().view, time.time()
        seed = seed_of(view, article_id)
        if seed is None:
            view = self._later_view()
            seed = seed_of(view, article_id)
        shown = True
        if seed is None:
            article = self.store().get(article_id)
            seed, shown = seed_outside(view, article), shows(article, now)
        elif (row := view.row_of(article_id)) is not None:
            shown = _shown(view, row, now)
        if public and not shown:
            raise UnknownArticle(article_id)
        answer = list_related(view, seed, options, self.policy, now)
        left = min(next_turn(part, now) for part in view.parts) - now
        return Listing(answer, seed.language, options.explain, seed.settled, left)

    def list_for_draft(self, article: Article, options: Options) -> Recommendations:
        """The list that a text would get, without storing it.

        Raises:
            IndexerAway: nobody can read it now.
            UnreadableMarkup: its markup cannot be read.
        """
        view = self.follower.current().view
        draft = read_draft(self.settings.data_dir, article)
        seed = seed_outside(view, article, draft)
        return list_related(view, seed, options, self.policy, time.time())

    def is_visible(self, receipt: Receipt, *, deleted: bool = False) -> bool:
        """Wait until a write shows in every worker of this machine; False if that takes too long.

        A text has to be read for that; a deletion, or an article that is in no list, has not.
        """
        until = time.monotonic() + WAIT_SECONDS
        while not self._shows(receipt, deleted=deleted):
            if time.monotonic() > until:
                return False
            self.follower.await_tick(until - time.monotonic())
        reached = self.follower.current().change
        while min(self.follower.board.positions(), default=reached) < reached:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold one of the turns of those who write.

        Raises:
            StoreUnusable: all are taken, so the store is slow or locked.
        """
        if not self._turns.acquire(blocking=False):
            raise StoreUnusable("all writers wait for the article store; try again")
        try:
            yield
        finally:
            self._turns.release()

    def _later_view(self) -> View:
        """The view after the next look at the log: a seed may have been stored a moment ago.

        One request at a time waits for it, so that asking for what never was costs others nothing.
        """
        if self._missing.acquire(blocking=False):
            try:
                self.follower.await_tick(MISS_SECONDS)
            finally:
                self._missing.release()
        return self.follower.current().view

    def _shows(self, receipt: Receipt, *, deleted: bool) -> bool:
        live = self.follower.current()
        row = live.view.row_of(receipt.id)
        if row is None:
            return deleted and live.change >= receipt.change
        at = np.array([row])
        is_of = {name: live.view.take(name, at)[0] for name in ("change", "settled")}
        listable = _shown(live.view, row, time.time()) and live.view.take("recommendable", at)[0]
        return bool(is_of["change"] >= receipt.change and (is_of["settled"] or not listable))


def _shown(view: View, row: int, now: float) -> bool:
    """Whether a reader may see a row."""
    size = len(view.snapshot)
    part, at = (view.snapshot, row) if row < size else (view.delta, row - size)
    return bool(on_show(part, now, slice(at, at + 1))[0])


def state() -> State:
    """The state of the application that answers this request."""
    return cast("State", current_app.extensions[EXTENSION])
