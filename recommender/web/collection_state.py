"""What the views of a worker share where the archive lies in a collection of a Milvus server.

For each list the rows that it is made from are found first. They make a view, and the list is made
from that as `State` makes it from the view of a snapshot.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final, TypeVar, cast

import numpy as np

from index import IndexFault, View
from index.milvus import LazyMilvus
from recommender.api import (
    FALLBACK_STAGES,
    Examples,
    ListOptions,
    RelatedList,
    UnsavedOverrides,
)
from recommender.articles import Article
from recommender.errors import Busy, NotOffered, NotReady, UnknownArticle
from recommender.indexing.drafts import make_outside_seed, read_draft
from recommender.live import LiveState
from recommender.live.collection_follower import CollectionFollower, CollectionView
from recommender.live.gathering import FoundArchive
from recommender.ranking.appears_in import Appearances
from recommender.ranking.candidates import ListRequest
from recommender.ranking.filters import is_visible, row_is_visible
from recommender.ranking.overrides import ActiveOverrides
from recommender.ranking.related import list_related
from recommender.ranking.scoring import Seed, seed_of
from recommender.ranking.several_seeds import request_like
from recommender.store import ArticleStore, Receipt
from recommender.web.limits import hold_if_free
from recommender.web.state import MISS_SECONDS, STORED_ONES, WAIT_SECONDS, Listing, State

__all__ = ["CollectionState", "state_over"]

AGAIN_SECONDS: Final = 0.05
LIST_SECONDS: Final = 2.0
"""All questions of a list to the index server have to be answered within it."""
ENGINE: Final = "the index server"
Made = TypeVar("Made")


class _Moved(Exception):
    """While a list was made, another collection went live, or its story got other pins."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundState:
    """In the place of a follower: a live state that does not change while a list is made."""

    live: LiveState

    def current(self) -> LiveState:
        """The live state with the found rows."""
        return self.live

    def await_refresh(self, seconds: float) -> None:
        """Wait for nothing: what was not found does not come."""


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """What a list under a stored article is asked for.

    Attributes:
        article_id: the seed's.
        options: of the list.
        shown_on_page: ids that are not listed.
        unsaved: pins and blocks to try.
        public: whether the public asks.
    """

    article_id: str
    options: ListOptions
    shown_on_page: frozenset[str]
    unsaved: UnsavedOverrides
    public: bool

    def overrides(self, live: LiveState, now: float) -> ActiveOverrides:
        """Its pins and blocks in a live state."""
        return live.overrides.of(self.article_id).instead(self.unsaved).at(now)

    def ids(self, live: LiveState, now: float) -> set[str]:
        """The articles that the list begins with."""
        return {self.article_id, *self.overrides(live, now).pinned, *self.shown_on_page}

    def is_on_show(self, view: View, now: float) -> bool:
        """Whether a view has the seed, and its caller may see it."""
        row = view.row_of(self.article_id)
        return row is not None and (not self.public or row_is_visible(view, row, now))


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
        with self.limits.engine.hold(ENGINE):
            return self._listing_of(Wish(article_id, options, shown_on_page, unsaved, public))

    def list_once(
        self, question: Hashable, article_id: str, options: ListOptions, *, public: bool
    ) -> Listing:
        """As `list_for`, but made once for all who ask a question at the same time.

        Who waits for another one's list has a place among those that ask the server: so many
        threads wait for it at most.
        """
        wish = Wish(article_id, options, frozenset(), STORED_ONES, public)
        with self.limits.engine.hold(ENGINE):
            return self.makings.share(question, partial(self._listing_of, wish))

    def _listing_of(self, wish: Wish) -> Listing:
        listing = self._made(partial(self._list_for, wish))
        related = listing.related.model_copy(update={"hint": None})
        return replace(listing, related=related, request=None)

    def _made(self, make: Callable[[float], Made]) -> Made:
        """A list, made within a time; what came meanwhile and changes it lets it be made anew.

        The caller has a place among those that ask the index server.

        Args:
            make: makes it until a moment of the monotonic clock, or raises _Moved.

        Raises:
            EngineAway: the index server is away, or too slow.
        """
        cast("CollectionView", self.follower.current().view).guard.check()
        until = time.monotonic() + LIST_SECONDS
        while True:  # the time ends it
            with suppress(_Moved):
                return make(until)

    def _list_for(self, wish: Wish, until: float) -> Listing:
        now = time.time()
        live, begun = self._with_seed(wish, now, until)
        seed = seed_of(begun.view, wish.article_id)
        if not wish.is_on_show(begun.view, now):
            article = self._stored_for(wish.article_id, public=wish.public)
            if wish.public and not is_visible(article, now):
                raise UnknownArticle(wish.article_id)
            seed = seed or make_outside_seed(live.view, article)
        if seed is None:
            raise UnknownArticle(wish.article_id)
        of_list = (wish.overrides(live, now), wish.shown_on_page)
        policy = live.active_policy.policy
        request = ListRequest(begun.view, seed, wish.options, policy, now, *of_list)
        asked = wish.ids(live, now)
        found = begun.gathered(request)
        listing = self._listing(found, wish, asked)
        if not _is_full(listing.related):
            again = _looked_again(listing.request)
            found = found.completed(request, again=again)
            listing = self._listing(found, wish, asked)
        return listing

    def _listing(self, found: FoundArchive, wish: Wish, asked: set[str]) -> Listing:
        """The list that is made from what was found, as the change log is now."""
        live = self._now(found)
        if not wish.ids(live, time.time()) <= asked:
            raise _Moved
        of_list = (wish.article_id, wish.options, wish.shown_on_page, wish.unsaved)
        return State.list_for(self._over(live), *of_list, public=wish.public)

    def _now(self, found: FoundArchive) -> LiveState:
        """The live state of this moment, over what was found: an answer may have taken long.

        Raises:
            _Moved: another collection is live, whose changes are not those that were found.
        """
        live = self.follower.current()
        view = cast("CollectionView", live.view)
        if not view.has_found(found):
            raise _Moved
        return replace(live, view=found.held_against(view.standings).view)

    def _with_seed(self, wish: Wish, now: float, until: float) -> tuple[LiveState, FoundArchive]:
        """The live state, and the rows that a list begins with.

        An article that is not there may have been written just now, so it is looked for once more.
        One that is not on show takes as long, so that no time tells the public of a draft.
        One request at a time waits for that, so that unknown ids cost other requests nothing.
        """
        live, begun = self._begun(partial(wish.ids, now=now), until)
        if not wish.is_on_show(begun.view, now):
            with hold_if_free(self.limits.unknown_ids) as may_wait:
                if may_wait:
                    self.follower.await_refresh(MISS_SECONDS)
            live, begun = self._begun(partial(wish.ids, now=now), until)
        return live, begun

    def list_for_draft(
        self,
        article: Article,
        options: ListOptions,
        shown_on_page: frozenset[str],
        unsaved: UnsavedOverrides,
    ) -> RelatedList:
        """The list that a text would get; raises what that of `State` does, and EngineAway."""
        with self.limits.heavy.hold("the drafts"):
            draft = read_draft(self.settings.data.draft_socket, article)
        text, now = article if draft.body is None else article.with_text(draft.body), time.time()
        wish = Wish(article.id, options, shown_on_page, unsaved, public=False)

        def make(until: float) -> RelatedList:
            live, begun = self._begun(lambda live: wish.ids(live, now) - {article.id}, until)
            seed = make_outside_seed(live.view, article, draft)
            if seed.vector is not None:
                begun = begun.near_draft(seed.vector)

            def request(live: LiveState) -> ListRequest:
                of_list = (options, live.active_policy.policy, now, wish.overrides(live, now))
                return ListRequest(live.view, seed, *of_list, shown_on_page)

            return self._listed(live, begun, request, text)

        with self.limits.engine.hold(ENGINE):
            return self._made(make)

    def list_like(
        self, examples: Examples, options: ListOptions, shown_on_page: frozenset[str]
    ) -> RelatedList:
        """The list that is like some articles and unlike others; raises as that of `State`."""
        like, unlike = sorted({*examples.like}), sorted({*examples.unlike})
        if len(like) == 1 and not unlike:
            return self.list_for(like[0], options, shown_on_page, public=False).related
        ids, now = {*like, *unlike}, time.time()

        def make(until: float) -> RelatedList:
            live, begun = self._begun(lambda _: {*ids, *shown_on_page}, until)
            absent = (one for one in ids if begun.view.row_of(one) is None)
            outside = {one: make_outside_seed(live.view, self.stored(one)) for one in absent}

            def request(live: LiveState) -> ListRequest:
                likes, unlikes = (
                    [_seed_among(outside, live.view, one) for one in some]
                    for some in (like, unlike)
                )
                of_list = (options, live.active_policy.policy, now, live.overrides)
                made = request_like(live.view, likes, unlikes, *of_list)
                return replace(made, shown_on_page=shown_on_page)

            return self._listed(live, begun, request)

        with self.limits.heavy.hold("lists of several articles"), self.limits.engine.hold(ENGINE):
            return self._made(make)

    def appearances(self, article_id: str) -> Appearances:  # noqa: ARG002 - of the base
        """Nothing: to know in which lists an article stands, all of them have to be made.

        Raises:
            NotOffered: always.
        """
        raise NotOffered("in which lists an article stands is not known over a Milvus server")

    def is_visible(self, receipt: Receipt, *, text: bool = True) -> bool:
        """Wait until a write shows in every worker of this machine; False if that takes too long.

        A row that is in the collection is there for the workers of all machines. While the server
        is away nothing shows, so nobody waits.
        """
        with hold_if_free(self.limits.visibility) as may_wait:
            try:
                return may_wait and self._becomes_visible(receipt, text=text)
            except (IndexFault, NotReady):
                return False

    def _becomes_visible(self, receipt: Receipt, *, text: bool) -> bool:
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            with suppress(Busy):  # lists take all places; the next look may find one
                if self._shows(receipt, text=text):
                    return True
            time.sleep(AGAIN_SECONDS)
        return False

    def _shows(self, receipt: Receipt, *, text: bool) -> bool:
        live = self.follower.current()
        workers = self.follower.heartbeats.read()
        if live.change < receipt.change or min(workers, default=live.change) < receipt.change:
            return False
        if not text:
            return True
        with self.limits.engine.hold(ENGINE):
            until = time.monotonic() + LIST_SECONDS
            _, begun = self._begun(lambda _: {receipt.id}, until)
        view, row = begun.view, begun.view.row_of(receipt.id)
        if row is None:
            return False
        rows = view.take_each(("change", "up_to_date"), np.array([row]))
        return bool(rows["change"][0] >= receipt.change and rows["up_to_date"][0])

    def _listed(
        self,
        live: LiveState,
        begun: FoundArchive,
        request: Callable[[LiveState], ListRequest],
        text: Article | None = None,
    ) -> RelatedList:
        """The list for the request over a live state, when the rows for it are found."""
        asked = request(replace(live, view=begun.view))
        found = begun.gathered(asked)
        related = self._related(request(self._now(found)), text)
        if not _is_full(related):
            found = found.completed(asked, again=True)
            related = self._related(request(self._now(found)), text)
        return related.model_copy(update={"hint": None})

    def _related(self, request: ListRequest, text: Article | None) -> RelatedList:
        if request.options.explain:
            return self._list_explained(request, text)
        return list_related(request)

    def _begun(
        self, ids: Callable[[LiveState], set[str]], until: float
    ) -> tuple[LiveState, FoundArchive]:
        """The live state, and the rows of some ids."""
        live = self.follower.current()
        return live, cast("CollectionView", live.view).found(ids(live), until)

    def _over(self, live: LiveState) -> State:
        """The state over what was found."""
        found: Any = FoundState(live)
        return replace(self, follower=found)

    def _reachable_store(self) -> ArticleStore:
        """As in `State`; also where no collection could be opened yet."""
        try:
            return super(CollectionState, self)._reachable_store()
        except NotReady:
            return self.store()


def state_over(state: State) -> CollectionState:
    """The state of a worker whose settings name a Milvus server."""
    milvus = LazyMilvus(state.settings.milvus)
    given = {one.name: getattr(state, one.name) for one in fields(State)}
    follower = CollectionFollower(milvus, state.store, state.follower.heartbeats)
    return CollectionState(**{**given, "follower": follower})


def _seed_among(outside: Mapping[str, Seed], view: View, article_id: str) -> Seed:
    """A seed of a view, or one of those outside it.

    Raises:
        _Moved: its article was deleted since its row was found.
    """
    seed = seed_of(view, article_id) or outside.get(article_id)
    if seed is None:
        raise _Moved
    return seed


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
