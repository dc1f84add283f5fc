"""Figures and their bars, which every benchmark prints in the same way."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le
from pathlib import Path
from typing import Final, Literal

import click

__all__ = ["Figure", "find_figures", "report", "write_figures", "write_parts"]

_END: Final = "<!-- end of figures -->\n"
_PART = re.compile(r"\*\*[^*]+\*\* \(`([^`]+)`")

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
    before, _, after = find_figures(page, command)
    page.write_text(f"{before}\n{text}\n\n{after}", "utf-8")


def write_parts(page: Path, command: str, intro: str, parts: Mapping[str, str]) -> None:
    """Replace some of the parts between the marks of a command in a page; others stay.

    A part begins with a paragraph that has a title in bold and the program in brackets, and ends
    before the next one. One that the page has not comes last.

    Args:
        page: has the parts.
        command: whose parts.
        intro: what stands before the first part.
        parts: the text of each, by its program.
    """
    there: dict[str, list[str]] = {}
    program = ""
    for paragraph in find_figures(page, command)[1].strip().split("\n\n"):
        found = _PART.match(paragraph)
        program = found[1] if found else program
        there.setdefault(program, []).append(paragraph)
    stay = {name: "\n\n".join(told) for name, told in there.items() if name}
    write_figures(page, command, "\n\n".join([intro, *(stay | dict(parts)).values()]))


def programs_of(figures: str) -> frozenset[str]:
    """The programs of the parts of some figures."""
    found = map(_PART.match, figures.strip().split("\n\n"))
    return frozenset(one[1] for one in found if one)


def find_figures(page: Path, command: str) -> tuple[str, str, str]:
    """The text before the figures that a command writes into a page, with its mark; they; the rest.

    Raises:
        ClickException: a mark is missing.
    """
    mark = f"<!-- figures: written by {command} -->\n"
    before, begin, rest = page.read_text("utf-8").partition(mark)
    inside, end, after = rest.partition(_END)
    for one, found in ((mark, begin), (_END, end)):
        if not found:
            raise click.ClickException(f"{page}: there is no line {one.strip()!r} in its place")
    return before + begin, inside, end + after
