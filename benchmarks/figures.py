"""Figures beside their bars, printed alike by every benchmark."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["HALVES", "LISTS", "PAIRS", "PARALLEL", "Figure", "report"]

LISTS: Final = "wikinews-events"
PAIRS: Final = "lee"
PARALLEL: Final = "ntrex"
HALVES: Final = "ntrex-halves"
"""The data sets, by the names of their folders."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, and the bar it should not fall below (or rise above)."""

    name: str
    value: float
    bar: float | None = None
    side: Literal["least", "most"] = "least"

    @property
    def met(self) -> bool:
        """Whether the bar is met; a figure without one always is."""
        if self.bar is None:
            return True
        return self.value >= self.bar if self.side == "least" else self.value <= self.bar

    def __str__(self) -> str:
        sign = ">=" if self.side == "least" else "<="
        bar = (
            "" if self.bar is None else f"  ({'met' if self.met else 'MISSED'}: {sign} {self.bar})"
        )
        return f"{self.name:<58} {self.value:>10.4f}{bar}"


def report(figures: list[Figure], say: Callable[[str], object]) -> int:
    """Print figures; returns 1 if a bar was missed, else 0."""
    for figure in figures:
        say(str(figure))
    return 0 if all(figure.met for figure in figures) else 1
