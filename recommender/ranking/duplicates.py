"""Where it is decided that two articles are the same story: near-duplicates and translations.

Near-duplicates are texts whose MinHashes agree in a share of places of at least
`duplicate_overlap`, directly or through other candidates: a duplicate cluster. Translations are
articles that translate each other, or the same article or group, again directly or through others:
a translation group.
"""

from collections.abc import Collection
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.analysis.minhash import MinHashTable, estimate_jaccard, least_equal_places
from recommender.ranking.attributes import Columns

__all__ = [
    "Counts",
    "DuplicateClusters",
    "repeats_among",
    "rows_of_translations",
    "translation_groups",
]

PLACES_AT_ONCE: Final = 2**20  # more would not fit into a core's cache
Counts = NDArray[np.unsignedinteger[Any]]
Hashes = NDArray[np.int64]
MinHashes = NDArray[np.uint16]
Mask = NDArray[np.bool_]


class DuplicateClusters:
    """The duplicate clusters of m candidates.

    A cluster is computed when somebody asks for it, and its members are not compared again. So m
    candidates cost at most m times m comparisons, however many of them are duplicates.

    Attributes:
        unclaimed: bool [m], candidates of which no cluster was claimed yet.
    """

    def __init__(self, minhashes: MinHashes, bound: float) -> None:
        self.unclaimed = np.ones(len(minhashes), np.bool_)
        self._minhashes = minhashes
        self._table = MinHashTable.of(minhashes).places
        self._count_type = np.min_scalar_type(minhashes.shape[1])
        self._least = least_equal_places(bound, minhashes.shape[1])
        self._rest, self._places = np.arange(len(minhashes)), self._table

    def equal_places(self, item: int, least: int) -> Counts | None:
        """Count the MinHash places that each candidate shares with an item, itself with 0: [m].

        None if no other candidate shares at least so many, which is the usual case.
        """
        minhash = self._minhashes[item]
        same = self._table == minhash[:, np.newaxis]
        equal: Counts = np.add.reduce(same.view(np.uint8), axis=0, dtype=self._count_type)
        equal[item] = 0
        return equal if equal.max() >= least and minhash.any() else None

    def claim(self, minhashes: MinHashes) -> Mask:
        """Claim the clusters of some texts: their members that were not claimed before, bool [m].

        Args:
            minhashes: uint16 [k, size], of texts that are no candidates.
        """
        before = self.unclaimed.copy()
        self._spread(minhashes)
        return before & ~self.unclaimed

    def claim_of(self, members: Mask) -> Mask:
        """Claim the clusters of some candidates, bool [m]; as `claim`, the candidates included."""
        before = self.unclaimed.copy()
        self.unclaimed[members] = False
        self._spread(self._minhashes[members])
        return before & ~self.unclaimed

    def _spread(self, minhashes: MinHashes) -> None:
        while len(minhashes) and len(self._rest):
            near = self._rest[_near(self._places, _distinct(minhashes), self._least)]
            fresh = near[self.unclaimed[near]]
            self.unclaimed[fresh] = False
            minhashes = self._minhashes[fresh]
            if 2 * np.count_nonzero(self.unclaimed) < len(self._rest):
                self._rest = np.flatnonzero(self.unclaimed)
                self._places = np.take(self._table, self._rest, axis=1)


def _near(places: MinHashes, minhashes: MinHashes, least: int) -> Mask:
    """Which of m texts share enough places with any of k texts: bool [m].

    Args:
        places: uint16 [size, m], MinHashes in columns.
        minhashes: uint16 [k, size].
        least: the least number of equal places.
    """
    near = np.zeros(places.shape[1], np.bool_)
    block = max(1, PLACES_AT_ONCE // max(1, places.size))
    for begin in range(0, len(minhashes), block):
        same = places == minhashes[begin : begin + block, :, np.newaxis]
        equal = np.add.reduce(same.view(np.uint8), axis=1, dtype=np.min_scalar_type(len(places)))
        near |= (equal >= least).any(axis=0)
    return near


def _distinct(minhashes: MinHashes) -> MinHashes:
    """Each MinHash once; without those of texts without words, which are no duplicates."""
    minhashes = minhashes[minhashes.any(axis=1)]
    if len(minhashes) < 2:  # noqa: PLR2004 - a single one is distinct
        return minhashes
    size = minhashes.itemsize * minhashes.shape[1]
    whole = np.ascontiguousarray(minhashes).view(np.dtype((np.void, size))).ravel()
    return minhashes[np.unique(whole, return_index=True)[1]]


def translation_groups(id_hashes: Hashes, translates: Hashes) -> Hashes | None:
    """A number for the translation group of each of m candidates: int64 [m].

    None if no two candidates are in one group. Links are followed as far as the candidates go.

    Args:
        id_hashes: int64 [m], all different.
        translates: int64 [m], of the article or group that each translates; else its `id_hash`.
    """
    translated = translates != id_hashes
    if not np.count_nonzero(translated):
        return None
    hashes = np.concatenate([id_hashes, translates[translated]])
    hashes.sort()
    if not np.count_nonzero(hashes[1:] == hashes[:-1]):
        return None
    both = np.concatenate([id_hashes, translates])
    places = np.unique(both, return_inverse=True)[1].reshape(2, -1)
    leaders, before = np.arange(places.max() + 1), np.empty(0, np.int64)
    while not np.array_equal(leaders, before):
        before = leaders
        least = leaders[places].min(axis=0)
        leaders = leaders.copy()
        for side in places:
            np.minimum.at(leaders, side, least)
        leaders = leaders[leaders]
    groups: Hashes = leaders[places[0]]
    return groups


def rows_of_translations(view: View, hashes: Collection[int]) -> Mask:
    """The rows of a translation group: bool [n].

    `translation_of` names an article or a group of the newsroom's own. Links are followed in both
    directions, so that chains and circles of translations are one group.

    Args:
        view: the archive.
        hashes: of an id, and of the id or group that it translates.
    """
    found = np.zeros(len(view), np.bool_)
    known, fresh = set(hashes), set(hashes)
    while fresh:
        more = view.where(lambda part, fresh=fresh: _has_hash(part, fresh)) & ~found  # type: ignore[misc]
        found |= more
        rows = np.flatnonzero(more)
        linked = {*view.take("id_hash", rows).tolist(), *view.take("translates", rows).tolist()}
        fresh = linked - known
        known |= fresh
    return found


def _has_hash(part: Columns, hashes: Collection[int]) -> Mask:
    id_hashes, translates = part.columns["id_hash"], part.columns["translates"]
    found = np.zeros(len(id_hashes), np.bool_)
    for one in hashes:
        found |= id_hashes == one
        found |= translates == one
    return found


def repeats_among(
    view: View, rows: NDArray[np.int64], others: NDArray[np.int64], bound: float
) -> Mask:
    """Which of some rows are a near-duplicate or a translation of another row: bool [m].

    Args:
        view: the archive.
        rows: int64 [m].
        others: int64 [k].
        bound: the overlap from which two texts are near-duplicates.
    """
    repeats = np.zeros(len(rows), np.bool_)
    if not len(rows) or not len(others):
        return repeats
    minhashes = view.take("minhash", rows)
    for minhash in view.take("minhash", others):
        repeats |= estimate_jaccard(minhash, minhashes) >= bound
    every = np.concatenate([rows, others])
    groups = translation_groups(view.take("id_hash", every), view.take("translates", every))
    if groups is not None:
        repeats |= np.isin(groups[: len(rows)], groups[len(rows) :])
    return repeats
