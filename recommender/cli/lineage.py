"""Which generations are of one store, and follow each other."""

from index import Catalog, Manifest, NoSnapshot, SnapshotDamaged
from index.manifest import generation as name_of
from recommender.errors import BadParameter

__all__ = ["check_kin", "earlier", "epoch_of_live", "live_name", "oldest_change"]


def live_name(catalog: Catalog) -> str | None:
    """The live generation; None where none is, or the pointer is damaged."""
    try:
        return catalog.live()
    except (NoSnapshot, SnapshotDamaged):
        return None


def epoch_of_live(catalog: Catalog) -> str | None:
    """The store of the live generation; None where nothing tells it."""
    live = _readable(catalog).get(live_name(catalog) or "")
    return None if live is None else live.epoch


def earlier(catalog: Catalog, epoch: str, than: str | None) -> str:
    """The newest generation of a store before another one; before none, the newest of all.

    Raises:
        NoSnapshot: there is none.
    """
    kin = [name for name, manifest in _readable(catalog).items() if manifest.epoch == epoch]
    before = [name for name in kin if than is None or name < than]
    if not before:
        raise NoSnapshot(f"{catalog.folder}: nothing to go back to; run: read-also rebuild")
    return before[-1]


def oldest_change(catalog: Catalog, epoch: str) -> int:
    """The change from which the oldest generation of a store needs its log; 0 if there is none."""
    changes = [m.change for m in _readable(catalog).values() if m.epoch == epoch]
    return min(changes, default=0)


def check_kin(catalog: Catalog, generation: str, epoch: str) -> None:
    """Check that a generation, if its manifest can be read, is of a store.

    Raises:
        BadParameter: it is of another one, so that the changes since would be those of a stranger.
    """
    manifest = _readable(catalog).get(generation)
    if manifest is not None and manifest.epoch != epoch:
        raise BadParameter(
            f"generation {generation} was built from another store than the live one; choose one "
            "of this store (read-also snapshots list), or run: read-also rebuild"
        )


def _readable(catalog: Catalog) -> dict[str, Manifest]:
    """By generation, the oldest first, its manifest, where it is the one that was published."""
    manifests = {name_of(manifest): manifest for manifest in catalog.manifests()}
    return {name: manifests[name] for name in catalog.generations() if name in manifests}
