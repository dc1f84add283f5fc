"""Decides which articles are duplicates: near-duplicate texts, and translations of each other.

Near-duplicates are texts whose MinHashes agree in a share of places of at least
`duplicate_overlap`, directly or through other candidates: a duplicate cluster. Translations are
articles that translate each other, or the same article or group, again directly or through others:
a translation group.

A build numbers the texts of a snapshot by text cluster: two texts with different numbers overlap by
less than TEXT_CLUSTER_OVERLAP, so a list compares MinHashes only where numbers are equal or, for
rows of the delta, unknown. The number never decides alone: lists are the same without it.
"""

from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import combinations
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.analysis.minhash import estimate_jaccard, least_equal_places
from recommender.articles import hash_id
from recommender.ranking.filters import Columns, computed

__all__ = [
    "TEXT_CLUSTER_OVERLAP",
    "UNKNOWN_CLUSTER",
    "Counts",
    "DuplicateClusters",
    "number_text_clusters",
    "repeats_among",
    "rows_of_ids",
    "rows_of_translations",
    "translation_groups",
]

TEXT_CLUSTER_OVERLAP: Final = 0.15
"""From this overlap on two texts have the same cluster number: the `copy_overlap` of the policy."""
UNKNOWN_CLUSTER: Final = 0
MOST_PAIRED: Final = 32
"""A larger group of texts with two equal places is joined without comparing its pairs."""
MOST_COMPARED: Final = 5_000
"""In a part with more rows, rows are found by their hash in an order that is made once."""
SIDES: Final[tuple[Literal["left"], Literal["right"]]] = ("left", "right")
PLACES_AT_ONCE: Final = 2**20  # more would not fit into a core's cache
Counts = NDArray[np.unsignedinteger[Any]]
Hashes = NDArray[np.int64]
MinHashes = NDArray[np.uint16]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


class DuplicateClusters:
    """The duplicate clusters of m candidates.

    A cluster is computed when it is asked for, and its members are not compared again. So m
    candidates cost at most m times m comparisons, however many of them are duplicates.

    Attributes:
        unassigned: bool [m], candidates that are in no computed cluster yet.
    """

    def __init__(
        self, minhashes: MinHashes, table: MinHashes, is_alone: Mask, overlap: float
    ) -> None:
        """Begin without any cluster.

        Args:
            minhashes: uint16 [m, size].
            table: the same with a candidate in each column, contiguous: uint16 [size, m].
            is_alone: bool [m], candidates that no other one shares its text cluster with.
            overlap: the overlap from which two texts are near-duplicates.
        """
        self.unassigned = np.ones(len(minhashes), np.bool_)
        self._minhashes = minhashes
        self._size = minhashes.shape[1]
        self._count_type = np.min_scalar_type(self._size)
        self._least = least_equal_places(overlap, self._size)
        self._is_alone = is_alone
        self._rest = np.arange(len(minhashes))
        self._table = self._rest_table = table

    @classmethod
    def of(cls, minhashes: MinHashes, text_clusters: Hashes, overlap: float) -> Self:
        """The clusters of candidates.

        Args:
            minhashes: uint16 [m, size].
            text_clusters: int64 [m], see `number_text_clusters`; UNKNOWN_CLUSTER if unknown.
            overlap: the overlap from which two texts are near-duplicates.
        """
        table = np.ascontiguousarray(minhashes.T)
        return cls(minhashes, table, _are_alone(text_clusters), overlap)

    def equal_places(self, item: int, least: int) -> Counts | None:
        """Count the MinHash places that each candidate shares with an item, itself with 0: [m].

        None if no other candidate shares at least so many. That is the usual case, and mostly known
        from the numbers of the text clusters.
        """
        if self._is_alone[item] and self._numbers_rule_out(least):
            return None
        minhash = self._minhashes[item]
        same = self._table == minhash[:, np.newaxis]
        equal: Counts = np.add.reduce(same.view(np.uint8), axis=0, dtype=self._count_type)
        equal[item] = 0
        return equal if equal.max() >= least and minhash.any() else None

    def take_cluster_of_texts(self, minhashes: MinHashes) -> Mask:
        """Compute the clusters of some texts.

        Args:
            minhashes: uint16 [k, size], of texts that are not candidates.

        Returns:
            Those members that were in no cluster before: bool [m].
        """
        before = self.unassigned.copy()
        self._spread(minhashes)
        return before & ~self.unassigned

    def take_cluster_of(self, members: Mask) -> Mask:
        """As `take_cluster_of_texts`, but of candidates, bool [m]; they are members themselves."""
        before = self.unassigned.copy()
        self.unassigned[members] = False
        if not self._is_alone[members].all() or not self._numbers_rule_out(self._least):
            self._spread(self._minhashes[members])
        return before & ~self.unassigned

    def _numbers_rule_out(self, least: int) -> bool:
        """Whether texts with different cluster numbers certainly share less than `least` places."""
        return least >= least_equal_places(TEXT_CLUSTER_OVERLAP, self._size)

    def _spread(self, minhashes: MinHashes) -> None:
        while len(minhashes) and len(self._rest):
            near = self._rest[_near(self._rest_table, _distinct(minhashes), self._least)]
            fresh = near[self.unassigned[near]]
            self.unassigned[fresh] = False
            minhashes = self._minhashes[fresh]
            if 2 * np.count_nonzero(self.unassigned) < len(self._rest):
                self._rest = np.flatnonzero(self.unassigned)
                self._rest_table = np.take(self._table, self._rest, axis=1)


def _are_alone(numbers: Hashes) -> Mask:
    """Which of m texts share their text cluster with none of the others: bool [m]."""
    if not np.all(numbers):  # UNKNOWN_CLUSTER is 0: such a text may resemble any other
        return np.zeros(len(numbers), np.bool_)
    _, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    alone: Mask = counts[places] == 1
    return alone


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
    """Each MinHash once; without those of texts without words, which are not duplicates."""
    minhashes = minhashes[minhashes.any(axis=1)]
    if len(minhashes) < 2:  # noqa: PLR2004 - a single one is distinct
        return minhashes
    size = minhashes.itemsize * minhashes.shape[1]
    whole = np.ascontiguousarray(minhashes).view(np.dtype((np.void, size))).ravel()
    return minhashes[np.unique(whole, return_index=True)[1]]


def number_text_clusters(minhashes: MinHashes) -> Hashes:
    """Number the text clusters of an archive: int64 [n], from 1.

    Two texts that share at least `least` places, the bound of TEXT_CLUSTER_OVERLAP, have the same
    number. The reverse does not hold: texts are also joined through others.

    All pairs of places inside `least - 1` blocks are compared. Two texts that share `least` places
    share two in one block (pigeonhole principle), so they are found by sorting once for each pair
    of places, in much less than n times n comparisons.

    Args:
        minhashes: uint16 [n, MINHASH_SIZE]; texts without words have zeros, and each a number of
            its own.
    """
    least = least_equal_places(TEXT_CLUSTER_OVERLAP, minhashes.shape[1])
    leaders = np.arange(len(minhashes))
    with_words = np.flatnonzero(minhashes.any(axis=1))
    if not len(with_words):
        return leaders + 1
    for keys in _keys_in_blocks(minhashes, with_words, least - 1):
        rows, groups = _equal_rows(keys, with_words)
        for one, other, must_compare in _pairs_in_groups(rows, groups):
            kept = leaders[one] != leaders[other]
            if must_compare:
                kept[kept] = _count_equal(minhashes, one[kept], other[kept]) >= least
            leaders = _join(leaders, one[kept], other[kept])
    return leaders + 1


def _keys_in_blocks(
    minhashes: MinHashes, rows: Hashes, blocks: int
) -> Iterator[NDArray[np.uint64]]:
    """A key of some rows for each pair of places in the same of some blocks of about equal size.

    The places of one block are in memory at once: those of a large archive lie in a file.
    """
    for block in np.array_split(np.arange(minhashes.shape[1]), blocks):
        places = minhashes[:, block[0] : block[-1] + 1][rows].T.astype(np.uint64, order="C")
        for first, second in combinations(places, 2):
            yield first << np.uint64(16) | second


def _count_equal(minhashes: MinHashes, one: Hashes, other: Hashes) -> Hashes:
    """How many places each of some pairs of rows shares: int64 [k]."""
    counts = np.empty(len(one), np.int64)
    at_once = PLACES_AT_ONCE // minhashes.shape[1]
    for start in range(0, len(one), at_once):
        own = slice(start, start + at_once)
        equal = minhashes[one[own]] == minhashes[other[own]]
        counts[own] = np.count_nonzero(equal, axis=1)
    return counts


def _equal_rows(keys: NDArray[np.uint64], rows: Hashes) -> tuple[Hashes, NDArray[np.uint64]]:
    """The rows whose key another row has too, and the keys, both in the order of the keys."""
    packed = keys << np.uint64(32) | rows.astype(np.uint64)
    packed.sort()
    keys = packed >> np.uint64(32)
    same = keys[1:] == keys[:-1]
    kept = np.append(same, False) | np.append(False, same)
    return (packed[kept] & np.uint64(2**32 - 1)).astype(np.int64), keys[kept]


def _pairs_in_groups(
    rows: Hashes, groups: NDArray[np.uint64]
) -> Iterator[tuple[Hashes, Hashes, bool]]:
    """Pairs of rows in the same group, as two arrays at a time, and whether to compare them.

    Rows of a group that is too large are joined as a chain without comparing them.
    """
    begins = np.searchsorted(groups, groups, side="left")
    ends = np.searchsorted(groups, groups, side="right")
    small, places = ends - begins <= MOST_PAIRED, np.arange(len(rows))
    chain = np.flatnonzero(~small & (places + 1 < ends))
    yield rows[chain], rows[chain + 1], False
    for offset in range(1, MOST_PAIRED):
        at = np.flatnonzero(small & (places + offset < ends))
        if not len(at):
            return
        yield rows[at], rows[at + offset], True


def _join(leaders: Hashes, one: Hashes, other: Hashes) -> Hashes:
    """Join the clusters of pairs of rows; the leader of a cluster is its lowest row: int64 [n]."""
    while (apart := leaders[one] != leaders[other]).any():
        one, other = one[apart], other[apart]
        low = np.minimum(leaders[one], leaders[other])
        high = np.maximum(leaders[one], leaders[other])
        targets = np.arange(len(leaders))
        np.minimum.at(targets, high, low)
        while not np.array_equal(targets, targets[targets]):
            targets = targets[targets]
        leaders = targets[leaders]
    return leaders


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


def rows_of_translations(view: View, hashes: Collection[int]) -> Rows:
    """The present rows of a translation group, ascending: int64 [k].

    `translation_of` names an article or a group of the newsroom's own. Links are followed in both
    directions, so that chains and circles of translations are one group.

    Args:
        view: the archive.
        hashes: of an id, and of the id or group that it translates.
    """
    known, fresh = set(hashes), set(hashes)
    found, size = set[int](), len(view.snapshot)
    while fresh:
        old, new = (_rows_with_hash(part, fresh) for part in view.parts)
        rows = np.concatenate([old, new + size])
        rows = rows[view.present[rows]]
        found.update(rows.tolist())
        linked = {*view.take("id_hash", rows).tolist(), *view.take("translates", rows).tolist()}
        fresh = linked - known
        known |= fresh
    return np.array(sorted(found), np.int64)


def rows_of_ids(view: View, ids: frozenset[str]) -> Rows:
    """The rows of some ids, present or not: int64 [k]. Of ten thousand it takes a millisecond.

    Rows are found by the hashes of their ids. The same set is asked for again and again.
    """
    if not ids:
        return np.empty(0, np.int64)
    old, new = (_rows_with_id_hash(part, _hashes_of(ids)) for part in view.parts)
    return np.concatenate([old, new + len(view.snapshot)])


@lru_cache(maxsize=2)
def _hashes_of(ids: frozenset[str]) -> Hashes:
    """The hashes of some ids, ascending, so that what is read of an order lies together."""
    return np.array(sorted(map(hash_id, ids)), np.int64)


def _rows_with_hash(part: Columns, hashes: Collection[int]) -> Rows:
    """The rows whose id has one of some hashes, or which translate one: int64 [k]."""
    id_hashes, translates = part.columns["id_hash"], part.columns["translates"]
    # Most translate nothing: what they translate is the hash of their own id.
    linked = computed(part, "linked", lambda: np.flatnonzero(translates != id_hashes))
    wanted = np.array([*hashes], np.int64)
    own = _rows_with_id_hash(part, wanted)
    if not len(linked):
        return own
    return np.concatenate([own, linked[np.isin(translates[linked], wanted)]])


def _rows_with_id_hash(part: Columns, wanted: Hashes) -> Rows:
    """The rows whose id has one of some hashes, int64 [w]: int64 [k]."""
    id_hashes = part.columns["id_hash"]
    if len(id_hashes) <= MOST_COMPARED:
        return np.flatnonzero(np.isin(id_hashes, wanted))
    order = computed(part, "by hash", lambda: np.argsort(id_hashes, kind="stable"))
    begins, ends = (np.searchsorted(id_hashes, wanted, side, sorter=order) for side in SIDES)
    counts = ends - begins
    before = np.cumsum(counts) - counts
    rows: Rows = order[np.repeat(begins - before, counts) + np.arange(counts.sum())]
    return rows


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
    minhashes = view.take("minhash", rows)
    for minhash in view.take("minhash", others):
        repeats |= estimate_jaccard(minhash, minhashes) >= bound
    every = np.concatenate([rows, others])
    groups = translation_groups(view.take("id_hash", every), view.take("translates", every))
    if groups is not None:
        repeats |= np.isin(groups[: len(rows)], groups[len(rows) :])
    return repeats
