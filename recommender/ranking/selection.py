"""Picks a list from ranked candidates: one telling of a story, and not all of them alike."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.clusters import Clusters
from recommender.ranking.pool import Mask, Pool, Rules
from recommender.signature import Sheet, least_equal

__all__ = ["Pool", "Removal", "Rules", "Selection", "choose"]

NOT_HERE: Final = -1
Counts = NDArray[np.unsignedinteger[Any]]


class Removal(IntEnum):
    """Why a candidate is in no place of the list; NONE where it is listed, or too far down."""

    NONE = 0
    DUPLICATE_OF_SEED = 1
    DUPLICATE = 2
    STORY_CAP = 3
    COPY_CAP = 4


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What was picked of m candidates, and which rule took others out.

    Attributes:
        positions: int64, in list order.
        removals: int8 [m], a `Removal` each.
        because_of: int64 [m], for one that a rule took out the position of the item that stands
            instead, or that made its cap full; -1 where that is the seed or was listed before.
        retold: bool [m], who tells again what was told or is listed, listable or not.
    """

    positions: NDArray[np.int64]
    removals: NDArray[np.int8]
    because_of: NDArray[np.int64]
    retold: Mask


def choose(
    pool: Pool,
    limit: int,
    *,
    rules: Rules,
    told: NDArray[np.uint16],
    listable: Mask | None = None,
    listed: Pool | None = None,
    retold: NDArray[np.uint16] | None = None,
) -> Selection:
    """At most `limit` candidates, in list order.

    Maximal marginal relevance (Carbonell and Goldstein 1998): the best value stands first, and each
    further place goes to the candidate with the best `(1 - diversity) * value - diversity *
    greatest cosine (not below 0) to what stands above`, values drawn to 0..1 over what may be
    listed; so with `diversity` 0 values descend. Of equals the earlier position wins. Then:

    - Near-duplicates, at first hand or through one another, are one family: an update of a reprint
      is the same story. The place that its best member earns goes to its newest (undated ones are
      oldest; then the better value, the earlier position), and the others are left out. The family
      of a told text or of a listed item is left out whole.
    - Nobody joins a list that would then hold more than `story_cap` items of one story, or more
      than `copy_cap` cut from one pattern.

    Args:
        pool: the candidates.
        limit: how many to pick.
        rules: what the list must not be.
        told: uint16 [k, size], signatures of the seed and its translations.
        listable: bool [m], who may be listed, all where None. The others only make near-duplicates
            of those who are so through them.
        listed: what stands above these candidates already, in list order.
        retold: uint16 [k, size], signatures of what was told again among other candidates above.
    """
    above = 0 if listed is None else len(listed)
    draft = _Draft(pool if listed is None else pool.under(listed), rules)
    if listable is not None:
        draft.left[above:] = listable
    draft.leave_out(told, Removal.DUPLICATE_OF_SEED)
    if retold is not None:
        draft.leave_out(retold, Removal.DUPLICATE)
    draft.left[:above] = True  # what is listed counts, also where something told it again
    for item in range(above):
        draft.put(item)
    positions: list[int] = []
    while len(positions) < limit and np.count_nonzero(draft.left):
        positions.append(draft.pick())
    return Selection(
        positions=np.array(positions, np.int64) - above,
        removals=draft.removals[above:],
        because_of=np.maximum(draft.because_of[above:] - above, NOT_HERE),
        retold=draft.retold[above:],
    )


class _Draft:
    """A list in the making: who is left, and what stands above each candidate already."""

    def __init__(self, pool: Pool, rules: Rules) -> None:
        count, size = pool.signatures.shape
        self.left = np.ones(count, np.bool_)
        self.removals = np.full(count, Removal.NONE, np.int8)
        self.because_of = np.full(count, NOT_HERE, np.int64)
        self.retold = np.zeros(count, np.bool_)
        self._pool, self._rules = pool, rules
        self._sheet = Sheet.of(pool.signatures)
        self._retells = least_equal(rules.duplicate_overlap, size)
        self._copies = least_equal(rules.copy_overlap, size)
        self._worth: NDArray[np.floating] | None = None
        self._likeness = np.zeros(count, np.float32)
        self._stories = Clusters(rules.story_cap)
        self._patterns = Clusters(rules.copy_cap)
        self._vague = None if pool.embedded.all() else ~pool.embedded

    def pick(self) -> int:
        """Put the next item on the list; at least one candidate is left."""
        return self.put(self._best(), collapse=True)

    def put(self, item: int, *, collapse: bool = False) -> int:
        """Put an item on the list, or with `collapse` the newest of its family instead."""
        equal = self._sheet.equal(self._pool.signatures[item])
        if np.count_nonzero(equal >= self._retells) > 1:
            family = self._family(self._pool.signatures[[item]])
            if collapse:
                item = self._newest(np.flatnonzero(family & self.left))
                equal = self._sheet.equal(self._pool.signatures[item])
            family[item] = False
            self.retold |= family
            self._remove(family, Removal.DUPLICATE, item)
        self.left[item] = False
        self._link(item, equal)
        return item

    def leave_out(self, told: NDArray[np.uint16], removal: Removal) -> None:
        """Leave out the family of texts."""
        family = self._family(told)
        self.retold |= family
        self._remove(family, removal, NOT_HERE)

    def _family(self, told: NDArray[np.uint16]) -> Mask:
        """Who tells a told text again, at first hand or through one another: bool [m]."""
        found = np.zeros(len(self.left), np.bool_)
        sheet, rest = self._sheet, np.arange(len(found))
        while len(told) and len(rest):
            fresh, same = np.zeros((2, len(rest)), np.bool_)
            for signature in told:
                equal = sheet.equal(signature)
                fresh |= equal >= self._retells
                same |= equal == len(signature)
            found[rest[fresh]] = True
            told = self._pool.signatures[rest[fresh & ~same]]  # a copy finds what its text found
            rest = rest[~fresh]
            sheet = Sheet.of(self._pool.signatures[rest]) if len(told) else sheet
        return found

    def _remove(self, those: Mask, removal: Removal, because_of: int) -> None:
        """Take out of those who are left some, by a rule and for the sake of an item."""
        those = those & self.left
        self.removals[those] = removal
        self.because_of[those] = because_of
        self.left &= ~those

    def _best(self) -> int:
        """Who of those left has the best value, or after the first the best marginal relevance."""
        merit, diversity = self._pool.values, self._rules.diversity
        if self._worth is None:
            self._worth = (1 - diversity) * _scaled(merit, self.left)
        elif diversity:
            merit = self._worth - diversity * self._likeness
        return int(np.argmax(np.where(self.left, merit, -np.inf)))

    def _newest(self, members: NDArray[np.int64]) -> int:
        """Of equally new ones the better value, then the earlier position."""
        times = np.nan_to_num(self._pool.times[members], nan=-np.inf)
        return int(members[np.lexsort((members, -self._pool.values[members], -times))[0]])

    def _link(self, item: int, equal: Counts) -> None:
        """Let those who are left know of an item; `equal` [m] counts the places they share."""
        cosines = self._cosines(item)
        np.maximum(self._likeness, cosines, out=self._likeness)
        near = self.left & (cosines >= self._rules.story_likeness)
        if (full := self._stories.add(item, near)) is not None:
            self._remove(full, Removal.STORY_CAP, item)
        copies = self.left & (equal >= self._copies)
        if np.count_nonzero(copies):
            copies &= self._of_one_source(item)
        if (full := self._patterns.add(item, copies)) is not None:
            self._remove(full, Removal.COPY_CAP, item)

    def _cosines(self, item: int) -> NDArray[np.float32]:
        """Of all with an item: float32 [m]; 0 where a vector of the two means nothing."""
        pool = self._pool
        if not pool.embedded[item]:
            return np.zeros(len(pool), np.float32)
        cosines: NDArray[np.float32] = pool.vectors @ pool.vectors[item]
        if self._vague is not None:
            cosines[self._vague] = 0
        return cosines

    def _of_one_source(self, item: int) -> Mask:
        """Whose author or host is that of an item: bool [m]."""
        author, host = self._pool.authors[item], self._pool.hosts[item]
        same: Mask = (self._pool.authors == author) & (author != 0)
        same |= (self._pool.hosts == host) & (host != 0)
        return same


def _scaled(values: NDArray[np.floating], left: Mask) -> NDArray[np.floating]:
    """To 0..1 over those that are left, so that neither a constant nor a factor decides anything.

    A list of weak values would else be ordered by diversity alone.
    """
    if not left.any():
        return values
    worst, best = values[left].min(), values[left].max()
    return (values - worst) / (best - worst) if best > worst else np.zeros_like(values)
