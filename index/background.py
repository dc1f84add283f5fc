"""The background similarity: how similar two rows are that have nothing to do with each other.

It is the median similarity of random pairs, and the zero of a scaled signal: where an encoder puts
every pair at 0.3, a cosine of 0.3 says nothing. It is measured inside each group of rows, such as
a language: texts of one language share its common words, and an encoder puts texts of a language
that it does not know close together.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import spread
from index.figures import MOST_ROWS, real, whole
from index.passages import Scaled
from index.rows import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from index.arrays import Array, Floats, Longs
    from index.matrix import Entries, Matrix

MOST_PAIRS: Final = 10_000
MOST_MATCHED: Final = 2_000
"""Passages of at most so many pairs are compared, because that is slow."""

_SEED: Final = 20_240_607


@dataclass(frozen=True, slots=True)
class BackgroundSimilarity:
    """Median similarities of random pairs inside a group of rows; 0.0 with fewer than two rows.

    Attributes:
        rows: how many rows the group has.
        similarity: median cosine, -1..1.
        lexical: median lexical similarity of the same pairs, 0..1.
        passages: median passage similarity of those pairs of which both rows have passages,
            -1..1; 0.0 without such a pair.

    Raises:
        ValueError: a value is of the wrong type or out of range.
    """

    rows: int
    similarity: float
    lexical: float
    passages: float

    def __post_init__(self) -> None:
        good = whole(0, MOST_ROWS)(self.rows) and real(0, 1)(self.lexical)
        if not good or not all(map(real(-1, 1), (self.similarity, self.passages))):
            raise ValueError(f"a background similarity of {asdict(self)!r:.80}")


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


def measure_background(
    vectors: Floats, passages: Scaled, weights: Matrix, groups: Mapping[str, Longs]
) -> dict[str, BackgroundSimilarity]:
    """Measure the background similarity of each group of rows.

    Args:
        vectors: float32 [n, dim], unit rows.
        passages: of the n rows.
        weights: the term weights of the n rows, unit rows.
        groups: by label, the rows of the group.

    Returns:
        By the same labels.
    """
    background = {}
    for name, members in groups.items():
        inside = Pairs.over(len(members))
        pairs = Pairs(members[inside.left], members[inside.right])
        background[name] = BackgroundSimilarity(
            rows=len(members),
            similarity=background_cosine(vectors, pairs),
            lexical=background_lexical(weights, pairs),
            passages=background_passages(passages, pairs),
        )
    return background


def background_cosine(vectors: Floats, pairs: Pairs) -> float:
    """The median cosine of pairs of unit vectors, -1..1; 0.0 without pairs."""
    return _median(np.einsum("ij,ij->i", vectors[pairs.left], vectors[pairs.right]), -1)


def background_lexical(weights: Matrix, pairs: Pairs) -> float:
    """The median lexical similarity of pairs of rows, 0..1; 0.0 without pairs."""
    left, right = weights.entries(pairs.left), weights.entries(pairs.right)
    products = left.weights * _counterparts(left, right)
    return _median(np.bincount(left.owners, weights=products, minlength=len(pairs.left)), 0)


def background_passages(passages: Scaled, pairs: Pairs) -> float:
    """The median passage similarity of pairs of which both rows have passages, -1..1.

    0.0 without such pairs; of more than MOST_MATCHED, an evenly spaced sample is measured.
    """
    lengths = np.diff(passages.indptr)
    both = np.flatnonzero((lengths[pairs.left] > 0) & (lengths[pairs.right] > 0))
    sample = both[spread(len(both), MOST_MATCHED)]
    lefts, rights = pairs.left[sample].tolist(), pairs.right[sample].tolist()
    matches = [
        passages.match(passages.of_row(left), np.array([right]))[0]
        for left, right in zip(lefts, rights, strict=True)
    ]
    return _median(np.array(matches), -1)


def _counterparts(left: Entries, right: Entries) -> Floats:
    """The weight that each entry of `left` has in `right`, 0 where it has none: float32 [nnz]."""
    # Owners ascend, and buckets ascend inside a row, so keys do. The sentinel matches nothing.
    keys = np.append(right.owners * BUCKETS + right.columns, -1)
    wanted = left.owners * BUCKETS + left.columns
    places = np.searchsorted(keys[:-1], wanted)
    weights = np.append(right.weights, np.float32(0))
    return np.where(keys[places] == wanted, weights[places], 0).astype(np.float32)


def _median(similarities: Array, least: float) -> float:
    if not len(similarities):
        return 0.0
    # Rounding may put a cosine out of its range, and the manifest would refuse it.
    return float(np.clip(np.median(similarities), least, 1))
