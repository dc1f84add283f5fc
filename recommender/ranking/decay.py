"""How much of its ranking value each candidate has left at its age, by its section."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.ranking.filters import DAY_SECONDS
from recommender.ranking.policy import Policy
from recommender.ranking.recency import recency

__all__ = ["fading_of"]

HOUR_SECONDS: Final = 3_600.0
Floats = NDArray[np.float64]


def fading_of(view: View, rows: NDArray[np.int64], policy: Policy, now: float) -> Floats:
    """The factor of some rows at `now` (seconds since 1970 in UTC): float64 [m]; see `recency`.

    Ages are those of the hour that has begun, so that a list changes by the clock once an hour.
    """
    hour = now // HOUR_SECONDS * HOUR_SECONDS
    age_days = (hour - view.take("published_at", rows)) / DAY_SECONDS
    half_life_days = policy.half_life_days
    if not policy.half_lives:
        return recency(age_days, policy.age_weight, half_life_days)
    own = view.map_labels("section", rows, lambda word: policy.half_lives.get(word, half_life_days))
    return recency(age_days, policy.age_weight, own)
