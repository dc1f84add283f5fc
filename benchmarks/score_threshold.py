"""Finds where a list should stop: scores of random pairs, and of pairs that people judged related.

    python -m benchmarks.score_threshold EVAL [--cache DIR]

EVAL is the folder of the data sets. In same-event news all three signals count, among briefs
vectors count most, and in languages that the bundled encoder does not support only words count.
`shipped` is the least score of the shipped policy, which rises with the share of vectors.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.dev_sets import HALVES, LISTS
from benchmarks.languages import LANGUAGES
from recommender.analysis.embedding import find_model
from recommender.cli.terminal import bar
from recommender.evaluation import Bench, open_bench, read_dataset
from recommender.ranking.candidates import ListRequest
from recommender.ranking.fusion import least_scores
from recommender.ranking.policy import RELEVANCE_ONLY, Policy
from recommender.ranking.scoring import find_seed

BRIEFS: Final = "search-briefs"
RANDOM: Final = 100  # random articles for each seed
RNG_SEED: Final = 20_261_125
CUTS: Final = (0.03, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Random pairs, and pairs judged related: float64 [n, 2] each, the score and the least one."""

    random: NDArray[np.float64]
    related: NDArray[np.float64]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Keep vectors here.")
def main(folder: Path, cache: Path | None) -> None:
    """Score pairs of the data sets in FOLDER."""
    with ExitStack() as stack:
        kept = cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = find_model("bundled", kept)
        for name in (LISTS, BRIEFS):
            dataset = read_dataset(folder / name)
            with open_bench(dataset, model, bar, cache=kept / name) as bench:
                say_cuts(name, score(bench), click.echo)
        halves = folder / HALVES
        named = kept / f"{HALVES}-bundled"
        with open_bench(read_dataset(halves), model, bar, cache=named) as bench:
            for language, pool in LANGUAGES.items():
                path = halves / f"pool-{pool}.txt"
                one = replace(bench, dataset=read_dataset(halves, queries=path, pool=path))
                say_cuts(f"halves in {language}", score(one), click.echo)


def score(bench: Bench) -> Pairs:
    """Score every judged pair, and each query with some random articles."""
    draw = np.random.default_rng(RNG_SEED)
    ids = sorted(bench.dataset.pool or (article.id for article in bench.dataset.articles))
    random: list[tuple[float, float]] = []
    related: list[tuple[float, float]] = []
    for query in bench.dataset.queries:
        judged = bench.dataset.judged(query)
        others = [ids[at] for at in draw.integers(0, len(ids), RANDOM)]
        random += _scores(bench, query, [one for one in others if one not in {query, *judged}])
        related += _scores(bench, query, [one for one, gain in judged.items() if gain > 0])
    return Pairs(np.array(random).reshape(-1, 2), np.array(related).reshape(-1, 2))


def _scores(bench: Bench, query: str, others: list[str]) -> Iterator[tuple[float, float]]:
    view = bench.view
    rows = np.array([row for row in map(view.row_of, others) if row is not None], np.int64)
    list_request = ListRequest(
        view, find_seed(view, query), bench.options(), RELEVANCE_ONLY, bench.now
    )
    scored = list_request.scorer.score(rows)
    least = least_scores(scored.weights, Policy())
    yield from zip(scored.scores.score.tolist(), least.tolist(), strict=True)


def say_cuts(name: str, pairs: Pairs, say: Callable[[str], object]) -> None:
    """Print which shares each threshold lets through."""
    say(f"\n{name}: {len(pairs.random)} random pairs, {len(pairs.related)} related ones")
    say("least score      " + "".join(f"{cut:>8}" for cut in CUTS) + " shipped")
    for kind, found in (("random", pairs.random), ("related", pairs.related)):
        scores, least = found.T
        shares = "".join(f"{(scores >= cut).mean():>8.3f}" for cut in (*CUTS, least))
        say(f"share of {kind:<8}{shares}")


if __name__ == "__main__":
    main()
