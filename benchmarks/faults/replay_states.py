"""Which moments the power goes at, and the states of the disk that are looked at then."""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from benchmarks.faults.replay_disk import Disk, Luck, Tree
from benchmarks.faults.trace_operations import Acknowledge, Operation, Sync

__all__ = ["Control", "Outage", "State", "draw_outages", "replay"]

_EXTREMES = tuple(Luck(kept, last_differs=odd) for kept in (0, 1) for odd in (False, True))
_KEPT = (0.1, 0.5, 0.9)
_TORN = (0.0, 0.3)


@dataclass(frozen=True, slots=True)
class Outage:
    """The power goes after so many operations, with such luck for what was not synced."""

    at: int
    luck: Luck


@dataclass(frozen=True, slots=True)
class State:
    """What is left after an outage, and how many acknowledgements had been given before it."""

    outage: Outage
    tree: Tree
    acknowledged: int


@dataclass(frozen=True, slots=True)
class Control:
    """A sync left out, as if the program had forgotten it: states after it must show losses.

    Attributes:
        name: what is forgotten.
        path: a pattern for the whole path of what is synced; a folder's ends in a slash.
        which: the place among the syncs of such paths, from the end if negative; all if None.
        answered: whether only syncs that an acknowledgement follows at once are counted.
    """

    name: str
    path: str
    which: int | None = None
    answered: bool = False

    def forget(self, operations: Sequence[Operation]) -> tuple[list[Operation], range]:
        """The operations without it, and the moments at which it is missed.

        Those go from its place to the next sync of the same file or folder, which makes up for it.

        Raises:
            IndexError: there is no such sync.
        """
        places = [place for place in range(len(operations)) if self._matches(operations, place)]
        if self.which is None:
            left = [op for place, op in enumerate(operations) if place not in places]
            return left, range(places[0], len(left) + 1)
        place = places[self.which]
        left = [*operations[:place], *operations[place + 1 :]]
        return left, range(place, _next_sync(left, operations[place], place) + 1)

    def _matches(self, operations: Sequence[Operation], place: int) -> bool:
        operation = operations[place]
        if not isinstance(operation, Sync) or not re.fullmatch(self.path, operation.path):
            return False
        following = operations[place + 1 : place + 2]
        return not self.answered or any(isinstance(op, Acknowledge) for op in following)


def draw_outages(
    operations: Sequence[Operation], states: int, seed: int, moments: range | None = None
) -> list[Outage]:
    """Choose outages among some moments, by default all; in the order of their moments.

    Up to half lie at the turning points, right before a sync, right after an acknowledgement and
    at the end, where all that was not synced is lost, or all is kept, or all but the last change
    of each file and folder. The rest are drawn at random.
    """
    draw = random.Random(seed)  # noqa: S311 - to be drawn again, not to be secret
    moments = moments or range(len(operations) + 1)
    turning = [at for at in moments if _turns(operations, at)]
    extremes = [Outage(at, luck) for at in turning for luck in _EXTREMES]
    draw.shuffle(extremes)
    chosen = extremes[: states // 2]
    while len(chosen) < states:
        luck = Luck(draw.choice(_KEPT), draw.choice(_TORN), draw.getrandbits(32))
        # Half of them where most is unsynced.
        at = draw.choice(turning) if turning and draw.random() < 0.5 else draw.choice(moments)
        chosen.append(Outage(at, luck))
    return sorted(chosen, key=lambda outage: outage.at)


def replay(operations: Iterable[Operation], outages: Iterable[Outage]) -> Iterator[State]:
    """Go through the operations once, and stop at each outage. They come ordered by moment."""
    disk, rest = Disk(), iter(operations)
    done = acknowledged = 0
    for outage in outages:
        for operation in islice(rest, outage.at - done):
            disk.apply(operation)
            acknowledged += isinstance(operation, Acknowledge)
        done = outage.at
        yield State(outage, disk.after_outage(outage.luck), acknowledged)


def _turns(operations: Sequence[Operation], at: int) -> bool:
    if at == len(operations):
        return True
    before_sync = isinstance(operations[at], Sync)
    return before_sync or (at > 0 and isinstance(operations[at - 1], Acknowledge))


def _next_sync(operations: Sequence[Operation], like: Operation, start: int) -> int:
    assert isinstance(like, Sync)
    for place in range(start, len(operations)):
        operation = operations[place]
        if isinstance(operation, Sync) and operation.node == like.node:
            return place
    return len(operations)
