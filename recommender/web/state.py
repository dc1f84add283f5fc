"""What the views share, kept in `app.extensions`; made once per worker."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final, cast

import numpy as np
from flask import current_app

from index import View
from recommender.articles import Article
from recommender.checking import Backlog, count_backlog
from recommender.drafts import read_draft, seed_outside
from recommender.eligibility import next_turn, on_show, shows
from recommender.errors import StoreUnusable, UnknownArticle
from recommender.explaining import list_explained, read_texts
from recommender.generation import Origin
from recommender.live import Follower, Live
from recommender.recommendations import Options, Recommendations
from recommender.seeds import seed_of
from recommender.settings import Settings
from recommender.store import ArticleStore, LateStore, Receipt, Waiting
from recommender.web.turns import Turns

__all__ = ["EXTENSION", "WAIT_SECONDS", "Listing", "State", "state"]

EXTENSION: Final = "read-also"
WRITERS: Final = 4  # of the eight threads of a worker; the others go on reading while these wait
WAITERS: Final = 2  # for a write to be visible
ASKERS: Final = 1  # of the store, for the list under an article that the view does not hold
FETCHERS: Final = 2  # of an article
DRAFTERS: Final = 2
EXPLAINERS: Final = 2  # of a list, from reading its texts to the last word
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
    """Settings, the store, and the live view with its policy."""

    settings: Settings
    store: LateStore
    follower: Follower
    _writers: Turns = field(default_factory=lambda: Turns(WRITERS))
    _waiters: Turns = field(default_factory=lambda: Turns(WAITERS))
    _askers: Turns = field(default_factory=lambda: Turns(ASKERS))
    _fetchers: Turns = field(default_factory=lambda: Turns(FETCHERS))
    _latecomers: Turns = field(default_factory=lambda: Turns(ASKERS))
    _scrapers: Turns = field(default_factory=lambda: Turns(ASKERS))
    _drafters: Turns = field(default_factory=lambda: Turns(DRAFTERS))
    _explainers: Turns = field(default_factory=lambda: Turns(EXPLAINERS))

    def list_for(self, article_id: str, options: Options, *, public: bool) -> Listing:
        """The list under an article; one that was not read yet is served from the ladder.

        Raises:
            UnknownArticle: never stored, or not on show and asked for by the public.
            DeletedArticle: deleted.
            NotReady: there is nothing yet to answer from.
            StoreUnusable: too many lists are being explained now.
        """
        live, now = self.follower.current(), time.time()
        seed = seed_of(live.view, article_id)
        if seed is None:
            live = self._later()
            seed = seed_of(live.view, article_id)
        view = live.view
        shown = True
        if seed is None:
            article = self._asked(article_id, self._askers)
            seed, shown = seed_outside(view, article), shows(article, now)
        elif (row := view.row_of(article_id)) is not None:
            shown = _shown(view, row, now)
        if public and not shown:
            raise UnknownArticle(article_id)
        with self._explaining(options):
            answer = list_explained(view, seed, options, live.in_force.policy, now, self._texts)
        left = min(next_turn(part, now) for part in view.parts) - now
        return Listing(answer, seed.language, bool(options.explain), seed.settled, left)

    def list_for_draft(self, article: Article, options: Options) -> Recommendations:
        """The list that a text would get, without storing it.

        Raises:
            IndexerAway: nobody can read it now.
            UnreadableMarkup: its markup cannot be read.
            StoreUnusable: too many lists are being explained now.
        """
        live = self.follower.current()
        with self._drafters.one_of("the drafts"):
            draft = read_draft(self.settings.data_dir, article)
        seed = seed_outside(live.view, article, draft)
        text = article if draft.body is None else article.with_text(draft.body)
        policy, now = live.in_force.policy, time.time()
        with self._explaining(options):
            return list_explained(live.view, seed, options, policy, now, self._texts, text)

    def stored(self, article_id: str) -> Article:
        """An article as the store has it.

        Raises:
            UnknownArticle: never stored.
            DeletedArticle: deleted.
            StoreUnusable: the store is away, or too many are asking it now.
        """
        return self._asked(article_id, self._fetchers)

    def backlog(self) -> tuple[Backlog, int, Waiting] | None:
        """What is yet to be done, the newest change, and what waits; None while another asks.

        Raises:
            NotReady: there is nothing yet to answer from.
            StoreUnusable: the store is away.
        """
        live = self.follower.current()
        if live.store_fault is not None:
            raise StoreUnusable(live.store_fault)
        if not self._scrapers.take():
            return None
        try:
            store = self.store()
            origin = Origin.of(live.view.snapshot.manifest)
            return count_backlog(store, origin), store.state().change, store.pending.waiting()
        finally:
            self._scrapers.give_back()

    def is_visible(self, receipt: Receipt, *, deleted: bool = False) -> bool:
        """Wait until a write shows in every worker of this machine; False if that takes too long.

        A text has to be read for that; a deletion, or an article that is in no list, has not. Only
        a few wait at once; for the others it is False.
        """
        if not self._waiters.take():
            return False
        try:
            return self._becomes_visible(receipt, deleted=deleted)
        finally:
            self._waiters.give_back()

    def _becomes_visible(self, receipt: Receipt, *, deleted: bool) -> bool:
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
        with self._writers.one_of("the article store"):
            yield

    def _asked(self, article_id: str, turns: Turns) -> Article:
        """Ask the store for an article."""
        with self._store_on(turns) as store:
            return store.get(article_id)

    def _texts(self, changes: Mapping[str, int]) -> dict[str, Article]:
        """Ask the store for texts, on the turn of who explains; see `read_texts`."""
        return read_texts(self._reachable(), changes)

    def _explaining(self, options: Options) -> AbstractContextManager[None]:
        """Hold a turn while a list is explained: that takes long, and others must not wait."""
        return self._explainers.one_of("explanations") if options.explain else nullcontext()

    @contextmanager
    def _store_on(self, turns: Turns) -> Iterator[ArticleStore]:
        """The store, on a turn of those that ask it for the same: others must not wait."""
        with turns.one_of("the article store"):
            yield self._reachable()

    def _reachable(self) -> ArticleStore:
        """The store, unless the last look at it failed: to try costs a thread and seconds."""
        live = self.follower.current()
        if live.store_fault is not None:
            raise StoreUnusable(live.store_fault)
        return self.store()

    def _later(self) -> Live:
        """What is live after the next look at the log: a seed may have been stored a moment ago.

        One request at a time waits for it, so that asking for what never was costs others nothing.
        """
        if self._latecomers.take():
            try:
                self.follower.await_tick(MISS_SECONDS)
            finally:
                self._latecomers.give_back()
        return self.follower.current()

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
