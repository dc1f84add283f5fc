"""A request for a list, and the rows of the archive that are candidates for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import ListOptions
from recommender.ranking.attributes import TaggedColumns
from recommender.ranking.duplicates import rows_of_translations
from recommender.ranking.filters import Filter, eligible, matching, pinnable
from recommender.ranking.overrides import Overrides
from recommender.ranking.policy import Policy
from recommender.ranking.scoring import Scorer
from recommender.ranking.seed import Seed

__all__ = ["ListRequest"]

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ListRequest:
    """A request for the list of one seed. Nothing in it changes.

    Attributes:
        view: the archive.
        seed: the article that the list is made for.
        options: what the caller asks for.
        policy: the weights and bounds.
        now: seconds since 1970 in UTC.
        overrides: the pins and blocks of the seed.
        shown_on_page: ids in other lists of the same page; they and their duplicates are left out.
    """

    view: View
    seed: Seed
    options: ListOptions
    policy: Policy
    now: float
    overrides: Overrides = field(default_factory=Overrides)
    shown_on_page: frozenset[str] = frozenset()

    @cached_property
    def scorer(self) -> Scorer:
        """Scores candidates for the seed."""
        return Scorer.of(self.view, self.seed, self.policy, self.now)

    @cached_property
    def translations(self) -> Mask:
        """The rows of the seed and of all its translations: bool [n]."""
        return rows_of_translations(self.view, self.seed.hashes)

    def eligible(self) -> Mask:
        """The rows that may be listed: bool [n]."""
        asked = Filter.of(self.options, self.seed.language, self.seed.published_at, self.now)
        untitled = self.policy.untitled
        rows = self.view.where(
            lambda part: eligible(part, self.now, untitled=untitled) & matching(part, asked)
        )
        rows &= ~self.translations
        rows[self._rows_of(self._excluded())] = False
        return rows

    def pinned(self) -> Rows:
        """The pinned rows that may be listed, in the order of the pins: int64 [m].

        They must meet the filter of the request, except for its default language, which does not
        bind editors.
        """
        rows = self._rows_of(self.overrides.pinned(self.now))
        if not len(rows):
            return rows
        options = self.options.model_copy(update={"language": self.options.language or "any"})
        asked = Filter.of(options, self.seed.language, self.seed.published_at, self.now)
        untitled = self.policy.untitled
        allowed = self.view.where(
            lambda part: pinnable(part, self.now, untitled=untitled) & matching(part, asked)
        )
        allowed[self._rows_of(self._excluded())] = False
        return rows[allowed[rows]]

    def rows_on_page(self) -> Rows:
        """The rows in other lists of the same page: int64 [m]."""
        return self._rows_of(self.shown_on_page)

    def in_section(self, allowed: Mask) -> Mask:
        """Those of the allowed rows that are in the seed's section: bool [n]."""
        section = Filter(section=self.seed.section)
        rows: Mask = allowed & self.view.where(lambda part: matching(part, section))
        return rows

    def candidates(self, allowed: Mask, fetch: int) -> Rows:
        """The allowed rows nearest to the seed, at most `fetch` by each signal: int64 [m].

        Vectors find articles in languages that the encoder supports; words find the others. Letting
        words search everywhere found nothing more (docs/relevance.md).
        """
        seed, view, query = self.seed, self.view, self.scorer.query
        by_vectors = allowed & view.where(self._found_by_vectors)
        found = [np.empty(0, np.int64)]
        if query is not None and by_vectors.any():
            found.append(view.nearest(query, fetch, by_vectors).rows)
        by_words = allowed & ~by_vectors
        if seed.terms is not None and by_words.any():
            found.append(view.nearest_by_terms(seed.terms, fetch, by_words).rows)
        return self._in_tie_order(np.concatenate(found))

    def newest(self, allowed: Mask, fetch: int) -> Rows:
        """The newest allowed rows, those without a date last: int64 [m]."""
        rows = np.flatnonzero(allowed)
        times = np.nan_to_num(self.view.take("published_at", rows), nan=-np.inf)
        # If many share a date, which of them are taken must not depend on their row numbers.
        return self._in_tie_order(rows[np.lexsort((self._tie_breaks(rows), -times))[:fetch]])

    def _found_by_vectors(self, part: TaggedColumns) -> Mask:
        """Rows that the seed's vector can find, in its own language or in another."""
        seed, measured = self.seed, self.scorer.is_measured
        if not (seed.embedded and measured(seed.language)):
            return np.zeros(len(part.columns["embedded"]), np.bool_)
        languages = frozenset(filter(measured, part.labels["language"]))
        in_own_language = matching(part, Filter(languages=frozenset({seed.language})))
        rows: Mask = part.columns["embedded"] & matching(part, Filter(languages=languages))
        rows &= part.columns["fluent"] | ~in_own_language
        return rows

    def _excluded(self) -> frozenset[str]:
        """Ids that no list may hold, not even pinned."""
        blocked = self.overrides.blocked(self.now)
        return blocked.union(self.options.exclude, self.shown_on_page, {self.seed.id})

    def _rows_of(self, ids: Iterable[str]) -> Rows:
        """The rows of those ids that the view has, in their order."""
        found = (self.view.row_of(one) for one in ids)
        return np.array([row for row in found if row is not None], np.int64)

    def _in_tie_order(self, rows: Rows) -> Rows:
        """Order rows by a hash of their ids, in which equal ranking values keep their order.

        A changed article has a higher row number until the next rebuild; lists must not depend on
        that.
        """
        return rows[np.argsort(self._tie_breaks(rows), kind="stable")]

    def _tie_breaks(self, rows: Rows) -> Rows:
        """A number for each row, from its id and the seed's.

        Without the seed's id, every list of an archive without dates would fall back to the same
        few articles.
        """
        numbers: Rows = self.view.take("id_hash", rows) ^ self.seed.id_hash
        return numbers
