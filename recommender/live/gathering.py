"""Gathers the rows that a list is made from, where the archive lies in an index elsewhere.

What is found makes a view, and the list is made from that as from a whole archive. Nearly all lists
need the nearest rows only. Where these do not fill a list, it is completed by what the second try
and the fallback stages look at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import View
from index.conditions import Condition, Every, Flag, HasId, Labelled, Not, OneOf, Some
from index.searchable import SearchedIndex
from index.statistics import Statistics, view_of
from index.stored_rows import StoredRows, join_stored
from recommender.api import ListOptions
from recommender.ranking.candidates import ListRequest
from recommender.ranking.conditions import (
    condition_of,
    eligibility,
    reach_of,
    search_condition_of,
)
from recommender.ranking.duplicates import rows_of_translations
from recommender.ranking.related import MOST_CANDIDATES, SPARE
from recommender.ranking.several_seeds import LEAST_FETCH

__all__ = ["FoundArchive", "Standing"]

HOUR_SECONDS: Final = 3_600.0
MOST_LINKS: Final = 1_000
"""Rows of a translation group that are looked at."""
MOST_STEPS: Final = 8
"""So many links of a chain of translations are followed."""
NEAREST: Final = 10
RESERVE: Final = 50
"""Rows of a fallback stage beyond those needed: some are listed already, or repeat others."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a change log says of an article, which an index may not know yet.

    Attributes:
        change: number of the change.
        columns: by name, the columns that say whether it may be listed; none if it was deleted.
        since: rows of earlier changes are of a text that was deleted, also if the article was
            written anew.
    """

    change: int
    columns: Mapping[str, Any] = field(default_factory=dict)
    since: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class FoundArchive:
    """An archive of which a few rows are in memory: those that were found for one list.

    Attributes:
        index: where all rows are.
        statistics: of the archive.
        standings: by id, what is known of articles that changed; rows older than that do not count.
        rows: what was found so far.
    """

    index: SearchedIndex
    statistics: Statistics
    standings: Mapping[str, Standing]
    rows: StoredRows

    @classmethod
    def of(
        cls,
        index: SearchedIndex,
        statistics: Statistics,
        standings: Mapping[str, Standing],
        ids: Iterable[str],
    ) -> "FoundArchive":
        """Begin with the rows of some ids, such as the seed's."""
        none = statistics.layout.unpack([])
        return cls(index, statistics, standings, none).with_rows([index.fetch(ids)])

    @property
    def view(self) -> View:
        """The view of what was found."""
        return view_of(self.statistics, self.rows)

    def with_rows(self, found: Iterable[StoredRows]) -> "FoundArchive":
        """The same with more rows; each id is there once."""
        rows = join_stored([self.rows, *found])
        kept = corrected(rows, self.standings)
        return FoundArchive(self.index, self.statistics, self.standings, kept)

    def held_against(self, standings: Mapping[str, Standing]) -> "FoundArchive":
        """The same rows, as a later state of the change log has them."""
        kept = corrected(self.rows, standings)
        return FoundArchive(self.index, self.statistics, standings, kept)

    def near_draft(self, vector: NDArray[np.float32]) -> "FoundArchive":
        """With the rows that the vector of a text outside is smoothed with."""
        by = self.statistics.manifest.reliable_by
        reliable = Flag(by) if by else Every(())
        return self.with_rows([self.index.nearest(vector, NEAREST, reliable).stored])

    def gathered(self, request: ListRequest) -> "FoundArchive":
        """With the nearest rows, of which most lists are made.

        Args:
            request: over the view of this archive, which has the seeds.
        """
        linked = self._with_translations(request)
        return linked.with_rows(linked.nearest(request, request.policy.candidates))

    def completed(self, request: ListRequest, *, again: bool) -> "FoundArchive":
        """With what a list that the nearest rows do not fill is made from.

        Args:
            request: the one that this was gathered for.
            again: whether the list looks for more candidates once more.
        """
        nearest = self.nearest(request, MOST_CANDIDATES) if again else ()
        return self.with_rows([*nearest, *self._newest(request, self._base(request))])

    def _with_translations(self, request: ListRequest) -> "FoundArchive":
        """With the translation groups of the seeds, link by link."""
        found: FoundArchive = self
        known = set[int]()
        fresh = {one for seed in request.seeds for one in (seed.id_hash, seed.translates)}
        for _ in range(MOST_STEPS):
            if not fresh:
                break
            hashes = frozenset(fresh)
            linked = Some((OneOf("id_hash", hashes), OneOf("translates", hashes)))
            found = found.with_rows([self.index.matching(MOST_LINKS, linked)])
            known |= fresh
            columns = found.rows.rows.columns
            of_links = np.isin(columns["id_hash"], [*known]) | np.isin(
                columns["translates"], [*known]
            )
            names = ("id_hash", "translates")
            fresh = {one for name in names for one in columns[name][of_links].tolist()} - known
        return found

    def _base(self, request: ListRequest) -> Condition:
        """What every item has to be, but pins: as in `ListRequest._gather_rows`."""
        hour = request.now // HOUR_SECONDS * HOUR_SECONDS
        rules = [one.rule.items.filter_at(hour) for one in request.site_rules.never]
        seeds = {seed.id for seed in request.seeds}
        links = {one for seed in request.seeds for one in (seed.id_hash, seed.translates)}
        excluded = request.overrides.blocked | request.overrides.hidden | request.shown_on_page
        excluded = excluded.union(request.options.exclude, seeds)
        excluded |= translations_in(self.view, links)
        return Every(
            (
                eligibility(request.now, untitled=request.policy.untitled),
                search_condition_of(request.wanted),
                *(Not(condition_of(rule)) for rule in rules),
                Not(HasId(frozenset(excluded))),
            )
        )

    def _kept_apart(self, request: ListRequest, base: Condition) -> Iterator[Condition]:
        """What is searched for: all, and each share for which places are kept."""
        yield base
        hour = request.now // HOUR_SECONDS * HOUR_SECONDS
        for share in request.site_rules.shares:
            if share.rule.at_least:
                yield Every((base, condition_of(share.rule.items.filter_at(hour))))

    def nearest(self, request: ListRequest, most: int) -> Iterator[StoredRows]:
        """The candidates of each seed to be like: as in `ListRequest.candidates`."""
        likes, base = request.liked_seeds, self._base(request)
        fetch = most if len(likes) == 1 else min(most, max(-(-2 * most // len(likes)), LEAST_FETCH))
        for wanted, seed in product(self._kept_apart(request, base), likes):
            alone = ListRequest(request.view, seed, request.options, request.policy, request.now)
            query, reach = alone.scorer.query, reach_of(seed, alone.scorer.measured)
            if query is not None and reach is not None:
                yield self.index.nearest(query, fetch, Every((wanted, reach))).stored
            if seed.terms is not None:
                words = wanted if reach is None else Every((wanted, Not(reach)))
                yield self.index.nearest_by_terms(seed.terms, fetch, words).stored

    def _newest(self, request: ListRequest, base: Condition) -> Iterator[StoredRows]:
        """What the fallback stages list, and what tells why a list is short."""
        end = request.options.offset + request.options.limit
        limit = (SPARE + 1) * end + RESERVE
        sections = frozenset(seed.section for seed in request.liked_seeds if seed.section)
        if sections:
            yield self.index.newest(limit, Every((base, Labelled("section", sections)))).stored
        yield self.index.newest(limit, base).stored
        usual = condition_of(request.filter_of(ListOptions()))
        shown = eligibility(request.now, untitled=request.policy.untitled)
        yield self.index.newest(end + RESERVE, Every((shown, usual))).stored


def translations_in(view: View, hashes: Iterable[int]) -> set[str]:
    """The ids of a view that are in a translation group."""
    return {*map(view.id_of, rows_of_translations(view, {*hashes}).tolist())}


def corrected(stored: StoredRows, standings: Mapping[str, Standing]) -> StoredRows:
    """Rows as the change log has them: deleted ones leave, and it says who may be listed."""
    changes = stored.rows.columns["change"]
    known = [standings.get(row_id) for row_id in stored.rows.ids]
    late = [at for at, one in enumerate(known) if one is not None and one.change > int(changes[at])]
    if not late:
        return stored
    columns = {name: np.array(column) for name, column in stored.rows.columns.items()}
    kept = np.ones(len(stored), np.bool_)
    for at in late:
        standing = known[at]
        if standing is not None:
            kept[at] = bool(standing.columns) and int(changes[at]) >= standing.since
            for name, value in standing.columns.items():
                columns[name][at] = value
    return stored.with_columns(columns).at(np.flatnonzero(kept))
