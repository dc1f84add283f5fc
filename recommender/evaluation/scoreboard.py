"""All ways of making lists, measured side by side over the same judgments."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommender.api import LIMITS, ListOptions, RelatedList
from recommender.evaluation.baselines import BASELINES, run_baselines
from recommender.evaluation.intervals import Estimate, Resampling, stories
from recommender.evaluation.measures import MAIN, measure_each
from recommender.evaluation.runs import Bench, Run, list_each, run_lists
from recommender.evaluation.traits import Lists, Traits, sample_seeds, traits_of
from recommender.ranking.policy import RELEVANCE_ONLY

__all__ = ["RELEVANCE", "SERVED", "Row", "Scoreboard", "measure_all"]

RELEVANCE, SERVED = "relevance", "served"
SEMANTIC = "semantic"


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """How one way of making lists does.

    Attributes:
        name: `relevance`, `served`, or the baseline's.
        lacks: what the data lacks for it; the rest is empty then.
        estimates: by measure, the mean over the queries.
        each: the main measure for each query, by ascending query: float64 [n].
        behind: how much relevance is ahead of it by the main measure.
        traits: what its lists are like.
    """

    name: str
    lacks: str = ""
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    each: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    behind: Estimate | None = None
    traits: Traits | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scoreboard:
    """What was measured of lists.

    Attributes:
        rows: relevance, served, then the baselines.
        stories: how many components the queries fall into.
        relevance: the run by score alone.
        served: the lists as readers get them, of the queries and of the sampled seeds.
    """

    rows: tuple[Row, ...]
    stories: int
    relevance: Run
    served: Mapping[str, RelatedList]

    def row(self, name: str) -> Row:
        """The row of a name."""
        return next(row for row in self.rows if row.name == name)


def measure_all(bench: Bench) -> Scoreboard:
    """Make the lists of every kind, and measure them."""
    dataset = bench.dataset
    queries, seeds = dataset.queries, sample_seeds(bench)
    asked = sorted({*queries, *seeds})
    relevance = run_lists(bench, RELEVANCE_ONLY)
    served = list_each(bench, asked, bench.policy, ListOptions().limit)
    others = run_baselines(bench, asked, LIMITS[-1])
    groups = stories({query: dataset.judged(query) for query in queries})
    judge = _Judge(bench, Resampling.over(groups), measure_each(dataset, relevance)[MAIN])
    listed = {seed: [item.id for item in one.items] for seed, one in served.items()}
    related = {
        seed: sum(item.reason == SEMANTIC for item in one.items) for seed, one in served.items()
    }
    rows = [judge.row(RELEVANCE, relevance)]
    rows.append(judge.row(SERVED, _by_rank(listed), judge.traits(seeds, listed, related)))
    rows += [judge.baseline(name, others[name], seeds) for name in BASELINES]
    return Scoreboard(tuple(rows), int(groups.max(initial=-1)) + 1, relevance, served)


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """Measures one kind of lists after the other, with the same draws."""

    bench: Bench
    resampling: Resampling
    relevance: NDArray[np.float64]

    def row(self, name: str, run: Run, traits: Traits | None = None) -> Row:
        each = measure_each(self.bench.dataset, run)
        estimate = self.resampling.estimate
        return Row(
            name=name,
            estimates={measure: estimate(values) for measure, values in each.items()},
            each=each[MAIN],
            behind=None if name == RELEVANCE else estimate(self.relevance - each[MAIN]),
            traits=traits,
        )

    def baseline(self, name: str, lists: Lists | str, seeds: list[str]) -> Row:
        if isinstance(lists, str):
            return Row(name, lacks=lists)
        limit = ListOptions().limit
        first = {seed: lists[seed][:limit] for seed in seeds}
        counts = {seed: len(listed) for seed, listed in first.items()}
        return self.row(name, _by_rank(lists), self.traits(seeds, first, counts))

    def traits(self, seeds: list[str], lists: Lists, related: Mapping[str, int]) -> Traits:
        sampled = {seed: lists[seed] for seed in seeds}
        return traits_of(self.bench, sampled, related, ListOptions().limit)


def _by_rank(lists: Lists) -> Run:
    return {
        seed: {other: -float(rank) for rank, other in enumerate(listed, 1)}
        for seed, listed in lists.items()
    }
