"""Who writes to an index elsewhere: one writer after another, each for a tenure.

What a writer has sent may arrive after it was replaced, and such an engine has no conditional
write. So each row tells its writer's tenure, and after which place of a log the writer had read it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FILLING", "Stamp", "Tenures", "later_than"]

_RANDOM_BITS: Final = 31


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a row tells of its writing.

    Attributes:
        tenure: the number of its writer's.
        since: the place in the log after which the writer had read it.
    """

    tenure: int
    since: int


FILLING: Final = Stamp(0, -1)
"""Of the rows that a collection was filled with, before any writer followed a log."""


@dataclass(frozen=True, slots=True)
class Tenures:
    """The tenures that are known.

    A writer notes a place of the log when everything up to it is written, and the next one begins
    where that note is. So what a writer had read after the place where a later one began is late.

    Attributes:
        began: where in the log they began, by their numbers, both rising. A tenure is not among
            them if a later one began there or before: of the other ones it tells nothing more, and
            its own rows are late without it.
    """

    began: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, began: Mapping[int, int]) -> Tenures:
        """Compare tenures: by number of each, the place of the log where it began."""
        kept = dict[int, int]()
        for number in sorted(began, reverse=True):
            if not kept or began[number] < min(kept.values()):
                kept[number] = began[number]
        return cls(dict(reversed(kept.items())))

    def admit(self, stamp: Stamp) -> bool:
        """Whether a row counts; those of writers later than all that are known do."""
        later = (place for number, place in self.began.items() if number > stamp.tenure)
        return stamp.since < next(later, stamp.since + 1)


def later_than(numbers: Iterable[int]) -> int:
    """The number of a new tenure: above all others, and chosen by no other process."""
    newest = max(numbers, default=0) >> _RANDOM_BITS
    return ((newest + 1) << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
