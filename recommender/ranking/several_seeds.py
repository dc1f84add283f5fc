"""A list with several seeds: for a reader's last articles, or for the page of a topic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, reduce
from math import nan
from operator import attrgetter, xor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import ListOptions, Reason
from recommender.articles import UNKNOWN_LANGUAGE
from recommender.ranking.candidates import ListRequest, StageCandidates
from recommender.ranking.filters import Filter
from recommender.ranking.fusion import ScoredCandidates, Scores, Weights
from recommender.ranking.overrides import ActiveOverrides, OverridesByArticle
from recommender.ranking.policy import Policy
from recommender.ranking.scoring import Seed
from recommender.ranking.seed_scores import SeedScores

__all__ = ["SeveralSeeds", "merge_seeds", "request_like"]

LEAST_FETCH: Final = 30
"""Each signal of each seed finds at least so many candidates, however many seeds there are."""
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


def merge_seeds(seeds: Sequence[Seed]) -> Seed:
    """One seed that stands for several, where a list needs a single fact of them.

    It has no id, no text and no language. It is as old as the oldest of them, so that what is older
    is older than all. It has a list if one of them has one. Their order makes no difference.

    Args:
        seeds: at least one.
    """
    dates = [seed.published_at for seed in seeds]
    return replace(
        seeds[0],
        id="",
        language=UNKNOWN_LANGUAGE,
        section=min((seed.section for seed in seeds if seed.section), default=None),
        published_at=nan if np.isnan(dates).all() else float(np.nanmin(dates)),
        id_hash=reduce(xor, (seed.id_hash for seed in seeds)),
        has_list=any(seed.has_list for seed in seeds),
        up_to_date=all(seed.up_to_date for seed in seeds),
        vector=None,
        passages=None,
        terms=None,
        row=None,
        place=None,
    )


@dataclass(frozen=True, eq=False)
class SeveralSeeds(ListRequest):
    """A request for a list that is like some articles and unlike others.

    `seed` is made of the seeds to be like by `merge_seeds`.

    Attributes:
        likes: the seeds to be like, by ascending id; at least one.
        unlikes: the seeds to be unlike, by ascending id.
    """

    likes: tuple[Seed, ...] = ()
    unlikes: tuple[Seed, ...] = ()

    @property
    def seeds(self) -> tuple[Seed, ...]:
        """All seeds: they, their duplicates and their translations are not listed."""
        return (*self.likes, *self.unlikes)

    @property
    def liked_seeds(self) -> tuple[Seed, ...]:
        """The seeds to be like."""
        return self.likes

    @cached_property
    def _liked(self) -> tuple[ListRequest, ...]:
        return tuple(map(self._alone, self.likes))

    @cached_property
    def _unliked(self) -> tuple[ListRequest, ...]:
        return tuple(map(self._alone, self.unlikes))

    def _alone(self, seed: Seed) -> ListRequest:
        return ListRequest(self.view, seed, self.options, self.policy, self.now)

    def filter_of(self, options: ListOptions) -> Filter:
        """As with one seed; the default languages are those of the seeds to be like."""
        languages = {seed.language for seed in self.likes} - {UNKNOWN_LANGUAGE}
        if options.language is None and languages:
            options = options.model_copy(update={"language": ",".join(sorted(languages))})
        return ListRequest.filter_of(self, options)

    def rows_of_section(self) -> Mask:
        """The rows in a section of a seed to be like: bool [n]."""
        found = [one.rows_of_section() for one in self._liked if one.seed.section]
        rows: Mask = np.logical_or.reduce(found)
        return rows

    def candidates(self, allowed: Mask, fetch: int) -> Rows:
        """The allowed rows nearest to the seeds to be like: int64 [m].

        Each seed finds fewer if there are many: all together find at most twice as many as one.
        """
        share = min(fetch, max(-(-2 * fetch // len(self.likes)), LEAST_FETCH))
        found = [one.candidates(allowed, share) for one in self._liked]
        return self.in_tie_order(np.unique(np.concatenate(found)))

    def score(self, rows: Rows) -> ScoredCandidates:
        """Score some rows, int64 [m], under each seed, and join the scores; see `SeedScores`."""
        liked = [one.score(rows) for one in self._liked]
        unliked = [one.score(rows) for one in self._unliked]
        like, unlike = _scores_of(liked, len(rows)), _scores_of(unliked, len(rows))
        closer = [
            one.are_related(self.policy, None) & (one.scores.score > like.max(axis=0))
            for one in unliked
        ]
        seeds = SeedScores(
            likes=tuple(seed.id for seed in self.likes),
            unlikes=tuple(seed.id for seed in self.unlikes),
            like=like,
            unlike=unlike,
            best=np.stack([one.values for one in liked]).argmax(axis=0),
            rejected=np.logical_or.reduce([np.zeros(len(rows), np.bool_), *closer]),
        )
        return _join(liked, seeds)

    def gather_candidates(
        self,
        stage: Reason,
        fetch: int,
        rows: Mask,
        compare_only: Rows,
        story_score: float | None = None,
    ) -> StageCandidates:
        """As with one seed, but what is nearer to a seed to be unlike may not be listed."""
        gathered = ListRequest.gather_candidates(
            self, stage, fetch, rows, compare_only, story_score
        )
        seeds = gathered.scored.seeds
        kept = gathered.listable if seeds is None else gathered.listable & ~seeds.rejected
        return replace(gathered, listable=kept)


def request_like(
    view: View,
    likes: Iterable[Seed],
    unlikes: Iterable[Seed],
    options: ListOptions,
    policy: Policy,
    now: float,
    overrides: OverridesByArticle,
) -> ListRequest:
    """The request for a list that is like some articles and unlike others, whatever their order.

    Like one article alone, it is that for the list of the article. Otherwise the blocks of the
    articles to be like hold, but not their pins: an editor pinned to one list, not to this one.

    Args:
        view: the archive.
        likes: the articles to be like, at least one, each once.
        unlikes: the articles to be unlike, each once.
        options: what the caller asks for.
        policy: the weights and bounds.
        now: seconds since 1970 in UTC.
        overrides: the overrides of all articles.
    """
    likes, unlikes = (tuple(sorted(some, key=lambda one: one.id)) for some in (likes, unlikes))
    active = [overrides.of(seed.id).at(now) for seed in likes]
    if len(likes) == 1 and not unlikes:
        return ListRequest(view, likes[0], options, policy, now, active[0])
    blocked = frozenset[str]().union(*(one.blocked for one in active))
    together = ActiveOverrides(blocked=blocked, hidden=active[0].hidden)
    seed = merge_seeds(likes)
    return SeveralSeeds(view, seed, options, policy, now, together, likes=likes, unlikes=unlikes)


def _scores_of(scored: Iterable[ScoredCandidates], count: int) -> Floats:
    """The scores under each seed, one seed a row: float32 [k, m]."""
    return np.vstack([np.empty((0, count), np.float32), *(one.scores.score for one in scored)])


def _join(liked: Sequence[ScoredCandidates], seeds: SeedScores) -> ScoredCandidates:
    """The candidates as their best seed scores them, with the values that all seeds make."""

    def of_best(path: str) -> NDArray[Any]:
        return seeds.of_best(np.stack([attrgetter(path)(one) for one in liked]))

    return ScoredCandidates(
        rows=liked[0].rows,
        vectors=liked[0].vectors,
        scores=Scores(*(of_best(f"scores.{part.name}") for part in fields(Scores))),
        weights=Weights(*(of_best(f"weights.{part.name}") for part in fields(Weights))),
        recency=of_best("recency"),
        nearness=of_best("nearness"),
        hubness=of_best("hubness"),
        values=of_best("values") + seeds.support - seeds.aversion,
        seeds=seeds,
    )
