"""One question to one view: what may be listed, who comes into question, what each is worth."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import ListOptions
from recommender.ranking.attributes import TaggedColumns, hash_id
from recommender.ranking.duplicates import tellings
from recommender.ranking.filters import Filter, eligible, matching, pinnable
from recommender.ranking.overrides import Overrides
from recommender.ranking.policy import Policy
from recommender.ranking.ranked import Ranked
from recommender.ranking.scoring import Scorer
from recommender.ranking.seeds import Seed

__all__ = ["ListRequest"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
Found = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ListRequest:
    """A seed, and what is asked under it; nothing in it changes while it is answered.

    Attributes:
        view: where the list comes from.
        seed: what it is for.
        options: what it should be.
        policy: by which weights and bounds.
        now: seconds since 1970 in UTC.
        overrides: what editors chose under the seed.
        shown_on_page: ids in other lists of the same page; they and their duplicates are left out.
        same_story: bool [n], the rows of the seed and of its translations.
    """

    view: View
    seed: Seed
    options: ListOptions
    policy: Policy
    now: float
    overrides: Overrides = field(default_factory=Overrides)
    shown_on_page: frozenset[str] = frozenset()
    same_story: Mask = field(init=False)
    _scorer: Scorer = field(init=False)

    def __post_init__(self) -> None:
        scorer = Scorer(self.view, self.seed, self.policy, self.now)
        object.__setattr__(self, "_scorer", scorer)
        # Asked by the filter and by the search for near-duplicates; the seed itself is among them.
        object.__setattr__(self, "same_story", tellings(self.view, self.seed.names))

    def allowed(self) -> Mask:
        """Rows that may be listed: bool [n]."""
        wanted = Filter.of(self.options, self.seed.language, self.seed.published_at, self.now)
        rows = self.view.where(lambda part: self._allowed(part, wanted))
        rows &= ~self.same_story
        rows[self._rows_of(self._excluded())] = False
        return rows

    def pinned(self) -> Found:
        """Rows that editors want first, in their order: int64 [m].

        Each may be shown now and meets what was asked for; what is asked for by default, the seed's
        language, binds no editor.
        """
        options = self.options.model_copy(update={"language": self.options.language or "any"})
        wanted = Filter.of(options, self.seed.language, self.seed.published_at, self.now)
        rows = self._rows_of(self.overrides.pinned(self.now))
        if not len(rows):
            return rows
        untitled = self.policy.untitled
        shown = self.view.where(
            lambda part: pinnable(part, self.now, untitled=untitled) & matching(part, wanted)
        )
        shown[self._rows_of(self._excluded())] = False
        return rows[shown[rows]]

    def rows_on_page(self) -> Found:
        """Rows in other lists of the same page: int64 [m]."""
        return self._rows_of(self.shown_on_page)

    def _excluded(self) -> frozenset[str]:
        """Ids that no list may hold, not even pinned."""
        options, blocked = self.options, self.overrides.blocked(self.now)
        return blocked.union(options.exclude, self.shown_on_page, {self.seed.id})

    def _rows_of(self, ids: Iterable[str]) -> Found:
        """The rows of those ids that the view holds, in their order."""
        found = (self.view.row_of(one) for one in ids)
        return np.array([row for row in found if row is not None], np.int64)

    def in_section(self, allowed: Mask) -> Mask:
        """Those of the allowed rows that are in the seed's section: bool [n]."""
        wanted = Filter(section=self.seed.section)
        here: Mask = allowed & self.view.where(lambda part: matching(part, wanted))
        return here

    def candidates(self, allowed: Mask, fetch: int) -> Found:
        """The nearest allowed rows by the signal that leads for each pair: int64 [m].

        Vectors propose the articles whose language the encoder knows, like the seed's; words the
        others; each at most `fetch`. Letting words propose everywhere found nothing more
        (docs/relevance.md).
        """
        seed, view, context = self.seed, self.view, self._scorer.context
        known = allowed & view.where(self._led_by_vectors)
        found = [np.empty(0, np.int64)]
        if context is not None and known.any():
            found.append(view.nearest(context, fetch, known).rows)
        unknown = allowed & ~known
        if seed.terms is not None and unknown.any():
            found.append(view.nearest_by_terms(seed.terms, fetch, unknown).rows)
        return self._by_turns(np.concatenate(found))

    def _led_by_vectors(self, part: TaggedColumns) -> Mask:
        """Rows for which the seed's vector speaks, in its own language or between two."""
        seed, measured = self.seed, self._scorer.is_measured
        if not (seed.embedded and measured(seed.language)):
            return np.zeros(len(part.columns["embedded"]), np.bool_)
        told = frozenset(filter(measured, part.labels["language"]))
        own = matching(part, Filter(languages=frozenset({seed.language})))
        rows: Mask = part.columns["embedded"] & matching(part, Filter(languages=told))
        rows &= part.columns["fluent"] | ~own
        return rows

    def newest(self, allowed: Mask, fetch: int) -> Found:
        """The newest allowed rows, the undated last: int64 [m]."""
        rows = np.flatnonzero(allowed)
        times = np.nan_to_num(self.view.take("published_at", rows), nan=-np.inf)
        # Where many share a date, which of them are looked at must not hang on their rows.
        return self._by_turns(rows[np.lexsort((self._turns(rows), -times))[:fetch]])

    def rank(self, rows: Found) -> Ranked:
        """Score some rows; their order is kept."""
        return self._scorer.rank(rows)

    def are_related(self, ranked: Ranked) -> Mask:
        """Which candidates score high enough to be called related: bool [m]."""
        score = ranked.scores.score
        related: Mask = (score > 0) & (score >= self._least(ranked))
        return related

    def _allowed(self, part: TaggedColumns, wanted: Filter) -> Mask:
        rows: Mask = eligible(part, self.now, untitled=self.policy.untitled)
        rows &= matching(part, wanted)
        return rows

    def _least(self, ranked: Ranked) -> Floats | float:
        """The score from which a candidate counts as related."""
        if self.options.min_score is not None:
            return self.options.min_score
        policy = self.policy
        alone = ranked.weights.lexical >= 1
        least = np.where(alone, policy.words_threshold, policy.threshold)
        return least.astype(np.float32)

    def _by_turns(self, rows: Found) -> Found:
        """The same rows in an order that hangs on their ids alone, by which equals are placed.

        A changed article has a late row until the next rebuild; lists must not change with that.
        """
        return rows[np.argsort(self._turns(rows), kind="stable")]

    def _turns(self, rows: Found) -> Found:
        """Whose turn it is among equals, int64 [m]: another order under each seed.

        Of an archive without dates the ladder would else put the same few under every article.
        """
        turns: Found = self.view.take("own", rows) ^ hash_id(self.seed.id)
        return turns
