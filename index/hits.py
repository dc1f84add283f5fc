"""The result of a search: rows and their similarities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from index.arrays import Array, Floats, Longs, Whole


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The nearest rows: highest similarity first, equal ones by ascending row.

    Attributes:
        rows: int64 [k]; real row numbers, never -1.
        similarities: float32 [k]; for vectors the cosine to within the 5e-4 that float16
            rounding moves it, so that of an exact copy may be slightly above 1.
    """

    rows: Longs
    similarities: Floats

    @classmethod
    def none(cls) -> Hits:
        """Make an empty result."""
        return cls(np.empty(0, np.int64), np.empty(0, np.float32))

    def __len__(self) -> int:
        return len(self.rows)


def top(rows: Whole, similarities: Array, limit: int) -> Hits:
    """Keep the best `limit` of some candidates, in the order Hits promises."""
    if 0 < limit < len(rows):
        # All that tie with the last place are kept; the sort below orders them by row.
        last = np.partition(similarities, -limit)[-limit]
        kept = np.flatnonzero(similarities >= last)
        rows, similarities = rows[kept], similarities[kept]
    order = np.lexsort((rows, -similarities))[: max(limit, 0)]
    return Hits(rows[order].astype(np.int64), similarities[order].astype(np.float32))
