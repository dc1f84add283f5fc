"""The formula of a list with several seeds: some to be like, some to be unlike.

A candidate is compared with each seed alone, and its best seed gives it its place: who reads about
a flood and about a concert wants what belongs to one of them, not what is half of each. The other
seeds add a part, as the mean vector of Rocchio (1971) would. Of several negative examples the
nearest one takes a part (Wang, Fang and Zhai 2008). Figures: docs/relevance.md.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.api import SeedScore

__all__ = ["SeedScores"]

SUPPORT: Final = 0.25
"""What the mean score under the other `like` seeds adds to a ranking value."""
AVERSION: Final = 0.25
"""What the greatest score under an `unlike` seed takes from a ranking value."""
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SeedScores:
    """How m candidates score under k seeds to be like, and under j seeds to be unlike.

    Attributes:
        likes: the ids of the k seeds.
        unlikes: the ids of the j seeds.
        like: float32 [k, m], the score of each candidate under each seed.
        unlike: float32 [j, m], the same.
        best: int64 [m], the position in `likes` of the seed that gives each candidate its place.
        rejected: bool [m], candidates that are related to an `unlike` seed, and more so than to any
            seed to be like. They are not listed.
    """

    likes: tuple[str, ...]
    unlikes: tuple[str, ...]
    like: Floats
    unlike: Floats
    best: NDArray[np.int64]
    rejected: Mask

    def at(self, kept: Mask) -> Self:
        """The candidates that a mask keeps, bool [m]."""
        return type(self)(
            self.likes,
            self.unlikes,
            self.like[:, kept],
            self.unlike[:, kept],
            self.best[kept],
            self.rejected[kept],
        )

    def of_best(self, values: NDArray[Any]) -> NDArray[Any]:
        """Of values under each seed to be like, [k, m], those under the best one: [m]."""
        return values[self.best, np.arange(len(self.best))]

    @property
    def support(self) -> Doubles:
        """What the seeds besides the best one add to the ranking values: float64 [m]."""
        rest = self.like.sum(axis=0, dtype=np.float64) - self.of_best(self.like)
        support: Doubles = SUPPORT * np.maximum(rest, 0.0) / max(len(self.likes) - 1, 1)
        return support

    @property
    def aversion(self) -> Doubles:
        """What the nearest seed to be unlike takes from the ranking values: float64 [m]."""
        aversion: Doubles = AVERSION * self.unlike.max(axis=0, initial=0.0).astype(np.float64)
        return aversion

    def best_id(self, position: int) -> str:
        """The id of the seed that gives a candidate its place."""
        return self.likes[int(self.best[position])]

    def explain(self, position: int) -> dict[str, Any]:
        """The parts of an explanation that only a list with several seeds has."""
        pairs = (
            *zip(self.likes, self.like[:, position].tolist(), strict=True),
            *zip(self.unlikes, self.unlike[:, position].tolist(), strict=True),
        )
        return {
            "support": float(self.support[position]),
            "aversion": float(self.aversion[position]),
            "seeds": tuple(SeedScore(id=one, score=score) for one, score in pairs),
        }
