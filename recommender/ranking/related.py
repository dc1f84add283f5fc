"""The use case: for one article the most related other ones, in the order to show them.

First the candidates are gathered and scored (`candidates`, `scoring`), then the list is decided
(`selection`), stage by stage: pins, related articles, and the fallback stages if the list is short.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import (
    FALLBACK_LATEST,
    FALLBACK_STAGES,
    LIMITS,
    PINNED,
    SEMANTIC,
    WORDS,
    Explanation,
    Item,
    ListOptions,
    Reason,
    RelatedList,
    Rule,
    ShortBecause,
)
from recommender.display_fields import DisplayFields
from recommender.ranking.candidates import CandidatePool, ListRequest, StageCandidates, timed
from recommender.ranking.duplicates import repeats_among
from recommender.ranking.fusion import ScoredCandidates
from recommender.ranking.hints import SelectionCounts, find_hint, find_shortage
from recommender.ranking.selection import (
    USUAL_LENGTH,
    Removal,
    Selection,
    SelectionRules,
    select,
)
from recommender.ranking.shares import NO_SHARE, ShareBounds
from recommender.ranking.site_rules import ActiveRule

__all__ = [
    "Removed",
    "SelectedItems",
    "list_of",
    "list_related",
    "pool_of",
    "select_items",
    "shows_list",
    "title_of",
]

SPARE: Final = 4  # candidates of a fallback stage for each missing item, as some are duplicates
MOST_CANDIDATES: Final = 800  # of the second try, if the first had too few; bounds the cost
RULE_OF: Final[Mapping[Removal, Rule]] = {
    Removal.DUPLICATE_OF_SEED: "duplicate_of_seed",
    Removal.DUPLICATE: "duplicate",
    Removal.STORY_CAP: "story_cap",
    Removal.COPY_CAP: "copy_cap",
    Removal.TRANSLATION: "translation",
    Removal.SHARE_CAP: "share_cap",
}
CAPS: Final = (Removal.STORY_CAP, Removal.COPY_CAP, Removal.SHARE_CAP)
POOLED: Final = (
    *("minhash", "text_cluster", "revised_at", "author", "host"),
    *("embedded", "id_hash", "translates"),
)
"""The columns that selection reads of its candidates."""
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Removed:
    """The rule that removed a candidate during selection.

    `because` is the id of the item that is listed instead or that filled a cap; None for the seed.
    `site_rule` is the name of the site rule of a share that was full.
    """

    rule: Rule
    because: str | None = None
    site_rule: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SelectedItems:
    """The items of a list, and what selection removed.

    Attributes:
        items: in list order.
        removed: by row, why selection removed it, if the request asks for that.
        duplicates: how many articles it removed as duplicates or translations.
        capped: how many it removed by a cap.
    """

    items: tuple[Item, ...]
    removed: Mapping[int, Removed]
    duplicates: int = 0
    capped: int = 0


def list_related(request: ListRequest) -> RelatedList:
    """The list for a request, without explanations of what was dropped.

    Pins come first, with reason `pinned`. Related articles follow, with reason `semantic`, or
    `words` if they were compared by words alone. A list that is still short is filled by the
    fallback stages, with reasons `fallback:section` and `fallback:latest`. Every item is eligible,
    meets the options, is not blocked and is not the seed. Unless it is pinned, it is no translation
    and no near-duplicate of the seed or of an item above.
    """
    return list_of(request, select_items(request))


def list_of(request: ListRequest, selected: SelectedItems) -> RelatedList:
    """The answer to a request: the page that it asks for, from its selected items."""
    options, items = request.options, selected.items[request.options.offset :]
    short = _short_because(request, selected)
    may_hint = options.section or options.tag or options.author or options.attr
    return RelatedList(
        article_id=request.seed.id or None,
        items=items,
        requested=_end_of_page(options) - options.offset,
        returned=len(items),
        mode=options.mode,
        generation=request.view.snapshot.generation,
        offset=options.offset,
        short_because=short,
        hint=find_hint(request) if may_hint and (short or options.explain) else None,
    )


def shows_list(request: ListRequest) -> bool:
    """Whether a list stands under the seed: its CMS or an editor may not want one."""
    return request.seed.has_list and request.overrides.has_list


def select_items(request: ListRequest) -> SelectedItems:
    """Select the items from the first one to the last one of the page that is asked for.

    A page is selected stage by stage, below the pages before it; a fallback stage runs only while
    the page is short. No page follows one that stays short, or places between them would be empty.
    """
    if not shows_list(request):
        return SelectedItems((), {})
    unfinished, ends = _UnfinishedList(request), _ends_of_pages(request.options)
    if request.overrides.pinned:
        unfinished.add_pins(ends[-1])
    for end in ends:
        for stage in _stages(request):
            unfinished.add_from(stage, end)
        if len(unfinished.items) < end:
            break
    removals = Counter(unfinished.removals.values())
    capped = sum(removals[cap] for cap in CAPS)
    duplicates = removals.total() - capped
    items = tuple(unfinished.items[: _end_of_page(request.options)])
    return SelectedItems(items, unfinished.removed, duplicates, capped)


def pool_of(
    view: View, scored: ScoredCandidates, now: float, shares: Sequence[ActiveRule] = ()
) -> CandidatePool:
    """Scored candidates as selection takes them, with their membership in shares.

    A revision after `now` (seconds since 1970 UTC) does not count; the publication date does.
    """
    rows = scored.rows
    read = view.take_each(POOLED, rows)
    times = read["revised_at"]
    if np.count_nonzero(times > now):
        times = np.where(times > now, view.take("published_at", rows), times)
    members = np.zeros((len(rows), len(shares)), np.bool_)
    for at, share in enumerate(shares):
        members[:, at] = share.rows[rows]
    return CandidatePool(
        *(scored.values, scored.vectors, read["minhash"], read["text_cluster"], times),
        *(read["author"], read["host"], read["embedded"], read["id_hash"], read["translates"]),
        members,
    )


def _end_of_page(options: ListOptions) -> int:
    """How many items stand before and on the page that is asked for; a list ends at 100."""
    return min(options.offset + options.limit, LIMITS[-1])


def _ends_of_pages(options: ListOptions) -> list[int]:
    """How many items the pages hold up to the end of each: of all pages up to the one asked for.

    They depend on nothing but the limit, so that every page sees the same pages before it. If the
    limit is small, the pages after the first are of the usual length: fewer selections are made.
    """
    first, step = options.limit, max(options.limit, USUAL_LENGTH)
    ends, end = [first], first
    while end < _end_of_page(options):
        end = min((end // step + 1) * step, LIMITS[-1])
        ends.append(end)
    return ends


def _short_because(request: ListRequest, selected: SelectedItems) -> ShortBecause | None:
    places, listed = _end_of_page(request.options), len(selected.items)
    if not shows_list(request):
        return "no_related"
    if request.seed.terms is None and all(one.terms is None for one in request.liked_seeds):
        return "not_read_yet"
    if listed >= places:
        return None
    counts = SelectionCounts(listed, selected.duplicates, selected.capped)
    return find_shortage(request, places, counts, filled_up=_fills_up(request))


def _fills_up(request: ListRequest) -> bool:
    """Whether a list of few related articles is filled up with others."""
    return request.policy.fallback and request.options.min_score is None


def _stages(request: ListRequest) -> tuple[Reason, ...]:
    if not _fills_up(request):
        return (SEMANTIC,)
    return (SEMANTIC, *FALLBACK_STAGES) if request.seed.section else (SEMANTIC, FALLBACK_LATEST)


class _UnfinishedList:
    """A list that stages add items to."""

    def __init__(self, request: ListRequest) -> None:
        self.items: list[Item] = []
        self.removed: dict[int, Removed] = {}
        self.removals: dict[int, int] = {}  # by row, of those that a stage removed
        self._request, self._view = request, request.view
        self._listed: list[tuple[CandidatePool, Rows]] = []  # by stage: pool, positions
        self._left = np.ones(len(self._view), np.bool_)  # neither listed nor dropped as repeats
        self._repeats = np.empty(0, np.int64)
        self._story_score: float | None = None

    def add_pins(self, end: int) -> None:
        """Put the pinned articles on the list, whatever their score, up to `end` of them."""
        request = self._request
        rows, shown = request.rows.pinned, request.rows.shown_on_page
        if len(rows) and len(shown):
            bound = request.policy.duplicate_overlap
            rows = rows[~repeats_among(self._view, rows, shown, bound)]
        if not len(rows):
            return
        scored = request.score(rows)
        if request.options.min_score is not None:
            scored = scored.at(scored.scores.score >= request.options.min_score)
        positions = np.arange(min(len(scored.rows), end))
        self._append(PINNED, scored, self._pool_of(scored), positions)

    def add_from(self, stage: Reason, end: int) -> None:
        """Add the items of a stage until the list has `end` items.

        If duplicates crowd out the rest, more candidates are looked at, but only once: if there are
        still too few, a later stage fills the list, or it stays short.
        """
        request = self._request
        missing = end - len(self.items)
        fetch = request.policy.candidates if stage == SEMANTIC else SPARE * missing
        while missing > 0 and (rows := request.rows.eligible & self._left).any():
            compare_only = np.concatenate([request.rows.shown_on_page, self._repeats])
            candidates = request.gather_candidates(
                stage, fetch, rows, compare_only, self._story_score
            )
            with timed(request.steps, "selection"):
                pool = self._pool_of(candidates.scored)
                selection = self._select(candidates, pool, end)
            enough = len(selection.positions) == missing
            if enough or not candidates.more or fetch >= MOST_CANDIDATES:
                self._append(stage, candidates.scored, pool, selection.positions, selection.shares)
                self._note_removed(candidates.scored, selection)
                if stage == SEMANTIC:
                    self._story_score = candidates.story_score
                return
            fetch = MOST_CANDIDATES

    def _pool_of(self, scored: ScoredCandidates) -> CandidatePool:
        request = self._request
        return pool_of(self._view, scored, request.now, request.site_rules.shares)

    def _select(self, candidates: StageCandidates, pool: CandidatePool, end: int) -> Selection:
        request = self._request
        rows, shown = candidates.scored.rows, request.rows.shown_on_page
        translations = self._view.take("minhash", request.rows.translations)
        return select(
            pool,
            end - len(self.items),
            rules=self._selection_rules(end, by_time=candidates.by_time),
            seed_minhashes=np.vstack([*(seed.minhash for seed in request.seeds), translations]),
            listable=candidates.listable,
            listed=self._listed_pool() if self._listed else None,
            shown_on_page=np.isin(rows, shown) if len(shown) else None,
        )

    def _selection_rules(self, end: int, *, by_time: bool) -> SelectionRules:
        """The rules of the list down to the end of a page."""
        policy, options = self._request.policy, self._request.options
        rules = SelectionRules.of(policy, end, 0.0 if by_time else options.diversity)
        if not self._request.site_rules.shares:
            return rules
        shares = (share.rule for share in self._request.site_rules.shares)
        bounds = (ShareBounds.of(rule, end, by_time=by_time) for rule in shares)
        return replace(rules, shares=tuple(bounds))

    def _listed_pool(self) -> CandidatePool:
        """The items so far, in list order; at least one."""
        stages = (pool.at(positions) for pool, positions in self._listed)
        return reduce(lambda above, below: below.under(above), stages)

    def _note_removed(self, scored: ScoredCandidates, selection: Selection) -> None:
        """Keep what was removed, for the stages that follow and for explanations."""
        repeats = scored.rows[selection.repeats]
        repeats = repeats[self._request.rows.eligible[repeats] & self._left[repeats]]
        self._left[repeats] = False
        self._repeats = np.concatenate([self._repeats, repeats])
        at = np.flatnonzero(selection.removals)
        self.removals |= zip(scored.rows[at].tolist(), selection.removals[at].tolist(), strict=True)
        if self._request.options.explain == "all":
            # If two stages removed a row, the reason of the first stage stays.
            self.removed = self._removed_by(scored, selection) | self.removed

    def _removed_by(self, scored: ScoredCandidates, selection: Selection) -> dict[int, Removed]:
        """By row, the rule that removed a candidate, and the item because of which."""
        removals, because_of, rows = selection.removals, selection.because_of, scored.rows.tolist()
        return {
            rows[at]: Removed(
                RULE_OF[Removal(removals[at])],
                self._view.id_of(rows[because_of[at]]) if because_of[at] >= 0 else None,
                self._share_name(selection.shares, at),
            )
            for at in np.flatnonzero(removals).tolist()
        }

    def _share_name(self, shares: Rows | None, position: int) -> str | None:
        """The name of the rule whose share decided about a candidate; None for none."""
        if shares is None or shares[position] == NO_SHARE:
            return None
        return self._request.site_rules.shares[int(shares[position])].rule.name

    def _append(
        self,
        stage: Reason,
        scored: ScoredCandidates,
        pool: CandidatePool,
        positions: Rows,
        shares: Rows | None = None,
    ) -> None:
        """Append some candidates to the list, in that order; `shares` is what kept their places."""
        rows = scored.rows[positions]
        for position in positions.tolist():
            self.items.append(self._item(stage, scored, position, shares))
        self._left[rows] = False
        self._request.listed.extend(rows.tolist())
        for row in rows.tolist():  # a cap of a page before may have removed it
            self.removals.pop(row, None)
            self.removed.pop(row, None)
        if len(rows):
            self._listed.append((pool, positions))

    def _item(
        self, stage: Reason, scored: ScoredCandidates, position: int, shares: Rows | None
    ) -> Item:
        row = int(scored.rows[position])
        by_words = stage == SEMANTIC and bool(scored.weights.lexical[position] >= 1)
        explanation = scored.explain(position) if self._request.options.explain else None
        if explanation is not None and self._request.policy.rules:
            explanation = self._with_rules(explanation, row, self._share_name(shares, position))
        return Item(
            id=self._view.id_of(row),
            rank=len(self.items) + 1,
            score=float(scored.scores.score[position]),
            **DisplayFields.read_item(self._view.display_of(row), self._request.options.fields),
            reason=WORDS if by_words else stage,
            because=None if scored.seeds is None else scored.seeds.best_id(position),
            explanation=explanation,
        )

    def _with_rules(self, explained: Explanation, row: int, share: str | None) -> Explanation:
        """An explanation that names the site rules which moved an item or kept its place."""
        boosts = self._request.site_rules.names_of_boosts(row) if explained.boost else ()
        names = boosts if share is None else (*boosts, share)
        return explained.model_copy(update={"site_rules": names})


def title_of(view: View, article_id: str) -> str:
    """The title of an article; its id if it has no title or is not in the view."""
    row = view.row_of(article_id)
    title = "" if row is None else DisplayFields.from_bytes(view.display_of(row)).title
    return title or article_id
