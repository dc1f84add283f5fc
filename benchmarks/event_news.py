"""Measures lists of same-event news against baselines, and what each signal adds."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.bbc_news import read_articles
from benchmarks.figures import LISTS, PAIRS, Figure
from benchmarks.ranking_cost import cost_of
from recommender.analysis.embedding import find_model
from recommender.api import ListOptions
from recommender.cli.terminal import bar
from recommender.evaluation import (
    Bench,
    correlate,
    mean_measures,
    measure_lists,
    open_bench,
    read_dataset,
    run_lists,
    score_pairs,
    write_run,
)
from recommender.evaluation.intervals import Resampling, group_by_story
from recommender.evaluation.measures import MAIN, measure_queries
from recommender.evaluation.scoreboard import scoreboard_lines
from recommender.ranking.policy import RELEVANCE_ONLY, Policy

__all__ = ["each_of", "measure_distractors", "measure_events"]

Say = Callable[[str], object]

DEPTH: Final = 10
ENOUGH: Final = 1.03
"""From this ratio to vectors alone on, fusion counts as better without a look at the interval."""
WORDS: Final = replace(
    RELEVANCE_ONLY, dense_weight=0.0, passage_weight=0.0, neighbour_weight=0.0, hubness_weight=0.0
)
BARE: Final = replace(WORDS, dense_weight=1.0)
ABLATION: Final[dict[str, Policy]] = {
    "words alone": WORDS,
    "article vectors alone": BARE,
    "passages alone": replace(WORDS, passage_weight=1.0),
    "vectors and words": replace(WORDS, dense_weight=0.5),
    "... and passages": replace(WORDS, dense_weight=0.25, passage_weight=0.25),
    "... and neighbours": replace(RELEVANCE_ONLY, hubness_weight=0.0),
    "... and hubness: all": RELEVANCE_ONLY,
    "all but passages": replace(RELEVANCE_ONLY, dense_weight=0.5, passage_weight=0.0),
    "all but neighbours": replace(RELEVANCE_ONLY, neighbour_weight=0.0),
    "all but words": replace(RELEVANCE_ONLY, dense_weight=0.5, passage_weight=0.5),
}
DENSE_ONLY: Final = tuple(
    replace(
        RELEVANCE_ONLY,
        dense_weight=share,
        passage_weight=1 - share,
        hubness_weight=hubness,
        neighbour_weight=neighbours,
    )
    for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    for hubness in (0.0, RELEVANCE_ONLY.hubness_weight)
    for neighbours in (0.0, RELEVANCE_ONLY.neighbour_weight)
)


def measure_events(folder: Path, cache: Path, say: Say) -> Iterator[Figure]:
    """Measure lists of same-event news, what each signal adds, and vectors alone."""
    model, dataset = find_model("bundled", cache), read_dataset(folder / LISTS)
    rated = read_dataset(folder / PAIRS)
    with (
        open_bench(dataset, model, bar, cache=cache / LISTS) as bench,
        open_bench(rated, model, bar, cache=cache / PAIRS) as pairs,
    ):
        board = measure_lists(bench)
        for line in scoreboard_lines(board):
            say(line)
        write_run(cache / "run.txt", board.relevance)
        score_again(folder, cache / "run.txt", say)
        say_ablation(bench, pairs, say)
        estimates = board.row("relevance").estimates
        yield Figure(f"{LISTS} relevance {MAIN}", estimates[MAIN].value, 0.86)
        served = board.row("served").estimates[MAIN].value
        yield Figure(f"{LISTS} served {MAIN}", served)
        lost = estimates[MAIN].value - served
        yield Figure(f"{LISTS} {MAIN} lost by serving", lost, 0.015, "most")
        bm25 = board.row("bm25").estimates[MAIN].value
        yield Figure(f"{LISTS} relevance / BM25, {MAIN}", estimates[MAIN].value / bm25, 1.03)
        yield from measure_against_vectors(bench, board.row("relevance").each)


def measure_against_vectors(bench: Bench, fused: NDArray[np.float64]) -> Iterator[Figure]:
    """Compare the fused ranking with the best that article vectors and passages do alone."""
    each = [each_of(bench, policy) for policy in DENSE_ONLY]
    best = max(each, key=lambda values: float(values.mean()))
    dataset = bench.dataset
    groups = group_by_story({query: dataset.judged(query) for query in dataset.queries})
    yield Figure(f"{LISTS} best by vectors alone, {MAIN}", float(best.mean()))
    yield from compare(fused, best, groups)


def compare(
    fused: NDArray[np.float64], best: NDArray[np.float64], groups: NDArray[np.int64]
) -> tuple[Figure, Figure]:
    """How much better fusion is. The figure that decides has the bar.

    Three percent are enough. If it is less, the paired interval by story must be above 0.

    Args:
        fused: the values of fusion, one a query.
        best: the values of the other ranking.
        groups: the story of each query.
    """
    ratio = float(fused.mean() / best.mean())
    low = Resampling.over(groups).estimate(fused - best).low
    enough = ratio >= ENOUGH
    return (
        Figure(f"{LISTS} relevance / best by vectors", ratio, ENOUGH if enough else None),
        Figure(
            f"{LISTS} ... ahead, low end of 95 %",
            np.nan if low is None else low,
            None if enough else 0.0,
            "above",
        ),
    )


def measure_distractors(folder: Path, cache: Path) -> Iterator[Figure]:
    """Measure the same lists with the BBC texts as distractors: none of them is relevant."""
    path = cache / "distractors.jsonl"
    path.write_text("".join(f"{article.to_json()}\n" for article in read_articles()), "utf-8")
    dataset = read_dataset(folder / LISTS, distractors=path)
    model, among = find_model("bundled", cache), cache / f"{LISTS}-among-bbc"
    with open_bench(dataset, model, bar, cache=among) as bench:
        relevance = mean_measures(dataset, run_lists(bench, RELEVANCE_ONLY))
        served = mean_measures(dataset, run_lists(bench, Policy(), ListOptions().limit))
    yield Figure(f"{LISTS} among BBC texts, relevance {MAIN}", relevance[MAIN], 0.845)
    yield Figure(f"{LISTS} among BBC texts, served {MAIN}", served[MAIN])


def say_ablation(bench: Bench, pairs: Bench, say: Say) -> None:
    """Print what each signal adds to both measures, and what ranking 200 candidates costs."""
    say("")
    say(f"{'what ranks':<24}{MAIN:>10}{'Pearson':>10}{'ms of 200':>12}")
    human = [pair.human for pair in pairs.dataset.pairs]
    for name, policy in ABLATION.items():
        scores = list(score_pairs(pairs, policy).values())
        rated = correlate(human, scores)["Pearson"]
        cost = cost_of(bench, policy)
        say(f"{name:<24}{each_of(bench, policy).mean():>10.4f}{rated:>10.4f}{cost:>12.2f}")
    say("")


def each_of(bench: Bench, policy: Policy) -> NDArray[np.float64]:
    """nDCG@5 of each query, by ascending query: float64 [n]."""
    return measure_queries(bench.dataset, run_lists(bench, policy, DEPTH))[MAIN]


def score_again(folder: Path, run: Path, say: Say) -> None:
    """Print the figures of the independent scorer, for comparison."""
    scorer = folder / "score.py"
    if scorer.exists():
        qrels = folder / LISTS / "qrels.txt"
        command = [sys.executable, str(scorer), "ndcg", "--qrels", str(qrels), "--run", str(run)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        figures = done.stdout.replace(f"{folder}/", "").replace(f"{run.parent}/", "")
        say(f"\nscore.py, which is independent of this code, on the run of relevance:\n{figures}")
    else:
        click.echo("no score.py there; the run was scored by this code alone")
