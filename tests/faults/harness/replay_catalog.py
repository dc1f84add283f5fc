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
from tests.faults.harness.replay import Control, Workload, acknowledge

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


def check(folder: Path, acknowledged: int) -> Iterator[str]:
    """Open every snapshot that is there, and compare it.

    Each that was acknowledged is there until the prune, which removes each whole or not at all.
    """
    catalog = Catalog(folder / FOLDER)
    published = min(acknowledged, PUBLISHED)
    wanted = set(range(1, published + 1)) if published < PUBLISHED else {published}
    found = {int(name.partition("-")[0]): name for name in catalog.generations()}
    yield from (f"the snapshot of {change} is gone" for change in wanted - found.keys())
    for name in found.values():
        yield from find_faults(catalog.open(name))
    if acknowledged > PUBLISHED and len(found) > 1:
        yield f"pruned, but there are {found}"
    try:
        live = catalog.open_live()
    except NoSnapshot as error:
        if published:
            yield f"nothing is live: {error}"
        return
    # The one that was being published is live whole, or not at all.
    if live.manifest.change not in {published, min(published + 1, PUBLISHED)}:
        yield f"{live.manifest.change} is live, not {published}"
    yield from find_faults(live)


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
        Control("the folder's fsync before what is pruned is removed", rf"{FOLDER}/", -2),
    ),
)


if __name__ == "__main__":
    publish_all(Path(sys.argv[1]) / FOLDER)
