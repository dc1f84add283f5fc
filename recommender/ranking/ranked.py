"""Candidates with what each is worth, and why."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.api import Explanation
from recommender.ranking.fusion import Scores, Weights

__all__ = ["Ranked"]


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Candidates, position by position.

    Attributes:
        rows: int64 [m].
        vectors: float32 [m, dim], unit rows, in the light of their neighbours.
        scores: the parts of their relatedness to the seed.
        weights: the share of each part.
        recency: float64 [m], factors of the score.
        hubness: float64 [m], what is taken off for being near to everything.
        values: float64 [m], what the list is ordered by: `score * recency - hubness`.
    """

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    scores: Scores
    weights: Weights
    recency: NDArray[np.float64]
    hubness: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, kept: NDArray[np.bool_]) -> "Ranked":
        """Only the candidates that a mask keeps, bool [m]."""
        if kept.all():
            return self
        return Ranked(
            self.rows[kept],
            self.vectors[kept],
            self.scores.at(kept),
            self.weights.at(kept),
            self.recency[kept],
            self.hubness[kept],
            self.values[kept],
        )

    def explain(self, position: int) -> Explanation:
        """The parts of one candidate's place."""
        scores, weights = self.scores, self.weights
        return Explanation(
            dense=float(scores.dense[position]),
            passages=float(scores.passages[position]),
            lexical=float(scores.lexical[position]),
            dense_weight=float(weights.dense[position]),
            passage_weight=float(weights.passages[position]),
            lexical_weight=float(weights.lexical[position]),
            recency=float(self.recency[position]),
            hubness=float(self.hubness[position]),
            ranking_value=float(self.values[position]),
        )
