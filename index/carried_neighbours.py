"""The neighbours of the rows of a merged snapshot: those of unchanged rows are carried over.

A row that came or changed is searched for like one of a full build, and so is an unchanged row that
has lost one of its two neighbours. The other unchanged rows keep theirs, unless a row that came is
nearer. So the neighbours are those that a full build would find among the same vectors; with
inverted lists, as far as the CANDIDATES nearest of each row that came tell. The hubness of an
unchanged row is measured anew only where it is searched for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from index.arrays import PackedTerms, blocks_of
from index.lexical import gather
from index.neighbours import (
    NEAREST,
    SLACK,
    SMOOTHING,
    Neighbours,
    QuerySide,
    find_with_nearest,
    scale,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from index.arrays import Bools, Doubles, Floats, Ints, Longs, Whole
    from index.neighbours import IndexSide

CANDIDATES: Final = 128
"""With inverted lists, so many unchanged rows are compared with each row that came."""

_SEARCHED_AT_ONCE: Final = 1_024
"""With fewer, FAISS compares with the centroids one by one."""
_SCANNED_AT_ONCE: Final = 512
_ROWS_AT_ONCE: Final = 8_192
_PAIRS_AT_ONCE: Final = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Unchanged rows, and rows that may be nearer to them: int64 [p] each."""

    rows: Longs
    comers: Longs


def carry_neighbours(
    side: IndexSide, groups: Mapping[str, Longs], before: Neighbours, numbers: Longs
) -> tuple[Neighbours, Ints]:
    """Find the neighbours of all rows of a merged snapshot.

    Args:
        side: its rows; n of them.
        groups: by label, its rows; each row once.
        before: the neighbours of the k rows of the earlier snapshot.
        numbers: int64 [k], ascending where not negative: the row that has the same vector now,
            -1 for one that changed or went.

    Returns:
        And the NEAREST rows of each that was searched for, int32 [n, NEAREST]; -1 for the others.
    """
    found = Neighbours.none(len(side.reliable))
    old = np.flatnonzero(numbers >= 0)
    rows, near = numbers[old], before.rows[old]
    carried = np.where(near >= 0, numbers[near], -1)
    found.rows[rows] = carried
    found.weights[rows] = before.weights[old]
    found.hubness[rows] = before.hubness[old]
    came = np.ones(len(found.rows), np.bool_)
    came[rows] = False
    lost = rows[((near >= 0) & (carried < 0)).any(axis=1)]
    searched = came.copy()
    searched[lost] = True
    by_list = side.vectors.by_list(np.flatnonzero(searched))
    nearest = _search(side, groups, found, by_list)
    background = np.zeros(len(found.rows))
    for label, members in groups.items():
        background[members] = side.background(label)
    comers = by_list[(came & side.reliable)[by_list]]
    unchanged = ~searched & side.reliable
    _Offer(side, found, comers, unchanged, background).make()
    return found, nearest


def _search(side: IndexSide, groups: Mapping[str, Longs], found: Neighbours, rows: Longs) -> Ints:
    """Write the neighbours of some rows into `found`, as a full build finds them.

    Returns:
        The NEAREST rows of these, -1 for all others.
    """
    lengths, words = gather(side.lexicon.terms, rows)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    position = np.full(len(side.reliable), -1, np.int64)
    position[rows] = np.arange(len(rows))
    query_side = QuerySide(
        vectors=lambda positions: side.vectors.fetch_stored(rows[positions]),
        terms=PackedTerms(starts, words, side.lexicon.terms.scales[rows]),
        reliable=side.reliable[rows],
        groups={label: _present(position[members]) for label, members in groups.items()},
        excluded=rows,
    )
    nearest = np.full((len(side.reliable), NEAREST), -1, np.int32)
    new, nearest[rows] = find_with_nearest(side, query_side)
    found.rows[rows], found.weights[rows], found.hubness[rows] = new.rows, new.weights, new.hubness
    return nearest


def _present(positions: Longs) -> Longs:
    return positions[positions >= 0]


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """Lets unchanged rows have rows that came as neighbours, where these are nearer.

    Attributes:
        side: n rows.
        found: their neighbours so far.
        comers: int64 [k]; the rows that came, with vectors that mean something.
        unchanged: bool [n]; the rows that they are offered to.
        background: float64 [n]; the background similarity of each row's group.
    """

    side: IndexSide
    found: Neighbours
    comers: Longs
    unchanged: Bools
    background: Doubles

    def make(self) -> None:
        """Compare all pairs that matter, and write into `found`."""
        if not len(self.comers) or not self.unchanged.any():
            return
        exact = not self.side.vectors.count_visited(int(np.count_nonzero(self.unchanged)), NEAREST)
        pairs_with = self._scan if exact else self._search_lists
        at_once = _SCANNED_AT_ONCE if exact else _SEARCHED_AT_ONCE
        for block in blocks_of(len(self.comers), at_once):
            for pairs in pairs_with(self.comers[block]):
                self._take(pairs)

    def _scan(self, comers: Longs) -> Iterator[_Pairs]:
        """Compare all unchanged rows with rows that came."""
        queries, every = self.side.vectors.fetch_stored(comers), np.flatnonzero(self.unchanged)
        for block in blocks_of(len(every), _ROWS_AT_ONCE):
            products = self.side.vectors.fetch_stored(every[block]) @ queries.T
            at, of = np.nonzero(products >= self._least(every[block])[:, np.newaxis])
            yield _Pairs(every[block][at], comers[of])

    def _search_lists(self, comers: Longs) -> Iterator[_Pairs]:
        """Compare rows that came with the unchanged rows that inverted lists give."""
        queries = self.side.vectors.fetch_stored(comers)
        near, rough = self.side.vectors.candidates(queries, CANDIDATES, self.unchanged)
        of, at = np.nonzero(rough >= self._least(near))
        yield _Pairs(near[of, at], comers[of])

    def _least(self, rows: Whole) -> Floats:
        """A little less than the similarity of the second neighbour of some rows, whatever shape.

        It is told by its weight; below every similarity where there is none, or the weight is 0.
        """
        weights = self.found.weights[rows, SMOOTHING - 1]
        zero = np.maximum(self.background[rows], 0)
        least = np.where(weights > 0, zero + weights * (1 - zero) - 2 * SLACK, -np.inf)
        return least.astype(np.float32)

    def _take(self, pairs: _Pairs) -> None:
        """Keep the nearest of what rows have and what they are offered."""
        found, rows = self.found, np.unique(pairs.rows)
        near = found.rows[rows].ravel()
        present = _Pairs(np.repeat(rows, SMOOTHING)[near >= 0], near[near >= 0].astype(np.int64))
        owners = np.concatenate([pairs.rows, present.rows])
        others = np.concatenate([pairs.comers, present.comers])
        similarities = np.concatenate([self._similarities(one) for one in (pairs, present)])
        order = np.lexsort((others, -similarities, owners))
        owners, others, similarities = owners[order], others[order], similarities[order]
        first, end = np.searchsorted(owners, rows, "left"), np.searchsorted(owners, rows, "right")
        for place in range(SMOOTHING):
            has = np.flatnonzero(first + place < end)
            at, own = first[has] + place, rows[has]
            found.rows[own, place] = others[at]
            found.weights[own, place] = scale(similarities[at], self.background[own])

    def _similarities(self, pairs: _Pairs) -> Doubles:
        """The exact similarities of pairs of rows: float64 [p]."""
        products, fetch = np.empty(len(pairs.rows)), self.side.vectors.fetch_stored
        for block in blocks_of(len(products), _PAIRS_AT_ONCE):
            one, other = fetch(pairs.rows[block]), fetch(pairs.comers[block])
            products[block] = np.einsum("pd,pd->p", one, other, dtype=np.float64)
        return products
