"""Small snapshots, one for each change, to be published, damaged and compared."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import Catalog, Rows, Snapshot
from tests.support.index_rows import STAMP, sample_rows

__all__ = ["ROWS", "find_faults", "find_wrong_answers", "publish", "rows_of"]

ROWS: Final = 12
ROUNDING: Final = 1e-3  # of float16
ASKED: Final = 20
DEPTH: Final = 10


def rows_of(change: int) -> Rows:
    """Make the rows of a change: the ids of every change, and everything else its own."""
    return sample_rows(
        ROWS,
        seed=change,
        columns={
            "language": np.arange(ROWS, dtype=np.int16) % 2,
            "published": np.arange(ROWS, dtype=np.int64) * change,
            "sections": np.arange(ROWS * 3, dtype=np.int32).reshape(ROWS, 3) + change,
        },
        labels={"language": ["en", f"language of {change}"]},
        display=[f"display fields {number} of {change}".encode() for number in range(ROWS)],
    )


def publish(catalog: Catalog, change: int, **options: Any) -> Snapshot:
    """Publish the rows of a change."""
    return catalog.publish_rows(rows_of(change), **STAMP | {"change": change} | options)


def find_faults(snapshot: Snapshot) -> Iterator[str]:
    """The parts of such a snapshot that are not of its change."""
    change = snapshot.manifest.change
    rows, numbers = rows_of(change), range(ROWS)
    same = {
        "ids": [snapshot.id_of(number) for number in numbers] == list(rows.ids),
        "places": [snapshot.row_of(one) for one in rows.ids] == list(numbers),
        "display": [snapshot.display_of(number) for number in numbers] == list(rows.display),
        "columns": np.array_equal(snapshot.columns["published"], rows.columns["published"]),
        "labels": list(snapshot.labels["language"]) == list(rows.labels["language"]),
    }
    yield from (f"{name} are not those of {change}" for name, alike in same.items() if not alike)
    yield from find_wrong_answers(snapshot, rows.vectors)


def find_wrong_answers(snapshot: Snapshot, vectors: NDArray[np.float32]) -> Iterator[str]:
    """Compare neighbours with brute force, if there are rows."""
    count = len(snapshot)
    depth = min(DEPTH, count)
    for row in range(0, count, max(1, count // ASKED)):
        similarities = vectors @ vectors[row]
        hits = snapshot.vectors.nearest(vectors[row], depth, np.ones(count, bool))
        best = np.sort(similarities)[::-1][:depth]
        honest = np.allclose(hits.similarities, similarities[hits.rows], atol=ROUNDING)
        if not honest or not np.allclose(hits.similarities, best, atol=ROUNDING):
            yield f"{snapshot.generation} answers otherwise than brute force about row {row}"
