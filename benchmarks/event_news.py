"""Measures lists of same-event news against baselines and against vectors without words."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from benchmarks.dev_sets import LISTS
from benchmarks.figures import Figure
from benchmarks.signal_weights import Trials
from recommender.evaluation import Bench, measure_lists
from recommender.evaluation.measures import MAIN
from recommender.evaluation.scoreboard import scoreboard_lines

__all__ = ["measure_events"]

Say = Callable[[str], object]
ENOUGH: Final = 1.03
"""From this ratio to vectors alone on, fusion counts as better without a look at the interval."""


def measure_events(trials: Trials, bench: Bench, say: Say) -> Iterator[Figure]:
    """Print the lists of every kind, and compare them with BM25 and with vectors without words."""
    board = measure_lists(bench)
    for line in scoreboard_lines(board):
        say(line)
    relevance, bm25 = (board.row(name).estimates[MAIN].value for name in ("relevance", "bm25"))
    yield Figure(f"{LISTS} relevance / BM25, {MAIN}", relevance / bm25, 1.03)
    yield from compare_with_vectors(trials)


def compare_with_vectors(trials: Trials) -> Iterator[Figure]:
    """How much better fusion is than the best of the grid without words.

    The figure that decides has the bar. Three percent are enough. If it is less, the paired
    interval by story must be above 0.
    """
    fused, best = trials.each_of("shipped"), trials.each[trials.best_without_words]
    ratio = float(fused.mean() / best.mean())
    low = trials.difference(fused, best).low
    enough = ratio >= ENOUGH
    yield Figure(f"{LISTS} best without words, {MAIN}", float(best.mean()))
    yield Figure(f"{LISTS} relevance / best without words", ratio, ENOUGH if enough else None)
    yield Figure(
        f"{LISTS} ... ahead, low end of 95 %",
        np.nan if low is None else low,
        None if enough else 0.0,
        "above",
    )
