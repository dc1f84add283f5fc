"""A request for a list, and what it gathers from the archive: rows, then candidates by stage."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache, partial
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Hits, View
from recommender.analysis.minhash import estimate_jaccard
from recommender.api import FALLBACK_SECTION, SEMANTIC, Choice, ListOptions, Reason
from recommender.ranking.duplicates import rows_of_ids, rows_of_translations
from recommender.ranking.filters import (
    Filter,
    IndexedColumns,
    computed,
    listable,
    matching,
    pinnable,
)
from recommender.ranking.fusion import ScoredCandidates
from recommender.ranking.overrides import NO_ACTIVE_OVERRIDES, ActiveOverrides
from recommender.ranking.policy import Policy
from recommender.ranking.scoring import Scorer, Search, Seed
from recommender.ranking.site_rules import NO_ACTIVE_RULES, ActiveRules

__all__ = [
    "CandidatePool",
    "GatheredRows",
    "ListRequest",
    "StageCandidates",
    "Step",
    "timed",
]

UNDATED: Final = -1e18
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the work for a request: when it began and ended, in `time.perf_counter` seconds."""

    name: str
    began: float
    ended: float


@contextmanager
def timed(steps: list[Step], name: str) -> Iterator[None]:
    """Append the block as a step."""
    began = time.perf_counter()
    try:
        yield
    finally:
        steps.append(Step(name, began, time.perf_counter()))


@dataclass(frozen=True, slots=True, eq=False)
class GatheredRows:
    """The rows that a list is made from.

    Attributes:
        eligible: which may be listed, bool [n].
        pinned: the pinned rows that may be listed, in the order of the pins, int64 [m].
        shown_on_page: rows in other lists of the same page, int64 [k].
        translations: the rows of the seed and of all its translations, ascending, int64 [t].
    """

    eligible: Mask
    pinned: Rows
    shown_on_page: Rows
    translations: Rows


@dataclass(frozen=True, slots=True, eq=False)
class StageCandidates:
    """The candidates of one stage.

    Attributes:
        scored: with their scores.
        listable: bool [m], which may be listed. The others only show which are duplicates: rows in
            other lists of the page, and duplicates dropped by earlier stages.
        more: whether the archive may have more candidates.
        by_time: whether the newest rank first.
        story_score: with `mode=latest` the least score of the seed's story.
    """

    scored: ScoredCandidates
    listable: Mask
    more: bool
    by_time: bool
    story_score: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CandidatePool:
    """Candidates to select from, position by position.

    Attributes:
        values: float [m], the ranking values; finite.
        vectors: float32 [m, dim], unit rows.
        minhashes: uint16 [m, size].
        text_clusters: int64 [m], see `number_text_clusters`; 0 if unknown.
        times: float64 [m], of the last publication or revision; NaN if unknown, never ahead.
        authors: int64 [m], hash of the first author; 0 for none.
        hosts: int64 [m], hash of the host of the address; 0 for none.
        embedded: bool [m], whether the vector is meaningful.
        id_hashes: int64 [m], all different.
        translates: int64 [m], hash of the article or group that each translates; else its
            `id_hash`.
        members: bool [m, k], which of them are members of each of k shares of site rules.
    """

    values: NDArray[np.floating]
    vectors: NDArray[np.float32]
    minhashes: NDArray[np.uint16]
    text_clusters: NDArray[np.int64]
    times: NDArray[np.float64]
    authors: NDArray[np.int64]
    hosts: NDArray[np.int64]
    embedded: Mask
    id_hashes: NDArray[np.int64]
    translates: NDArray[np.int64]
    members: Mask

    def __len__(self) -> int:
        return len(self.values)

    def at(self, positions: NDArray[np.int64]) -> "CandidatePool":
        """Some of them, in the given order."""
        return CandidatePool(*(getattr(self, each.name)[positions] for each in fields(self)))

    def under(self, above: "CandidatePool") -> "CandidatePool":
        """The candidates of another pool, followed by these."""
        pairs = ((getattr(above, each.name), getattr(self, each.name)) for each in fields(self))
        return CandidatePool(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True, eq=False)
class ListRequest:
    """A request for the list of one seed. Only its lists change.

    Attributes:
        view: the archive.
        seed: the article that the list is made for.
        options: what the caller asks for.
        policy: the weights and bounds.
        now: seconds since 1970 in UTC.
        overrides: the pins and blocks of the seed at `now`.
        shown_on_page: ids in other lists of the same page; they and their duplicates are left out.
        steps: of the work so far; one name may stand there several times.
        listed: the rows of the items so far, in list order.
        searches: those for candidates so far.
        compared: the rows that were scored so far, int64 [m] each.
    """

    view: View
    seed: Seed
    options: ListOptions
    policy: Policy
    now: float
    overrides: ActiveOverrides = NO_ACTIVE_OVERRIDES
    shown_on_page: frozenset[str] = frozenset()
    steps: list[Step] = field(default_factory=list)
    listed: list[int] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)
    compared: list[Rows] = field(default_factory=list)

    @property
    def seeds(self) -> tuple[Seed, ...]:
        """The articles that are never listed, nor are their duplicates and translations."""
        return (self.seed,)

    @cached_property
    def scorer(self) -> Scorer:
        """Scores candidates for the seed. What is background was published long before it."""
        policy = self.policy
        if self.options.mode == "background":
            policy = replace(policy, nearness_weight=0.0)
        return Scorer.of(self.view, self.seed, policy, self.now)

    @property
    def liked_seeds(self) -> tuple[Seed, ...]:
        """The articles that the list is to be like."""
        return (self.seed,)

    @cached_property
    def site_rules(self) -> ActiveRules:
        """The rules of the policy that hold for the seed at `now`."""
        if not self.policy.rules:
            return NO_ACTIVE_RULES
        places = [seed.place_in(self.view) for seed in self.liked_seeds]
        return ActiveRules.of(self.policy.rules, self.view, places, self.now)

    @cached_property
    def wanted(self) -> Filter:
        """The filter of the list."""
        return self.filter_of(self.options)

    @cached_property
    def rows(self) -> GatheredRows:
        """The rows that may be listed or pinned, and those that they may not repeat."""
        with timed(self.steps, "filters"):
            return self._gather_rows()

    def _gather_rows(self) -> GatheredRows:
        rows = self.kept_by_rules(self._eligible(self.options))
        hashes = {one for seed in self.seeds for one in (seed.id_hash, seed.translates)}
        translations = rows_of_translations(self.view, hashes)
        hidden = rows_of_ids(self.view, self.overrides.hidden)
        excluded = np.concatenate([self._rows_of(self._excluded()), hidden])
        rows[translations] = False
        rows[excluded] = False
        pinned = self._rows_of(self.overrides.pinned)
        if len(pinned):
            pinned = self._pinnable(pinned, excluded)
        return GatheredRows(rows, pinned, self._rows_of(self.shown_on_page), translations)

    def kept_by_rules(self, rows: Mask) -> Mask:
        """Those of some rows, bool [n], that no site rule keeps out of the list."""
        for rule in self.site_rules.never:
            rows = rows & ~rule.rows
        return rows

    def rows_by_default(self) -> Mask:
        """The rows that the list could hold without options, rules, blocks or other lists."""
        rows = self._eligible(ListOptions())
        rows[self.rows.translations] = False
        rows[self._rows_of(seed.id for seed in self.seeds)] = False
        return rows

    def gather_candidates(
        self,
        stage: Reason,
        fetch: int,
        rows: Mask,
        compare_only: Rows,
        story_score: float | None = None,
    ) -> StageCandidates:
        """Find and score the candidates of a stage.

        Args:
            stage: SEMANTIC or a fallback stage.
            fetch: how many candidates to look for.
            rows: which may still be listed, bool [n].
            compare_only: rows that are not listed, but compared, so that their duplicates are
                found, int64 [k].
            story_score: what the pages before have found; None on the first one.
        """
        if stage == SEMANTIC:
            return self._related(fetch, rows, compare_only, story_score)
        if stage == FALLBACK_SECTION:
            rows = rows & self.rows_of_section()
        with timed(self.steps, "search"):
            found = self.newest(rows, fetch)
        scored = self._by_time(self._score(found, compare_only))
        listable = np.arange(len(scored.rows)) < len(found)
        more = len(found) < int(np.count_nonzero(rows))
        return StageCandidates(scored, listable, more, by_time=True)

    def rows_of_section(self) -> Mask:
        """The rows in the section of the seed: bool [n]."""
        section = Filter(section=Choice(frozenset({self.seed.section or ""})))
        return self.view.where(lambda part: matching(part, section))

    def candidates(self, allowed: Mask, fetch: int) -> Rows:
        """The allowed rows nearest to the seed, at most `fetch` by each signal: int64 [m].

        Vectors find articles in languages that the encoder supports; words find the others. Letting
        words search everywhere found nothing more (docs/relevance.md).
        """
        seed, view, found = self.seed, self.view, [np.empty(0, np.int64)]
        by_vectors, query = allowed & self._found_by_vectors(), self.scorer.query
        searches: list[tuple[Callable[[int, Mask], Hits], Mask, bool]] = []
        if query is not None:
            searches.append((partial(view.nearest, query), by_vectors, False))
        if seed.terms is not None:
            by_words = allowed ^ by_vectors
            searches.append((partial(view.nearest_by_terms, seed.terms), by_words, True))
        size = len(view.present) - len(view.delta.vectors)
        for search, rows, words in searches:
            hits = search(fetch, rows) if rows.any() else Hits.none()
            least = float(hits.similarities[-1]) if len(hits.rows) == fetch else -inf
            among = int(np.count_nonzero(rows[:size]))
            self.searches.append(Search(among, fetch, least, words))
            found.append(hits.rows)
        return self.in_tie_order(np.concatenate(found))

    def newest(self, allowed: Mask, fetch: int) -> Rows:
        """The newest allowed rows, those without a date last: int64 [m]."""
        rows = np.flatnonzero(allowed)
        times = np.nan_to_num(self.view.take("published_at", rows), nan=-np.inf)
        # If many share a date, which of them are taken must not depend on their row numbers.
        return self.in_tie_order(rows[np.lexsort((self._tie_breaks(rows), -times))[:fetch]])

    def _related(
        self, fetch: int, rows: Mask, compare_only: Rows, story_score: float | None
    ) -> StageCandidates:
        """The related candidates; with `mode=latest` only those of the seed's story, by time."""
        with timed(self.steps, "search"):
            searched = self.candidates(rows, fetch)
            found = self._with_shares(searched, rows) if self.site_rules.shares else searched
        scored = self._score(found, compare_only)
        new = np.arange(len(scored.rows)) < len(found)
        listable = scored.are_related(self.policy, self.options.min_score) & new
        by_time = self.options.mode == "latest"
        if by_time:
            if story_score is None:
                story_score = self._story_score(scored, listable)
            listable &= scored.scores.score >= np.float32(story_score)
            scored = self._by_time(scored)
        of_search = new if found is searched else np.isin(scored.rows, searched)
        more = fetch <= len(searched) and bool(listable[of_search].all())
        return StageCandidates(scored, listable, more, by_time, story_score)

    def _with_shares(self, found: Rows, rows: Mask) -> Rows:
        """Add the nearest members of each share for which places are kept: int64 [m]."""
        for share in self.site_rules.shares:
            if share.rule.at_least:
                others = rows & share.rows
                others[found] = False
                found = np.concatenate([found, self.candidates(others, self.policy.candidates)])
        return self.in_tie_order(found)

    def score(self, rows: Rows) -> ScoredCandidates:
        """Score some rows, int64 [m]; their order is kept. Site rules have no part in it."""
        self.compared.append(rows)
        return self.scorer.score(rows)

    def _score(self, found: Rows, compare_only: Rows) -> ScoredCandidates:
        with timed(self.steps, "scores"):
            scored = self.score(np.concatenate([found, compare_only]))
            if not self.site_rules.boosts:
                return scored
            return scored.boosted(self.site_rules.boost_of(scored.rows))

    def _story_score(self, scored: ScoredCandidates, related: Mask) -> float:
        """The least score of the seed's story: `latest_share` of the best related candidate's."""
        # The best score without reprints of the seed, which few others could come near.
        minhashes, others = self.view.take("minhash", scored.rows), related.copy()
        for seed in self.seeds:
            others &= estimate_jaccard(seed.minhash, minhashes) < self.policy.duplicate_overlap
        best = scored.scores.score.max(initial=0.0, where=others)
        return float(self.policy.latest_share * best)

    def _by_time(self, scored: ScoredCandidates) -> ScoredCandidates:
        """The same candidates with their times as ranking values."""
        times = self.view.take("published_at", scored.rows)
        return replace(scored, values=np.nan_to_num(times, nan=UNDATED))

    def filter_of(self, options: ListOptions) -> Filter:
        """The filter of some options for the seed."""
        return Filter.of(options, self.seed.language, self.seed.published_at, self.now)

    def _eligible(self, options: ListOptions) -> Mask:
        """Rows that may be listed and meet the filters of some options: bool [n]."""
        wanted = self.wanted if options is self.options else self.filter_of(options)
        untitled = self.policy.untitled
        return self.view.where(lambda part: listable(part, self.now, wanted, untitled=untitled))

    def _pinnable(self, rows: Rows, excluded: Rows) -> Rows:
        """Those of some rows that may be pinned, in their order.

        They must meet the filter of the request, except for its default language, which does not
        bind editors.
        """
        options = self.options.model_copy(update={"language": self.options.language or "any"})
        wanted = self.filter_of(options)
        untitled = self.policy.untitled
        allowed = self.view.where(
            lambda part: pinnable(part, self.now, untitled=untitled) & matching(part, wanted)
        )
        allowed[excluded] = False
        return rows[allowed[rows]]

    def _found_by_vectors(self) -> Mask:
        """Rows that the seed's vector can find, in its own language or in another: bool [n]."""
        reach = self.reach
        return np.zeros(len(self.view), np.bool_) if reach is None else self.view.where(reach)

    @cached_property
    def reach(self) -> Callable[[IndexedColumns], Mask] | None:
        """What says which rows the seed's vector can find; None if it can find none.

        It depends on the seed alone, and on what was measured; it keeps no view.
        """
        seed, measured = self.seed, self.scorer.measured
        if not (seed.embedded and seed.language in measured):
            return None
        return _reach_of(seed.language, measured)

    def _excluded(self) -> frozenset[str]:
        """Ids that this list may not hold, not even pinned."""
        seeds = (seed.id for seed in self.seeds)
        return self.overrides.blocked.union(self.options.exclude, self.shown_on_page, seeds)

    def _rows_of(self, ids: Iterable[str]) -> Rows:
        """The rows of those ids that the view has, in their order."""
        found = (self.view.row_of(one) for one in ids)
        return np.array([row for row in found if row is not None], np.int64)

    def in_tie_order(self, rows: Rows) -> Rows:
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


@lru_cache(maxsize=256)
def _reach_of(language: str, measured: frozenset[str]) -> Callable[[IndexedColumns], Mask]:
    """What says which rows the vector of a seed of a language can find: the same for all seeds."""
    choices = (Choice(measured), Choice(frozenset({language})))
    known, same = (Filter(languages=one) for one in choices)
    key = ("by vectors", language, measured)

    def find(part: IndexedColumns) -> Mask:
        fluent = part.columns["fluent"] | ~matching(part, same)
        found: Mask = part.columns["embedded"] & matching(part, known) & fluent
        return found

    return lambda part: computed(part, key, lambda: find(part))
