"""How soon the last good generation is served after damage to the live one, and after a rollback.

Two generations of 100,000 made rows; each kind of damage is done to the newer, and a worker's
opening is timed from the start. Run it as `python -m tests.faults.harness.fallback`.
"""

import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from index import BUCKETS, Catalog, Passages, Rows, TermCounts, quantize
from recommender.analysis.embedding import Model
from recommender.indexing.documents import build_rows
from recommender.live import open_base_snapshots
from tests.faults.harness.damage import flipped
from tests.faults.harness.tally import Figure, report
from tests.support.index_rows import STAMP, random_units

DIM = 384
TERMS = 120
MOST_SECONDS = 2.0
EMPTY = build_rows((), Model("made", Path(), "made", frozenset({"en"})), dim=1)
"""An index of no rows, which has the names of the columns."""


@click.command(help=__doc__)
@click.option("--rows", default=100_000, show_default=True)
def main(rows: int) -> None:
    """Build, damage, open."""
    with tempfile.TemporaryDirectory(prefix="fallback-") as folder:
        catalog = Catalog(Path(folder))
        older, newer = (_publish(catalog, rows, change) for change in (1, 2))
        seconds = {"opening the live generation": _seconds(catalog, newer)}
        for name in ("display.bin", "vectors.faiss", "manifest.json"):
            path = catalog.folder / newer / name
            with flipped(path, path.stat().st_size * 4):
                seconds[f"the one before, {name} damaged"] = _seconds(catalog, older)
        begun = time.monotonic()
        catalog.flip(catalog.open(older))
        seconds["rollback"] = time.monotonic() - begun
    sys.exit(report([Figure(f"{n}, s", took, most=MOST_SECONDS) for n, took in seconds.items()]))


def _publish(catalog: Catalog, count: int, change: int) -> str:
    vectors = random_units(count, DIM, seed=change)
    draw = np.random.default_rng(change)
    buckets = np.sort(draw.integers(0, BUCKETS // TERMS, (count, TERMS)), axis=1)
    buckets += np.arange(TERMS) * (BUCKETS // TERMS)
    starts = np.arange(count + 1, dtype=np.int64)
    ones = np.ones(count * TERMS, np.float32)
    rows = Rows(
        ids=[f"{number:06}" for number in range(count)],
        vectors=vectors,
        passages=Passages(starts, quantize(vectors)),
        terms=TermCounts(starts * TERMS, buckets.ravel().astype(np.int32), ones),
        columns={
            name: np.zeros((count, *column.shape[1:]), column.dtype)
            for name, column in EMPTY.columns.items()
        },
        labels={name: ["made"] for name in EMPTY.labels},
        keywords=[()] * count,
        numbers=[{}] * count,
        display=[b"a headline of sixty letters, an address and what else is shown"] * count,
    )
    with catalog.lock():
        snapshot = catalog.publish_rows(rows, **STAMP | {"change": change, "ivf_above": count})
    return snapshot.generation


def _seconds(catalog: Catalog, wanted: str) -> float:
    """How long a worker takes to open the best generation, which must be the wanted one."""
    begun = time.monotonic()
    base = next(open_base_snapshots(catalog))
    seconds = time.monotonic() - begun
    if base.snapshot.generation != wanted:
        raise AssertionError(f"{base.snapshot.generation} serves, not {wanted}")
    return seconds


if __name__ == "__main__":
    main()
