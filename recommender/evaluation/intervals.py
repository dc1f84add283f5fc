"""How sure a figure is: bootstrap intervals over stories.

Queries about one story share relevant articles, so their values are not independent. Therefore
whole stories are drawn, not single queries. A story is a connected component of the judgments; a
query that shares no article is a story alone. Percentile bootstrap (Efron and Tibshirani 1993,
chapter 13).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "Resampling", "group_by_story", "resample_pairs"]

Floats = NDArray[np.float64]

RESAMPLES: Final = 1_000
RNG_SEED: Final = 20_261_124  # the same as in the scorer that comes with the data sets
BOUNDS: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; without one if there was nothing to draw from."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return self.format("")

    def format(self, sign: str) -> str:
        """Format with four digits; `sign` is a sign option of `format`, such as "+"."""
        if self.low is None or self.high is None:
            return f"{self.value:{sign}.4f} [n/a]"
        return f"{self.value:{sign}.4f} [{self.low:{sign}.4f}, {self.high:{sign}.4f}]"


def group_by_story(qrels: Mapping[str, Mapping[str, int]]) -> NDArray[np.int64]:
    """The number of the story of each query, by ascending query: int64 [n]."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - an extra
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    queries = sorted(qrels)
    places = {name: place for place, name in enumerate(queries)}
    edges = [
        (places[query], places.setdefault(other, len(places)))
        for query in queries
        for other, gain in qrels[query].items()
        if gain > 0
    ]
    starts, ends = np.array(edges, np.int64).reshape(-1, 2).T
    size = len(places)
    graph = coo_array((np.ones(len(edges), np.int8), (starts, ends)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    found: NDArray[np.int64] = labels[: len(queries)].astype(np.int64)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Resampling:
    """Bootstrap draws of stories. All estimates use the same draws, so that differences are paired.

    Attributes:
        groups: int64 [n], the story of each query.
        weights: float64 [resamples, stories], how often each story was drawn.
    """

    groups: NDArray[np.int64]
    weights: Floats

    @classmethod
    def over(cls, groups: NDArray[np.int64], resamples: int = RESAMPLES) -> Self:
        """Draw as many stories as there are, with replacement, `resamples` times."""
        count = int(groups.max(initial=-1)) + 1
        draw = np.random.default_rng(RNG_SEED)
        drawn = [draw.integers(0, count, count) for _ in range(resamples)] if count else []
        weights = [np.bincount(row, minlength=count) for row in drawn]
        return cls(groups, np.array(weights, np.float64).reshape(len(weights), count))

    def estimate(self, values: Floats) -> Estimate:
        """The mean of values (float64 [n], one a query) with its interval."""
        count = self.weights.shape[1]
        mean = float(values.mean())
        if count < 2:  # noqa: PLR2004 - of one story nothing can be drawn
            return Estimate(mean)
        sums = np.bincount(self.groups, weights=values, minlength=count)
        sizes = np.bincount(self.groups, minlength=count).astype(np.float64)
        low, high = np.percentile((self.weights @ sums) / (self.weights @ sizes), BOUNDS)
        return Estimate(mean, float(low), float(high))


def resample_pairs(
    measure: Callable[[Floats, Floats], float],
    human: Sequence[float],
    scores: Sequence[float] | Floats,
) -> Estimate:
    """A measure over all pairs, with the interval from draws of pairs.

    `scores` may have more than one column, [n, k]; a draw takes whole rows.
    """
    one, other = np.array(human, np.float64), np.array(scores, np.float64)
    draw = np.random.default_rng(RNG_SEED)
    drawn = [draw.integers(0, len(one), len(one)) for _ in range(RESAMPLES)]
    found: NDArray[Any] = np.array([measure(one[at], other[at]) for at in drawn])
    found = found[np.isfinite(found)]  # a draw of equal values has no measure
    value = measure(one, other)
    if not len(found):
        return Estimate(value)
    low, high = np.percentile(found, BOUNDS)
    return Estimate(value, float(low), float(high))
