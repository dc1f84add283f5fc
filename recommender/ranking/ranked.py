"""Candidates with what each is worth, and why."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.fusion import Scores
from recommender.recommendations import Explanation

__all__ = ["Ranked"]


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Candidates, position by position.

    Attributes:
        rows: int64 [m].
        vectors: float32 [m, dim], unit rows.
        scores: the parts of their relatedness to the seed.
        dense_weight: float32 [m], the share of the dense part.
        recency: float64 [m], factors.
        values: float64 [m], what the list is ordered by.
    """

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    scores: Scores
    dense_weight: NDArray[np.float32]
    recency: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, kept: NDArray[np.bool_]) -> "Ranked":
        """Only the candidates that a mask keeps, bool [m]."""
        if kept.all():
            return self
        return Ranked(
            self.rows[kept],
            self.vectors[kept],
            self.scores.at(kept),
            self.dense_weight[kept],
            self.recency[kept],
            self.values[kept],
        )

    def explain(self, position: int) -> Explanation:
        """The parts of one candidate's place."""
        return Explanation(
            dense=float(self.scores.dense[position]),
            lexical=float(self.scores.lexical[position]),
            dense_weight=float(self.dense_weight[position]),
            recency=float(self.recency[position]),
            ranking_value=float(self.values[position]),
        )
