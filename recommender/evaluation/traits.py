"""What lists are like beyond being right: alike, short, old, repeating, and whom they leave out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.analysis.minhash import estimate_jaccard
from recommender.evaluation.runs import Bench
from recommender.ranking.filters import DAY_SECONDS, eligible

__all__ = ["MOST_SEEDS", "Lists", "Traits", "sample_seeds", "spread", "traits_of"]

MOST_SEEDS: Final = 1_000

Lists = Mapping[str, Sequence[str]]
"""By seed id, the listed ids, the first first."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a number of lists are like; shares are 0..1, None where there is nothing to tell.

    Attributes:
        lists: how many.
        articles: how many may be listed at all.
        likeness: mean cosine of the vectors of two articles of one list (intra-list similarity).
        coverage: share of the articles that stand in at least one list.
        short: share of the lists with fewer related articles than asked for.
        age_days: median of the days by which a listed article is older than its seed.
        repeats: share of the listed that tell again what the seed or one above tells.
        reach: share of the lists that hold the most listed article.
    """

    lists: int
    articles: int
    likeness: float | None
    coverage: float | None
    short: float | None
    age_days: float | None
    repeats: float | None
    reach: float | None


def sample_seeds(bench: Bench) -> list[str]:
    """Up to MOST_SEEDS articles of a bench that show a list, evenly spaced."""
    view = bench.view
    shown = view.where(
        lambda part: eligible(part, bench.now, untitled=True) & part.columns["lists"]
    )
    ids = sorted({view.id_of(row) for row in np.flatnonzero(shown).tolist()})
    pool = bench.dataset.pool
    if pool is not None:
        ids = [one for one in ids if one in pool]
    return spread(ids)


def spread(ids: Sequence[str], most: int = MOST_SEEDS) -> list[str]:
    """Up to `most` of some ids, evenly spaced."""
    return [ids[at] for at in np.linspace(0, len(ids) - 1, min(len(ids), most)).astype(int)]


def traits_of(bench: Bench, lists: Lists, related: Mapping[str, int], limit: int) -> Traits:
    """What some lists are like.

    Args:
        bench: what they were made over.
        lists: the lists.
        related: how many of each list are there for being related, not to fill it.
        limit: how many were asked for.
    """
    view, count = bench.view, len(lists)
    named = Counter(other for listed in lists.values() for other in listed)
    articles = _listable(bench)
    return Traits(
        lists=count,
        articles=articles,
        likeness=_mean(one for listed in lists.values() for one in _likeness(view, listed)),
        coverage=len(named) / articles if articles else None,
        short=_mean(float(related[seed] < limit) for seed in lists),
        age_days=_median(
            [age for seed, listed in lists.items() for age in _ages(view, seed, listed)]
        ),
        repeats=_mean(
            float(again)
            for seed, listed in lists.items()
            for again in _repeats(view, seed, listed, bench.policy.duplicate_overlap)
        ),
        reach=max(named.values()) / count if named else None,
    )


def _listable(bench: Bench) -> int:
    """How many articles may be listed at all, whatever the seed."""
    view, untitled = bench.view, bench.policy.untitled
    rows = view.where(lambda part: eligible(part, bench.now, untitled=untitled))
    for row in map(view.row_of, bench.options().exclude):
        if row is not None:
            rows[row] = False
    return int(np.count_nonzero(rows))


def _likeness(view: View, listed: Sequence[str]) -> Iterator[float]:
    """The mean cosine of all pairs of a list, if there is a pair."""
    count = len(listed)
    if count > 1:
        vectors = view.fetch(_rows(view, listed)).astype(np.float64)
        cosines = vectors @ vectors.T
        yield float((cosines.sum() - np.trace(cosines)) / (count * (count - 1)))


def _ages(view: View, seed: str, listed: Sequence[str]) -> list[float]:
    """Days by which each is older than the seed, where both have a date."""
    times = view.take("published_at", _rows(view, [seed, *listed]))
    days = (times[0] - times[1:]) / DAY_SECONDS
    return [float(day) for day in days[np.isfinite(days)]]


def _repeats(view: View, seed: str, listed: Sequence[str], most: float) -> Iterator[bool]:
    """Of each listed article, whether it tells again what stands above it."""
    signatures = view.take("signature", _rows(view, [seed, *listed]))
    for at in range(1, len(signatures)):
        yield bool((estimate_jaccard(signatures[at], signatures[:at]) >= most).any())


def _rows(view: View, ids: Sequence[str]) -> NDArray[np.int64]:
    rows = [row for row in map(view.row_of, ids) if row is not None]
    return np.array(rows, np.int64)


def _mean(values: Iterator[float]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
