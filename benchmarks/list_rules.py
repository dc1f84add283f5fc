"""What the rules of a list cost on same-event news, where all of one story is relevant."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.figures import Figure
from recommender.analysis.embedding import find_model
from recommender.analysis.minhash import compute_minhash, estimate_jaccard
from recommender.api import ListOptions
from recommender.articles import Article
from recommender.cli.meters import bar
from recommender.evaluation import Bench, measure, open_bench, read_dataset, run_lists
from recommender.ranking.policy import NEVER, Policy

__all__ = ["measure_cost"]

EVENTS: Final = "wikinews-events"
CLOSE: Final = 0.25  # same-event pairs from here on are shown, to be looked at

OFF: Final[Mapping[str, Mapping[str, Any]]] = {
    "duplicate rule": {"duplicate_overlap": NEVER},
    "diversity": {"diversity": 0.0},
    "story cap": {"story_likeness": NEVER},
    "copy cap": {"copy_overlap": NEVER},
}
SWEEP: Final[Sequence[Mapping[str, Any]]] = (
    *({"duplicate_overlap": bound} for bound in (0.3, 0.35, 0.4, 0.5)),
    *({"diversity": weight} for weight in (0.0, 0.05, 0.1, 0.2)),
    *({"story_likeness": near, "story_cap": cap} for near in (0.8, 0.85, 0.9) for cap in (4, 6, 8)),
    *({"copy_overlap": bound, "copy_cap": cap} for bound in (0.15, 0.2) for cap in (1, 2, 3)),
)


def measure_cost(folder: Path, cache: Path, say: Callable[[str], object]) -> Iterator[Figure]:
    """What each rule changes in nDCG, and in how much alike the items of a list are.

    Says, too, which same-event pairs the duplicate rule may take for one text.
    """
    dataset = read_dataset(folder / EVENTS)
    say_close(dataset.articles, dataset.qrels, say)
    with open_bench(dataset, find_model("bundled", cache), bar, cache=cache / EVENTS) as bench:
        served = _served(bench, {})
        say(f"{'served':<50} {served}")
        for changes in SWEEP:
            say(
                f"{', '.join(f'{k} {v}' for k, v in changes.items()):<50} {_served(bench, changes)}"
            )
        every = {name: value for changes in OFF.values() for name, value in changes.items()}
        for name, changes in (*OFF.items(), ("all rules", every)):
            cost = _served(bench, changes).ndcg - served.ndcg
            yield Figure(f"{EVENTS} nDCG@5 lost by the {name}", cost, 0.015, "most")


def say_close(
    articles: Sequence[Article],
    qrels: Mapping[str, Mapping[str, int]],
    say: Callable[[str], object],
) -> None:
    """The same-event pairs whose texts overlap most, to be looked at."""
    signed = {article.id: (article, compute_minhash(article)) for article in articles}
    pairs = {
        tuple(sorted((seed, other)))
        for seed, judged in qrels.items()
        for other, gain in judged.items()
        if gain > 0 and other != seed
    }
    close = [(float(estimate_jaccard(signed[a][1], signed[b][1][None])[0]), a, b) for a, b in pairs]
    say(f"{len(pairs)} same-event pairs; those that overlap by {CLOSE} or more:")
    for share, one, two in sorted(close, reverse=True):
        if share >= CLOSE:
            say(f"{share:.2f} {signed[one][0].title[:50]!r} | {signed[two][0].title[:50]!r}")


@dataclass(frozen=True, slots=True)
class Served:
    """What lists of twelve are worth, and the mean cosine of two items of one list."""

    ndcg: float
    ndcg_at_10: float
    likeness: float

    def __str__(self) -> str:
        return f"{self.ndcg:.4f} {self.ndcg_at_10:.4f} {self.likeness:.4f}"


def _served(bench: Bench, changes: Mapping[str, Any]) -> Served:
    run = run_lists(bench, replace(Policy(), **changes), ListOptions().limit)
    measures = measure(bench.dataset, run)
    likeness = np.mean([_likeness(bench, list(ids)) for ids in run.values() if len(ids) > 1])
    return Served(measures["nDCG@5"], measures["nDCG@10"], float(likeness))


def _likeness(bench: Bench, ids: list[str]) -> float:
    rows = [row for row in map(bench.view.row_of, ids) if row is not None]
    vectors = bench.view.fetch(np.array(rows, np.int64))
    return float((vectors @ vectors.T)[np.triu_indices(len(rows), 1)].mean())
