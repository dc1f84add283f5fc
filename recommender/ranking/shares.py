"""Shares: how many places of a list are kept for some candidates, and how many they get at most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.site_rules import USUAL_LENGTH, SiteRule

__all__ = ["NO_SHARE", "ShareBounds", "SharesInProgress"]

NO_SHARE: Final = -1
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ShareBounds:
    """How many items of a list are members of one share, at least and at most."""

    least: int
    most: int

    @classmethod
    def of(cls, rule: SiteRule, length: int, *, by_time: bool = False) -> "ShareBounds":
        """The bounds of a rule for a list of some length.

        A rule states its places for a list of twelve. A list of another length has the same share:
        `at_least` is rounded down and `at_most` up, so a rule never does more than its share.

        Args:
            rule: the rule.
            length: of the list.
            by_time: whether the newest items come first. Then no places are kept: members would
                stand where they are out of order.
        """
        least, most = rule.at_least or 0, rule.at_most or USUAL_LENGTH
        kept = 0 if by_time else least * length // USUAL_LENGTH
        return cls(kept, -(-most * length // USUAL_LENGTH))


class SharesInProgress:
    """The shares of a list during selection.

    Attributes:
        deciding: int64 [m], for a listed candidate the share that kept its place, for a removed one
            the share that was full; NO_SHARE for none.
    """

    def __init__(self, bounds: Sequence[ShareBounds], members: Mask) -> None:
        """Begin with an empty list.

        Args:
            bounds: of k shares; where they compete for places, the earlier one wins.
            members: bool [m, k], which candidates are members of which share.
        """
        self.deciding = np.full(len(members), NO_SHARE)
        self._members = members
        self._least = np.array([one.least for one in bounds], np.int64)
        self._most = np.array([one.most for one in bounds], np.int64)
        self._listed = np.zeros(len(bounds), np.int64)
        self._keeping = np.zeros(len(bounds), np.bool_)

    def choose(self, places: int, left: Mask) -> Mask:
        """The candidates that may take the next place, of those left: bool [m].

        All of them may, until members of shares must take all `places` that are left. So an item
        has the place that it earns, and members that earn none take the last ones.
        """
        owed = self._owed(places, left)
        self._keeping = (owed > 0) & (owed.sum() >= places)
        if not self._keeping.any():
            return left
        chosen: Mask = left & self._members[:, self._keeping].any(axis=1)
        return chosen

    def add(self, item: int, left: Mask) -> Mask:
        """Count a listed item.

        Returns:
            The candidates left that may not follow, since a share of theirs is full: bool [m].
        """
        of_item = self._members[item]
        self._listed += of_item
        if (kept_by := np.flatnonzero(of_item & self._keeping)).size:
            self.deciding[item] = kept_by[0]
        full = np.flatnonzero(of_item & (self._listed >= self._most))
        surplus: Mask = left & self._members[:, full].any(axis=1)
        for share in reversed(full):
            self.deciding[surplus & self._members[:, share]] = share
        return surplus

    def _owed(self, places: int, left: Mask) -> Counts:
        """How many of the places that are left each share must have: int64 [k]."""
        there_are = np.count_nonzero(self._members & left[:, np.newaxis], axis=0)
        missing = np.minimum(np.maximum(self._least - self._listed, 0), there_are)
        owed: Counts = np.diff(np.minimum(np.cumsum(missing), places), prepend=0)
        return owed
