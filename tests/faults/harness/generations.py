"""Small snapshots of which every change has its own, to be published, damaged and compared."""

from typing import Any, Final

import numpy as np

from index import Rows
from tests.support.index_rows import sample_rows

__all__ = ["ROWS", "STAMP", "rows_of"]

ROWS: Final = 12
STAMP: Final[dict[str, Any]] = {"model": "mini@1", "analyzer": "hash@1", "epoch": "e0"}


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
