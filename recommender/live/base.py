"""Which snapshot a live view stands on."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final

from index import Catalog, IndexFault, NoSnapshot, Snapshot
from recommender.analysis.embedding import Model
from recommender.indexing.documents import rows_of
from recommender.indexing.snapshots import Origin, open_generation, stamp_of
from recommender.store import LOG_START, StoreState

__all__ = ["Base", "empty_base", "newest_change", "pointed_generation", "sound_bases"]

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """A snapshot, and where its rows came from.

    `pointed` is what the pointer named then; `passed` tells by name why a generation was not taken.
    """

    snapshot: Snapshot
    origin: Origin
    pointed: str | None
    passed: Mapping[str, str] = field(default_factory=dict)

    @property
    def unserved(self) -> str | None:
        """The published generation and why it is not served; None where it is."""
        why = self.passed.get(self.pointed or "")
        return None if why is None else f"{self.pointed}: {why}"


def sound_bases(catalog: Catalog, passed: dict[str, str] | None = None) -> Iterator[Base]:
    """The live generation, then the others, the newest first; those that are damaged are logged.

    Args:
        catalog: where they are.
        passed: takes up by name what is wrong with those; who rejects one may add it.
    """
    passed = {} if passed is None else passed
    pointed = pointed_generation(catalog)
    others = [name for name in reversed(catalog.generations()) if name != pointed]
    for name in [*([pointed] if pointed else []), *others]:
        try:
            snapshot = open_generation(catalog, name)
        except (IndexFault, OSError) as fault:
            _log.error("generation %s is not served: %s", name, fault)
            passed[name] = _without_paths(str(fault), catalog.folder, name)
            continue
        yield Base(snapshot, Origin.of(snapshot.manifest), pointed, passed)


def _without_paths(fault: str, folder: Path, name: str) -> str:
    """What is wrong, for anybody who asks: they need not learn where the files lie."""
    return fault.replace(f"{folder / name}/", "").replace(f"{folder}/", "")


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


def empty_base(
    model: Model,
    epoch: str,
    pointed: str | None = None,
    passed: Mapping[str, str] = NOTHING,
) -> Base:
    """A snapshot of nothing, under which the changes alone serve.

    Args:
        model: whose vectors the changes should have.
        epoch: the store's.
        pointed: what the pointer names, which is not this.
        passed: why it is not, nor any other generation.
    """
    with TemporaryDirectory(prefix="read-also-") as folder:
        catalog = Catalog(Path(folder))
        rows = rows_of((), model, dim=1)
        snapshot = catalog.publish_rows(rows, **stamp_of(model, StoreState(epoch, LOG_START)))
    return Base(snapshot, Origin.of(snapshot.manifest), pointed, passed)


def pointed_generation(catalog: Catalog) -> str | None:
    """The name of the live generation; None where there is none that can be followed."""
    try:
        return catalog.live()
    except NoSnapshot:
        return None
    except (IndexFault, OSError) as fault:
        _log.error("the pointer to the live generation is not followed: %s", fault)
        return None
