"""A view that keeps up with the change log."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from index import Catalog, DeltaWriter, View
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.analysis.embedding import Model
from recommender.errors import StoreRestored
from recommender.indexing.documents import Known, rows_of
from recommender.live.base import Base, empty_base, pointed_generation, sound_bases
from recommender.ranking.overrides import OverridesByArticle
from recommender.ranking.policies import InForce
from recommender.store import ArticleStore, LogPosition, Update

__all__ = ["MOST_UNREAD", "Followed", "Opened", "catch_up", "open_followed"]

PAGE: Final = 100  # articles; after so many a view is shown, so that a bulk load delays nobody
MOST_UNREAD: Final = 1_000
"""Articles that wait to be read are known as seeds; beyond so many, the store has to be asked."""

_log = logging.getLogger(__name__)


class Followed:
    """A base under the changes that came after it; for one following thread at a time.

    `in_force` is the policy that holds now, `chosen` what editors chose, whenever it was set.
    """

    def __init__(self, base: Base) -> None:
        self.base = base
        self.point: LogPosition = base.origin.point
        self.in_force = InForce()
        self.overrides = OverridesByArticle()
        self._delta_writer = DeltaWriter(View.of(base.snapshot))
        self._unread: set[str] = set()

    @property
    def view(self) -> View:
        """What there is to search now."""
        return self._delta_writer.view

    def begin(self, store: ArticleStore) -> tuple[Update, ...]:
        """Take in what the base left out: texts that were not read then, policy and overrides."""
        origin, self.in_force = self.base.origin, InForce.of(store.policies.history())
        self.overrides = self.overrides.after(store.overrides.all())
        updates = store.unread_before(origin.point, MOST_UNREAD)
        self.apply(updates)
        return updates

    def follow(self, store: ArticleStore) -> tuple[bool, tuple[Update, ...]]:
        """Take in the next page of the log; tells whether that was all, and what it was.

        Raises:
            StoreRestored: the store is another one, or was put back from a backup.
        """
        origin = self.base.origin
        point, page = store.updates_after(
            self.point,
            epoch=origin.epoch,
            analyzer=ANALYZER_VERSION,
            model=origin.model,
            limit=PAGE,
        )
        self.apply(page.updates)
        if page.policy not in {None, self.in_force.newest}:
            self.in_force = InForce.of(store.policies.history())
        self.overrides = self.overrides.after(page.overrides)
        self.point = point
        return page.complete, page.updates

    def history(self, store: ArticleStore, end: LogPosition) -> Iterator[Update]:
        """All that came after the base, up to a point at least, read once more."""
        origin = self.base.origin
        yield from store.unread_before(origin.point, MOST_UNREAD)
        point, complete = origin.point, False
        while not complete and point.number < end.number:
            point, page = store.updates_after(
                point, epoch=origin.epoch, analyzer=ANALYZER_VERSION, model=origin.model, limit=PAGE
            )
            yield from page.updates
            complete = page.complete

    def apply(self, updates: Iterable[Update]) -> None:
        """Take some updates in, in their order; of one article the last counts."""
        updates = {update.id: update for update in updates}.values()
        if not updates:
            return
        kept = sorted(filter(self._keeps, updates), key=lambda update: update.id)
        gone = {update.id for update in updates} - {update.id for update in kept}
        rows = rows_of(
            [
                Known(u.outline, u.features, u.change, u.settled)
                for u in kept
                if u.outline is not None
            ],
            self.base.origin,
            self.view.dim,
        )
        self._delta_writer.apply(rows, gone)

    def _keeps(self, update: Update) -> bool:
        if update.outline is None or update.features is not None:
            self._unread.discard(update.id)
            return update.outline is not None
        if update.id not in self._unread and len(self._unread) >= MOST_UNREAD:
            return False
        self._unread.add(update.id)
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A base with all that came after it; what that was, or None if it was not to be kept."""

    followed: Followed
    updates: tuple[Update, ...] | None


def open_followed(
    catalog: Catalog, store: ArticleStore, model: Callable[[], Model], *, keep: bool = False
) -> Opened:
    """Open the best base that belongs to a store, with all that came after it.

    Args:
        catalog: where generations are published.
        store: the store.
        model: the encoder of the settings, asked for only where no generation is of this store.
        keep: whether to hand out what came after it.

    Raises:
        StoreUnusable: the store cannot be asked.
    """
    passed: dict[str, str] = {}
    for base in sound_bases(catalog, passed):
        followed = Followed(base)
        try:
            return Opened(followed, catch_up(followed, store, begin=True, keep=keep))
        except StoreRestored:
            passed[base.snapshot.generation] = "of another store; run: read-also rebuild"
            _log.error("generation %s is of another store", base.snapshot.generation)
    base = empty_base(model(), store.state().epoch, pointed_generation(catalog), passed)
    followed = Followed(base)
    return Opened(followed, catch_up(followed, store, begin=True, keep=keep))


def catch_up(
    followed: Followed, store: ArticleStore, *, begin: bool = False, keep: bool = False
) -> tuple[Update, ...] | None:
    """Take in the log to its end; what came is handed out only if it is to be kept."""
    told = list(followed.begin(store)) if begin else []
    complete = False
    while not complete:
        complete, updates = followed.follow(store)
        told += updates if keep else ()
    return tuple(told) if keep else None
