"""Relatedness: three signals, each brought to the same scale, in one score."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floors", "Scores", "Signals", "Weights", "fuse", "scaled"]

Floats = NDArray[np.float32]
PAIRS_FOR_TRUST: Final = 100
SILENT: Final = 1e-6  # a share below which vectors have no say, and words have all


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """How alike a seed and m candidates are, each float32 [m].

    Attributes:
        dense: cosines of article vectors.
        passages: how well the passages of one are found in the other, both ways.
        lexical: cosines of TF-IDF weights.
    """

    dense: Floats
    passages: Floats
    lexical: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Floors:
    """What each signal gives to two articles picked at random: the zero of the score's scale.

    Attributes: as in `Signals`, float32 [m].
    """

    dense: Floats
    passages: Floats
    lexical: Floats

    @classmethod
    def of(cls, pairs: NDArray[np.floating], medians: Signals) -> "Floors":
        """Medians over random pairs of m groups of articles, drawn to 0 where pairs are few.

        In a group of three articles the median pair may be two tellings of one story; half of a
        median is believed at PAIRS_FOR_TRUST pairs.

        Args:
            pairs: how many pairs each group has, [m].
            medians: what the groups give.
        """
        trust = pairs / (pairs + PAIRS_FOR_TRUST)
        return cls(
            _positive(medians.dense * trust),
            _positive(medians.passages * trust),
            _positive(medians.lexical * trust),
        )

    def at(self, groups: NDArray[np.integer]) -> "Floors":
        """The floors of some articles, by the group of each."""
        return Floors(self.dense[groups], self.passages[groups], self.lexical[groups])

    def midway(self, other: "Floors") -> "Floors":
        """Half the way to others: what two articles of different groups start from."""
        half = np.float32(0.5)
        return Floors(
            half * (self.dense + other.dense),
            half * (self.passages + other.passages),
            half * (self.lexical + other.lexical),
        )


def _positive(floors: NDArray[np.floating]) -> Floats:
    positive: Floats = np.maximum(floors, 0).astype(np.float32)
    return positive


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The share of each signal in the score of a pair, each float32 [m]; they add up to 1."""

    dense: Floats
    passages: Floats
    lexical: Floats

    @classmethod
    def of(
        cls, known: NDArray[np.bool_], same: NDArray[np.bool_], dense: float, passages: float
    ) -> "Weights":
        """What each signal counts for each candidate.

        Args:
            known: whether the encoder knows the languages of both articles, [m]. Where it does
                not, words decide alone: vectors of words it never read only add noise.
            same: whether both are in one language, [m]. Where they are not, vectors decide alone:
                two languages share no words but names.
            dense: the share of article vectors where all three signals speak.
            passages: the share of passages there; words have the rest.
        """
        if np.count_nonzero(known) == np.count_nonzero(same) == len(known):
            whole = (dense, passages, max(1 - dense - passages, 0.0))
            return cls(*(np.full(len(known), share, np.float32) for share in whole))
        vectors = dense + passages
        between = vectors if vectors > SILENT else 1.0
        spread = np.where(known, np.where(same, 1.0, 1 / between), 0.0)
        near, found = dense * spread, passages * spread
        words = np.maximum(1 - near - found, 0)  # not below it by rounding
        parts = (part.astype(np.float32) for part in (near, found, words))
        return cls(*parts)

    def at(self, kept: NDArray[np.bool_]) -> "Weights":
        """Only the positions that a mask keeps, bool [m]."""
        return Weights(self.dense[kept], self.passages[kept], self.lexical[kept])


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Parts and whole, each float32 [m] in 0..1: 0 is the median random pair, 1 the same text."""

    dense: Floats
    passages: Floats
    lexical: Floats
    score: Floats

    def at(self, kept: NDArray[np.bool_]) -> "Scores":
        """Only the positions that a mask keeps, bool [m]."""
        return Scores(self.dense[kept], self.passages[kept], self.lexical[kept], self.score[kept])


def fuse(signals: Signals, floors: Floors, weights: Weights) -> Scores:
    """Weighted mean of the signals after scaling; symmetric in the two articles, all [m]."""
    near = scaled(signals.dense, floors.dense)
    found = scaled(signals.passages, floors.passages)
    alike = scaled(signals.lexical, floors.lexical)
    score = weights.dense * near + weights.passages * found + weights.lexical * alike
    return Scores(near, found, alike, np.minimum(score, np.float32(1)))


def scaled(similarities: Floats, floors: Floats) -> Floats:
    """From 0 at the floor to 1 at the same text: float32 [m]."""
    span = np.maximum(1 - floors, np.float32(1e-6))
    above = (similarities - floors) / span
    return np.minimum(np.maximum(above, 0, out=above), 1, out=above).astype(np.float32, copy=False)
