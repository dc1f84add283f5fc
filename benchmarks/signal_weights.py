"""What other weights of the signals would get, on every dev set.

    python -m benchmarks.signal_weights EVAL [--cache DIR] [--only SET] [--encoder NAME]

EVAL is the folder of the data sets. Every policy of a grid ranks the candidates of each query, or
scores the pairs, with the code that serves lists: what does not depend on the weights is read once,
and only the fusion runs again. The lists of the shipped policy must be those that the product
makes, or the program stops.

One policy is to fit all archives. So the best policy is chosen by all sets but one, and measured on
the one left out; sets that share texts are left out together.
"""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.dev_sets import DEV_SETS, DevSet, open_dev_set
from benchmarks.figures import Figure, report
from recommender.api import ListOptions
from recommender.evaluation import Bench, compare_correlations, correlate, run_lists, score_pairs
from recommender.evaluation.intervals import Estimate, Resampling, group_by_story
from recommender.evaluation.measures import MAIN, measure_queries
from recommender.ranking.candidates import ListRequest
from recommender.ranking.fusion import ReadRows, ScoredCandidates
from recommender.ranking.policy import RELEVANCE_ONLY, Policy
from recommender.ranking.scoring import find_seed

__all__ = ["ABLATION", "GRID", "Trials", "say_trials", "set_figures", "try_policies"]

Values = NDArray[np.float64]
Rows = NDArray[np.int64]
Say = Callable[[str], object]

DEPTH: Final = 10
"""The deepest place that a measure looks at."""
LOST_BY_SERVING: Final = 0.01

WORDS: Final = replace(
    RELEVANCE_ONLY,
    dense_weight=0.0,
    passage_weight=0.0,
    neighbour_weight=0.0,
    hubness_weight=0.0,
    nearness_weight=0.0,
)
SINGLE: Final = ("words", "vectors", "passages")
ABLATION: Final[dict[str, Policy]] = {
    "shipped": RELEVANCE_ONLY,
    "words": WORDS,
    "vectors": replace(WORDS, dense_weight=1.0),
    "passages": replace(WORDS, passage_weight=1.0),
    "no words": replace(RELEVANCE_ONLY, dense_weight=0.5, passage_weight=0.5),
    "no passages": replace(RELEVANCE_ONLY, dense_weight=0.5, passage_weight=0.0),
    "no neighbours": replace(RELEVANCE_ONLY, neighbour_weight=0.0),
    "no hubness": replace(RELEVANCE_ONLY, hubness_weight=0.0),
    "no nearness": replace(RELEVANCE_ONLY, nearness_weight=0.0),
}
"""By name, a policy: what the product does, one signal alone, the product without a part.

A signal that is added to the product must have no weight in WORDS.
"""
WITHOUT: Final = tuple(name for name in ABLATION if name.startswith("no "))

GRID: Final = tuple(
    replace(
        RELEVANCE_ONLY,
        dense_weight=dense / 10,
        passage_weight=passages / 10,
        neighbour_weight=neighbours,
        hubness_weight=hubness,
    )
    for neighbours in (0.0, 0.6)
    for hubness in (0.0, 0.3)
    for dense, passages in itertools.product(range(11), range(11))
    if dense + passages == 10 or (dense and passages < 4 and dense + passages < 10)
)
"""The shares of vectors and passages in tenths; words have the rest. All shares without words are
there, and with words those of few passages, which alone were ever good."""
POLICIES: Final = (*ABLATION.values(), *GRID)
NAMES: Final = (*ABLATION, *("" for _ in GRID))
IN_GRID: Final = slice(len(ABLATION), None)


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """What every policy gets on one set. Position p is POLICIES[p].

    Attributes:
        dev_set: the set.
        values: the measure, float64 [policies].
        each: the measure of each query, by ascending query, or the score of each pair, float64
            [policies, n].
        difference: by how much one row of `each` is better than another, with the interval.
        lost: the nDCG@5 that served lists lose; None for pairs.
        written: the lines of the shipped lists in the form of TREC, or of the scores of pairs.
    """

    dev_set: DevSet
    values: Values
    each: Values
    difference: Callable[[Values, Values], Estimate]
    lost: float | None
    written: tuple[str, ...]

    @property
    def best(self) -> int:
        """The position of the best policy of the grid."""
        return IN_GRID.start + int(np.argmax(self.values[IN_GRID]))

    @property
    def best_without_words(self) -> int:
        """The position of the best policy of the grid that gives words no share."""
        without = [_by_vectors(one) > 1 - 1e-9 for one in GRID]
        return IN_GRID.start + int(np.argmax(np.where(without, self.values[IN_GRID], -np.inf)))

    @property
    def best_single(self) -> str:
        """The signal that is best alone."""
        return max(SINGLE, key=self.value)

    @property
    def regret(self) -> float:
        """By how much the best policy of the grid is better than the shipped one."""
        return float(self.values[self.best]) - self.value("shipped")

    @property
    def normalised(self) -> Values:
        """The measure as a share of the best of the grid, by policy of the grid."""
        shares: Values = self.values[IN_GRID] / self.values[self.best]
        return shares

    def value(self, name: str) -> float:
        """The measure of a named policy."""
        return float(self.values[NAMES.index(name)])

    def each_of(self, name: str) -> Values:
        """The values of `each` of a named policy, float64 [n]."""
        values: Values = self.each[NAMES.index(name)]
        return values

    def ahead_of(self, name: str) -> Estimate:
        """By how much the shipped policy is better than a named one, with the interval."""
        return self.difference(self.each_of("shipped"), self.each_of(name))


def try_policies(dev_set: DevSet, bench: Bench) -> Trials:
    """Measure every policy on a set."""
    return (_try_lists if dev_set.has_lists else _try_pairs)(dev_set, bench)


def _try_lists(dev_set: DevSet, bench: Bench) -> Trials:
    dataset = bench.dataset
    product = run_lists(bench, RELEVANCE_ONLY, DEPTH)
    ranked = {
        query: {one: -float(at) for at, one in enumerate(product[query])} for query in product
    }
    each = np.array(
        [
            _measure_query(bench, dev_set.measure, query, list(product[query]))
            for query in tqdm(dataset.queries, desc=dev_set.name, unit=" query")
        ]
    ).T
    measured = measure_queries(dataset, ranked)
    if not np.allclose(each[0], measured[dev_set.measure]):
        raise SystemExit(f"{dev_set.name}: {dev_set.measure} is not what ir_measures computes")
    served = measure_queries(dataset, run_lists(bench, Policy(), ListOptions().limit))[MAIN]
    groups = group_by_story({query: dataset.judged(query) for query in dataset.queries})
    drawn = Resampling.over(groups)
    return Trials(
        dev_set,
        each.mean(axis=1),
        each,
        lambda one, other: drawn.estimate(one - other),
        float((measured[MAIN] - served).mean()),
        tuple(
            f"{query} Q0 {one} {-place:.0f} {place} shipped\n"
            for query, listed in ranked.items()
            for one, place in listed.items()
        ),
    )


def _measure_query(bench: Bench, measure: str, query: str, product: list[str]) -> list[float]:
    """The measure of the list of every policy. `product` is the list of the shipped one."""
    view, judged = bench.view, bench.dataset.judged(query)
    ideal = _discounted(np.array(sorted(judged.values(), reverse=True), np.float64), measure)
    seed, found = find_seed(view, query), list[float]()
    request = ListRequest(view, seed, bench.options(DEPTH), RELEVANCE_ONLY, bench.now)
    for policy, scored in zip(POLICIES, _score_by_all(request), strict=True):
        related = np.flatnonzero(scored.are_related(policy, None))
        order = related[np.argsort(-scored.values[related], kind="stable")][:DEPTH]
        ids = [view.id_of(row) for row in scored.rows[order].tolist()]
        if not found and ids != product:
            raise SystemExit(f"{query}: the product lists {product}, and this program {ids}")
        gains = np.array([judged.get(one, 0) for one in ids], np.float64)
        found.append(_discounted(gains, measure) / ideal)
    return found


def _score_by_all(request: ListRequest, rows: Rows | None = None) -> Iterator[ScoredCandidates]:
    """Score rows, or the candidates of a list, by every policy, in the order of POLICIES.

    Rows are found and read once for each weight of neighbours, on which both depend.
    """
    known: dict[float, ReadRows] = {}
    for policy in POLICIES:
        if policy.neighbour_weight not in known:
            one = replace(request, policy=policy)
            found = _candidates(one) if rows is None else rows
            known[policy.neighbour_weight] = one.scorer.read(found)
        yield known[policy.neighbour_weight].score(policy)


def _candidates(request: ListRequest) -> Rows:
    """The rows that the product finds for a list."""
    return request.candidates(request.rows.eligible, request.policy.candidates)


def _discounted(gains: Values, measure: str) -> float:
    """The gains of a list by the measure, before the division by those of the ideal list."""
    if measure == "P@1":
        return float((gains[:1] > 0).sum())
    first = np.maximum(gains[: int(measure.removeprefix("nDCG@"))], 0)
    return float((first / np.log2(np.arange(len(first)) + 2)).sum())


def _try_pairs(dev_set: DevSet, bench: Bench) -> Trials:
    pairs, measure = bench.dataset.pairs, dev_set.measure
    human, each = [pair.human for pair in pairs], np.empty((len(POLICIES), len(pairs)))
    by_seed: dict[str, dict[int, str]] = {}
    for at, pair in enumerate(pairs):
        by_seed.setdefault(pair.a, {})[at] = pair.b
    for seed, others in tqdm(by_seed.items(), desc=dev_set.name, unit=" seed"):
        request = ListRequest(
            bench.view, find_seed(bench.view, seed), ListOptions(), RELEVANCE_ONLY, bench.now
        )
        rows = np.array([bench.view.row_of(other) for other in others.values()], np.int64)
        scored = _score_by_all(request, rows)
        each[:, list(others)] = [one.scores.score for one in scored]
    if not np.allclose(each[0], list(score_pairs(bench).values())):
        raise SystemExit(f"{dev_set.name}: the scores of pairs are not those of the product")
    return Trials(
        dev_set,
        np.array([correlate(human, scores.tolist())[measure] for scores in each]),
        each,
        lambda one, other: compare_correlations(human, one.tolist(), other.tolist())[measure],
        None,
        tuple(
            f"{pair.a}\t{pair.b}\t{score!r}\n"
            for pair, score in zip(pairs, each[0].tolist(), strict=True)
        ),
    )


def set_figures(trials: Sequence[Trials]) -> Iterator[Figure]:
    """The bars of every set."""
    for one in trials:
        name, measure = one.dev_set.name, one.dev_set.measure
        yield Figure(f"{name} {measure}", one.value("shipped"), one.dev_set.least)
        ahead = one.ahead_of(one.best_single).value
        yield Figure(f"{name} ahead of {one.best_single} alone", ahead, 0 - one.dev_set.most_behind)
        if one.lost is not None:
            yield Figure(f"{name} {MAIN} lost by serving", one.lost, LOST_BY_SERVING, "most")


def say_trials(trials: Sequence[Trials], say: Say) -> None:
    """Print one line a set, what each part adds, and what is chosen without a set."""
    say(
        f"{'set':<26}{'measure':<9}{'shipped':>8}{'words':>8}{'vectors':>8}{'passages':>9}"
        f"{'best':>8} {'of weights':<23} {'regret':>7}  {'ahead of the best alone':<35}of vectors"
    )
    for one in trials:
        named = "".join(f"{one.value(name):>{width}.4f}" for name, width in COLUMNS.items())
        best, single = one.best, one.best_single
        say(
            f"{one.dev_set.name:<26}{one.dev_set.measure:<9}{named}{one.values[best]:>8.4f} "
            f"{_weights(POLICIES[best]):<24}{one.regret:>+7.4f}  "
            f"{single:<9}{_short(one.ahead_of(single)):<26}{_short(one.ahead_of('vectors'))}"
        )
    say("")
    say(f"{'set':<26}{'shipped':>9}" + "".join(f"{name:>16}" for name in WITHOUT))
    for one in trials:
        without = "".join(f"{one.value(name):>16.4f}" for name in WITHOUT)
        say(f"{one.dev_set.name:<26}{one.value('shipped'):>9.4f}{without}")
    say("")
    if len({one.dev_set.family for one in trials}) > 1:
        _say_left_out(trials, say)


def _say_left_out(trials: Sequence[Trials], say: Say) -> None:
    """Print for each set what the weights get that all other sets choose."""
    say(f"{'left out':<26}{'chosen by the others':<24}{'gets':>8}{'shipped':>9}{'best':>8}")
    for one in trials:
        at = choose([other for other in trials if other.dev_set.family != one.dev_set.family])
        cells = f"{one.values[at]:>8.4f}{one.value('shipped'):>9.4f}{one.values[one.best]:>8.4f}"
        say(f"{one.dev_set.name:<26}{_weights(POLICIES[at]):<24}{cells}")
    say(f"{'none':<26}{_weights(POLICIES[choose(trials)])}")
    say("")


def choose(trials: Sequence[Trials]) -> int:
    """The position of the policy of the grid with the best mean of the normalised measures.

    Sets that share texts count as one.
    """
    families: dict[str, list[Values]] = {}
    for one in trials:
        families.setdefault(one.dev_set.family, []).append(one.normalised)
    means = [np.mean(family, axis=0) for family in families.values()]
    return IN_GRID.start + int(np.argmax(np.mean(means, axis=0)))


COLUMNS: Final = {"shipped": 8, "words": 8, "vectors": 8, "passages": 9}


def _by_vectors(policy: Policy) -> float:
    """The share of vectors and passages that a policy of the grid sets."""
    return (policy.dense_weight or 0.0) + (policy.passage_weight or 0.0)


def _weights(policy: Policy) -> str:
    """Shares of vectors, passages and words; neighbours; hubness."""
    words = max(0.0, 1 - _by_vectors(policy))
    return (
        f"{policy.dense_weight:.1f}/{policy.passage_weight:.1f}/{words:.1f} "
        f"n {policy.neighbour_weight:g} h {policy.hubness_weight:g}"
    )


def _short(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.3f}"
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Keep vectors here.")
@click.option("--only", multiple=True, help="The name of a set; all if none is named.")
@click.option("--encoder", help="An encoder for all sets, instead of that of the table.")
def main(folder: Path, cache: Path | None, only: tuple[str, ...], encoder: str | None) -> None:
    """Try the grid on the data sets in FOLDER."""
    trials = []
    with ExitStack() as stack:
        kept = cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for dev_set in DEV_SETS:
            if not only or dev_set.name in only:
                with open_dev_set(dev_set, folder, kept, encoder) as bench:
                    trials.append(try_policies(dev_set, bench))
    say_trials(trials, click.echo)
    raise SystemExit(report(list(set_figures(trials)), click.echo))


if __name__ == "__main__":
    main()
