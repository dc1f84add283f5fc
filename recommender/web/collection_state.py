"""What the views of a worker share where the archive lies in a collection of a Milvus server.

For each list the rows that it is made from are found first. They make a view, and the list is made
from that as `State` makes it from the view of a snapshot.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Final, cast

import numpy as np

from index import View
from index.milvus import LazyMilvus
from recommender.api import (
    FALLBACK_STAGES,
    Examples,
    ListOptions,
    RelatedList,
    UnsavedOverrides,
)
from recommender.articles import Article
from recommender.errors import NotOffered, UnknownArticle
from recommender.indexing.drafts import make_outside_seed, read_draft
from recommender.live import Follower, LiveState
from recommender.live.collection_follower import CollectionFollower, CollectionView
from recommender.live.gathering import FoundArchive
from recommender.ranking.appears_in import Appearances
from recommender.ranking.candidates import ListRequest
from recommender.ranking.filters import is_visible, row_is_visible
from recommender.ranking.related import list_related
from recommender.ranking.scoring import seed_of
from recommender.ranking.several_seeds import request_like
from recommender.store import Receipt
from recommender.web.limits import hold_if_free
from recommender.web.state import MISS_SECONDS, STORED_ONES, WAIT_SECONDS, Listing, State

__all__ = ["CollectionState", "state_over"]

AGAIN_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class FoundState:
    """In the place of a follower: a live state that does not change while a list is made."""

    live: LiveState
    follower: Follower

    def current(self) -> LiveState:
        """The live state with the found rows."""
        return self.live

    def await_refresh(self, seconds: float) -> None:
        """Wait for the real one."""
        self.follower.await_refresh(seconds)


@dataclass(frozen=True, slots=True)
class CollectionState(State):
    """The state of a worker that finds rows in a collection."""

    def list_for(
        self,
        article_id: str,
        options: ListOptions,
        shown_on_page: frozenset[str] = frozenset(),
        unsaved: UnsavedOverrides = STORED_ONES,
        *,
        public: bool,
    ) -> Listing:
        """The list under a stored article; raises what that of `State` does, and EngineAway."""
        now = time.time()
        live, begun = self._with_seed(article_id, shown_on_page, unsaved, now, public=public)
        seed = seed_of(begun.view, article_id)
        if not _is_on_show(begun.view, article_id, now, public=public):
            article = self._stored_for(article_id, public=public)
            if public and not is_visible(article, now):
                raise UnknownArticle(article_id)
            seed = seed or make_outside_seed(live.view, article)
        if seed is None:
            raise UnknownArticle(article_id)
        overrides = live.overrides.of(article_id).instead(unsaved).at(now)
        policy = live.active_policy.policy
        request = ListRequest(begun.view, seed, options, policy, now, overrides, shown_on_page)
        of_seed = (article_id, options, shown_on_page, unsaved)
        found = begun.gathered(request)
        listing = self._listing(live, found, *of_seed, public=public)
        if not _is_full(listing.related):
            again = _looked_again(listing.request)
            found = found.completed(request, again=again)
            listing = self._listing(live, found, *of_seed, public=public)
        related = listing.related.model_copy(update={"hint": None})
        return replace(listing, related=related, request=None)

    def _listing(
        self,
        live: LiveState,
        found: FoundArchive,
        article_id: str,
        options: ListOptions,
        shown_on_page: frozenset[str],
        unsaved: UnsavedOverrides,
        *,
        public: bool,
    ) -> Listing:
        """The list that is made from what was found."""
        over = self._over(replace(live, view=found.view))
        return State.list_for(over, article_id, options, shown_on_page, unsaved, public=public)

    def _with_seed(
        self,
        article_id: str,
        shown_on_page: frozenset[str],
        unsaved: UnsavedOverrides,
        now: float,
        *,
        public: bool,
    ) -> tuple[LiveState, FoundArchive]:
        """The live state, and the rows that a list begins with.

        An article that is not there may have been written just now, so it is looked for once more.
        One that is not on show takes as long, so that no time tells the public of a draft.
        """
        for tries in range(2):
            live = self.follower.current()
            overrides = live.overrides.of(article_id).instead(unsaved).at(now)
            begun = self._begin(live, {article_id, *overrides.pinned, *shown_on_page})
            if tries or _is_on_show(begun.view, article_id, now, public=public):
                break
            self.follower.await_refresh(MISS_SECONDS)
        return live, begun

    def list_for_draft(
        self,
        article: Article,
        options: ListOptions,
        shown_on_page: frozenset[str],
        unsaved: UnsavedOverrides,
    ) -> RelatedList:
        """The list that a text would get; raises what that of `State` does, and EngineAway."""
        live, now = self.follower.current(), time.time()
        with self.limits.heavy.hold("the drafts"):
            draft = read_draft(self.settings.data.draft_socket, article)
        overrides = live.overrides.of(article.id).instead(unsaved).at(now)
        seed = make_outside_seed(live.view, article, draft)
        begun = self._begin(live, {*overrides.pinned, *shown_on_page})
        if seed.vector is not None:
            begun = begun.near_draft(seed.vector)
        policy = live.active_policy.policy
        text = article if draft.body is None else article.with_text(draft.body)

        def request(view: View) -> ListRequest:
            return ListRequest(view, seed, options, policy, now, overrides, shown_on_page)

        return self._listed(begun, request, text)

    def list_like(
        self, examples: Examples, options: ListOptions, shown_on_page: frozenset[str]
    ) -> RelatedList:
        """The list that is like some articles and unlike others; raises as that of `State`."""
        like, unlike = sorted({*examples.like}), sorted({*examples.unlike})
        if len(like) == 1 and not unlike:
            return self.list_for(like[0], options, shown_on_page, public=False).related
        live, now = self.follower.current(), time.time()
        begun = self._begin(live, {*like, *unlike, *shown_on_page})

        outside = {
            one: make_outside_seed(live.view, self.stored(one))
            for one in (*like, *unlike)
            if begun.view.row_of(one) is None
        }

        def request(view: View) -> ListRequest:
            likes, unlikes = (
                [seed_of(view, one) or outside[one] for one in ids] for ids in (like, unlike)
            )
            policy, overrides = live.active_policy.policy, live.overrides
            made = request_like(view, likes, unlikes, options, policy, now, overrides)
            return replace(made, shown_on_page=shown_on_page)

        with self.limits.heavy.hold("lists of several articles"):
            return self._listed(begun, request)

    def appearances(self, article_id: str) -> Appearances:  # noqa: ARG002 - of the base
        """Nothing: to know in which lists an article stands, all of them have to be made.

        Raises:
            NotOffered: always.
        """
        raise NotOffered("in which lists an article stands is not known over a Milvus server")

    def is_visible(self, receipt: Receipt, *, text: bool = True) -> bool:
        """Wait until a write shows in every worker of this machine; False if that takes too long.

        A row that is in the collection is there for the workers of all machines.
        """
        with hold_if_free(self.limits.visibility) as may_wait:
            return may_wait and self._becomes_visible(receipt, text=text)

    def _becomes_visible(self, receipt: Receipt, *, text: bool) -> bool:
        until = time.monotonic() + WAIT_SECONDS
        while not self._shows(receipt, text=text):
            if time.monotonic() > until:
                return False
            time.sleep(AGAIN_SECONDS)
        return True

    def _shows(self, receipt: Receipt, *, text: bool) -> bool:
        live = self.follower.current()
        workers = self.follower.heartbeats.read()
        if live.change < receipt.change or min(workers, default=live.change) < receipt.change:
            return False
        if not text:
            return True
        view = self._begin(live, {receipt.id}).view
        row = view.row_of(receipt.id)
        if row is None:
            return False
        rows = view.take_each(("change", "up_to_date"), np.array([row]))
        return bool(rows["change"][0] >= receipt.change and rows["up_to_date"][0])

    def _listed(
        self,
        begun: FoundArchive,
        request: Callable[[View], ListRequest],
        text: Article | None = None,
    ) -> RelatedList:
        """The list for the request over a view, when the rows for it are found."""
        asked = request(begun.view)
        found = begun.gathered(asked)
        related = self._related(request(found.view), text)
        if not _is_full(related):
            found = found.completed(asked, again=True)
            related = self._related(request(found.view), text)
        return related.model_copy(update={"hint": None})

    def _related(self, request: ListRequest, text: Article | None) -> RelatedList:
        if request.options.explain:
            return self._list_explained(request, text)
        return list_related(request)

    def _begin(self, live: LiveState, ids: set[str]) -> FoundArchive:
        view = cast("CollectionView", live.view)
        collection = view.collection
        return FoundArchive.of(collection.index, collection.statistics, view.standings, ids)

    def _over(self, live: LiveState) -> State:
        """The state over what was found."""
        found: Any = FoundState(live, self.follower)
        return replace(self, follower=found)


def state_over(state: State) -> CollectionState:
    """The state of a worker whose settings name a Milvus server."""
    milvus = LazyMilvus(state.settings.milvus)
    given = {one.name: getattr(state, one.name) for one in fields(State)}
    follower = CollectionFollower(milvus, state.store, state.follower.heartbeats)
    return CollectionState(**{**given, "follower": follower})


def _is_full(related: RelatedList) -> bool:
    """Whether the nearest rows alone have filled a list."""
    return related.returned >= related.requested and not any(
        item.reason in FALLBACK_STAGES for item in related.items
    )


def _looked_again(request: ListRequest | None) -> bool:
    """Whether the list of one seed has looked for more candidates; if that is unknown, yes."""
    if request is None:
        return True
    signals = [search.by_words for search in request.searches]
    return max(signals.count(True), signals.count(False)) > 1


def _is_on_show(view: View, article_id: str, now: float, *, public: bool) -> bool:
    row = view.row_of(article_id)
    return row is not None and (not public or row_is_visible(view, row, now))
