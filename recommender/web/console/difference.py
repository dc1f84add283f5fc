"""How one list differs from another: what is new, what is gone, and what moved how far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["ListDifference", "PlaceChange"]

Moved = Literal["new", "up", "down", "same"]


@dataclass(frozen=True, slots=True)
class PlaceChange:
    """The place of an item, from 1, and its place before; None if it was not there."""

    now: int
    before: int | None

    @property
    def kind(self) -> Moved:
        """What happened to it; nearer to the first place is up."""
        if self.before is None:
            return "new"
        return "same" if self.by == 0 else "up" if self.now < self.before else "down"

    @property
    def by(self) -> int:
        """How many places it moved."""
        return abs(self.now - (self.before or self.now))


@dataclass(frozen=True, slots=True)
class ListDifference:
    """A list beside the one before.

    Attributes:
        places: by id, in the order of the list.
        gone: the ids that are no longer in it, by their places before, from 1.
    """

    places: Mapping[str, PlaceChange]
    gone: Mapping[int, str]

    @classmethod
    def of(cls, before: Sequence[str], now: Sequence[str]) -> "ListDifference":
        """Compare two lists of ids."""
        placed = {one: place for place, one in enumerate(before, 1)}
        places = {one: PlaceChange(at, placed.get(one)) for at, one in enumerate(now, 1)}
        return cls(places, {at: one for one, at in placed.items() if one not in places})

    def count(self, *kinds: Moved) -> int:
        """How many items are of some kinds."""
        return sum(one.kind in kinds for one in self.places.values())

    @property
    def is_none(self) -> bool:
        """Whether both lists are the same."""
        return not self.gone and self.count("same") == len(self.places)
