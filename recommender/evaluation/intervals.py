"""How sure a figure is: bootstrap intervals over stories, since one story's queries stand together.

Queries that share a relevant article, or are relevant to each other, rise and fall together. So
whole connected components of the judgments are drawn, not single queries; where no query shares
anything, a component is a query. Percentile bootstrap (Efron and Tibshirani 1993, chapter 13).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "Resampling", "resample_pairs", "stories"]

Floats = NDArray[np.float64]

RESAMPLES: Final = 1_000
RNG_SEED: Final = 20_261_124  # the one of the scorer that comes with the data sets
BOUNDS: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the 95 % interval of it; without one where there was nothing to draw from."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return self.format("")

    def format(self, sign: str) -> str:
        """With four digits; `sign` is that of a format, such as +."""
        if self.low is None or self.high is None:
            return f"{self.value:{sign}.4f} [n/a]"
        return f"{self.value:{sign}.4f} [{self.low:{sign}.4f}, {self.high:{sign}.4f}]"


def stories(qrels: Mapping[str, Mapping[str, int]]) -> NDArray[np.int64]:
    """The component of each query, by ascending query: int64 [n], numbered as they come."""
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
    """The same draws of components for whatever is estimated, so that differences are paired.

    Attributes:
        groups: int64 [n], the component of each query.
        weights: float64 [resamples, components], how often each component was drawn.
    """

    groups: NDArray[np.int64]
    weights: Floats

    @classmethod
    def over(cls, groups: NDArray[np.int64], resamples: int = RESAMPLES) -> Self:
        """Draw as many components as there are, again and again."""
        count = int(groups.max(initial=-1)) + 1
        draw = np.random.default_rng(RNG_SEED)
        drawn = [draw.integers(0, count, count) for _ in range(resamples)] if count else []
        weights = [np.bincount(row, minlength=count) for row in drawn]
        return cls(groups, np.array(weights, np.float64).reshape(len(weights), count))

    def estimate(self, values: Floats) -> Estimate:
        """The mean of one value a query, with its interval."""
        count = self.weights.shape[1]
        mean = float(values.mean())
        if count < 2:  # noqa: PLR2004 - of one story nothing can be drawn
            return Estimate(mean)
        sums = np.bincount(self.groups, weights=values, minlength=count)
        sizes = np.bincount(self.groups, minlength=count).astype(np.float64)
        low, high = np.percentile((self.weights @ sums) / (self.weights @ sizes), BOUNDS)
        return Estimate(mean, float(low), float(high))


def resample_pairs(
    measure: Callable[[Floats, Floats], float], human: Sequence[float], scores: Sequence[float]
) -> Estimate:
    """A correlation over all pairs, with the interval from drawing pairs."""
    one, other = np.array(human, np.float64), np.array(scores, np.float64)
    draw = np.random.default_rng(RNG_SEED)
    drawn = [draw.integers(0, len(one), len(one)) for _ in range(RESAMPLES)]
    found: NDArray[Any] = np.array([measure(one[at], other[at]) for at in drawn])
    found = found[np.isfinite(found)]  # a draw of equal values correlates with nothing
    value = measure(one, other)
    if not len(found):
        return Estimate(value)
    low, high = np.percentile(found, BOUNDS)
    return Estimate(value, float(low), float(high))
