"""The use case: for one article, the most related other ones, in the order to show them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.analysis.minhash import estimate_jaccard
from recommender.api import (
    Item,
    ListOptions,
    RelatedList,
)
from recommender.ranking.candidates import ListRequest
from recommender.ranking.display import DisplayFields
from recommender.ranking.overrides import NO_OVERRIDES, Overrides
from recommender.ranking.picking import Removed, pool_of, removed_from, rules_of, told_among
from recommender.ranking.policy import Policy
from recommender.ranking.pool import Rules
from recommender.ranking.ranked import Ranked
from recommender.ranking.seeds import Seed
from recommender.ranking.selection import Selection, choose

__all__ = ["FALLBACK_STAGES", "SelectedItems", "list_of", "list_related", "select_items"]

SEMANTIC: Final = "semantic"
PINNED: Final = "pinned"
SAME_SECTION: Final = "fallback:section"
LATEST: Final = "fallback:latest"
FALLBACK_STAGES: Final = (SAME_SECTION, LATEST)
UNDATED: Final = -1e18
Mask = NDArray[np.bool_]
SPARE: Final = 4  # so many times the missing items are looked at, as some are told twice
MOST_CANDIDATES: Final = 800  # where those were too few; what they cost bounds what a list costs


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
    """The list under an article, at `now` (seconds since 1970 in UTC).

    What editors pinned stands first, with reason `pinned`. Related articles follow, with reason
    `semantic`; a list that stays short is filled from the ladder, with reasons `fallback:section`
    and `fallback:latest`. Every item may be shown, meets the options, is not blocked and is not the
    seed; unless it is pinned, it is neither a translation nor a near-duplicate of the seed, nor a
    near-duplicate of an item above.
    """
    request = ListRequest(view, seed, options, policy, now, overrides)
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


def _short_because(seed: Seed, options: ListOptions, returned: int) -> str | None:
    if returned >= options.limit:
        return None
    if not seed.lists:
        return "no_related"
    return "few_eligible" if options.min_score is None else "min_score"


def select_items(request: ListRequest) -> SelectedItems:
    """Select the items stage by stage: a fallback stage runs only while the list is short."""
    if not request.seed.lists:
        return SelectedItems((), {})
    making = _Making(request)
    making.pin()
    for rung in _rungs(request):
        making.fill(rung)
    return SelectedItems(tuple(making.items), making.removed)


def _rungs(request: ListRequest) -> tuple[str, ...]:
    if not request.policy.fallback or request.options.min_score is not None:
        return (SEMANTIC,)
    return (SEMANTIC, *FALLBACK_STAGES) if request.seed.section else (SEMANTIC, LATEST)


@dataclass(frozen=True, slots=True, eq=False)
class Rung:
    """Candidates of a rung.

    Attributes:
        ranked: with what each is worth there.
        listable: bool [m], which of them may be listed; the others only tell who retells whom,
            among them what was told above or elsewhere on the page.
        more: whether there may be more of them.
    """

    ranked: Ranked
    listable: Mask
    more: bool


class _Making:
    """A list in the making."""

    def __init__(self, request: ListRequest) -> None:
        self.items: list[Item] = []
        self.removed: dict[int, Removed] = {}
        self._inquiry, self._view = request, request.view
        self._allowed = request.allowed()
        self._listed: list[int] = []
        self._shown_on_page = request.rows_on_page()
        self._told = self._shown_on_page  # who only shows what was told: elsewhere, or again above

    def pin(self) -> None:
        """Put on the list what editors want first, whatever it scores."""
        rows, options = self._inquiry.pinned(), self._inquiry.options
        rows = rows[
            ~told_among(
                self._view, rows, self._shown_on_page, self._inquiry.policy.duplicate_overlap
            )
        ]
        if not len(rows):
            return
        ranked = self._inquiry.rank(rows)
        if options.min_score is not None:
            ranked = ranked.at(ranked.scores.score >= options.min_score)
        self._append(PINNED, ranked, np.arange(min(len(ranked.rows), options.limit)))

    def fill(self, name: str) -> None:
        """Put what a rung has on the list, as far as there is room.

        Where copies of one story crowd out the rest, more candidates are looked at, but once: where
        there are copies without end, a lower rung fills the list, or it stays short.
        """
        missing = self._inquiry.options.limit - len(self.items)
        fetch = self._inquiry.policy.candidates if name == SEMANTIC else SPARE * missing
        while missing and self._allowed.any():
            rung = self._rung(name, fetch)
            selection = self._choose(name, rung, missing)
            if len(selection.positions) == missing or not rung.more or fetch >= MOST_CANDIDATES:
                self._take(name, rung.ranked, selection)
                return
            fetch = MOST_CANDIDATES

    def _rung(self, name: str, fetch: int) -> Rung:
        request, allowed = self._inquiry, self._allowed
        if name == SEMANTIC:
            rows = request.candidates(allowed, fetch)
            ranked, new = self._ranked(rows)
            related = self._of_the_story(ranked, new)
            more = fetch <= len(rows) and bool(related[new].all())
            return Rung(self._timed(name, ranked), related, more)
        if name == SAME_SECTION:
            allowed = request.in_section(allowed)
        rows = request.newest(allowed, fetch)
        ranked, new = self._ranked(rows)
        more = len(rows) < int(np.count_nonzero(allowed))
        return Rung(self._timed(name, ranked), new, more)

    def _ranked(self, rows: NDArray[np.int64]) -> tuple[Ranked, Mask]:
        """Score some rows and those that were told, and tell which are no such."""
        ranked = self._inquiry.rank(np.concatenate([rows, self._told]))
        return ranked, np.arange(len(ranked.rows)) < len(rows)

    def _of_the_story(self, ranked: Ranked, new: Mask) -> Mask:
        """Who of the new counts as related; with `mode=latest`, only those of the seed's story."""
        request, policy = self._inquiry, self._inquiry.policy
        related = request.are_related(ranked) & new
        if request.options.mode == "latest":
            # The best that is another telling: a reprint of the seed would be hard to come near.
            told = estimate_jaccard(request.seed.signature, self._signatures(ranked.rows))
            others = related & (told < policy.duplicate_overlap)
            score = ranked.scores.score
            related &= score >= policy.latest_share * score.max(initial=0.0, where=others)
        return related

    def _timed(self, name: str, ranked: Ranked) -> Ranked:
        """The same candidates, where time decides valued by it; the undated come last."""
        if not self._by_time(name):
            return ranked
        times = self._view.take("published_at", ranked.rows)
        return replace(ranked, values=np.nan_to_num(times, nan=UNDATED))

    def _by_time(self, name: str) -> bool:
        return name != SEMANTIC or self._inquiry.options.mode == "latest"

    def _choose(self, name: str, rung: Rung, missing: int) -> Selection:
        request, listed = self._inquiry, np.array(self._listed, np.int64)
        told = self._signatures(np.flatnonzero(request.same_story))
        return choose(
            pool_of(self._view, rung.ranked, request.now),
            missing,
            rules=self._rules(name),
            told=np.vstack([request.seed.signature, told]),
            listable=rung.listable,
            listed=pool_of(self._view, request.rank(listed), request.now) if len(listed) else None,
            shown_on_page=np.isin(rung.ranked.rows, self._shown_on_page)
            if len(self._shown_on_page)
            else None,
        )

    def _rules(self, name: str) -> Rules:
        asked = self._inquiry.options.diversity
        diversity = 0.0 if self._by_time(name) else asked
        return rules_of(self._inquiry.policy, self._inquiry.options.limit, diversity)

    def _signatures(self, rows: NDArray[np.int64]) -> NDArray[np.uint16]:
        signatures: NDArray[np.uint16] = self._view.take("signature", rows)
        return signatures

    def _take(self, name: str, ranked: Ranked, selection: Selection) -> None:
        """Take over what was picked, and remember what was taken out."""
        self._append(name, ranked, selection.positions)
        again = ranked.rows[selection.retold]
        again = again[self._allowed[again]]
        self._allowed[again] = False
        self._told = np.concatenate([self._told, again])
        if self._inquiry.options.explain == "all":
            # Of two rungs the first names the item because of which.
            self.removed = removed_from(self._view, ranked, selection) | self.removed

    def _append(self, name: str, ranked: Ranked, positions: NDArray[np.int64]) -> None:
        """Put some candidates at the end of the list, in that order."""
        rows = ranked.rows[positions]
        for position in positions.tolist():
            self.items.append(self._item(name, ranked, position))
        self._allowed[rows] = False
        self._listed += rows.tolist()

    def _item(self, name: str, ranked: Ranked, position: int) -> Item:
        row = int(ranked.rows[position])
        return Item(
            id=self._view.id_of(row),
            rank=len(self.items) + 1,
            score=float(ranked.scores.score[position]),
            **asdict(DisplayFields.from_bytes(self._view.display_of(row))),
            reason=name,
            explanation=ranked.explain(position) if self._inquiry.options.explain else None,
        )
