"""How soon the last good generation serves when the live one is damaged, and a rollback likewise.

Two generations of 100,000 made rows; each kind of damage is done to the newer, and a worker's
opening is timed from the start. Run it as `python -m tests.faults.harness.fallback`.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np

from index import BUCKETS, Catalog, Passages, Rows, TermCounts, quantize
from recommender.analysis.embedding import Model
from recommender.indexing.documents import build_rows
from recommender.live import open_base_snapshots
from tests.faults.harness.tally import Figure, report

DIM = 384
TERMS = 120
MOST_SECONDS = 2.0
EMPTY = build_rows((), Model("made", Path(), "made", frozenset({"en"})), dim=1)
"""Rows of nothing, which tell what columns there are."""


@click.command(help=__doc__)
@click.option("--rows", default=100_000, show_default=True)
def main(rows: int) -> None:
    """Build, damage, open."""
    with tempfile.TemporaryDirectory(prefix="fallback-") as folder:
        catalog = Catalog(Path(folder))
        older = _publish(catalog, rows, change=1)
        newer = _publish(catalog, rows, change=2)
        figures = [
            Figure("opening the live generation, s", _seconds(catalog, newer), MOST_SECONDS, "most")
        ]
        for name in ("display.bin", "vectors.faiss", "manifest.json"):
            with _flipped(catalog.folder / newer / name):
                seconds = _seconds(catalog, older)
            figures.append(
                Figure(f"the one before, {name} damaged, s", seconds, MOST_SECONDS, "most")
            )
        begun = time.monotonic()
        catalog.flip(older)
        figures.append(Figure("rollback, s", time.monotonic() - begun, MOST_SECONDS, "most"))
        sys.exit(report(figures, click.echo))


def _publish(catalog: Catalog, count: int, change: int) -> str:
    draw = np.random.default_rng(change)
    vectors = draw.standard_normal((count, DIM), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    buckets = np.sort(draw.integers(0, BUCKETS // TERMS, (count, TERMS)), axis=1)
    buckets += np.arange(TERMS) * (BUCKETS // TERMS)
    rows = Rows(
        ids=[f"{number:06}" for number in range(count)],
        vectors=vectors,
        passages=Passages(np.arange(count + 1, dtype=np.int64), quantize(vectors)),
        terms=TermCounts(
            np.arange(count + 1, dtype=np.int64) * TERMS,
            buckets.ravel().astype(np.int32),
            np.ones(count * TERMS, np.float32),
        ),
        columns={
            name: np.zeros((count, *column.shape[1:]), column.dtype)
            for name, column in EMPTY.columns.items()
        },
        labels={name: ["made"] for name in EMPTY.labels},
        keywords=[()] * count,
        display=[b"a headline of sixty letters, an address and what else is shown"] * count,
    )
    with catalog.lock():
        snapshot = catalog.publish_rows(
            rows, model="made", analyzer="made", epoch="made", change=change, ivf_above=count
        )
    return snapshot.generation


def _seconds(catalog: Catalog, wanted: str) -> float:
    """How long a worker takes to open the best generation, which must be the wanted one."""
    begun = time.monotonic()
    base = next(open_base_snapshots(catalog))
    seconds = time.monotonic() - begun
    if base.snapshot.generation != wanted:
        raise AssertionError(f"{base.snapshot.generation} serves, not {wanted}")
    return seconds


@contextmanager
def _flipped(path: Path) -> Iterator[None]:
    """One bit in the middle of a file is another while the block runs."""
    _flip(path)
    yield
    _flip(path)


def _flip(path: Path) -> None:
    with path.open("r+b") as file:
        at = path.stat().st_size // 2
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 16]))


if __name__ == "__main__":
    main()
