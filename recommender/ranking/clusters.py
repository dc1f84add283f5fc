"""What is linked to one another, at first hand or through others: single-link clusters."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis.minhash import MinHashTable, least_equal_places
from recommender.ranking.pool import Mask

__all__ = ["Clusters", "Counts", "Families", "tellings_of"]

ROOM: Final = 2**20  # places compared at once: more would not fit a core's cache
Counts = NDArray[np.unsignedinteger[Any]]
Numbers = NDArray[np.int64]
Signatures = NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class _Cluster:
    """Items that are linked, at first hand or through one another.

    Attributes:
        size: how many they are.
        linked: bool [m], the candidates that are linked to one of them.
    """

    size: int
    linked: Mask


class Clusters:
    """The clusters of a list in the making: who is linked to any item of one would belong to it.

    No cluster grows beyond the cap as long as nobody is listed whom `add` returned.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._clusters: list[_Cluster] = []

    def add(self, item: int, linked: Mask) -> Mask | None:
        """Take in an item and the candidates linked to it, bool [m].

        Returns:
            The candidates that would make a cluster larger than the cap, bool [m], or None for
            none. One that is linked to two clusters would make them one.
        """
        own = [cluster for cluster in self._clusters if cluster.linked[item]]
        if not own and not np.count_nonzero(linked):
            return None
        size = 1 + sum(cluster.size for cluster in own)
        joint = np.logical_or.reduce([linked, *(cluster.linked for cluster in own)])
        others = [cluster for cluster in self._clusters if not cluster.linked[item]]
        self._clusters = [*others, _Cluster(size, joint)]
        if sum(cluster.size for cluster in self._clusters) < self._cap:
            return None
        sizes = np.zeros(len(linked), np.int64)
        for cluster in self._clusters:
            sizes += cluster.size * cluster.linked
        return sizes >= self._cap


class Families:
    """Candidates whose texts are near-duplicates, at first hand or through one another.

    A family is looked for when somebody asks for it, and nobody in it is asked or compared again:
    so m candidates cost m times m comparisons at most, however many tell one story.
    """

    def __init__(self, signatures: Signatures, bound: float) -> None:
        self.left = np.ones(len(signatures), np.bool_)  # who is in no family that was taken
        self._signatures = signatures
        self._sheet = MinHashTable.of(signatures).places
        self._kind = np.min_scalar_type(signatures.shape[1])
        self._least = least_equal_places(bound, signatures.shape[1])
        self._rest, self._places = np.arange(len(signatures)), self._sheet

    def equal(self, item: int, least: int) -> Counts | None:
        """How many places of the signature of an item each candidate shares, and itself none: [m].

        None where no other shares so many, as is most often so.
        """
        signature = self._signatures[item]
        same = self._sheet == signature[:, np.newaxis]
        equal: Counts = np.add.reduce(same.view(np.uint8), axis=0, dtype=self._kind)
        equal[item] = 0
        return equal if equal.max() >= least and signature.any() else None

    def take(self, told: Signatures) -> Mask:
        """Who tells a told text again, of those in no family that was taken: bool [m].

        Args:
            told: uint16 [k, size].
        """
        before = self.left.copy()
        self._spread(told)
        return before & ~self.left

    def take_of(self, members: Mask) -> Mask:
        """Some of the texts, bool [m], and who tells one of them again: bool [m]."""
        before = self.left.copy()
        self.left[members] = False
        self._spread(self._signatures[members])
        return before & ~self.left

    def _spread(self, told: Signatures) -> None:
        while len(told) and len(self._rest):
            near = self._rest[_near(self._places, _distinct(told), self._least)]
            fresh = near[self.left[near]]
            self.left[fresh] = False
            told = self._signatures[fresh]
            if 2 * np.count_nonzero(self.left) < len(self._rest):
                self._rest = np.flatnonzero(self.left)
                self._places = np.take(self._sheet, self._rest, axis=1)


def _near(places: Signatures, told: Signatures, least: int) -> Mask:
    """Which of m texts share so many places with any told text: bool [m].

    Args:
        places: uint16 [size, m], their signatures, place by place.
        told: uint16 [k, size].
        least: the least number of equal places.
    """
    near = np.zeros(places.shape[1], np.bool_)
    block = max(1, ROOM // max(1, places.size))
    for begin in range(0, len(told), block):
        same = places == told[begin : begin + block, :, np.newaxis]
        equal = np.add.reduce(same.view(np.uint8), axis=1, dtype=np.min_scalar_type(len(places)))
        near |= (equal >= least).any(axis=0)
    return near


def _distinct(told: Signatures) -> Signatures:
    """Each signature once, and none of a text without words: those overlap with nothing."""
    told = told[told.any(axis=1)]
    if len(told) < 2:  # noqa: PLR2004 - one differs from itself in nothing
        return told
    size = told.itemsize * told.shape[1]
    whole = np.ascontiguousarray(told).view(np.dtype((np.void, size))).ravel()
    return told[np.unique(whole, return_index=True)[1]]


def tellings_of(own: Numbers, tells: Numbers) -> Numbers | None:
    """By which number the story goes that each tells: int64 [m]; None where no two tell one.

    Two tell one story where both translate the same article or group, or one the other; so links
    are followed as far as the candidates go.

    Args:
        own: int64 [m], another for each.
        tells: int64 [m], the own one of an original.
    """
    translated = tells != own
    if not np.count_nonzero(translated):
        return None
    names = np.concatenate([own, tells[translated]])
    names.sort()
    if not np.count_nonzero(names[1:] == names[:-1]):
        return None
    places = np.unique(np.concatenate([own, tells]), return_inverse=True)[1].reshape(2, -1)
    leaders, before = np.arange(places.max() + 1), np.empty(0, np.int64)
    while not np.array_equal(leaders, before):
        before = leaders
        least = leaders[places].min(axis=0)
        leaders = leaders.copy()
        for side in places:
            np.minimum.at(leaders, side, least)
        leaders = leaders[leaders]
    stories: Numbers = leaders[places[0]]
    return stories
