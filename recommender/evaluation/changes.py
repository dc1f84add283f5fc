"""What a new generation changes in the lists that readers get."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from index import View
from recommender.api import ListOptions
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.examples import title_of
from recommender.evaluation.runs import Bench, list_each
from recommender.evaluation.traits import MOST_SEEDS, spread
from recommender.indexing.gate import rank_biased_overlap
from recommender.ranking.listing import printable
from recommender.ranking.policy import Policy
from recommender.ranking.seeds import seed_of

__all__ = ["Change", "Comparison", "as_lines", "compare"]

MOST: Final = 20
SPARE: Final = 10
NOTHING: Final = Dataset((), (), {}, (), None)


@dataclass(frozen=True, slots=True)
class Change:
    """One list before and after: their rank-biased overlap, and the titles that came and went."""

    seed: str
    title: str
    overlap: float
    entered: tuple[str, ...]
    left: tuple[str, ...]
    identical: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two generations. `changes` are of every seed asked, the largest first."""

    before: str
    after: str
    changes: tuple[Change, ...]

    @property
    def overlap(self) -> float:
        """Mean rank-biased overlap of the lists."""
        return float(np.mean([change.overlap for change in self.changes]))

    @property
    def identical(self) -> float:
        """Share of the lists that are the same, article for article."""
        return float(np.mean([change.identical for change in self.changes]))


def compare(before: View, after: View, policy: Policy, now: float) -> Comparison:
    """Compare the served lists of seeds that both hold, evenly spaced, at one moment."""
    # More are drawn where some may be gone: to look for each would take minutes.
    drawn = spread(_seeds(before), SPARE * MOST_SEEDS)
    seeds = spread([one for one in drawn if _lists(after, one)])
    served = [
        list_each(Bench(NOTHING, view, now=now), seeds, policy, ListOptions().limit)
        for view in (before, after)
    ]
    changes = []
    for seed in seeds:
        old, new = (tuple(item.id for item in one[seed].items) for one in served)
        changes.append(_change(before, after, seed, old, new))
    ordered = sorted(changes, key=lambda change: (change.overlap, change.seed))
    return Comparison(before.generation, after.generation, tuple(ordered))


def _change(before: View, after: View, seed: str, old: Sequence[str], new: Sequence[str]) -> Change:
    return Change(
        seed=seed,
        title=title_of(after, seed),
        overlap=rank_biased_overlap(old, new),
        entered=tuple(title_of(after, one) for one in new if one not in old),
        left=tuple(title_of(before, one) for one in old if one not in new),
        identical=tuple(old) == tuple(new),
    )


def _seeds(view: View) -> list[str]:
    """The articles of a generation that show a list, by id."""
    rows = np.flatnonzero(
        view.where(lambda part: part.columns["lists"] & part.columns["published"])
    )
    return sorted(view.id_of(row) for row in rows.tolist())


def _lists(view: View, article_id: str) -> bool:
    seed = seed_of(view, article_id)
    return seed is not None and seed.lists


def as_lines(comparison: Comparison) -> Iterator[str]:
    """For a terminal: how far the lists agree, and the largest changes."""
    count = len(comparison.changes)
    yield f"{comparison.before} -> {comparison.after}: {count} lists of articles that both hold"
    if not count:
        return
    yield f"mean overlap (RBO) {comparison.overlap:.4f}  identical {comparison.identical:.4f}"
    for change in comparison.changes[:MOST]:
        if not change.identical:
            yield ""
            yield f"{change.overlap:.4f}  {printable(change.title)}"
            yield from (f"        + {printable(title)}" for title in change.entered)
            yield from (f"        - {printable(title)}" for title in change.left)
            if not (change.entered or change.left):
                yield "        the same articles in another order"
