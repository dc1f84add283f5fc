"""Measures all kinds of lists side by side, and writes the table for a terminal."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from index.arrays import spread_evenly
from recommender.analysis.minhash import estimate_jaccard
from recommender.api import LIMITS, RELATED, ListOptions, RelatedList
from recommender.evaluation.baselines import BASELINES, run_baselines
from recommender.evaluation.intervals import Estimate, Resampling, group_by_story
from recommender.evaluation.measures import MAIN, measure_queries
from recommender.evaluation.runs import Bench, Run, list_each, run_lists
from recommender.ranking.filters import DAY_SECONDS, eligible
from recommender.ranking.policy import RELEVANCE_ONLY

__all__ = [
    "ABSENT",
    "MOST_SAMPLED",
    "RELEVANCE",
    "SERVED",
    "TRAITS",
    "ScoreRow",
    "Scoreboard",
    "Traits",
    "measure_lists",
    "measures_line",
    "sample_evenly",
    "sample_seeds",
    "scoreboard_lines",
    "traits_of",
]

MOST_SAMPLED: Final = 1_000

Lists = Mapping[str, Sequence[str]]
"""By seed id, the listed ids in their order."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Properties of a set of lists. Shares are 0..1; None if there is nothing to count.

    Attributes:
        lists: how many lists there are.
        articles: how many articles any list may show.
        likeness: mean cosine of the vectors of two articles of one list (intra-list similarity).
        coverage: share of the articles that are in at least one list.
        short: share of the lists with fewer related articles than asked for.
        age_days: median number of days by which a listed article is older than its seed.
        repeats: share of the listed articles that are duplicates of the seed or of one above.
        reach: share of the lists that hold the most listed article.
    """

    lists: int
    articles: int
    likeness: float | None
    coverage: float | None
    short: float | None
    age_days: float | None
    repeats: float | None
    reach: float | None


def sample_seeds(bench: Bench) -> list[str]:
    """Up to MOST_SAMPLED articles that show a list, evenly spaced by id."""
    view = bench.view
    shown = view.where(
        lambda part: eligible(part, bench.now, untitled=True) & part.columns["has_list"]
    )
    ids = sorted({view.id_of(row) for row in np.flatnonzero(shown).tolist()})
    pool = bench.dataset.pool
    if pool is not None:
        ids = [one for one in ids if one in pool]
    return sample_evenly(ids)


def sample_evenly(ids: Sequence[str], most: int = MOST_SAMPLED) -> list[str]:
    """Up to `most` of the ids, evenly spaced."""
    return [ids[at] for at in spread_evenly(len(ids), most).tolist()]


def traits_of(bench: Bench, lists: Lists, related: Mapping[str, int], limit: int) -> Traits:
    """Count the properties of some lists.

    Args:
        bench: the archive and policy with which they were made.
        lists: the lists.
        related: by seed, how many of its list are there because they are related, not to fill it.
        limit: how many articles were asked for.
    """
    view, count = bench.view, len(lists)
    named = Counter(other for listed in lists.values() for other in listed)
    articles = _listable(bench)
    return Traits(
        lists=count,
        articles=articles,
        likeness=_mean(one for listed in lists.values() for one in _likeness(view, listed)),
        coverage=len(named) / articles if articles else None,
        short=_mean(float(related[seed] < limit) for seed in lists),
        age_days=_median(
            [age for seed, listed in lists.items() for age in _ages(view, seed, listed)]
        ),
        repeats=_mean(
            float(again)
            for seed, listed in lists.items()
            for again in _repeats(view, seed, listed, bench.policy.duplicate_overlap)
        ),
        reach=max(named.values()) / count if named else None,
    )


def _listable(bench: Bench) -> int:
    """How many articles any list may show."""
    view, untitled = bench.view, bench.policy.untitled
    rows = view.where(lambda part: eligible(part, bench.now, untitled=untitled))
    for row in map(view.row_of, bench.options().exclude):
        if row is not None:
            rows[row] = False
    return int(np.count_nonzero(rows))


def _likeness(view: View, listed: Sequence[str]) -> Iterator[float]:
    """The mean cosine of all pairs of a list, if it has a pair."""
    count = len(listed)
    if count > 1:
        vectors = view.fetch(_rows(view, listed)).astype(np.float64)
        cosines = vectors @ vectors.T
        yield float((cosines.sum() - np.trace(cosines)) / (count * (count - 1)))


def _ages(view: View, seed: str, listed: Sequence[str]) -> list[float]:
    """By how many days each listed article is older than the seed, where both have a date."""
    times = view.take("published_at", _rows(view, [seed, *listed]))
    days = (times[0] - times[1:]) / DAY_SECONDS
    return [float(day) for day in days[np.isfinite(days)]]


def _repeats(view: View, seed: str, listed: Sequence[str], most: float) -> Iterator[bool]:
    """For each listed article, whether it is a duplicate of the seed or of one above it."""
    minhashes = view.take("minhash", _rows(view, [seed, *listed]))
    for at in range(1, len(minhashes)):
        yield bool((estimate_jaccard(minhashes[at], minhashes[:at]) >= most).any())


def _rows(view: View, ids: Sequence[str]) -> NDArray[np.int64]:
    rows = [row for row in map(view.row_of, ids) if row is not None]
    return np.array(rows, np.int64)


def _mean(values: Iterator[float]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


RELEVANCE, SERVED = "relevance", "served"


@dataclass(frozen=True, slots=True, eq=False)
class ScoreRow:
    """The results of one kind of lists.

    Attributes:
        name: `relevance`, `served`, or the name of a baseline.
        lacks: what is missing in the data to make these lists; if set, the other fields are empty.
        estimates: by measure, the mean over the queries.
        each: the main measure for each query, by ascending query: float64 [n].
        behind: by how much relevance is better, by the main measure.
        traits: the properties of its lists.
    """

    name: str
    lacks: str = ""
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    each: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    behind: Estimate | None = None
    traits: Traits | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scoreboard:
    """The results of all kinds of lists.

    Attributes:
        rows: relevance, served, then the baselines.
        stories: into how many stories the queries fall.
        relevance: the run in the order of relatedness alone.
        served: the lists that readers get, for the queries and the sampled seeds.
    """

    rows: tuple[ScoreRow, ...]
    stories: int
    relevance: Run
    served: Mapping[str, RelatedList]

    def row(self, name: str) -> ScoreRow:
        """The row with a name."""
        return next(row for row in self.rows if row.name == name)


def measure_lists(bench: Bench) -> Scoreboard:
    """Make the lists of every kind and measure them."""
    dataset = bench.dataset
    queries, seeds = dataset.queries, sample_seeds(bench)
    all_seeds = sorted({*queries, *seeds})
    relevance = run_lists(bench, RELEVANCE_ONLY)
    served = list_each(bench, all_seeds, bench.policy, ListOptions().limit)
    others = run_baselines(bench, all_seeds, LIMITS[-1])
    groups = group_by_story({query: dataset.judged(query) for query in queries})
    judge = _Judge(bench, Resampling.over(groups), measure_queries(dataset, relevance)[MAIN])
    listed = {seed: [item.id for item in one.items] for seed, one in served.items()}
    related = {
        seed: sum(item.reason in RELATED for item in one.items) for seed, one in served.items()
    }
    rows = [judge.row(RELEVANCE, relevance)]
    rows.append(judge.row(SERVED, _by_rank(listed), judge.traits(seeds, listed, related)))
    rows += [judge.baseline(name, others[name], seeds) for name in BASELINES]
    return Scoreboard(tuple(rows), int(groups.max(initial=-1)) + 1, relevance, served)


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """Measures one kind of lists after another, with the same bootstrap draws."""

    bench: Bench
    resampling: Resampling
    relevance: NDArray[np.float64]

    def row(self, name: str, run: Run, traits: Traits | None = None) -> ScoreRow:
        each = measure_queries(self.bench.dataset, run)
        estimate = self.resampling.estimate
        return ScoreRow(
            name=name,
            estimates={measure: estimate(values) for measure, values in each.items()},
            each=each[MAIN],
            behind=None if name == RELEVANCE else estimate(self.relevance - each[MAIN]),
            traits=traits,
        )

    def baseline(self, name: str, lists: Lists | str, seeds: list[str]) -> ScoreRow:
        if isinstance(lists, str):
            return ScoreRow(name, lacks=lists)
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


ABSENT: Final = "n/a"
WIDTH: Final = 10

TRAITS: Final[Mapping[str, tuple[str, Callable[[Traits], str]]]] = {
    "likeness": ("mean cosine of two articles of one list", lambda t: _share(t.likeness)),
    "coverage": ("share of articles in at least one list", lambda t: _share(t.coverage)),
    "short": ("share of lists with fewer related articles than asked", lambda t: _share(t.short)),
    "age": (
        "median days by which the listed articles are older than the seed",
        lambda t: _days(t.age_days),
    ),
    "repeats": (
        "share of the listed articles that are duplicates of the seed or of an article above",
        lambda t: _share(t.repeats),
    ),
    "reach": ("share of lists with the most listed article", lambda t: _share(t.reach)),
}
"""By its name in the table: what a property means, and how its value is written."""


def measures_line(name: str, estimates: Mapping[str, Estimate]) -> str:
    """One row of the table: measures with their intervals."""
    cells = (f"{measure} {estimate}" for measure, estimate in estimates.items())
    return f"{name:<{WIDTH}}" + "  ".join(cells)


def scoreboard_lines(board: Scoreboard) -> Iterator[str]:
    """The table: measures of each kind of lists, differences to relevance, and properties."""
    for row in board.rows:
        yield (
            f"{row.name:<{WIDTH}}{ABSENT} ({row.lacks})"
            if row.lacks
            else measures_line(row.name, row.estimates)
        )
    yield ""
    yield f"{RELEVANCE} ahead by {MAIN}; intervals are of 95 %, over {board.stories} stories"
    for row in board.rows:
        if row.behind is not None:
            yield f"{'of ' + row.name:<{WIDTH + 3}}{row.behind.format('+')}"
    yield ""
    yield from _trait_lines(board)


def _trait_lines(board: Scoreboard) -> Iterator[str]:
    described = [(row.name, row.traits) for row in board.rows if row.traits is not None]
    if described:
        first = described[0][1]
        yield f"beyond accuracy, {first.lists} lists over {first.articles} articles"
        yield " " * WIDTH + "".join(f"{name:>{WIDTH}}" for name in TRAITS)
        for name, traits in described:
            cells = "".join(f"{write(traits):>{WIDTH}}" for _, write in TRAITS.values())
            yield f"{name:<{WIDTH}}{cells}"
        meanings = [f"{name}: {meaning}" for name, (meaning, _) in TRAITS.items()]
        meanings += [f"{name}: {meaning}" for name, meaning in BASELINES.items()]
        yield from ("", *meanings)


def _share(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def _days(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.1f}"
