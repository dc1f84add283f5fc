"""The measures of the field, by the libraries of the field."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Final

from recommender.errors import BadSource, PartMissing
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.runs import Run

__all__ = ["MEASURES", "check_installed", "correlate", "measure"]

FEWEST_PAIRS: Final = 3
MEASURES: Final = ("nDCG@5", "nDCG@10", "P@1", "RR", "R@10", "R@100")


def check_installed() -> None:
    """See to it, before the long work, that what measures in the end is there.

    Raises:
        PartMissing: the extra `evaluation` is not installed.
    """
    if not all(map(find_spec, ("ir_measures", "scipy"))):
        raise PartMissing("evaluation needs an extra; run: pip install 'read-also[evaluation]'")


def measure(dataset: Dataset, run: Run) -> Mapping[str, float]:
    """Means over the queries; one that lists nothing counts 0.

    Raises:
        PartMissing: the extra `evaluation` is not installed.
    """
    check_installed()
    import ir_measures  # noqa: PLC0415 - an extra

    wanted = [ir_measures.parse_measure(name) for name in MEASURES]
    qrels = {query: dataset.judged(query) for query in dataset.queries}
    means = ir_measures.calc_aggregate(wanted, qrels, {query: run[query] for query in qrels})
    return {str(name): float(means[name]) for name in wanted}


def correlate(human: Sequence[float], scores: Sequence[float]) -> Mapping[str, float]:
    """Pearson's and Spearman's correlation of scores with human ratings.

    Raises:
        BadSource: there are too few pairs.
        PartMissing: the extra `evaluation` is not installed.
    """
    if len(human) < FEWEST_PAIRS:
        raise BadSource(f"{len(human)} pairs; a correlation needs at least {FEWEST_PAIRS}")
    check_installed()
    from scipy import stats  # noqa: PLC0415 - an extra

    return {
        "Pearson": float(stats.pearsonr(human, scores).statistic),
        "Spearman": float(stats.spearmanr(human, scores).statistic),
    }
