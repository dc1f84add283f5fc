"""How near-duplicates are told from follow-ups, and what the rules of a list cost.

    python -m benchmarks.duplicates [--eval DIR] [--cache DIR]

Duplicates are the reprints and updates that the sample archive marks, and copies made of each of
its stories as newsrooms make them. No duplicates are all its other pairs, and follow-ups: another
story to which one or two closing paragraphs of the first were added as background.

With DIR, the folder of the data sets, also what the rules of a list cost; see `list_rules`.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure, report
from benchmarks.list_rules import measure_cost
from recommender.analysis.minhash import compute_minhash, estimate_jaccard
from recommender.articles import Article, parse_article
from recommender.ranking.policy import Policy
from recommender.ranking.selection import Pool, Rules, choose

THRESHOLDS: Final = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
SAMPLE: Final = files("recommender") / "sample"
BREAK: Final = "\n\n"
NOTE: Final = "Correction: an earlier version of this article gave a wrong figure."
LATER: Final = 7  # stories; the next one may be a reprint
LISTED, CANDIDATES, DIM = 12, 200, 384


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Pairs of one kind: are they duplicates, and how much do their texts overlap (float64 [n])."""

    name: str
    duplicates: bool
    overlaps: NDArray[np.float64]

    def called(self, threshold: float) -> int:
        """How many a threshold calls duplicates."""
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
        with tempfile.TemporaryDirectory(prefix="read-also-bench-") as kept:
            figures += measure_cost(folder, cache or Path(kept), click.echo)
    sys.exit(report(figures, click.echo))


def judge(kinds: list[Kind], bound: float, say: Callable[[str], object]) -> Iterator[Figure]:
    """The table over thresholds, and what the shipped one makes of it."""
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
    """Over all pairs of all kinds."""
    right = sum(kind.called(threshold) for kind in kinds if kind.duplicates)
    wrong = sum(kind.called(threshold) for kind in kinds if not kind.duplicates)
    return right / (right + wrong), right / sum(len(k.overlaps) for k in kinds if k.duplicates)


def marked_pairs() -> Iterator[Kind]:
    """Every pair of the sample, by what its files say of it."""
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
    """Each story beside copies and follow-ups made of it."""
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
    """Of each story with what is made of it and of another in its language, a while later: [n]."""
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
    """The best of many selections from random candidates, under every shipped rule."""
    shipped = Policy()
    rules = Rules(
        diversity=shipped.diversity,
        duplicate_overlap=shipped.duplicate_overlap,
        story_likeness=shipped.story_likeness,
        story_cap=shipped.story_cap,
        copy_overlap=shipped.copy_overlap,
        copy_cap=shipped.copy_cap,
    )
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(CANDIDATES, DIM)) + rng.normal(size=DIM)).astype(np.float32)
    pool = Pool(
        values=rng.uniform(-0.3, 1, CANDIDATES),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        signatures=rng.integers(1, 2**16, (CANDIDATES, 128)).astype(np.uint16),
        times=rng.uniform(0, 1e9, CANDIDATES),
        authors=rng.integers(1, 20, CANDIDATES),
        hosts=np.ones(CANDIDATES, np.int64),
        embedded=np.ones(CANDIDATES, np.bool_),
        own=np.arange(CANDIDATES),
        tells=np.arange(CANDIDATES),
    )
    taken = []
    for _ in range(2_000):
        begun = time.perf_counter()
        choose(pool, LISTED, rules=rules, told=pool.signatures[:1] + np.uint16(1))
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


if __name__ == "__main__":
    main()
