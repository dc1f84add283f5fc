"""Counts items of a list that are linked to one another: single-link clusters, and their cap."""

from dataclasses import dataclass

import numpy as np

from recommender.ranking.pool import Mask

__all__ = ["Clusters"]


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
