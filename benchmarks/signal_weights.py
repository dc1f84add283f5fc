"""Chooses the weights of the signals, and measures the choice on stories that it has not seen.

    python -m benchmarks.signal_weights EVAL [--cache DIR]

EVAL is the folder of the data sets. Every policy of a grid makes the lists of same-event news and
of the sample archive, and scores the pairs that people rated, with the code that serves lists. The
policy with the best mean of the three measures is chosen, five times, each time without a fifth of
the stories. Its value on that fifth is what to expect of it. Whole stories are left out, never
single articles.
"""

import itertools
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.event_news import each_of
from benchmarks.figures import LISTS, PAIRS
from recommender.analysis.embedding import find_model
from recommender.cli.terminal import bar
from recommender.evaluation import Bench, correlate, open_bench, read_dataset, score_pairs
from recommender.evaluation.intervals import group_by_story
from recommender.ranking.policy import RELEVANCE_ONLY, Policy

Each = NDArray[np.float64]
Mask = NDArray[np.bool_]

EVERY: Final = slice(None)
FOLDS: Final = 5
RNG_SEED: Final = 20_261_125
GRID: Final[Mapping[str, tuple[float, ...]]] = {
    "dense_weight": (0.2, 0.3, 0.4),
    "passage_weight": (0.0, 0.15, 0.25),
    "neighbour_weight": (0.0, 0.4, 0.6, 0.8),
    "hubness_weight": (0.0, 0.1, 0.2, 0.3),
}
SAMPLE: Final = Path("recommender", "sample")


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """The measures of one policy.

    Attributes:
        policy: orders lists and scores pairs.
        events: nDCG@5 of each query of same-event news.
        sample: nDCG@5 of each query of the sample archive.
        pearson: the correlation with the ratings of pairs.
    """

    policy: Policy
    events: Each
    sample: Each
    pearson: float

    def worth(self, events: Mask | slice = EVERY, sample: Mask | slice = EVERY) -> float:
        """The mean of the three measures; the first two are taken over some queries."""
        return float(self.events[events].mean() + self.sample[sample].mean() + self.pearson) / 3


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Keep vectors here.")
def main(folder: Path, cache: Path | None) -> None:
    """Try the grid on the data sets in FOLDER."""
    with ExitStack() as stack:
        kept = cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = find_model("bundled", kept)
        events, sample, pairs = (
            stack.enter_context(
                open_bench(read_dataset(place), model, bar, cache=kept / place.name)
            )
            for place in (folder / LISTS, SAMPLE, folder / PAIRS)
        )
        trials = [try_policy(one, events, sample, pairs) for one in tqdm(grid(), unit=" policy")]
        say_table(trials, click.echo)
        say_folds(trials, folds_of(events), folds_of(sample), click.echo)


def grid() -> list[Policy]:
    """The shipped weights, then every combination of the grid that leaves words a share."""
    tried = [_with(*values) for values in itertools.product(*GRID.values())]
    return [RELEVANCE_ONLY, *(policy for policy in tried if policy != RELEVANCE_ONLY)]


def _with(dense: float, passages: float, neighbours: float, hubness: float) -> Policy:
    return replace(
        RELEVANCE_ONLY,
        dense_weight=dense,
        passage_weight=passages,
        neighbour_weight=neighbours,
        hubness_weight=hubness,
    )


def try_policy(policy: Policy, events: Bench, sample: Bench, pairs: Bench) -> Trial:
    """Make all lists, and score all pairs."""
    scores = list(score_pairs(pairs, policy).values())
    pearson = correlate([pair.human for pair in pairs.dataset.pairs], scores)["Pearson"]
    return Trial(policy, each_of(events, policy), each_of(sample, policy), pearson)


def folds_of(bench: Bench) -> NDArray[np.int64]:
    """The fold of each query's story, by ascending query: int64 [n]."""
    dataset = bench.dataset
    groups = group_by_story({query: dataset.judged(query) for query in dataset.queries})
    drawn = np.random.default_rng(RNG_SEED).integers(0, FOLDS, int(groups.max()) + 1)
    folds: NDArray[np.int64] = drawn[groups]
    return folds


def say_table(trials: list[Trial], say: Callable[[str], object]) -> None:
    """Print the shipped policy, then the ten best."""
    say("| " + " | ".join([*GRID, "same-event nDCG@5", "sample nDCG@5", "Pearson"]) + " |")
    say("|---" * (len(GRID) + 3) + "|")
    best = sorted(trials[1:], key=lambda trial: -trial.worth())[:10]
    for trial in (trials[0], *best):
        weights = [f"{getattr(trial.policy, name):g}" for name in GRID]
        found = (trial.events.mean(), trial.sample.mean(), trial.pearson)
        say("| " + " | ".join([*weights, *(f"{value:.4f}" for value in found)]) + " |")


def say_folds(
    trials: list[Trial],
    events: NDArray[np.int64],
    sample: NDArray[np.int64],
    say: Callable[[str], object],
) -> None:
    """Print what is chosen without a fifth of the stories, and its value on that fifth."""
    held, shipped = [], []
    for fold in range(FOLDS):
        best = max(trials, key=lambda t: t.worth(events != fold, sample != fold))
        unseen = (events == fold, sample == fold)
        held.append((best.events[unseen[0]].mean(), best.sample[unseen[1]].mean()))
        shipped.append((trials[0].events[unseen[0]].mean(), trials[0].sample[unseen[1]].mean()))
        weights = ", ".join(f"{getattr(best.policy, name):g}" for name in GRID)
        say(f"without fold {fold}: {weights}")
    for name, found in (("chosen on other stories", held), ("shipped", shipped)):
        same, graded = np.array(found).mean(axis=0)
        say(f"{name}: same-event nDCG@5 {same:.4f}, sample {graded:.4f}, means of the folds")


if __name__ == "__main__":
    main()
