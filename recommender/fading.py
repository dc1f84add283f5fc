"""How much of its ranking value each candidate has left at its age, by its section."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.eligibility import DAY_SECONDS
from recommender.policy import Policy
from recommender.ranking import recency

__all__ = ["fading_of"]

Floats = NDArray[np.float64]


def fading_of(view: View, rows: NDArray[np.int64], policy: Policy, now: float) -> Floats:
    """The factor of some rows at `now` (seconds since 1970 in UTC): float64 [m]; see `recency`."""
    age_days = (now - view.take("published_at", rows)) / DAY_SECONDS
    half_life_days = policy.half_life_days
    if not policy.half_lives:
        return recency(age_days, policy.age_weight, half_life_days)
    own = _by_section(view, rows, policy.half_lives, half_life_days)
    return recency(age_days, policy.age_weight, own)


def _by_section(
    view: View, rows: NDArray[np.int64], half_lives: Mapping[str, float], other: float
) -> Floats:
    """The half-life of each row's section, or another where that has none: float64 [m].

    Each part of a view has codes of its own, so it is looked up by code, once a section.
    """
    found, begin = np.empty(len(rows), np.float64), 0
    for part in view.parts:
        mine = (begin <= rows) & (rows < begin + len(part))
        by_code = np.array([half_lives.get(word, other) for word in part.labels["section"]])
        codes = part.columns["section"][rows[mine] - begin]
        found[mine] = by_code[codes] if len(codes) else other
        begin += len(part)
    return found
