"""Which generations are of one store, and follow each other."""

from index import Catalog, NoSnapshot
from recommender.errors import BadParameter
from recommender.indexing.snapshots import live_manifest

__all__ = ["check_kin", "earlier", "epoch_of_live"]


def epoch_of_live(catalog: Catalog) -> str | None:
    """The store of the live generation; None where nothing tells it."""
    live = live_manifest(catalog)
    return None if live is None else live.epoch


def earlier(catalog: Catalog, epoch: str, than: str | None) -> str:
    """The newest generation of a store before another one; before none, the newest of all.

    Raises:
        NoSnapshot: there is none.
    """
    kin = [name for name, manifest in catalog.manifests().items() if manifest.epoch == epoch]
    before = [name for name in kin if than is None or name < than]
    if not before:
        raise NoSnapshot(f"{catalog.folder}: nothing to go back to; run: read-also rebuild")
    return before[-1]


def check_kin(catalog: Catalog, generation: str, epoch: str) -> None:
    """Check that a generation, if its manifest can be read, is of a store.

    Raises:
        BadParameter: it is of another one, so that the changes since would be those of a stranger.
    """
    manifest = catalog.manifests().get(generation)
    if manifest is not None and manifest.epoch != epoch:
        raise BadParameter(
            f"generation {generation} was built from another store than the live one; choose one "
            "of this store (read-also snapshots list), or run: read-also rebuild"
        )
