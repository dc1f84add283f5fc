"""Which snapshot a live view stands on."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from index import Catalog, IndexFault, NoSnapshot, Snapshot
from recommender.embedding import Model
from recommender.generation import Origin, stamp_of
from recommender.rows import rows_of
from recommender.store import ORIGIN, StoreState

__all__ = ["Base", "empty_base", "newest_change", "pointed_generation", "sound_bases"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """A snapshot, and where its rows came from. `pointed` is what the pointer named then."""

    snapshot: Snapshot
    origin: Origin
    pointed: str | None


def sound_bases(catalog: Catalog) -> Iterator[Base]:
    """The live generation, then the others, the newest first; those that are damaged are logged."""
    pointed = pointed_generation(catalog)
    others = [name for name in reversed(catalog.generations()) if name != pointed]
    for name in [*([pointed] if pointed else []), *others]:
        try:
            snapshot = catalog.open(name)
        except (IndexFault, OSError) as fault:
            _log.error("generation %s is not served: %s", name, fault)
            continue
        yield Base(snapshot, Origin.of(snapshot.manifest), pointed)


def newest_change(catalog: Catalog, base: Base) -> int:
    """The last change in any generation of a base's store, also in one that is damaged.

    One whose manifest cannot be read may be of that store; its name tells the change.
    """
    readable = catalog.manifests()
    names = [
        name
        for name in catalog.generations()
        if name not in readable or readable[name].epoch == base.origin.epoch
    ]
    return max((int(name.partition("-")[0]) for name in names), default=0)


def empty_base(model: Model, epoch: str, pointed: str | None = None) -> Base:
    """A snapshot of nothing, under which the changes alone serve.

    Args:
        model: whose vectors the changes should have.
        epoch: the store's.
        pointed: what the pointer names, which is not this.
    """
    with TemporaryDirectory(prefix="read-also-") as folder:
        catalog = Catalog(Path(folder))
        rows = rows_of((), model, dim=1)
        snapshot = catalog.publish_rows(rows, **stamp_of(model, StoreState(epoch, ORIGIN)))
    return Base(snapshot, Origin.of(snapshot.manifest), pointed)


def pointed_generation(catalog: Catalog) -> str | None:
    """The name of the live generation; None where there is none that can be followed."""
    try:
        return catalog.live()
    except NoSnapshot:
        return None
    except (IndexFault, OSError) as fault:
        _log.error("the pointer to the live generation is not followed: %s", fault)
        return None
