"""The measures, computed by ir_measures and scipy."""

import warnings
from collections.abc import Mapping, Sequence
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
    "correlate",
    "correlate_with_intervals",
    "mean_measures",
    "measure_queries",
]

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
        raise PartMissing("evaluation needs an extra; run: pip install 'read-also[evaluation]'")


def mean_measures(dataset: Dataset, run: Run) -> Mapping[str, float]:
    """The means over the queries; a query with an empty list counts as 0.

    Raises:
        PartMissing: the extra `evaluation` is not installed.
    """
    return {name: float(values.mean()) for name, values in measure_queries(dataset, run).items()}


def measure_queries(dataset: Dataset, run: Run) -> Mapping[str, NDArray[np.float64]]:
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
    """Pearson's and Spearman's correlation of scores with human ratings.

    Raises:
        BadSource: there are too few pairs.
        PartMissing: the extra `evaluation` is not installed.
    """
    _check_pairs(human)
    one, other = np.array(human, np.float64), np.array(scores, np.float64)
    return {"Pearson": _pearson(one, other), "Spearman": _spearman(one, other)}


def correlate_with_intervals(
    human: Sequence[float], scores: Sequence[float]
) -> Mapping[str, Estimate]:
    """The same with intervals. Raises what `correlate` raises."""
    _check_pairs(human)
    return {
        "Pearson": resample_pairs(_pearson, human, scores),
        "Spearman": resample_pairs(_spearman, human, scores),
    }


def _check_pairs(human: Sequence[float]) -> None:
    if len(human) < FEWEST_PAIRS:
        raise BadSource(f"{len(human)} pairs; a correlation needs at least {FEWEST_PAIRS}")
    check_installed()


def _pearson(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    from scipy import stats  # noqa: PLC0415 - an extra

    with warnings.catch_warnings():  # for equal values, whose correlation is NaN
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        return float(stats.pearsonr(one, other).statistic)


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    from scipy import stats  # noqa: PLC0415 - an extra

    return _pearson(stats.rankdata(one), stats.rankdata(other))
