"""What a list rests on, so that it is known of a later view whether it makes the same list.

A list is made from rows that were compared for it. Rows never change: a changed article gets
another row, and its old one is no longer present. So a later view of the same snapshot makes the
same list if every row that was compared is still present, and no row that came since would have
been found: by a search, as the seed's translation, or by its own id. Decision 26 has the proof.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from math import inf
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import FALLBACK_STAGES, RelatedList
from recommender.ranking.filters import Filter, IndexedColumns, listable

if TYPE_CHECKING:
    from recommender.ranking.candidates import ListRequest

__all__ = ["Basis", "Compared"]

MARGIN: Final = 1e-3
"""A similarity that is computed in another order may differ by 1e-6, one of an index by 5e-4."""
MOST_NEW: Final = 1_000
"""With more rows that came, hardly any list stays the same, and to see that costs as much as a new
list."""
_FIXED: Final = Struct("<qqqddqIIIB")
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


class Compared(NamedTuple):
    """What was compared for a list, in numbers. Many lists are kept, so they are packed.

    Attributes:
        seed_row: the row of the seed.
        length: how many rows the view had.
        gone: how many rows of the snapshot were not present.
        least: a row whose vector is less similar was not found.
        least_by_words: a row whose terms are less similar was not found.
        searches: of each search by vectors, how many rows of the snapshot were allowed, and how
            many were wanted.
        linked: hashes of the seed and its translations, and of what they translate.
        rows: all rows that were compared, ascending: int64 [m], at least one.
    """

    seed_row: int
    length: int
    gone: int
    least: float
    least_by_words: float
    searches: tuple[tuple[int, int], ...]
    linked: tuple[int, ...]
    rows: Rows

    def pack(self) -> bytes:
        """As bytes: the rows by the gaps between them, of as many bits as the widest one has."""
        first, gaps = int(self.rows[0]), np.diff(self.rows)
        width = int(gaps.max(initial=0)).bit_length()
        bits = (gaps[:, np.newaxis] >> np.arange(width)).astype(np.uint8) & 1
        counts = len(gaps), len(self.searches), len(self.linked), width
        integers = np.array([*chain(*self.searches), *self.linked], "<i8")
        fixed = _FIXED.pack(*self[:5], first, *counts)
        return fixed + integers.tobytes() + np.packbits(bits).tobytes()

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Read what `pack` made."""
        seed, length, gone, least, by_words, first, *sizes = _FIXED.unpack_from(packed)
        count, searches, hashes, width = sizes
        integers = np.frombuffer(packed, "<i8", 2 * searches + hashes, _FIXED.size).tolist()
        numbers, linked = integers[: 2 * searches], tuple(integers[2 * searches :])
        pairs = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        rest = np.frombuffer(packed, np.uint8, offset=_FIXED.size + 8 * len(integers))
        bits = np.unpackbits(rest, count=count * width).reshape(count, width)
        gaps = bits @ (1 << np.arange(width, dtype=np.int64))
        rows = first + np.concatenate([[0], np.cumsum(gaps)])
        return cls(seed, length, gone, least, by_words, pairs, linked, rows)


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What a list was made from. It holds no view, which would keep a snapshot open.

    Attributes:
        packed: what was compared.
        wanted: the filter of the list.
        untitled: whether articles without a title are listed.
        reach: what says which rows the seed's vector can find; None if it can find none.
        smoothing: how much neighbours count in the seed's vector.
    """

    packed: bytes
    wanted: Filter
    untitled: bool
    reach: Callable[[IndexedColumns], Mask] | None
    smoothing: float

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
        translations = request.rows.translations
        compared = np.concatenate([np.array(pins, np.int64), translations, *request.compared])
        linked = {seed.id_hash, seed.translates}
        if len(translations) > 1:  # the seed itself is one of them
            for name in ("id_hash", "translates"):
                linked.update(view.take(name, translations).tolist())
        numbers = Compared(
            seed_row=seed.row,
            length=len(view),
            gone=_gone(view),
            least=min((one.least for one in searches if not one.by_words), default=inf),
            least_by_words=min((one.least for one in searches if one.by_words), default=inf),
            searches=tuple({(one.among, one.wanted) for one in searches if not one.by_words}),
            linked=tuple(linked),
            rows=np.unique(compared),
        )
        return cls(
            packed=numbers.pack(),
            wanted=request.wanted,
            untitled=request.policy.untitled,
            reach=request.reach,
            smoothing=request.scorer.smoothing,
        )

    @property
    def rows(self) -> Rows:
        """All rows that were compared, ascending: int64 [m]."""
        return Compared.unpack(self.packed).rows

    def holds(self, view: View, now: float, known: int = 0) -> bool:
        """Whether a later view of the same snapshot makes the same list.

        Policy, pins and blocks must be the same; and between the two moments no article may have
        come on show or gone by the clock alone.

        Args:
            view: made from the view of the list by changes.
            now: seconds since 1970 in UTC.
            known: how many rows a view had, between both, that made the same list.
        """
        compared = Compared.unpack(self.packed)
        if not view.present[compared.rows].all():
            return False
        # Where fewer rows are allowed, more lists are visited, and may have nearer ones.
        gone, visited = _gone(view) - compared.gone, view.snapshot.vectors.count_visited
        searches = compared.searches if gone else ()
        if any(visited(some, most) != visited(some - gone, most) for some, most in searches):
            return False
        known = max(known, compared.length)
        new = np.flatnonzero(view.present[known:]) + known
        if len(new) > MOST_NEW:
            return False
        return not len(new) or not self._may_find(compared, view, new, now)

    def _may_find(self, compared: Compared, view: View, rows: Rows, now: float) -> bool:
        """Whether the list might have been another with some more rows of the delta, int64 [m]."""
        hashes = view.take_each(("id_hash", "translates"), rows)
        if any(not {*some.tolist()}.isdisjoint(compared.linked) for some in hashes.values()):
            return True
        part, at = view.delta, rows - len(view.snapshot)
        allowed = listable(part, now, self.wanted, untitled=self.untitled)[at]
        rows, at = rows[allowed], at[allowed]
        if not len(rows):
            return False
        # All are compared: a language that is new may be searched, and `reach` does not know it.
        if self.reach is not None:
            query = view.fetch_query(compared.seed_row, self.smoothing)
            if (view.fetch(rows) @ query).max() >= compared.least - MARGIN:
                return True
            rows = rows[~self.reach(part)[at]]
        if not len(rows):
            return False
        alike = view.similarities(view.text_of(compared.seed_row).terms, rows)
        return bool(((alike > 0) & (alike >= compared.least_by_words - MARGIN)).any())


def _gone(view: View) -> int:
    """How many rows of the snapshot are not present."""
    size = len(view.snapshot)
    return size - int(np.count_nonzero(view.present[:size]))
