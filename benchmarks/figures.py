"""Figures and their bars, which every benchmark prints in the same way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le
from pathlib import Path
from typing import Final, Literal

import click

__all__ = ["Figure", "around_figures", "report", "write_figures"]

_END: Final = "<!-- end of figures -->\n"

_COMPARED: Final[Mapping[str, tuple[str, Callable[[float, float], bool]]]] = {
    "least": (">=", ge),
    "most": ("<=", le),
    "above": (">", gt),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and its bar: a least value, a most value, or a value to stay above.

    A figure that could not be measured is NaN. It meets no bar.
    """

    name: str
    value: float
    bar: float | None = None
    side: Literal["least", "most", "above"] = "least"

    @property
    def met(self) -> bool:
        """Whether the bar is met. A figure without a bar always meets it."""
        if self.bar is None:
            return True
        return _COMPARED[self.side][1](self.value, self.bar)

    def __str__(self) -> str:
        sign, met = _COMPARED[self.side][0], "met" if self.met else "MISSED"
        bar = "" if self.bar is None else f"  ({met}: {sign} {self.bar})"
        return f"{self.name:<58} {self.value:>10.4f}{bar}"


def report(figures: list[Figure], say: Callable[[str], object]) -> int:
    """Print figures; return 1 if a bar was missed, else 0."""
    for figure in figures:
        say(str(figure))
    return 0 if all(figure.met for figure in figures) else 1


def write_figures(page: Path, command: str, text: str) -> None:
    """Replace what stands between the marks of a command in a page."""
    before, begin, after = around_figures(page, command)
    page.write_text(f"{before}{begin}\n{text}\n\n{_END}{after}", "utf-8")


def around_figures(page: Path, command: str) -> tuple[str, str, str]:
    """The text before the figures that a command writes into a page, its mark, and what follows.

    Raises:
        ClickException: a mark is missing.
    """
    mark = f"<!-- figures: written by {command} -->\n"
    before, begin, rest = page.read_text("utf-8").partition(mark)
    _, end, after = rest.partition(_END)
    for one, found in ((mark, begin), (_END, end)):
        if not found:
            raise click.ClickException(f"{page}: there is no line {one.strip()!r} in its place")
    return before, begin, after
