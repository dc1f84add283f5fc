"""Relatedness: two signals, each brought to the same scale, in one score."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floors", "Scores", "fuse"]

Floats = NDArray[np.float32]
PAIRS_FOR_TRUST: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class Floors:
    """What each signal gives to two articles picked at random: the zero of the score's scale.

    Attributes:
        dense: float32 [m], cosines.
        lexical: float32 [m], lexical similarities.
    """

    dense: Floats
    lexical: Floats

    @classmethod
    def of(cls, rows: NDArray[np.integer], dense: Floats, lexical: Floats) -> "Floors":
        """Medians over random pairs of m groups of articles, drawn to 0 where pairs are few.

        In a group of three articles the median pair may be two tellings of one story; half of a
        median is believed at PAIRS_FOR_TRUST pairs.
        """
        pairs = rows * (rows - 1.0) / 2
        trust = pairs / (pairs + PAIRS_FOR_TRUST)
        return cls(_positive(dense * trust), _positive(lexical * trust))

    def at(self, groups: NDArray[np.integer]) -> "Floors":
        """The floors of some articles, by the group of each."""
        return Floors(self.dense[groups], self.lexical[groups])

    def midway(self, other: "Floors") -> "Floors":
        """Half the way to others: what two articles of different groups start from."""
        half = np.float32(0.5)
        return Floors(half * (self.dense + other.dense), half * (self.lexical + other.lexical))


def _positive(floors: NDArray[np.floating]) -> Floats:
    positive: Floats = np.maximum(floors, 0).astype(np.float32)
    return positive


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Parts and whole, each float32 [m] in 0..1: 0 is the median random pair, 1 the same text."""

    dense: Floats
    lexical: Floats
    score: Floats

    def at(self, kept: NDArray[np.bool_]) -> "Scores":
        """Only the positions that a mask keeps, bool [m]."""
        return Scores(self.dense[kept], self.lexical[kept], self.score[kept])


def fuse(dense: Floats, lexical: Floats, floors: Floors, dense_weight: Floats) -> Scores:
    """Weighted mean of the two similarities after scaling; symmetric in the two articles.

    Args:
        dense: cosines of article vectors, float32 [m].
        lexical: cosines of TF-IDF weights, float32 [m].
        floors: where each scale begins, [m].
        dense_weight: float32 [m], 0..1; 0 where the encoder does not know the language of one of
            the two, since vectors of words it never read only add noise.
    """
    near, alike = _scaled(dense, floors.dense), _scaled(lexical, floors.lexical)
    return Scores(near, alike, dense_weight * near + (1 - dense_weight) * alike)


def _scaled(similarities: Floats, floors: Floats) -> Floats:
    span = np.maximum(1 - floors, 1e-6)
    scaled: Floats = np.clip((similarities - floors) / span, 0, 1).astype(np.float32)
    return scaled
