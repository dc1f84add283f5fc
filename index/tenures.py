"""Who writes to an index elsewhere: one writer after another, each for a tenure.

What a writer has sent may arrive after it was replaced, and such an engine has no conditional
write. So each row tells its writer's tenure, and after which place of a log the writer had read it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from itertools import accumulate
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
        ends: by number of each tenure that is over, the first place where a later one began.
    """

    ends: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, began: Mapping[int, int]) -> Tenures:
        """Compare tenures: by number of each, the place of the log where it began."""
        numbers = sorted(began, reverse=True)
        first = accumulate((began[number] for number in numbers), min)
        return cls(dict(zip(numbers[1:], first, strict=False)))

    def admit(self, stamp: Stamp) -> bool:
        """Whether a row counts; those of writers that are not known yet do."""
        end = self.ends.get(stamp.tenure)
        return end is None or stamp.since < end


def later_than(numbers: Iterable[int]) -> int:
    """The number of a new tenure: above all others, and chosen by no other process."""
    newest = max(numbers, default=0) >> _RANDOM_BITS
    return ((newest + 1) << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
