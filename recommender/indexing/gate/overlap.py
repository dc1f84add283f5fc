"""How much two rankings agree."""

from collections.abc import Sequence
from typing import Final

import numpy as np

__all__ = ["rank_biased_overlap"]

PERSISTENCE: Final = 0.9  # the first ten places have 86 % of the weight


def rank_biased_overlap(
    one: Sequence[str], other: Sequence[str], persistence: float = PERSISTENCE
) -> float:
    """How much two rankings agree, 0..1, the top weighing most; extrapolated past their ends.

    RBO_EXT for rankings of uneven length, equation 32 of Webber, Moffat and Zobel, "A similarity
    measure for indefinite rankings", ACM TOIS 28(4), 2010. No ranking holds an item twice.
    """
    short, long = sorted((one, other), key=len)
    if not short:
        return 0.0 if long else 1.0
    s, depth = len(short), np.arange(1, len(long) + 1)
    places = {item: place for place, item in enumerate(short, 1)}
    # The depth from which an item of the longer one is shared; beyond both ends it is not.
    met = [max(place, places.get(item, 2 * len(long))) for place, item in enumerate(long, 1)]
    shared = np.searchsorted(np.sort(met), depth, side="right")
    at_end = int(shared[s - 1]) / s
    agreed = (shared + at_end * np.maximum(depth - s, 0)) / depth
    head = (1 - persistence) / persistence * (agreed * persistence**depth).sum()
    return float(head + agreed[-1] * persistence ** len(long))
