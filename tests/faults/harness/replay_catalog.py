"""Three small snapshots published one over the other, then all but the last pruned.

    python -m tests.faults.harness.replay_catalog FOLDER

does so and acknowledges each.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from index import Catalog, NoSnapshot
from tests.faults.harness.generations import find_faults, publish
from tests.faults.harness.replay import Control, Verdict, Workload, acknowledge

PUBLISHED: Final = 3


def publish_all(folder: Path) -> None:
    """Publish every snapshot, prune, and acknowledge each."""
    catalog = Catalog(folder)
    with catalog.lock():
        for change in range(1, PUBLISHED + 1):
            publish(catalog, change)
            acknowledge(f"published {change}")
        catalog.prune(keep=1)
        acknowledge("pruned")


def check(folder: Path, acknowledged: int) -> Verdict:
    """Open the live snapshot, and every acknowledged one until the prune, and compare them."""
    catalog = Catalog(folder / FOLDER)
    told = min(acknowledged, PUBLISHED)
    losses: list[str] = []
    live = _open_live(catalog, told, losses)
    kept = range(1, told + 1) if told < PUBLISHED else range(told, told + 1)
    for change in kept:
        if change != live:
            losses += _losses_kept(catalog, change)
    if acknowledged > PUBLISHED and len(catalog.generations()) > 1:
        losses.append(f"pruned, but there are {catalog.generations()}")
    return Verdict(len(kept), tuple(losses))


def _open_live(catalog: Catalog, told: int, losses: list[str]) -> int | None:
    """Tell the change of the live snapshot; None where nothing is live."""
    try:
        snapshot = catalog.open_live()
    except NoSnapshot as error:
        if told:
            losses.append(f"nothing is live: {error}")
        return None
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing can be served
        losses.append(f"the live one does not open: {error!r}")
        return None
    change = snapshot.manifest.change
    # The one that was being published is live whole, or not at all.
    if change not in {told, min(told + 1, PUBLISHED)}:
        losses.append(f"{change} is live, not {told}")
    losses += find_faults(snapshot)
    return change


def _losses_kept(catalog: Catalog, change: int) -> Iterator[str]:
    names = [name for name in catalog.generations() if name.startswith(f"{change:012}-")]
    if not names:
        yield f"the snapshot of {change} is gone"
        return
    try:
        snapshot = catalog.open(names[0])
    except Exception as error:  # noqa: BLE001 - whatever it is, there is no way back to it
        yield f"the snapshot of {change} does not open: {error!r}"
    else:
        yield from find_faults(snapshot)


FOLDER: Final = "snapshots"
_ASIDE: Final = rf"{FOLDER}/\.building-[0-9a-f]+"

CATALOG: Final = Workload(
    "catalog",
    __name__,
    check,
    (
        Control("the fsync of the vectors", rf"{_ASIDE}/vectors\.faiss", 1),
        Control("the fsync of the manifest", rf"{_ASIDE}/manifest\.json", 1),
        Control("the fsync of the staged folder", rf"{_ASIDE}/", 1),
        Control("the fsync of the new pointer", rf"{FOLDER}/\.live\.[0-9a-f]+\.part", 1),
        Control("the folder's fsync after the snapshot got its name", rf"{FOLDER}/", 2),
        Control(
            "the folder's fsync after the pointer was replaced", rf"{FOLDER}/", 1, answered=True
        ),
        Control("the fsync that makes the catalog's own folder durable", r"/", 0),
    ),
)


if __name__ == "__main__":
    publish_all(Path(sys.argv[1]) / FOLDER)
