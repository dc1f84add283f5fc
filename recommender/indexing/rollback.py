"""The use case: make an older snapshot live again."""

from collections.abc import Callable
from contextlib import closing

from index import Catalog, NoSnapshot, OtherFormat, SnapshotDamaged
from index.manifest import read_manifest
from recommender.errors import BadParameter
from recommender.indexing.snapshots import (
    open_generation,
    read_live_manifest,
    read_live_name,
    rollback_hold,
)
from recommender.store import ArticleStore

__all__ = ["roll_back"]


def roll_back(
    catalog: Catalog, generation: str | None, open_existing: Callable[[], ArticleStore]
) -> tuple[str | None, str]:
    """Make a generation live, and stop compaction until the next rebuild.

    Args:
        catalog: the generations.
        generation: which one; None is the newest before the live one that is of the same store.
        open_existing: opens the store. It is only needed where no live generation names its store.

    Returns:
        The generation that was live, None if that cannot be read; and the one that is live now.

    Raises:
        NoSnapshot: there is no such generation.
        SnapshotDamaged: it cannot be served; the live one stays.
        BadParameter: it was built from another store.
    """
    if not catalog.generations():
        raise _no_earlier(catalog)
    with catalog.lock():
        before, manifest = read_live_name(catalog), read_live_manifest(catalog)
        epoch = _read_epoch(open_existing) if manifest is None else manifest.epoch
        target = _find_earlier(catalog, epoch, before) if generation is None else generation
        _refuse_other_store(catalog, target, epoch)
        catalog.flip(open_generation(catalog, target))
        rollback_hold(catalog).write(f"rolled back to {target}\n")
    return before, target


def _read_epoch(open_existing: Callable[[], ArticleStore]) -> str:
    with closing(open_existing()) as store:
        return store.state().epoch


def _find_earlier(catalog: Catalog, epoch: str, live: str | None) -> str:
    """Find the newest generation of a store before the live one; without one, the newest of all."""
    manifests = catalog.manifests()
    names = [name for name, manifest in manifests.items() if manifest.epoch == epoch]
    earlier = [name for name in names if live is None or name < live]
    if not earlier:
        raise _no_earlier(catalog, live)
    return earlier[-1]


def _no_earlier(catalog: Catalog, live: str | None = None) -> NoSnapshot:
    """Say that there is none, or that there is one which only another release can open."""
    names = [name for name in catalog.generations() if live is None or _is_before(name, live)]
    for name in reversed(names):
        try:
            read_manifest(catalog.folder / name)
        except OtherFormat as fault:
            return NoSnapshot(
                f"no earlier snapshot can be opened by this release: {fault.what}; to go back to "
                "that one, install its release"
            )
        except SnapshotDamaged:
            continue
    return NoSnapshot(f"{catalog.folder}: no earlier snapshot; run: read-also rebuild")


def _is_before(generation: str, live: str) -> bool:
    """Whether one generation may be older than another; after an upgrade both have one change."""
    change, _, _ = generation.partition("-")
    return generation != live and change <= live.partition("-")[0]


def _refuse_other_store(catalog: Catalog, generation: str, epoch: str) -> None:
    """Refuse a generation of another store: the log has none of the changes after it."""
    manifest = catalog.manifests().get(generation)
    if manifest is not None and manifest.epoch != epoch:
        raise BadParameter(
            f"generation {generation} was built from another store than the live one; choose one "
            "of this store (read-also snapshots list), or run: read-also rebuild"
        )
