"""A gentle preference for the newer of two equally related articles."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["recency"]


def recency(
    age_days: NDArray[np.float64], weight: float, half_life_days: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Factor on the ranking value: 1 for a new article, falling to `1 - weight` for an old one.

    Half of the weight is lost at the half-life, which is that of all, or [n] of each. An article
    without a date (NaN) loses nothing, and one dated ahead counts as new.
    """
    lost = 1 - np.exp2(-np.maximum(age_days, 0) / half_life_days)
    return np.where(np.isnan(age_days), 1.0, 1 - weight * lost)
