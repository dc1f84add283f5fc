"""Three small snapshots published one over the other, then all but the last pruned.

    python -m tests.faults.harness.replay_catalog FOLDER

does so and acknowledges each.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from index import Catalog, NoSnapshot, Snapshot
from tests.faults.harness.generations import ROWS, STAMP, rows_of
from tests.faults.harness.replay import Control, Verdict, Workload, acknowledge

PUBLISHED: Final = 3


def publish_all(folder: Path) -> None:
    """Publish every snapshot, prune, and acknowledge each."""
    catalog = Catalog(folder)
    with catalog.lock():
        for change in range(1, PUBLISHED + 1):
            catalog.publish_rows(rows_of(change), **STAMP, change=change)
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
    losses += _mixture(snapshot, change)
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
        yield from _mixture(snapshot, change)


def _mixture(snapshot: Snapshot, change: int) -> Iterator[str]:
    """What in a snapshot is not of its change."""
    rows = rows_of(change)
    numbers = range(ROWS)
    vectors = snapshot.vectors.fetch(np.arange(ROWS))
    same = {
        "ids": [snapshot.id_of(number) for number in numbers] == list(rows.ids),
        "display": [snapshot.display_of(number) for number in numbers] == list(rows.display),
        "vectors": np.allclose(vectors, rows.vectors, atol=1e-3),
        "columns": np.array_equal(snapshot.columns["published"], rows.columns["published"]),
        "labels": list(snapshot.labels["language"]) == list(rows.labels["language"]),
    }
    yield from (
        f"{name} are not those of {change}" for name, is_same in same.items() if not is_same
    )


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
