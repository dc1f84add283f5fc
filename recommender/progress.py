"""How long work tells of itself, whoever is listening."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

__all__ = ["Advance", "Meter", "Rounds", "silent"]

Advance = Callable[[int], object]
"""Told how many more pieces are done."""

Meter = Callable[[str, int, str], AbstractContextManager[Advance]]
"""Opened with a label, the number of pieces and what a piece is; gives an `Advance`."""


@dataclass(slots=True)
class Rounds:
    """An `Advance` of work that goes over the same pieces in several rounds, a share in each."""

    advance: Advance
    rounds: int
    at: int = field(default=0, init=False)
    """Pieces done in all rounds; set back where a round begins anew, and nothing is told twice."""
    _furthest: int = field(default=0, init=False)

    def __call__(self, count: int) -> None:
        """Tell of some more."""
        self.at += count
        before, self._furthest = self._furthest, max(self._furthest, self.at)
        self.advance(self._furthest // self.rounds - before // self.rounds)


@contextmanager
def silent(_label: str, _total: int, _unit: str) -> Iterator[Advance]:
    """A meter that nobody watches."""
    yield lambda _done: None
