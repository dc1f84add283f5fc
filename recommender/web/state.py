"""What the views of a worker share: settings, the store, the live view, and concurrency limits."""

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from flask import current_app, g

from index import View
from recommender.api import ArchiveProgress, Examples, ListOptions, RelatedList, UnsavedOverrides
from recommender.articles import Article
from recommender.counters import Counters
from recommender.display_fields import DisplayFields
from recommender.errors import DeletedArticle, StoreUnusable, UnknownArticle
from recommender.indexing.drafts import make_outside_seed, read_draft
from recommender.indexing.snapshots import Origin
from recommender.live import ADVICE, FolderHealth, Follower, LiveState
from recommender.ranking.appears_in import Appearances, find_appearances
from recommender.ranking.candidates import ListRequest, Step, timed
from recommender.ranking.explain import list_explained
from recommender.ranking.filters import is_visible, row_is_visible
from recommender.ranking.overrides import AnyKind, StoredOverrides
from recommender.ranking.related import list_related
from recommender.ranking.scoring import Seed, seed_at, seed_of
from recommender.ranking.several_seeds import request_like
from recommender.settings import Settings
from recommender.store import Actor, ArticleStore, Backlog, LazyStore, Receipt
from recommender.web.kept_answers import KeptAnswers
from recommender.web.keyring import Keyring
from recommender.web.limits import WorkerLimits, hold_if_free
from recommender.web.rates import Rates

if TYPE_CHECKING:
    from recommender.web.traces import Traces  # needs an extra

__all__ = ["EXTENSION", "Listing", "State", "archive_progress", "state"]

EXTENSION: Final = "read-also"
MISS_SECONDS: Final = 0.3
WAIT_SECONDS: Final = 5.0
TURN_SECONDS: Final = 0.2
"""So long a making waits for the one before it."""
SHARED_SECONDS: Final = 2.5
"""So long a request waits for what another one makes; then it makes it for itself. Over an index
server a list takes up to two seconds, and its making may have waited for a turn."""
STORED_ONES: Final = UnsavedOverrides()


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, and what its response depends on.

    Attributes:
        article_id: the seed's.
        related: the list.
        language: the seed's, BCP-47, with script and region where the view has its display fields:
            `tg-Arab` has another direction than `tg`.
        explained: whether explanations were asked for.
        up_to_date: whether the vectors and terms of the seed are those of its present text, and
            most of the archive was read.
        changes_at: when an article in it expires, or a pin, a block or a site rule begins or ends,
            POSIX.
        made_at: the moment that the list is for, POSIX.
        live: the state that it was made from.
        request: what made it, if the same list would be made again until the view, the policy, the
            pins and blocks or the clock change something: it is made from them alone. Else None.
    """

    article_id: str
    related: RelatedList
    language: str
    explained: bool
    up_to_date: bool
    changes_at: float
    made_at: float
    live: LiveState
    request: ListRequest | None = None


@dataclass(slots=True, eq=False)
class _Making:
    """A list that is made once for all who asked for it before it was begun.

    Attributes:
        ended: it was made, or could not be.
        listing: what was made; None if it failed.
        live: the list is of this state or a newer one; None if what it is made from changes unseen.
    """

    ended: threading.Event = field(default_factory=threading.Event)
    listing: Listing | None = None
    live: LiveState | None = None

    def is_of(self, live: LiveState | None) -> bool:
        """Whether the list is one of that state; never if what it is made from changes unseen."""
        return self.live is not None and live is not None and self.live.makes_lists_of(live)


class Makings:
    """Lets those who ask the same at the same time share one list.

    Who asks while it is made from the state that still is current shares that list. If the state
    is another one, or changes unseen, the list is made once more when that has ended, for all who
    asked meanwhile, as databases commit in groups. So nobody gets a list of an older state than
    that of the request, and no list is made by more than two threads, unless one is slow.
    """

    def __init__(self) -> None:
        """Make nothing yet."""
        self._lock = threading.Lock()
        self._begun = dict[Hashable, _Making]()
        self._next = dict[Hashable, _Making]()

    def share(
        self,
        question: Hashable,
        make: Callable[[], Listing],
        live: LiveState | None = None,
    ) -> Listing:
        """What `make` gives, or another caller's did that is as new.

        Where that one fails or is slow, or something in it has ended, it is made for this caller
        alone.

        Args:
            question: what is asked for.
            make: makes a list from that state, or from a newer one.
            live: the current state; None if what lists are made from changes unseen.
        """
        own = _Making(live=live)
        with self._lock:
            joined, before = self._next.get(question), self._begun.get(question)
            if before is not None and before.is_of(live):
                joined = before
            if joined is None:
                (self._begun if before is None else self._next)[question] = own
        if joined is not None:
            joined.ended.wait(SHARED_SECONDS)
            listing = joined.listing
            if listing is None or listing.changes_at <= time.time():
                return make()
            return replace(listing, request=None)
        try:
            if before is not None:
                before.ended.wait(TURN_SECONDS)
                with self._lock:
                    self._begun[question] = self._next.pop(question)
            own.listing = make()
            return own.listing
        finally:
            own.ended.set()
            with self._lock:
                for those in (self._begun, self._next):
                    if those.get(question) is own:
                        del those[question]


@dataclass(frozen=True, slots=True)
class State:
    """What the views of a worker share. It is made once for each application.

    Attributes:
        settings: of the deployment.
        store: the article store.
        follower: has the live view.
        keyring: the keys that open calls now.
        rates: how many requests a minute are taken from each caller.
        folder: whether the data folder takes what is written.
        limits: of slow work at the same time.
        counters: of requests and their steps.
        kept_answers: the lists that were asked for last.
        makings: the lists that are made now.
        slow_seconds: a request that takes so long is logged with the time of its steps.
        traces: where requests are sent to as spans; None for nowhere.
    """

    settings: Settings
    store: LazyStore
    follower: Follower
    keyring: Keyring
    rates: Rates
    folder: FolderHealth
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    counters: Counters = field(default_factory=Counters)
    kept_answers: KeptAnswers = field(default_factory=lambda: KeptAnswers(lambda: time.time()))  # noqa: PLW0108 - tests set it
    makings: Makings = field(default_factory=Makings)
    slow_seconds: float = 1.0
    traces: "Traces | None" = None

    def start(self) -> None:
        """Start the threads that follow the keys and the archive."""
        self.keyring.start()
        self.follower.start()

    def stop(self) -> None:
        """End the threads, and close the connections."""
        self.keyring.stop()
        self.follower.stop()
        self.store.close()
        if self.traces is not None:
            self.traces.stop()

    def list_for(
        self,
        article_id: str,
        options: ListOptions,
        shown_on_page: frozenset[str] = frozenset(),
        unsaved: UnsavedOverrides = STORED_ONES,
        *,
        public: bool,
    ) -> Listing:
        """The list under a stored article; a text that was not read yet gets the fallback stages.

        Raises:
            UnknownArticle: never stored, or not on show and asked for by the public.
            DeletedArticle: deleted; the public is told so only of what it could see before.
            NotReady: there is nothing yet to answer from.
            StoreUnusable: the view does not hold the article, and the store is away.
            Busy: too many requests read the store, or explain lists, now.
        """
        steps, live, now = _steps(), self.follower.current(), time.time()
        if (row := live.row_on_show(article_id, now, public=public)) is None:
            live = self._after_next_refresh()
            row = live.row_on_show(article_id, now, public=public)
        view, own = live.view, live.view.row_of(article_id) if row is None else row
        seed = None if own is None else seed_at(view, own, article_id)
        if seed is None or row is None:
            article = self._stored_for(article_id, public=public)
            if public and not is_visible(article, now):
                raise UnknownArticle(article_id)
            seed = seed or make_outside_seed(view, article)
        overrides = live.overrides.of(article_id).instead(unsaved).at(now)
        policy = live.active_policy.policy
        request = ListRequest(view, seed, options, policy, now, overrides, shown_on_page, steps)
        related = self._list_explained(request) if options.explain else list_related(request)
        listed = request.listed[options.offset :][: len(related.items)]
        rows = np.array(listed if own is None else [own, *listed], np.int64)
        expiries = view.take("until_time", rows)
        changes = (overrides.next_change, request.site_rules.next_change)
        changes_at = min(*changes, *expiries[expiries > now].tolist())
        display = None if own is None else DisplayFields.from_bytes(view.display_of(own))
        language = (display and display.language) or seed.language
        up_to_date = seed.up_to_date
        if live.reading is not None:
            up_to_date = False
            related = related.model_copy(update={"archive_reading": archive_progress(live)})
        explained = bool(options.explain)
        # Where the view does not show the seed, the store was asked, and may change unseen.
        lasting = up_to_date and row is not None and not explained
        of_it = (explained, up_to_date, changes_at, now, live)
        return Listing(article_id, related, language, *of_it, request if lasting else None)

    def list_once(
        self, question: Hashable, article_id: str, options: ListOptions, *, public: bool
    ) -> Listing:
        """As `list_for`, but made once for all who ask a question at the same time."""
        make = partial(self.list_for, article_id, options, public=public)
        live = self.follower.current()
        if live.row_on_show(article_id, time.time(), public=public) is None:
            return make()  # it may wait for a write; whoever asks for what is not there waits alone
        return self.makings.share(question, make, live)

    def list_for_draft(
        self,
        article: Article,
        options: ListOptions,
        shown_on_page: frozenset[str],
        unsaved: UnsavedOverrides,
    ) -> RelatedList:
        """The list that a text would get. Nothing is stored.

        Raises:
            IndexerAway: the indexer, which reads the text, does not answer.
            UnreadableMarkup: the markup of the text cannot be read.
            Busy: too many drafts are read, or lists explained, now.
        """
        live = self.follower.current()
        with timed(_steps(), "draft"), self.limits.heavy.hold("the drafts"):
            draft = read_draft(self.settings.data.draft_socket, article)
        seed = make_outside_seed(live.view, article, draft)
        text = article if draft.body is None else article.with_text(draft.body)
        now = time.time()
        overrides = live.overrides.of(article.id).instead(unsaved).at(now)
        policy = live.active_policy.policy
        of_list = (overrides, shown_on_page, _steps())
        request = ListRequest(live.view, seed, options, policy, now, *of_list)
        return self._list_explained(request, text) if options.explain else list_related(request)

    def list_like(
        self, examples: Examples, options: ListOptions, shown_on_page: frozenset[str]
    ) -> RelatedList:
        """The list that is like some stored articles and unlike others.

        Like one article alone, it is the list under that article.

        Raises:
            UnknownArticle: one of them was never stored.
            DeletedArticle: one of them was deleted.
            NotReady: there is nothing yet to answer from.
            StoreUnusable: the view does not hold one of them, and the store is away.
            Busy: too many requests do heavy work now.
        """
        like, unlike = sorted({*examples.like}), sorted({*examples.unlike})
        if len(like) == 1 and not unlike:
            return self.list_for(like[0], options, shown_on_page, public=False).related
        live = self._live_with([*like, *unlike])
        likes, unlikes = (
            [self._find_seed(live.view, one) for one in ids] for ids in (like, unlike)
        )
        policy, overrides = live.active_policy.policy, live.overrides
        request = request_like(live.view, likes, unlikes, options, policy, time.time(), overrides)
        request = replace(request, shown_on_page=shown_on_page, steps=_steps())
        if options.explain:
            return self._list_explained(request)
        with self.limits.heavy.hold("lists of several articles"):
            return list_related(request)

    def _live_with(self, ids: list[str]) -> LiveState:
        """The live state; if its view lacks one of some ids, that after the next refresh."""
        live = self.follower.current()
        has_all = all(live.view.row_of(one) is not None for one in ids)
        return live if has_all else self._after_next_refresh()

    def _find_seed(self, view: View, article_id: str) -> Seed:
        """The seed of an article that a view has, or else the store."""
        return seed_of(view, article_id) or make_outside_seed(view, self.stored(article_id))

    def appearances(self, article_id: str) -> Appearances:
        """The articles whose list shows one now.

        Raises:
            UnknownArticle: never stored.
            DeletedArticle: deleted.
            Busy: too many requests search now.
        """
        live = self.follower.current()
        if live.view.row_of(article_id) is None:
            self.stored(article_id)
        policy, now = live.active_policy.policy, time.time()
        with self.limits.heavy.hold("appearances"):
            return find_appearances(live.view, article_id, policy, live.overrides, now)

    def stored(self, article_id: str) -> Article:
        """An article as the store has it.

        Raises:
            UnknownArticle: never stored.
            DeletedArticle: deleted.
            StoreUnusable: the store is away.
            Busy: too many requests read the store now.
        """
        with self.reading() as store:
            return store.get(article_id)

    def _stored_for(self, article_id: str, *, public: bool) -> Article:
        """As `stored`; to the public, what was deleted before it was published is unknown."""
        try:
            return self.stored(article_id)
        except DeletedArticle as deleted:
            if public and not deleted.was_public:
                raise UnknownArticle(article_id) from None
            raise

    def override_history(self, article_id: str, kind: AnyKind) -> tuple[StoredOverrides, ...]:
        """All overrides of a kind that were ever set for an article, the newest first.

        Raises:
            UnknownArticle: never stored.
            DeletedArticle: deleted.
            StoreUnusable: the store is away.
            Busy: too many requests read the store now.
        """
        with self.reading() as store:
            store.get(article_id)
            return store.overrides.history(article_id, kind)

    @contextmanager
    def reading(self) -> Iterator[ArticleStore]:
        """Read from the store while the block runs.

        Raises:
            StoreUnusable: the store is away.
            Busy: too many requests read the store now.
        """
        with timed(_steps(), "store"), self.limits.reads.hold("the article store"):
            yield self._reachable_store()

    @contextmanager
    def writing(self, actor: Actor) -> Iterator[ArticleStore]:
        """Write to the store in the name of an actor while the block runs.

        Raises:
            StoreUnusable: the store is away.
            Busy: too many requests write now: the store is slow or locked.
        """
        with timed(_steps(), "store"), self.limits.writes.hold("the article store"):
            yield self.store().acting(actor)

    def is_visible(self, receipt: Receipt, *, text: bool = True) -> bool:
        """Wait until a write shows in every worker of this machine; False if that takes too long.

        With `text` the new text must have been read; a deletion or an override has none. Only a few
        requests wait at the same time; for the others it is False at once.
        """
        with timed(_steps(), "visible"), hold_if_free(self.limits.visibility) as may_wait:
            return may_wait and _becomes_visible(self.follower, receipt, text=text)

    def backlog(self) -> Backlog | None:
        """Count what is not done yet; None while another request does.

        Raises:
            NotReady: there is nothing yet to answer from.
            StoreUnusable: the store is away.
        """
        live, store = self.follower.current(), self._reachable_store()
        origin = Origin.of(live.view.snapshot.manifest)
        with hold_if_free(self.limits.backlog) as may_count:
            return store.backlog(origin.point, origin.epoch) if may_count else None

    def _after_next_refresh(self) -> LiveState:
        """The live state after the next refresh from the change log: a seed may be new.

        One request at a time waits for that, so that unknown ids cost other requests nothing.
        """
        with hold_if_free(self.limits.unknown_ids) as may_wait:
            if may_wait:
                self.follower.await_refresh(MISS_SECONDS)
        return self.follower.current()

    def _list_explained(self, request: ListRequest, text: Article | None = None) -> RelatedList:
        """The list for a request, with explanations. `text` is the draft that it is for."""
        with self.limits.heavy.hold("explanations"):
            return list_explained(request, self._texts, text)

    def _texts(self, changes: Mapping[str, int]) -> dict[str, Article]:
        return self._reachable_store().texts_at(changes)

    def _reachable_store(self) -> ArticleStore:
        """The store, unless the follower's last look at it failed: a try costs a thread seconds."""
        fault = self.follower.current().store_fault
        if fault is not None:
            raise StoreUnusable(fault)
        return self.store()


def _steps() -> list[Step]:
    """The steps of this request so far: for the log, the metrics and the traces."""
    return cast("list[Step]", g.setdefault("steps", []))


def archive_progress(live: LiveState) -> ArchiveProgress | None:
    """How far the archive is read; None unless a large part of it waits."""
    reading = live.reading
    if reading is None:
        return None
    return ArchiveProgress(read=reading.read, stored=reading.stored, advice=ADVICE)


def state() -> State:
    """The state of the application that answers this request."""
    return cast("State", current_app.extensions[EXTENSION])


def _becomes_visible(follower: Follower, receipt: Receipt, *, text: bool) -> bool:
    until = time.monotonic() + WAIT_SECONDS
    while not _shows(follower.current(), receipt, text=text):
        if time.monotonic() > until:
            return False
        follower.await_refresh(until - time.monotonic())
    reached = follower.current().change
    while min(follower.heartbeats.read(), default=reached) < reached:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def _shows(live: LiveState, receipt: Receipt, *, text: bool) -> bool:
    """Whether this worker shows a write. An article that is in no list needs no text."""
    if not text:
        return live.change >= receipt.change
    row = live.view.row_of(receipt.id)
    if row is None:
        return False
    at = np.array([row])
    is_of = {
        name: live.view.take(name, at)[0] for name in ("change", "up_to_date", "recommendable")
    }
    listable = row_is_visible(live.view, row, time.time()) and is_of["recommendable"]
    return bool(is_of["change"] >= receipt.change and (is_of["up_to_date"] or not listable))
