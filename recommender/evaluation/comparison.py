"""Compares the lists of two generations."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from index import Catalog, View
from recommender.api import ListOptions
from recommender.characters import printable
from recommender.errors import BadParameter
from recommender.evaluation.command import Say
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.runs import Bench, list_each
from recommender.evaluation.scoreboard import MOST_SAMPLED, sample_evenly
from recommender.indexing.gate import rank_biased_overlap
from recommender.indexing.snapshots import open_generation
from recommender.ranking.policy import Policy
from recommender.ranking.related import title_of
from recommender.ranking.scoring import seed_of

__all__ = ["Comparison", "ListChange", "compare", "compare_generations"]

MOST_SHOWN: Final = 20
SPARE: Final = 10
NO_JUDGMENTS: Final = Dataset((), (), {}, (), None)


@dataclass(frozen=True, slots=True)
class ListChange:
    """The list of one seed before and after: rank-biased overlap, and the titles that changed."""

    seed: str
    title: str
    overlap: float
    entered: tuple[str, ...]
    left: tuple[str, ...]
    identical: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two generations; `changes` has one entry a seed, the largest change first."""

    before: str
    after: str
    changes: tuple[ListChange, ...]

    @property
    def overlap(self) -> float:
        """Mean rank-biased overlap of the lists."""
        return float(np.mean([change.overlap for change in self.changes]))

    @property
    def identical(self) -> float:
        """Share of the lists that are the same, article for article."""
        return float(np.mean([change.identical for change in self.changes]))


def compare(before: View, after: View, policy: Policy, now: float) -> Comparison:
    """Compare the served lists of seeds that are in both views, evenly spaced, at one moment."""
    # More are drawn than needed, because some may be gone. To check all would take minutes.
    drawn = sample_evenly(_seeds(before), SPARE * MOST_SAMPLED)
    seeds = sample_evenly([one for one in drawn if _lists(after, one)])
    served = [
        list_each(Bench(NO_JUDGMENTS, view, now=now), seeds, policy, ListOptions().limit)
        for view in (before, after)
    ]
    changes = []
    for seed in seeds:
        old, new = (tuple(item.id for item in one[seed].items) for one in served)
        changes.append(_change(before, after, seed, old, new))
    ordered = sorted(changes, key=lambda change: (change.overlap, change.seed))
    return Comparison(before.snapshot.generation, after.snapshot.generation, tuple(ordered))


def _change(
    before: View, after: View, seed: str, old: Sequence[str], new: Sequence[str]
) -> ListChange:
    return ListChange(
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
        view.where(lambda part: part.columns["has_list"] & part.columns["published"])
    )
    return sorted(view.id_of(row) for row in rows.tolist())


def _lists(view: View, article_id: str) -> bool:
    seed = seed_of(view, article_id)
    return seed is not None and seed.has_list


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Lines for a terminal: how far the lists agree, and the largest changes."""
    count = len(comparison.changes)
    yield f"{comparison.before} -> {comparison.after}: {count} lists of articles that both hold"
    if not count:
        return
    yield f"mean overlap (RBO) {comparison.overlap:.4f}  identical {comparison.identical:.4f}"
    for change in comparison.changes[:MOST_SHOWN]:
        if not change.identical:
            yield ""
            yield f"{change.overlap:.4f}  {printable(change.title)}"
            yield from (f"        + {printable(title)}" for title in change.entered)
            yield from (f"        - {printable(title)}" for title in change.left)
            if not (change.entered or change.left):
                yield "        the same articles in another order"


def compare_generations(
    catalog: Catalog, before: str, after: str, policy: Policy, say: Say
) -> None:
    """Print what changes in the lists between two generations, under one policy.

    Raises:
        NoSnapshot: there is no generation with that name.
        BadParameter: the generations have no article in common.
    """
    views = [View.of(open_generation(catalog, name)) for name in (before, after)]
    comparison = compare(views[0], views[1], policy, time.time())
    if not comparison.changes:
        raise BadParameter(
            f"{before} and {after} hold no article in common; choose others: "
            "read-also snapshots list"
        )
    for line in comparison_lines(comparison):
        say(line)
