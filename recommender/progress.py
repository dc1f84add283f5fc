"""How long work tells of itself, whoever is listening."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

__all__ = ["Advance", "Meter", "silent"]

Advance = Callable[[int], object]
"""Told how many more pieces are done."""

Meter = Callable[[str, int, str], AbstractContextManager[Advance]]
"""Opened with a label, the number of pieces and what a piece is; gives an `Advance`."""


@contextmanager
def silent(_label: str, _total: int, _unit: str) -> Iterator[Advance]:
    """A meter that nobody watches."""
    yield lambda _done: None
