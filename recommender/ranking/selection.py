"""Picks a list from ranked candidates: one telling of a story, and not all of them alike."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.minhash import least_equal_places
from recommender.ranking.clusters import Clusters, Counts, Families, tellings_of
from recommender.ranking.pool import Mask, Pool, Rules

__all__ = ["Pool", "Removal", "Rules", "Selection", "choose"]

NOT_HERE: Final = -1


class Removal(IntEnum):
    """Why a candidate is in no place of the list; NONE where it is listed, or too far down."""

    NONE = 0
    DUPLICATE_OF_SEED = 1
    DUPLICATE = 2
    STORY_CAP = 3
    COPY_CAP = 4
    TRANSLATION = 5


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
    shown_on_page: Mask | None = None,
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
    - Of those who translate each other, or the same, the one that is listed first stays: the best
      for who reads several languages, not the newest. Near-duplicates of the others go with them,
      and so does who translates those, as far as the links among the candidates go. Translations of
      a near-duplicate of a told text are left out as well.
    - Nobody joins a list that would then hold more than `story_cap` items of one story, or more
      than `copy_cap` cut from one pattern.

    Args:
        pool: the candidates.
        limit: how many to pick.
        rules: what the list must not be.
        told: uint16 [k, size], signatures of the seed and its translations.
        listable: bool [m], who may be listed, all where None. The others only make near-duplicates
            and translations of those who are so through them.
        listed: what stands above these candidates already, in list order.
        shown_on_page: bool [m], candidates in other lists of the page, which may not be listed:
            their duplicates and translations are left out.
    """
    above = 0 if listed is None else len(listed)
    draft = _Draft(pool if listed is None else pool.under(listed), rules)
    if listable is not None:
        draft.left[above:] = listable
    draft.leave_out(told, Removal.DUPLICATE_OF_SEED)
    if shown_on_page is not None:
        draft.leave_out_shown(np.concatenate([np.zeros(above, np.bool_), shown_on_page]))
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
        self._families = Families(pool.signatures, rules.duplicate_overlap)
        self._tellings = tellings_of(pool.own, pool.tells)
        self._copies = least_equal_places(rules.copy_overlap, size)
        self._copies_of_host = least_equal_places(rules.host_overlap, size)
        self._retells = least_equal_places(rules.duplicate_overlap, size)
        self._near = min(self._copies, self._retells)
        self._merit: NDArray[np.floating] | None = None
        self._likeness = np.zeros(count, np.float32)
        self._stories = Clusters(rules.story_cap)
        self._patterns = Clusters(rules.copy_cap)
        self._nobody = np.zeros(count, np.bool_)
        self._vague = None if np.count_nonzero(pool.embedded) == count else ~pool.embedded

    def pick(self) -> int:
        """Put the next item on the list; at least one candidate is left."""
        return self.put(self._best(), collapse=True)

    def put(self, item: int, *, collapse: bool = False) -> int:
        """Put an item on the list, or with `collapse` the newest of its family instead."""
        equal, family = self._families.equal(item, self._near), None
        if equal is not None and equal.max() >= self._retells and self._families.left[item]:
            family = self._families.take_of(self._with(item, None))
            if collapse:
                item = self._newest(np.flatnonzero(family & self.left))
                equal = self._families.equal(item, self._near)
            family[item] = False
            self._retell(family, Removal.DUPLICATE, item)
        self._leave_out_translations(self._with(item, family), Removal.DUPLICATE, item)
        self._drop(item)
        self._link(item, equal)
        return item

    def leave_out(self, told: NDArray[np.uint16], removal: Removal) -> None:
        """Leave out the family of texts, and who translates one of it."""
        family = self._families.take(told)
        self._retell(family, removal, NOT_HERE)
        self._leave_out_translations(family, removal, NOT_HERE)

    def leave_out_shown(self, told: Mask) -> None:
        """Leave out the families of some candidates, and who translates them or one of those."""
        family = told | self._families.take_of(told & self._families.left)
        self._retell(family, Removal.DUPLICATE, NOT_HERE)
        self._leave_out_translations(family, Removal.DUPLICATE, NOT_HERE)

    def _with(self, item: int, family: Mask | None) -> Mask:
        told = self._nobody.copy() if family is None else family.copy()
        told[item] = True
        return told

    def _leave_out_translations(self, told: Mask, removal: Removal, because_of: int) -> None:
        """Leave out who translates one of those, by `removal` the near-duplicates, and so on."""
        if self._tellings is None:
            return
        while True:
            again = np.isin(self._tellings, self._tellings[told]) & ~told
            if not np.count_nonzero(again):
                return
            self._retell(again, Removal.TRANSLATION, because_of)
            family = self._families.take_of(again & self._families.left) & ~again
            self._retell(family, removal, because_of)
            told = told | again | family

    def _retell(self, those: Mask, removal: Removal, because_of: int) -> None:
        """Take out who tells again what is told or listed."""
        self.retold |= those
        self._remove(those, removal, because_of)

    def _remove(self, those: Mask, removal: Removal, because_of: int) -> None:
        """Take out of those who are left some, by a rule and for the sake of an item."""
        those = those & self.left
        self.removals[those] = removal
        self.because_of[those] = because_of
        self._drop(those)

    def _drop(self, those: Mask | int) -> None:
        """Let some be left no more: a position, or bool [m]."""
        self.left[those] = False
        if self._merit is not None:
            self._merit[those] = -np.inf

    def _best(self) -> int:
        """Who of those left has the best value, or after the first the best marginal relevance."""
        values, diversity = self._pool.values, self._rules.diversity
        if self._merit is None:
            worth = (1 - diversity) * _scaled(values, self.left) if diversity else values
            self._merit = np.where(self.left, worth, -np.inf)
            return int(np.where(self.left, values, -np.inf).argmax())
        merit = self._merit - diversity * self._likeness if diversity else self._merit
        return int(merit.argmax())

    def _newest(self, members: NDArray[np.int64]) -> int:
        """Of equally new ones the better value, then the earlier position."""
        times = np.nan_to_num(self._pool.times[members], nan=-np.inf)
        return int(members[np.lexsort((members, -self._pool.values[members], -times))[0]])

    def _link(self, item: int, equal: Counts | None) -> None:
        """Let those who are left know of an item; `equal` [m] counts the places they share."""
        cosines = self._cosines(item)
        np.maximum(self._likeness, cosines, out=self._likeness)
        near = self.left & (cosines >= self._rules.story_likeness)
        if (full := self._stories.add(item, near)) is not None:
            self._remove(full, Removal.STORY_CAP, item)
        copies = self._nobody if equal is None else self._copies_of(item, equal)
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

    def _copies_of(self, item: int, equal: Counts) -> Mask:
        """Who of those left is cut from the pattern of an item: bool [m]."""
        author, host = self._pool.authors[item], self._pool.hosts[item]
        by_author = (self._pool.authors == author) & (author != 0) & (equal >= self._copies)
        by_host = (self._pool.hosts == host) & (host != 0) & (equal >= self._copies_of_host)
        copies: Mask = self.left & (by_author | by_host)
        return copies


def _scaled(values: NDArray[np.floating], left: Mask) -> NDArray[np.floating]:
    """To 0..1 over those that are left, so that neither a constant nor a factor decides anything.

    A list of weak values would else be ordered by diversity alone.
    """
    some = values[left]
    if not len(some):
        return values
    worst, best = some.min(), some.max()
    return (values - worst) / (best - worst) if best > worst else np.zeros_like(values)
