"""How well near-duplicates are separated from follow-ups, and what the rules of a list cost.

    python -m benchmarks.duplicates [--eval DIR] [--cache DIR]

Duplicates are the reprints and updates that the sample archive marks, and copies of its stories
with changes that newsrooms make. All other pairs of the sample are no duplicates, nor are
follow-ups: another story that ends with one or two paragraphs of the first as background.

DIR is the folder of the data sets. With it, the nDCG that the rules of a list cost is measured on
same-event news, where all articles of one event are relevant.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure, report
from recommender.analysis.embedding import find_model
from recommender.analysis.minhash import compute_minhash, estimate_jaccard
from recommender.api import ListOptions
from recommender.articles import Article, parse_article
from recommender.cli.terminal import bar
from recommender.evaluation import Bench, mean_measures, open_bench, read_dataset, run_lists
from recommender.ranking.candidates import CandidatePool
from recommender.ranking.policy import NEVER, Policy
from recommender.ranking.selection import SelectionRules, select

THRESHOLDS: Final = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
SAMPLE: Final = files("recommender") / "sample"
BREAK: Final = "\n\n"
NOTE: Final = "Correction: an earlier version of this article gave a wrong figure."
LATER: Final = 7  # stories; the next one may be a reprint
LISTED, CANDIDATES, DIM = 12, 200, 384


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Pairs of one kind: whether duplicates, and their Jaccard similarities, float64 [n]."""

    name: str
    duplicates: bool
    overlaps: NDArray[np.float64]

    def called(self, threshold: float) -> int:
        """How many pairs a threshold calls duplicates."""
        return int(np.sum(self.overlaps >= threshold))

    def __str__(self) -> str:
        shares = " ".join(f"{self.called(t) / len(self.overlaps):6.3f}" for t in THRESHOLDS)
        return f"{self.name:<42} {len(self.overlaps):>6} {shares}"


@click.command()
@click.option(
    "--eval", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None
)
@click.option("--cache", type=click.Path(path_type=Path), help="Keep vectors here.")
def main(folder: Path | None, cache: Path | None) -> None:
    """Measure near-duplicates on the sample, and with --eval the cost of the rules."""
    kinds = [*marked_pairs(), *made_pairs()]
    figures = [*judge(kinds, Policy().duplicate_overlap, click.echo), time_selection()]
    if folder is not None:
        with tempfile.TemporaryDirectory(prefix="read-also-bench-") as temporary:
            figures += measure_cost(folder, cache or Path(temporary), click.echo)
    sys.exit(report(figures, click.echo))


def judge(kinds: list[Kind], bound: float, say: Callable[[str], object]) -> Iterator[Figure]:
    """Print a table over thresholds; yield the figures of the shipped threshold."""
    say(f"{'called duplicates, share of the pairs':<42} {'pairs':>6} " + _row(THRESHOLDS))
    for kind in kinds:
        say(str(kind))
    scored = [precision_and_recall(kinds, threshold) for threshold in THRESHOLDS]
    say(f"{'precision':<49} " + _row([precision for precision, _ in scored]))
    say(f"{'recall':<49} " + _row([recall for _, recall in scored]))
    precision, recall = precision_and_recall(kinds, bound)
    yield Figure(f"duplicates at {bound}, precision", precision, 0.99)
    yield Figure(f"duplicates at {bound}, recall", recall, 0.99)


def precision_and_recall(kinds: list[Kind], threshold: float) -> tuple[float, float]:
    """Precision and recall over all pairs of all kinds."""
    right = sum(kind.called(threshold) for kind in kinds if kind.duplicates)
    wrong = sum(kind.called(threshold) for kind in kinds if not kind.duplicates)
    return right / (right + wrong), right / sum(len(k.overlaps) for k in kinds if k.duplicates)


def marked_pairs() -> Iterator[Kind]:
    """All pairs of the sample, by their kind in its files."""
    stories = {article.id: compute_minhash(article) for article in read_sample()}
    marked = {frozenset(line.split("\t")[:2]) for line in _lines("duplicates.tsv")[1:]}
    judged = [line.split() for line in _lines("qrels.txt")]
    related = {frozenset((seed, other)) for seed, _, other, gain in judged if int(gain)} - marked
    found: dict[str, list[float]] = {"marked": [], "related": [], "other": []}
    for one, two in combinations(stories, 2):
        pair = frozenset((one, two))
        name = "marked" if pair in marked else "related" if pair in related else "other"
        found[name].append(float(estimate_jaccard(stories[one], stories[two][None])[0]))
    yield Kind("marked reprints and updates", True, np.array(found["marked"]))  # noqa: FBT003
    yield Kind("NOT: judged related", False, np.array(found["related"]))  # noqa: FBT003
    yield Kind("NOT: all other pairs", False, np.array(found["other"]))  # noqa: FBT003


def made_pairs() -> Iterator[Kind]:
    """Pairs of each story with copies and follow-ups that are made of it."""
    stories = list(read_sample())
    for name, make in COPIES.items():
        yield Kind(name, True, overlaps_with(stories, make))  # noqa: FBT003
    for name, make in FOLLOW_UPS.items():
        yield Kind(f"NOT: {name}", False, overlaps_with(stories, make))  # noqa: FBT003


Make = Callable[[Article, Article], tuple[str, list[str]]]
"""Title and paragraphs of a text made from a story and another one."""


def _cut_a_quarter(story: Article) -> list[str]:
    return [text for place, text in enumerate(_paragraphs(story)) if place % 4 != 2]


COPIES: Final[Mapping[str, Make]] = {
    "last paragraph cut": lambda one, _: (one.title, _paragraphs(one)[:-1]),
    "first paragraph cut": lambda one, _: (one.title, _paragraphs(one)[1:]),
    "a quarter of the paragraphs cut": lambda one, _: (one.title, _cut_a_quarter(one)),
    "headline changed": lambda one, two: (two.title, _paragraphs(one)),
    "agency tag added": lambda one, _: (one.title, ["ALMATY (Agency) -", *_paragraphs(one)]),
    "correction added": lambda one, _: (one.title, [*_paragraphs(one), NOTE]),
    "headline, tag and last paragraph": lambda one, two: (
        two.title,
        ["ALMATY (Agency) -", *_paragraphs(one)[:-1]],
    ),
    "headline changed, half of it cut": lambda one, two: (
        two.title,
        _paragraphs(one)[: (len(_paragraphs(one)) + 1) // 2],
    ),
}
FOLLOW_UPS: Final[Mapping[str, Make]] = {
    "follow-up with its last paragraph": lambda one, two: (
        two.title,
        [*_paragraphs(two), *_paragraphs(one)[-1:]],
    ),
    "follow-up with its last two paragraphs": lambda one, two: (
        two.title,
        [*_paragraphs(two), *_paragraphs(one)[-2:]],
    ),
}


def overlaps_with(stories: list[Article], make: Make) -> NDArray[np.float64]:
    """The similarity of each story to a text made of it and a later one: float64 [n]."""
    found = []
    for place, story in enumerate(stories):
        later = (stories[(place + step) % len(stories)] for step in range(LATER, len(stories)))
        other = next(one for one in later if one.language == story.language)
        title, paragraphs = make(story, other)
        made = story.model_copy(update={"title": title, "body": BREAK.join(paragraphs)})
        found.append(
            float(estimate_jaccard(compute_minhash(story), compute_minhash(made)[None])[0])
        )
    return np.array(found)


def time_selection() -> Figure:
    """Time selections from random candidates with all shipped rules; take the fastest."""
    shipped = Policy()
    rules = SelectionRules(
        diversity=shipped.diversity,
        duplicate_overlap=shipped.duplicate_overlap,
        story_likeness=shipped.story_likeness,
        story_cap=shipped.story_cap,
        copy_overlap=shipped.copy_overlap,
        copy_cap=shipped.copy_cap,
    )
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(CANDIDATES, DIM)) + rng.normal(size=DIM)).astype(np.float32)
    pool = CandidatePool(
        values=rng.uniform(-0.3, 1, CANDIDATES),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        minhashes=rng.integers(1, 2**16, (CANDIDATES, 128)).astype(np.uint16),
        text_clusters=np.arange(1, CANDIDATES + 1),
        times=rng.uniform(0, 1e9, CANDIDATES),
        authors=rng.integers(1, 20, CANDIDATES),
        hosts=np.ones(CANDIDATES, np.int64),
        embedded=np.ones(CANDIDATES, np.bool_),
        id_hashes=np.arange(CANDIDATES),
        translates=np.arange(CANDIDATES),
        members=np.zeros((CANDIDATES, 0), np.bool_),
    )
    taken = []
    for _ in range(2_000):
        begun = time.perf_counter()
        select(pool, LISTED, rules=rules, seed_minhashes=pool.minhashes[:1] + np.uint16(1))
        taken.append(time.perf_counter() - begun)
    return Figure("12 of 200 selected, milliseconds", 1_000 * min(taken), 0.35, "most")


def read_sample() -> Iterator[Article]:
    """The stories of the sample archive."""
    return map(parse_article, _lines("articles.jsonl"))


def _lines(name: str) -> list[str]:
    return (SAMPLE / name).read_text("utf-8").splitlines()


def _paragraphs(article: Article) -> list[str]:
    return article.body.split(BREAK)


def _row(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:6.3f}" for number in numbers)


EVENTS: Final = "wikinews-events"
CLOSE: Final = 0.25  # same-event pairs with this similarity or more are printed

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
    """Measure what each rule changes in nDCG and in the similarity of the items of a list.

    Also print the same-event pairs that the duplicate rule may take for one text.
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
    """Print the same-event pairs with the most similar texts, for a person to look at."""
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
    """The nDCG of lists of twelve, and the mean cosine of two items of one list."""

    ndcg: float
    ndcg_at_10: float
    likeness: float

    def __str__(self) -> str:
        return f"{self.ndcg:.4f} {self.ndcg_at_10:.4f} {self.likeness:.4f}"


def _served(bench: Bench, changes: Mapping[str, Any]) -> Served:
    run = run_lists(bench, replace(Policy(), **changes), ListOptions().limit)
    measures = mean_measures(bench.dataset, run)
    likeness = np.mean([_likeness(bench, list(ids)) for ids in run.values() if len(ids) > 1])
    return Served(measures["nDCG@5"], measures["nDCG@10"], float(likeness))


def _likeness(bench: Bench, ids: list[str]) -> float:
    rows = [row for row in map(bench.view.row_of, ids) if row is not None]
    vectors = bench.view.fetch(np.array(rows, np.int64))
    return float((vectors @ vectors.T)[np.triu_indices(len(rows), 1)].mean())


if __name__ == "__main__":
    main()
