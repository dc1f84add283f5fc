"""What a list rests on, so that it is known of a later view whether it makes the same list.

A list is made from rows that were compared for it. Rows never change: a changed article gets
another row, and its old one is no longer present. So a later view of the same snapshot makes the
same list if every row that was compared is still present, and no row that came since would have
been found: by a search, as the seed's translation, or by its own id. Decision 26 has the proof.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import FALLBACK_STAGES, RelatedList
from recommender.ranking.filters import Filter, IndexedColumns, eligible, matching

if TYPE_CHECKING:
    from recommender.ranking.candidates import ListRequest

__all__ = ["Basis"]

MARGIN: Final = 1e-3
"""A similarity that is computed in another order may differ by 1e-6, one of an index by 5e-4."""
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What a list was made from. It holds no view, which would keep a snapshot open.

    Attributes:
        seed_row: the row of the seed.
        first: the lowest row that was compared.
        gaps: from each row that was compared to the next, unsigned [m - 1].
        length: how many rows the view had.
        gone: how many rows of the snapshot were not present.
        among: of each search by vectors, how many rows of the snapshot were allowed.
        wanted: the filter of the list.
        untitled: whether articles without a title are listed.
        reach: what says which rows the seed's vector can find; None if it can find none.
        smoothing: how much neighbours count in the seed's vector.
        least: a row whose vector is less similar was not found.
        least_by_words: a row whose terms are less similar was not found.
        linked: hashes of the seed and its translations, and of what they translate.
    """

    seed_row: int
    first: int
    gaps: NDArray[np.unsignedinteger[Any]]
    length: int
    gone: int
    among: tuple[int, ...]
    wanted: Filter
    untitled: bool
    reach: Callable[[IndexedColumns], Mask] | None
    smoothing: float
    least: float
    least_by_words: float
    linked: tuple[int, ...]

    @classmethod
    def of(cls, request: "ListRequest", related: RelatedList) -> Self | None:
        """The basis of a list; None if any change might change the list.

        So it is with a list that is short or filled up, with a page below others, which may be
        filled up, and with places that are kept for members of a share: what is newest, or the
        only one of its kind, is listed without being near.
        """
        view, seed, searches = request.view, request.seed, request.searches
        pins = [view.row_of(one) for one in (*request.overrides.pinned, seed.id)]
        filled_up = any(item.reason in FALLBACK_STAGES for item in related.items)
        if filled_up or related.short_because or related.hint or None in pins or seed.row is None:
            return None
        if request.site_rules.shares or request.shown_on_page or request.options.offset:
            return None
        translations = np.flatnonzero(request.rows.translations)
        compared = np.concatenate([np.array(pins, np.int64), translations, *request.compared])
        linked = {seed.id_hash, seed.translates}
        if len(translations) > 1:  # the seed itself is one of them
            for name in ("id_hash", "translates"):
                linked.update(view.take(name, translations).tolist())
        rows = np.unique(compared)
        gaps = np.diff(rows)
        return cls(
            seed_row=seed.row,
            first=int(rows[0]),
            gaps=gaps.astype(np.min_scalar_type(gaps.max(initial=0))),
            length=len(view),
            gone=_gone(view),
            among=tuple({one.among for one in searches if not one.by_words}),
            wanted=request.wanted,
            untitled=request.policy.untitled,
            reach=request.reach,
            smoothing=request.scorer.smoothing,
            least=min((one.least for one in searches if not one.by_words), default=inf),
            least_by_words=min((one.least for one in searches if one.by_words), default=inf),
            linked=tuple(linked),
        )

    @property
    def rows(self) -> Rows:
        """All rows that were compared, ascending: int64 [m]."""
        return self.first + np.concatenate([[0], np.cumsum(self.gaps, dtype=np.int64)])

    def holds(self, view: View, now: float, known: int = 0) -> bool:
        """Whether a later view of the same snapshot makes the same list.

        Policy, pins and blocks must be the same; and between the two moments no article may have
        come on show or gone by the clock alone.

        Args:
            view: made from the view of the list by changes.
            now: seconds since 1970 in UTC.
            known: how many rows a view had, between both, that made the same list.
        """
        if not view.present[self.rows].all():
            return False
        # Where fewer rows are allowed, more lists are visited, and may have nearer ones.
        gone, visited = _gone(view) - self.gone, view.snapshot.vectors.count_visited
        if gone and any(visited(one) != visited(one - gone) for one in self.among):
            return False
        known = max(known, self.length)
        new = np.flatnonzero(view.present[known:]) + known
        return not len(new) or not self._may_find(view, new, now)

    def _may_find(self, view: View, rows: Rows, now: float) -> bool:
        """Whether the list might have been another with some more rows of the delta, int64 [m]."""
        hashes = view.take_each(("id_hash", "translates"), rows)
        if any(not {*some.tolist()}.isdisjoint(self.linked) for some in hashes.values()):
            return True
        part, at = view.delta, rows - len(view.snapshot)
        listable = eligible(part, now, untitled=self.untitled) & matching(part, self.wanted)
        rows, at = rows[listable[at]], at[listable[at]]
        if not len(rows):
            return False
        # All are compared: a language that is new may be searched, and `reach` does not know it.
        if self.reach is not None:
            query = view.fetch_smoothed(np.array([self.seed_row]), self.smoothing)[0]
            if (view.fetch(rows) @ query).max() >= self.least - MARGIN:
                return True
            rows = rows[~self.reach(part)[at]]
        if not len(rows):
            return False
        alike = view.similarities(view.text_of(self.seed_row).terms, rows)
        return bool(((alike > 0) & (alike >= self.least_by_words - MARGIN)).any())


def _gone(view: View) -> int:
    """How many rows of the snapshot are not present."""
    size = len(view.snapshot)
    return size - int(np.count_nonzero(view.present[:size]))
