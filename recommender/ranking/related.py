"""The use case: for one article the most related other ones, in the order to show them.

First the candidates are gathered and scored (`candidates`, `scoring`), then the list is decided
(`selection`), stage by stage: pins, related articles, and the fallback stages if the list is short.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.analysis.minhash import estimate_jaccard
from recommender.api import Item, ListOptions, RelatedList, Rule
from recommender.ranking.candidates import ListRequest
from recommender.ranking.display_fields import DisplayFields
from recommender.ranking.duplicates import repeats_among
from recommender.ranking.overrides import NO_OVERRIDES, Overrides
from recommender.ranking.policy import Policy
from recommender.ranking.scoring import ScoredCandidates
from recommender.ranking.seed import Seed
from recommender.ranking.selection import (
    CandidatePool,
    Removal,
    Selection,
    SelectionRules,
    select,
)

__all__ = [
    "FALLBACK_STAGES",
    "Removed",
    "SelectedItems",
    "list_of",
    "list_related",
    "make_list",
    "pool_of",
    "select_items",
]

SEMANTIC: Final = "semantic"
PINNED: Final = "pinned"
SAME_SECTION: Final = "fallback:section"
LATEST: Final = "fallback:latest"
FALLBACK_STAGES: Final = (SAME_SECTION, LATEST)
UNDATED: Final = -1e18
SPARE: Final = 4  # candidates of a fallback stage for each missing item, as some are duplicates
MOST_CANDIDATES: Final = 800  # of the second try, if the first had too few; bounds the cost
RULE_OF: Final[Mapping[Removal, Rule]] = {
    Removal.DUPLICATE_OF_SEED: "duplicate_of_seed",
    Removal.DUPLICATE: "duplicate",
    Removal.STORY_CAP: "story_cap",
    Removal.COPY_CAP: "copy_cap",
    Removal.TRANSLATION: "translation",
}
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Removed:
    """The rule that removed a candidate during selection.

    `because` is the id of the item that is listed instead or that filled a cap; None for the seed.
    """

    rule: Rule
    because: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SelectedItems:
    """The items of a list; and by row why selection removed others, if the request asks for it."""

    items: tuple[Item, ...]
    removed: Mapping[int, Removed]


def list_related(
    view: View,
    seed: Seed,
    options: ListOptions,
    policy: Policy,
    now: float,
    overrides: Overrides = NO_OVERRIDES,
) -> RelatedList:
    """The list of a seed at `now` (seconds since 1970 in UTC).

    Pins come first, with reason `pinned`. Related articles follow, with reason `semantic`. A list
    that is still short is filled by the fallback stages, with reasons `fallback:section` and
    `fallback:latest`. Every item is eligible, meets the options, is not blocked and is not the
    seed. Unless it is pinned, it is no translation and no near-duplicate of the seed or of an item
    above.
    """
    return make_list(ListRequest(view, seed, options, policy, now, overrides))


def make_list(request: ListRequest) -> RelatedList:
    """The list for a request, without explanations of what was dropped; see `list_related`."""
    return list_of(request, select_items(request))


def list_of(request: ListRequest, selected: SelectedItems) -> RelatedList:
    """The answer to a request, from its selected items."""
    seed, options = request.seed, request.options
    return RelatedList(
        article_id=seed.id,
        items=selected.items,
        requested=options.limit,
        returned=len(selected.items),
        mode=options.mode,
        generation=request.view.generation,
        short_because=_short_because(seed, options, len(selected.items)),
    )


def select_items(request: ListRequest) -> SelectedItems:
    """Select the items stage by stage; a fallback stage runs only while the list is short."""
    if not request.seed.has_list:
        return SelectedItems((), {})
    unfinished = _UnfinishedList(request)
    unfinished.add_pins()
    for stage in _stages(request):
        unfinished.add_from(stage)
    return SelectedItems(tuple(unfinished.items), unfinished.removed)


def pool_of(view: View, scored: ScoredCandidates, now: float) -> CandidatePool:
    """Scored candidates as selection takes them.

    A revision after `now` (seconds since 1970 UTC) does not count; the publication date does.
    """
    rows = scored.rows
    names = ("author", "host", "embedded", "id_hash", "translates")
    times, *others = (view.take(name, rows) for name in ("revised_at", *names))
    if np.count_nonzero(times > now):
        times = np.where(times > now, view.take("published_at", rows), times)
    texts = (view.take("minhash", rows), view.take("text_cluster", rows))
    return CandidatePool(scored.values, scored.vectors, *texts, times, *others)


def _short_because(seed: Seed, options: ListOptions, returned: int) -> str | None:
    if returned >= options.limit:
        return None
    if not seed.has_list:
        return "no_related"
    return "few_eligible" if options.min_score is None else "min_score"


def _stages(request: ListRequest) -> tuple[str, ...]:
    if not request.policy.fallback or request.options.min_score is not None:
        return (SEMANTIC,)
    return (SEMANTIC, *FALLBACK_STAGES) if request.seed.section else (SEMANTIC, LATEST)


@dataclass(frozen=True, slots=True, eq=False)
class _StageCandidates:
    """The candidates of one stage.

    Attributes:
        scored: with their scores.
        listable: bool [m], which may be listed. The others only show which candidates are
            duplicates: rows in other lists of the page, and duplicates dropped by earlier stages.
        more: whether the archive may have more candidates.
    """

    scored: ScoredCandidates
    listable: Mask
    more: bool


class _UnfinishedList:
    """A list that stages add items to."""

    def __init__(self, request: ListRequest) -> None:
        self.items: list[Item] = []
        self.removed: dict[int, Removed] = {}
        self._request, self._view = request, request.view
        self._eligible = request.eligible()
        self._listed: list[int] = []
        self._shown_on_page = request.rows_on_page()
        # Rows kept only to detect duplicates: in other lists of the page, or dropped earlier.
        self._witnesses = self._shown_on_page

    def add_pins(self) -> None:
        """Put the pinned articles on the list, whatever their score."""
        request = self._request
        rows, bound = request.pinned(), request.policy.duplicate_overlap
        if len(rows) and len(self._shown_on_page):
            rows = rows[~repeats_among(self._view, rows, self._shown_on_page, bound)]
        if not len(rows):
            return
        scored = request.scorer.score(rows)
        if request.options.min_score is not None:
            scored = scored.at(scored.scores.score >= request.options.min_score)
        self._append(PINNED, scored, np.arange(min(len(scored.rows), request.options.limit)))

    def add_from(self, stage: str) -> None:
        """Add the items of a stage as long as there is room.

        If duplicates crowd out the rest, more candidates are looked at, but only once: if there are
        still too few, a later stage fills the list, or it stays short.
        """
        missing = self._request.options.limit - len(self.items)
        fetch = self._request.policy.candidates if stage == SEMANTIC else SPARE * missing
        while missing and self._eligible.any():
            candidates = self._candidates(stage, fetch)
            selection = self._select(stage, candidates, missing)
            enough = len(selection.positions) == missing
            if enough or not candidates.more or fetch >= MOST_CANDIDATES:
                self._take_over(stage, candidates.scored, selection)
                return
            fetch = MOST_CANDIDATES

    def _candidates(self, stage: str, fetch: int) -> _StageCandidates:
        request, eligible = self._request, self._eligible
        if stage == SEMANTIC:
            rows = request.candidates(eligible, fetch)
        else:
            if stage == SAME_SECTION:
                eligible = request.in_section(eligible)
            rows = request.newest(eligible, fetch)
        scored = request.scorer.score(np.concatenate([rows, self._witnesses]))
        new = np.arange(len(scored.rows)) < len(rows)
        if stage == SEMANTIC:
            listable = self._related(scored, new)
            more = fetch <= len(rows) and bool(listable[new].all())
        else:
            listable, more = new, len(rows) < int(np.count_nonzero(eligible))
        if self._is_by_time(stage):
            times = self._view.take("published_at", scored.rows)
            scored = replace(scored, values=np.nan_to_num(times, nan=UNDATED))
        return _StageCandidates(scored, listable, more)

    def _related(self, scored: ScoredCandidates, new: Mask) -> Mask:
        """Which new candidates are related; with `mode=latest`, only those of the seed's story."""
        request, policy = self._request, self._request.policy
        related = scored.are_related(policy, request.options.min_score) & new
        if request.options.mode == "latest":
            # The best score without reprints of the seed, which few others could come near.
            overlap = estimate_jaccard(request.seed.minhash, self._minhashes(scored.rows))
            others = related & (overlap < policy.duplicate_overlap)
            score = scored.scores.score
            related &= score >= policy.latest_share * score.max(initial=0.0, where=others)
        return related

    def _is_by_time(self, stage: str) -> bool:
        return stage != SEMANTIC or self._request.options.mode == "latest"

    def _select(self, stage: str, candidates: _StageCandidates, missing: int) -> Selection:
        request, listed = self._request, np.array(self._listed, np.int64)
        translations = self._minhashes(np.flatnonzero(request.translations))
        diversity = 0.0 if self._is_by_time(stage) else request.options.diversity
        rows, shown = candidates.scored.rows, self._shown_on_page
        return select(
            pool_of(self._view, candidates.scored, request.now),
            missing,
            rules=SelectionRules.of(request.policy, request.options.limit, diversity),
            seed_minhashes=np.vstack([request.seed.minhash, translations]),
            listable=candidates.listable,
            listed=self._pool_of(listed) if len(listed) else None,
            shown_on_page=np.isin(rows, shown) if len(shown) else None,
        )

    def _pool_of(self, rows: Rows) -> CandidatePool:
        return pool_of(self._view, self._request.scorer.score(rows), self._request.now)

    def _minhashes(self, rows: Rows) -> NDArray[np.uint16]:
        minhashes: NDArray[np.uint16] = self._view.take("minhash", rows)
        return minhashes

    def _take_over(self, stage: str, scored: ScoredCandidates, selection: Selection) -> None:
        """Append what was selected, and keep what was removed."""
        self._append(stage, scored, selection.positions)
        repeats = scored.rows[selection.repeats]
        repeats = repeats[self._eligible[repeats]]
        self._eligible[repeats] = False
        self._witnesses = np.concatenate([self._witnesses, repeats])
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
            )
            for at in np.flatnonzero(removals).tolist()
        }

    def _append(self, stage: str, scored: ScoredCandidates, positions: Rows) -> None:
        """Append some candidates to the list, in that order."""
        rows = scored.rows[positions]
        for position in positions.tolist():
            self.items.append(self._item(stage, scored, position))
        self._eligible[rows] = False
        self._listed += rows.tolist()

    def _item(self, stage: str, scored: ScoredCandidates, position: int) -> Item:
        row = int(scored.rows[position])
        return Item(
            id=self._view.id_of(row),
            rank=len(self.items) + 1,
            score=float(scored.scores.score[position]),
            **asdict(DisplayFields.from_bytes(self._view.display_of(row))),
            reason=stage,
            explanation=scored.explain(position) if self._request.options.explain else None,
        )
