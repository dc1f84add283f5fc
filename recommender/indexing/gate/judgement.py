"""Decides, on plain values, whether a generation may be published."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from recommender.indexing.gate.overlap import rank_biased_overlap

__all__ = ["Finding", "Quality", "agreement", "judge"]

# Measured on the desk of the tests (28 articles of 42), the sample archive (91 of 137, with the
# bundled model and with the tests' fake) and clustered vectors with words of their topics (200 and
# 2,000), in 1 to 30 draws each. Ordinary is that half as many articles are added, or a tenth is
# withdrawn, deleted or edited; broken, that every vector stands under another article's id.
LEAST_KEPT: Final = 0.8  # of the live generation's; ordinary 0.9, half missing 0.5
FEW: Final = 5  # so many may always go: a share of a handful says nothing
LEAST_TRUE: Final = 0.99  # ordinary 1.0, broken at most 0.04
LEAST_FOUND: Final = 0.99  # ordinary 1.0
LEAST_RECALL: Final = 0.95  # a build settles at 0.99
LEAST_ALIKE: Final = 0.5  # ordinary at least 0.86, broken at most 0.31 (0.66 on the desk)
FEWEST_LISTS: Final = 5
MORE_SHORT: Final = 0.1  # ordinary at most 0.05 more
MORE_SHORT_ANEW: Final = 0.25  # under another model; at most 0.14 more


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of a generation; shares are 0..1.

    Attributes:
        rows: how many articles it holds.
        listable: how many of them may stand in a list now.
        lists: by seed, what is listed as related under it, in order.
        holds: of all ids in the lists of either generation, those that this one may list.
        short: share of the lists in which less than half of what was asked for is related and may
            be listed by the newer generation.
        recall: recall@100 of the search against exact search.
        found: share of sampled rows that their own vector finds.
        true: share of sampled rows whose vector is the one that the store keeps.
    """

    rows: int
    listable: int
    lists: Mapping[str, tuple[str, ...]]
    holds: frozenset[str]
    short: float
    recall: float = 1.0
    found: float = 1.0
    true: float = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that was not passed: what was measured, and the bound that it misses."""

    check: str
    measured: float
    bound: float
    detail: str

    def __str__(self) -> str:
        return f"{self.check}: {self.detail} ({self.measured:.4g}; the bound is {self.bound:.4g})"


def judge(
    new: Quality, live: Quality | None, *, stored: int, same_model: bool
) -> tuple[Finding, ...]:
    """Which checks a new generation does not pass; none if it may be published.

    Args:
        new: the generation that was staged.
        live: the one that readers get, if there is one to compare with.
        stored: how many articles the new one should hold.
        same_model: whether vectors and terms of both come from the same recipes.
    """
    findings = [*_sound(new, stored)]
    if live is not None:
        findings += _not_much_less(new, live)
        findings += _not_much_shorter(new, live, MORE_SHORT if same_model else MORE_SHORT_ANEW)
        findings += _alike(new, live) if same_model else ()
    return tuple(findings)


def agreement(new: Quality, live: Quality) -> float | None:
    """Mean overlap of the lists of two generations on their common ground, 0..1.

    Lists are cut to the articles that both hold and may list, so that growth and withdrawals do
    not count. A list of which nothing is left says nothing. None where too few lists are left.
    """
    common = new.holds & live.holds
    overlaps = []
    for seed in new.lists.keys() & live.lists.keys():
        whole = (new.lists[seed], live.lists[seed])
        cut = [tuple(one for one in listed if one in common) for listed in whole]
        crowded = any(listed and not left for listed, left in zip(whole, cut, strict=True))
        if any(cut) and not crowded:
            overlaps.append(rank_biased_overlap(cut[0], cut[1]))
    return float(np.mean(overlaps)) if len(overlaps) >= FEWEST_LISTS else None


def _sound(new: Quality, stored: int) -> Iterator[Finding]:
    if new.rows != stored:
        yield Finding("rows", new.rows, stored, "not as many articles as the store holds")
    yield from _less("true", new.true, LEAST_TRUE, "articles under another one's vector")
    yield from _less("found", new.found, LEAST_FOUND, "articles that their own vector misses")
    yield from _less("recall", new.recall, LEAST_RECALL, "the search misses what is nearest")


def _not_much_less(new: Quality, live: Quality) -> Iterator[Finding]:
    for check, now, before in (
        ("live rows", new.rows, live.rows),
        ("listable", new.listable, live.listable),
    ):
        bound = min(LEAST_KEPT * before, before - FEW)
        yield from _less(check, now, bound, f"the live generation has {before}")


def _not_much_shorter(new: Quality, live: Quality, more: float) -> Iterator[Finding]:
    if new.short > live.short + more:
        detail = "share of lists with too few related articles"
        yield Finding("short", new.short, live.short + more, detail)


def _alike(new: Quality, live: Quality) -> Iterator[Finding]:
    alike = agreement(new, live)
    if alike is not None:
        yield from _less("lists", alike, LEAST_ALIKE, "the lists are not those of before")


def _less(check: str, measured: float, bound: float, detail: str) -> Iterator[Finding]:
    if measured < bound:
        yield Finding(check, measured, bound, detail)
