"""What a ranking costs: milliseconds for 200 candidates, and the bytes of a snapshot on disk.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.ranking_cost FOLDER [--cache DIR]

FOLDER is a data set. The parts are timed in turns, seed by seed, on one thread if the environment
says so. Printed are the medians of the parts and of the whole.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np

from index.manifest import Files
from recommender.analysis.embedding import find_model
from recommender.cli.terminal import bar
from recommender.evaluation import Bench, open_bench, read_dataset
from recommender.ranking.candidates import ListRequest
from recommender.ranking.fusion import ScoredCandidates
from recommender.ranking.policy import RELEVANCE_ONLY, Policy
from recommender.ranking.related import pool_of
from recommender.ranking.scoring import Scorer, find_seed
from recommender.ranking.selection import SelectionRules, select

CANDIDATES: Final = 200
LISTED: Final = 12
SEEDS: Final = 100
ROUNDS: Final = 3
FIXED: Final = frozenset(
    {Files.TERM_FREQUENCY, Files.POSTING_STARTS, Files.MEANS, Files.LABELS, Files.MANIFEST}
)
"""Files whose size does not depend on how many articles there are."""


def _spread(bench: Bench, count: int) -> list[str]:
    queries = bench.dataset.queries
    return [queries[at] for at in np.linspace(0, len(queries) - 1, count).astype(int)]


def _candidates(bench: Bench, one: str) -> Any:  # noqa: ANN401 - rows
    seed = find_seed(bench.view, one)
    inquiry = ListRequest(bench.view, seed, bench.options(), RELEVANCE_ONLY, bench.now)
    return inquiry.candidates(inquiry.rows.eligible, CANDIDATES)[:CANDIDATES]


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def parts_of(bench: Bench, one: str) -> Mapping[str, Callable[[], object]]:
    """The steps of ranking and selection, for one seed."""
    view, policy = bench.view, Policy()
    seed, rows = find_seed(view, one), _candidates(bench, one)
    if seed.passages is None or seed.terms is None:
        raise ValueError(f"{one} was not read")
    passages, terms = seed.passages, seed.terms
    scorer, rules = Scorer.of(view, seed, policy, bench.now), SelectionRules.of(policy, LISTED)

    def choose_from(ranked: ScoredCandidates) -> object:
        minhashes = seed.minhash[np.newaxis]
        pool = pool_of(view, ranked, bench.now)
        return select(pool, LISTED, rules=rules, seed_minhashes=minhashes)

    ranked = scorer.score(rows)
    return {
        "vectors and neighbours": lambda: view.fetch_smoothed(rows, policy.neighbour_weight),
        "passages": lambda: view.match(passages, rows),
        "words": lambda: view.similarities(terms, rows),
        "hubness": lambda: view.hubness(rows),
        "scoring, whole": lambda: scorer.score(rows),
        "choosing twelve": lambda: choose_from(ranked),
        "scoring and choosing": lambda: choose_from(scorer.score(rows)),
    }


def say_bytes(sizes: Mapping[str, int], articles: int) -> None:
    """Print the sizes of the files of a snapshot, the largest first."""
    ranked = sorted(sizes.items(), key=lambda item: -item[1])
    growing = {name: size / articles for name, size in ranked if name not in FIXED}
    click.echo(f"\n{'bytes an article':<28}{sum(growing.values()):>12,.0f}")
    for name, size in growing.items():
        click.echo(f"  {name:<26}{size:>12,.0f}")
    fixed = {name: size for name, size in ranked if name in FIXED}
    click.echo(f"{'bytes, however many articles':<28}{sum(fixed.values()):>12,d}")
    for name, size in fixed.items():
        click.echo(f"  {name:<26}{size:>12,d}")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Keep vectors here.")
def main(folder: Path, cache: Path | None) -> None:
    """Time the ranking on the data set in FOLDER."""
    with TemporaryDirectory() as aside:
        kept = cache or Path(aside)
        model = find_model("bundled", kept)
        with open_bench(read_dataset(folder), model, bar, cache=kept / folder.name) as bench:
            say_times(bench)
            manifest = bench.view.snapshot.manifest
            sizes = {name: total.bytes for name, total in manifest.files.items()}
            say_bytes(sizes, manifest.rows)


def say_times(bench: Bench) -> None:
    """Print medians and 95th percentiles over the seeds; each is the best of three rounds."""
    spent: dict[str, list[float]] = {}
    for one in _spread(bench, SEEDS):
        for name, work in parts_of(bench, one).items():
            spent.setdefault(name, []).append(min(_timed(work) for _ in range(ROUNDS)) * 1e3)
    click.echo(f"{'milliseconds for 200 candidates':<34}{'median':>8}{'p95':>8}")
    for name, values in spent.items():
        click.echo(f"{name:<34}{np.median(values):>8.3f}{np.percentile(values, 95):>8.3f}")


if __name__ == "__main__":
    main()
