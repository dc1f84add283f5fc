"""How long work reports its progress, without knowing who shows it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

__all__ = ["Advance", "Meter", "Rounds", "silent"]

Advance = Callable[[int], object]
"""Called with how many more pieces are done."""

Meter = Callable[[str, int, str], AbstractContextManager[Advance]]
"""Called with a label, the number of pieces (0 if unknown) and the name of a piece."""


@dataclass(slots=True)
class Rounds:
    """An `Advance` for work that goes over the same pieces in several rounds."""

    advance: Advance
    rounds: int
    at: int = field(default=0, init=False)
    """Pieces done in all rounds. Set it back if a round starts again: nothing is reported twice."""
    _furthest: int = field(default=0, init=False)

    def __call__(self, count: int) -> None:
        """Report some more pieces."""
        self.at += count
        before, self._furthest = self._furthest, max(self._furthest, self.at)
        self.advance(self._furthest // self.rounds - before // self.rounds)


@contextmanager
def silent(_label: str, _total: int, _unit: str) -> Iterator[Advance]:
    """Show no progress."""
    yield lambda _done: None
