"""What two rows that have nothing to do with each other look like.

The median similarity of random pairs is the floor from which relatedness is measured: an
encoder that puts every pair at 0.3 says nothing with a cosine of 0.3. It differs from group to
group (texts of one language share its small words, and an encoder crowds what it never read
into one corner), so it is measured inside each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import spread
from index.figures import Floor
from index.passages import Scaled
from index.rows import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from index.arrays import Array, Floats, Longs
    from index.matrix import Entries, Matrix

MOST_PAIRS: Final = 10_000
MOST_MATCHED: Final = 2_000
"""Passages of so many pairs at most are matched, which takes longer than to compare the rest."""

_SEED: Final = 20_240_607


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of different rows: int64 [p] each, the same pairs for the same number of rows."""

    left: Longs
    right: Longs

    @classmethod
    def over(cls, rows: int, most: int = MOST_PAIRS) -> Pairs:
        """Take every pair when there are no more than `most`, else draw `most` at random."""
        if rows * (rows - 1) // 2 <= most:
            left, right = np.triu_indices(rows, k=1)
            return cls(left.astype(np.int64), right.astype(np.int64))
        rng = np.random.default_rng(_SEED)
        left = rng.integers(rows, size=most)
        # A step of 1 to rows-1 around the circle never comes back to where it started.
        return cls(left, (left + rng.integers(1, rows, size=most)) % rows)


def measure_floors(
    vectors: Floats, passages: Scaled, weights: Matrix, groups: Mapping[str, Longs]
) -> dict[str, Floor]:
    """Measure the floors of each group of rows.

    Args:
        vectors: float32 [n, dim], unit rows.
        passages: of the n rows.
        weights: the term weights of the n rows, unit rows.
        groups: by label, the rows of the group.

    Returns:
        By the same labels.
    """
    floors = {}
    for name, members in groups.items():
        inside = Pairs.over(len(members))
        pairs = Pairs(members[inside.left], members[inside.right])
        floors[name] = Floor(
            rows=len(members),
            similarity=cosine_floor(vectors, pairs),
            lexical=lexical_floor(weights, pairs),
            passages=passages_floor(passages, pairs),
        )
    return floors


def cosine_floor(vectors: Floats, pairs: Pairs) -> float:
    """Take the median cosine of pairs of unit vectors, -1..1; 0.0 without pairs."""
    return _median(np.einsum("ij,ij->i", vectors[pairs.left], vectors[pairs.right]), -1)


def lexical_floor(weights: Matrix, pairs: Pairs) -> float:
    """Take the median lexical similarity of pairs of weighed rows, 0..1; 0.0 without pairs."""
    left, right = weights.entries(pairs.left), weights.entries(pairs.right)
    products = left.weights * _counterparts(left, right)
    return _median(np.bincount(left.owners, weights=products, minlength=len(pairs.left)), 0)


def passages_floor(passages: Scaled, pairs: Pairs) -> float:
    """Take the median passage matching of the pairs of which both have passages, -1..1.

    0.0 without such pairs; of more than MOST_MATCHED, some evenly spread.
    """
    lengths = np.diff(passages.indptr)
    both = np.flatnonzero((lengths[pairs.left] > 0) & (lengths[pairs.right] > 0))
    taken = both[spread(len(both), MOST_MATCHED)]
    matches = [
        passages.match(passages.of_row(left), np.array([right]))[0]
        for left, right in zip(pairs.left[taken].tolist(), pairs.right[taken].tolist(), strict=True)
    ]
    return _median(np.array(matches), -1)


def _counterparts(left: Entries, right: Entries) -> Floats:
    # Keys ascend, because pairs do and buckets do inside a row; the sentinel is never matched.
    keys = np.append(right.owners * BUCKETS + right.columns, -1)
    wanted = left.owners * BUCKETS + left.columns
    places = np.searchsorted(keys[:-1], wanted)
    weights = np.append(right.weights, np.float32(0))
    return np.where(keys[places] == wanted, weights[places], 0).astype(np.float32)


def _median(similarities: Array, least: float) -> float:
    if not len(similarities):
        return 0.0
    # Rounding may carry a cosine past its range, where the manifest would refuse it.
    return float(np.clip(np.median(similarities), least, 1))
