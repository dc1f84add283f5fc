"""The measures, computed by ir_measures and scipy."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.errors import BadSource, PartMissing
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.intervals import Estimate, resample_pairs
from recommender.evaluation.runs import Run

__all__ = [
    "MAIN",
    "MEASURES",
    "check_installed",
    "compare_correlations",
    "correlate",
    "correlate_with_intervals",
    "mean_measures",
    "measure_queries",
]

Values = NDArray[np.float64]
PairMeasure = Callable[[Values, Values], float]
"""Measures the scores of pairs by their human ratings, both float64 [n]."""

FEWEST_PAIRS: Final = 3
MAIN: Final = "nDCG@5"
MEASURES: Final = (MAIN, "nDCG@10", "P@1", "RR", "R@10", "R@100")
PARTS: Final = ("ir_measures", "scipy", "bm25s", "matplotlib", "jinja2")


def check_installed() -> None:
    """Check, before the long work, that the libraries for measuring are installed.

    Raises:
        PartMissing: the extra `evaluation` is not installed.
    """
    if not all(map(find_spec, PARTS)):
        raise PartMissing(
            "evaluation needs an extra; run in the checkout: pip install '.[evaluation]'"
        )


def mean_measures(dataset: Dataset, run: Run) -> Mapping[str, float]:
    """The means over the queries; a query with an empty list counts as 0.

    Raises:
        PartMissing: the extra `evaluation` is not installed.
    """
    return {name: float(values.mean()) for name, values in measure_queries(dataset, run).items()}


def measure_queries(dataset: Dataset, run: Run) -> Mapping[str, Values]:
    """By measure, the value for each query, by ascending query: float64 [n].

    Raises:
        PartMissing: the extra `evaluation` is not installed.
    """
    check_installed()
    import ir_measures  # noqa: PLC0415 - an extra

    wanted = [ir_measures.parse_measure(name) for name in MEASURES]
    places = {query: place for place, query in enumerate(dataset.queries)}
    qrels = {query: dataset.judged(query) for query in places}
    lists = {query: run[query] for query in places if run.get(query)}
    found = {str(name): np.zeros(len(places)) for name in wanted}
    for one in ir_measures.iter_calc(wanted, qrels, lists):
        found[str(one.measure)][places[one.query_id]] = one.value
    return found


def correlate(human: Sequence[float], scores: Sequence[float]) -> Mapping[str, float]:
    """How well scores follow human ratings: Pearson's and Spearman's correlation, and AUC.

    AUC is the chance that a related pair scores above an unrelated one; ties count half (Mann and
    Whitney 1947). Related is a pair with a rating in the upper half of the range of the ratings.
    It is NaN if all ratings are equal.

    Raises:
        BadSource: there are too few pairs.
        PartMissing: the extra `evaluation` is not installed.
    """
    one, other = np.array(human, np.float64), np.array(scores, np.float64)
    return {name: measure(one, other) for name, measure in _measures_for(human).items()}


def correlate_with_intervals(
    human: Sequence[float], scores: Sequence[float]
) -> Mapping[str, Estimate]:
    """The same with intervals. Raises what `correlate` raises."""
    return {
        name: resample_pairs(measure, human, scores)
        for name, measure in _measures_for(human).items()
    }


def compare_correlations(
    human: Sequence[float], scores: Sequence[float], baseline: Sequence[float]
) -> Mapping[str, Estimate]:
    """How much better scores are than those of a baseline for the same pairs.

    The intervals are paired: each draw of pairs gives one difference. Raises what `correlate`
    raises.
    """
    both = np.stack([scores, baseline], axis=1)
    return {
        name: resample_pairs(partial(_difference, measure), human, both)
        for name, measure in _measures_for(human).items()
    }


def _measures_for(human: Sequence[float]) -> Mapping[str, PairMeasure]:
    """The measures for pairs with these ratings. Raises what `correlate` raises."""
    if len(human) < FEWEST_PAIRS:
        raise BadSource(f"{len(human)} pairs; a correlation needs at least {FEWEST_PAIRS}")
    check_installed()
    least = (min(human) + max(human)) / 2  # of all pairs, not of those of one draw
    return {"Pearson": _pearson, "Spearman": _spearman, "AUC": partial(_auc, least)}


def _difference(measure: PairMeasure, human: Values, both: Values) -> float:
    return measure(human, both[:, 0]) - measure(human, both[:, 1])


def _pearson(one: Values, other: Values) -> float:
    from scipy import stats  # noqa: PLC0415 - an extra

    with warnings.catch_warnings():  # for equal values, whose correlation is NaN
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        return float(stats.pearsonr(one, other).statistic)


def _spearman(one: Values, other: Values) -> float:
    from scipy import stats  # noqa: PLC0415 - an extra

    return _pearson(stats.rankdata(one), stats.rankdata(other))


def _auc(least: float, human: Values, scores: Values) -> float:
    from scipy import stats  # noqa: PLC0415 - an extra

    related = human >= least
    count = int(np.count_nonzero(related))
    pairs = count * (len(human) - count)
    if not pairs:
        return float("nan")
    ranks = stats.rankdata(scores)[related].sum()
    return float(ranks - count * (count + 1) / 2) / pairs
