"""What the views share, kept in `app.extensions`; made once per worker."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final, cast

from flask import current_app

from recommender.api import ListOptions, RelatedList
from recommender.articles import Article
from recommender.errors import StoreUnusable, UnknownArticle
from recommender.indexing.drafts import read_draft, seed_outside
from recommender.indexing.snapshots import Origin
from recommender.live import Follower, LiveState
from recommender.ranking.appears_in import Appearances, find_appearances
from recommender.ranking.candidates import ListRequest
from recommender.ranking.explain import list_explained
from recommender.ranking.filters import next_visibility_change, shows
from recommender.ranking.overrides import Kind, StoredOverrides
from recommender.ranking.seeds import seed_of
from recommender.settings import Settings
from recommender.store import ArticleStore, Backlog, LazyStore, Receipt
from recommender.web.turns import Turns, TurnsOfWorker
from recommender.web.visibility import becomes_visible, is_shown

__all__ = ["EXTENSION", "Listing", "State", "state"]

EXTENSION: Final = "read-also"
MISS_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, and what its answer depends on.

    Attributes:
        article_id: the seed's.
        recommendations: the list.
        language: the seed's, which the heading should have.
        explained: whether explanations were asked for.
        settled: whether the seed's present text was read.
        seconds_left: until the clock alone may change the list.
    """

    article_id: str
    recommendations: RelatedList
    language: str
    explained: bool
    settled: bool
    seconds_left: float


@dataclass(frozen=True, slots=True)
class State:
    """Settings, the store, and the live view with its policy."""

    settings: Settings
    store: LazyStore
    follower: Follower
    _turns: TurnsOfWorker = field(default_factory=TurnsOfWorker)

    def list_for(
        self,
        article_id: str,
        options: ListOptions,
        shown_on_page: frozenset[str] = frozenset(),
        *,
        public: bool,
    ) -> Listing:
        """The list under an article; one that was not read yet is served from the ladder.

        Raises:
            UnknownArticle: never stored, or not on show and asked for by the public.
            DeletedArticle: deleted.
            NotReady: there is nothing yet to answer from.
            StoreUnusable: the view does not hold it, and the store is away.
            Busy: too many ask the store, or for explanations, now.
        """
        live, now = self.follower.current(), time.time()
        seed = seed_of(live.view, article_id)
        if seed is None:
            live = self._later()
            seed = seed_of(live.view, article_id)
        view = live.view
        shown = True
        if seed is None:
            article = self._asked(article_id, self._turns.askers)
            seed, shown = seed_outside(view, article), shows(article, now)
        elif (row := view.row_of(article_id)) is not None:
            shown = is_shown(view, row, now)
        if public and not shown:
            raise UnknownArticle(article_id)
        overrides = live.overrides.of(article_id)
        policy = live.in_force.policy
        list_request = ListRequest(view, seed, options, policy, now, overrides, shown_on_page)
        with self._explaining(options):
            answer = list_explained(list_request, self._texts)
        turns = (
            overrides.next_change(now),
            *(next_visibility_change(part, now) for part in view.parts),
        )
        left = min(turns) - now
        return Listing(article_id, answer, seed.language, bool(options.explain), seed.settled, left)

    def list_for_draft(
        self, article: Article, options: ListOptions, shown_on_page: frozenset[str]
    ) -> RelatedList:
        """The list that a text would get, without storing it.

        Raises:
            IndexerAway: nobody can read it now.
            UnreadableMarkup: its markup cannot be read.
            Busy: too many drafts are being read, or lists explained, now.
        """
        live = self.follower.current()
        with self._turns.drafters.one_of("the drafts"):
            draft = read_draft(self.settings.data_dir, article)
        seed = seed_outside(live.view, article, draft)
        text = article if draft.body is None else article.with_text(draft.body)
        policy, overrides = live.in_force.policy, live.overrides.of(article.id)
        now = time.time()
        list_request = ListRequest(live.view, seed, options, policy, now, overrides, shown_on_page)
        with self._explaining(options):
            return list_explained(list_request, self._texts, text)

    def appearances(self, article_id: str) -> Appearances:
        """Under which articles one stands now.

        Raises:
            UnknownArticle: never stored.
            DeletedArticle: deleted.
            Busy: another request looks for appearances now.
        """
        live = self.follower.current()
        if live.view.row_of(article_id) is None:
            self.stored(article_id)
        policy, now = live.in_force.policy, time.time()
        with self._turns.seekers.one_of("appearances"):
            return find_appearances(live.view, article_id, policy, live.overrides, now)

    def stored(self, article_id: str) -> Article:
        """An article as the store has it.

        Raises:
            UnknownArticle: never stored.
            DeletedArticle: deleted.
            StoreUnusable: the store is away.
            Busy: too many are asking it now.
        """
        return self._asked(article_id, self._turns.fetchers)

    def override_history(self, article_id: str, kind: Kind) -> tuple[StoredOverrides, ...]:
        """The pins or the blocks that were ever set under an article, the newest first.

        Raises:
            UnknownArticle: never stored.
            DeletedArticle: deleted.
            StoreUnusable: the store is away.
            Busy: too many are asking it now.
        """
        with self._store_on(self._turns.fetchers) as store:
            store.get(article_id)
            return store.overrides.history(article_id, kind)

    def backlog(self) -> Backlog | None:
        """Count what is not done yet; None while another request does.

        Raises:
            NotReady: there is nothing yet to answer from.
            StoreUnusable: the store is away.
        """
        live = self.follower.current()
        if live.store_fault is not None:
            raise StoreUnusable(live.store_fault)
        if not self._turns.scrapers.take():
            return None
        try:
            origin = Origin.of(live.view.snapshot.manifest)
            return self.store().backlog(origin.point, origin.epoch)
        finally:
            self._turns.scrapers.give_back()

    def is_visible(self, receipt: Receipt, *, text: bool = True) -> bool:
        """Wait until a write shows in every worker of this machine; False if that takes too long.

        An article's `text` has to be read for that; a deletion or an override has none. Only
        a few wait at once; for the others it is False.
        """
        if not self._turns.waiters.take():
            return False
        try:
            return becomes_visible(self.follower, receipt, text=text)
        finally:
            self._turns.waiters.give_back()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold one of the turns of those who write.

        Raises:
            Busy: all are taken, so the store is slow or locked.
        """
        with self._turns.writers.one_of("the article store"):
            yield

    def _asked(self, article_id: str, turns: Turns) -> Article:
        """Ask the store for an article."""
        with self._store_on(turns) as store:
            return store.get(article_id)

    def _texts(self, changes: Mapping[str, int]) -> dict[str, Article]:
        """Ask the store for texts, on the turn of who explains; see `ArticleStore.texts_at`."""
        return self._reachable().texts_at(changes)

    def _explaining(self, options: ListOptions) -> AbstractContextManager[None]:
        """Hold a turn while a list is explained: that takes long, and others must not wait."""
        return self._turns.explainers.one_of("explanations") if options.explain else nullcontext()

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

    def _later(self) -> LiveState:
        """What is live after the next look at the log: a seed may have been stored a moment ago.

        One request at a time waits for it, so that asking for what never was costs others nothing.
        """
        if self._turns.latecomers.take():
            try:
                self.follower.await_refresh(MISS_SECONDS)
            finally:
                self._turns.latecomers.give_back()
        return self.follower.current()


def state() -> State:
    """The state of the application that answers this request."""
    return cast("State", current_app.extensions[EXTENSION])
