"""A replica of the archive: one immutable snapshot, and every change of the store after it."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final

from index import Catalog, DeltaWriter, IndexFault, Snapshot, SnapshotDamaged, View
from recommender.analysis.analyzer import ANALYZER_VERSION
from recommender.analysis.embedding import Model
from recommender.errors import StoreRestored
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.snapshots import Origin, build_options, open_generation, read_live_name
from recommender.ranking.overrides import OverridesByArticle
from recommender.ranking.policy import ActivePolicy
from recommender.store import LOG_START, ArticleStore, LogPosition, StoreState, Update

__all__ = [
    "MOST_UNREAD",
    "BaseSnapshot",
    "OpenedReplica",
    "Replica",
    "catch_up",
    "empty_base_snapshot",
    "newest_change",
    "open_base_snapshots",
    "open_replica",
]

ARTICLES_PER_PAGE: Final = 100
"""A view is published after each page, so a bulk load does not delay single writes."""
MOST_UNREAD: Final = 1_000
"""The most articles with an unread text that a replica keeps as seeds; the store has them all."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class BaseSnapshot:
    """The snapshot under a replica.

    Attributes:
        snapshot: the opened snapshot.
        origin: the store, change and model that it was built from.
        live_name: the generation that the catalog's pointer named when this one was opened.
        rejected: by name, why a generation could not be used.
    """

    snapshot: Snapshot
    origin: Origin
    live_name: str | None
    rejected: Mapping[str, str] = field(default_factory=dict)

    @property
    def unserved(self) -> str | None:
        """The live generation and why it is not served; None if it is served."""
        reason = self.rejected.get(self.live_name or "")
        return None if reason is None else f"{self.live_name}: {reason}"


class Replica:
    """A base snapshot and the changes after it. Only one thread may change it.

    `point` is the place in the change log up to which everything is in the view. `active_policy`
    and `overrides`, pins and blocks, are the current ones, whenever they were set.
    """

    def __init__(self, base: BaseSnapshot) -> None:
        self.base = base
        self.point: LogPosition = base.origin.point
        self.active_policy = ActivePolicy()
        self.overrides = OverridesByArticle()
        self._delta_writer = DeltaWriter(View.of(base.snapshot))
        self._unread: set[str] = set()

    @property
    def view(self) -> View:
        """The view that is searched now."""
        return self._delta_writer.view

    def begin(self, store: ArticleStore) -> tuple[Update, ...]:
        """Read what is not in a snapshot: articles with unread texts, policy, pins and blocks.

        Returns:
            The articles with unread texts.
        """
        self.active_policy = store.policies.active()
        self.overrides = self.overrides.after(store.overrides.all())
        updates = store.unread_before(self.base.origin.point, MOST_UNREAD)
        self.apply(updates)
        return updates

    def follow(self, store: ArticleStore) -> tuple[bool, tuple[Update, ...]]:
        """Apply the next page of the change log.

        Returns:
            Whether the end of the log was reached, and the updates of this page.

        Raises:
            StoreRestored: this is another store, or it was restored from a backup.
        """
        origin = self.base.origin
        point, page = store.updates_after(
            self.point,
            epoch=origin.epoch,
            analyzer=ANALYZER_VERSION,
            model=origin.model,
            limit=ARTICLES_PER_PAGE,
        )
        self.apply(page.updates)
        if page.policy not in {None, self.active_policy.newest}:
            self.active_policy = store.policies.active()
        self.overrides = self.overrides.after(page.overrides)
        self.point = point
        return page.complete, page.updates

    def read_history(self, store: ArticleStore, end: LogPosition) -> Iterator[Update]:
        """Read all updates after the base snapshot once more, at least up to a point."""
        origin = self.base.origin
        yield from store.unread_before(origin.point, MOST_UNREAD)
        point, complete = origin.point, False
        while not complete and point.number < end.number:
            point, page = store.updates_after(
                point,
                epoch=origin.epoch,
                analyzer=ANALYZER_VERSION,
                model=origin.model,
                limit=ARTICLES_PER_PAGE,
            )
            yield from page.updates
            complete = page.complete

    def apply(self, updates: Iterable[Update]) -> None:
        """Apply updates in their order; of several for one article, the last one counts."""
        updates = {update.id: update for update in updates}.values()
        if not updates:
            return
        present = sorted(filter(self._has_row, updates), key=lambda update: update.id)
        removed = {update.id for update in updates} - {update.id for update in present}
        rows = build_rows(
            [
                IndexedDocument(u.outline, u.features, u.change, u.up_to_date)
                for u in present
                if u.outline is not None
            ],
            self.base.origin,
            self.view.dim,
            self.view.passage_dim,
        )
        self._delta_writer.apply(rows, removed)

    def _has_row(self, update: Update) -> bool:
        """Whether an article gets a row: it is not deleted, and read or one of few unread ones."""
        if update.outline is None or update.features is not None:
            self._unread.discard(update.id)
            return update.outline is not None
        if update.id not in self._unread and len(self._unread) >= MOST_UNREAD:
            return False
        self._unread.add(update.id)
        return True


@dataclass(frozen=True, slots=True, eq=False)
class OpenedReplica:
    """A replica that has caught up, and the updates after its base snapshot if asked for."""

    replica: Replica
    updates: tuple[Update, ...] | None


def open_replica(
    catalog: Catalog,
    store: ArticleStore,
    model: Callable[[], Model],
    *,
    return_updates: bool = False,
) -> OpenedReplica:
    """Open the best base snapshot of a store, and apply all changes after it.

    Args:
        catalog: where generations are published.
        store: the store.
        model: finds the encoder of the settings; called only if no generation is of this store.
        return_updates: whether to return the updates after the base snapshot, for a journal.

    Raises:
        StoreUnusable: the store cannot be read.
    """
    epoch = store.state().epoch  # if the store is away, this fails before a generation is verified
    rejected: dict[str, str] = {}
    for base in open_base_snapshots(catalog, rejected):
        replica = Replica(base)
        try:
            updates = catch_up(replica, store, begin=True, return_updates=return_updates)
        except StoreRestored:
            rejected[base.snapshot.generation] = "of another store; run: read-also rebuild"
            _log.error("generation %s is of another store", base.snapshot.generation)
        else:
            return OpenedReplica(replica, updates)
    replica = Replica(empty_base_snapshot(model(), epoch, read_live_name(catalog), rejected))
    updates = catch_up(replica, store, begin=True, return_updates=return_updates)
    return OpenedReplica(replica, updates)


def catch_up(
    replica: Replica, store: ArticleStore, *, begin: bool = False, return_updates: bool = False
) -> tuple[Update, ...] | None:
    """Apply the change log to its end.

    Args:
        replica: what to bring up to date.
        store: the store.
        begin: whether to read first what a snapshot does not hold.
        return_updates: whether to collect the updates; otherwise the answer is None.
    """
    applied = list(replica.begin(store)) if begin else []
    complete = False
    while not complete:
        complete, updates = replica.follow(store)
        applied += updates if return_updates else ()
    return tuple(applied) if return_updates else None


def open_base_snapshots(
    catalog: Catalog, rejected: dict[str, str] | None = None
) -> Iterator[BaseSnapshot]:
    """Open and verify the live generation, then the others from the newest to the oldest.

    A damaged one is logged and left out.

    Args:
        catalog: where the generations are.
        rejected: filled with the names of unusable generations and the reasons; a caller that
            cannot use one adds it.
    """
    rejected = {} if rejected is None else rejected
    live_name = read_live_name(catalog)
    others = [name for name in reversed(catalog.generations()) if name != live_name]
    for name in [*([live_name] if live_name else []), *others]:
        try:
            snapshot = open_generation(catalog, name)
        except (IndexFault, OSError) as fault:
            _log.error("generation %s is not served: %s", name, fault)
            rejected[name] = _public_reason(fault, catalog.folder, name)
            continue
        yield BaseSnapshot(snapshot, Origin.of(snapshot.manifest), live_name, rejected)


def empty_base_snapshot(
    model: Model,
    epoch: str,
    live_name: str | None = None,
    rejected: Mapping[str, str] = _NOTHING,
) -> BaseSnapshot:
    """Make a snapshot without rows, so that the changes alone can be served.

    Args:
        model: the encoder of the vectors of the changes.
        epoch: the store's.
        live_name: the generation that the pointer names.
        rejected: why no generation could be used.
    """
    with TemporaryDirectory(prefix="read-also-") as folder:
        catalog = Catalog(Path(folder))
        rows = build_rows((), model, dim=1)
        snapshot = catalog.publish_rows(rows, **build_options(model, StoreState(epoch, LOG_START)))
    return BaseSnapshot(snapshot, Origin.of(snapshot.manifest), live_name, rejected)


def newest_change(catalog: Catalog, base: BaseSnapshot) -> int:
    """The last change in any generation of a base snapshot's store, also in a damaged one.

    A generation with an unreadable manifest may be of that store; its name has the change number.
    """
    readable = catalog.manifests()
    names = [
        name
        for name in catalog.generations()
        if name not in readable or readable[name].epoch == base.origin.epoch
    ]
    return max((int(name.partition("-")[0]) for name in names), default=0)


def _public_reason(fault: Exception, folder: Path, name: str) -> str:
    """The reason in our own words, without paths; the log has those of libraries and the system."""
    if not isinstance(fault, SnapshotDamaged):
        return "cannot be opened; the log says why"
    said = str(fault).replace(f" ({fault.__cause__})", "")
    return said.replace(f"{folder / name}/", "").replace(f"{folder}/", "")
