"""Text as it is set: runs join to lines, lines to paragraphs; each knows how much is links."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = ["Block", "Kind", "Line", "Sheet", "Span", "tidy", "weigh"]

# Controls that are no white space, the soft hyphen, which would cut a word, and byte order marks.
_UNSEEN: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\ufeff]")

Kind = Literal["text", "heading", "item", "quote"]
"""What a block stands in; a heading or an item of a list in a quotation is what it is itself."""


def tidy(text: str) -> str:
    """Without what is not seen; every run of white space, no-break spaces too, is one space."""
    return " ".join(_UNSEEN.sub("", text).split())


def weigh(text: str) -> int:
    """How many characters are no spaces."""
    return len("".join(text.split()))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `linked` characters of it, spaces not counted, lead elsewhere."""

    text: str
    linked: int = 0

    @property
    def share(self) -> float:
        """How much of the line is links, 0 to 1."""
        return self.linked / max(1, weigh(self.text))


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, item of a list or part of a quotation; its lines are never empty."""

    lines: tuple[Line, ...]
    kind: Kind = "text"

    @property
    def text(self) -> str:
        """The lines, each but the last ending with a newline."""
        return "\n".join(line.text for line in self.lines)

    @property
    def weight(self) -> int:
        """How many characters are no spaces."""
        return sum(weigh(line.text) for line in self.lines)

    @property
    def linked(self) -> int:
        """How many of those are in links."""
        return sum(line.linked for line in self.lines)


@dataclass(frozen=True, slots=True)
class Span:
    """Blocks that one element holds: from `first` on, up to `end`, which is not among them."""

    first: int
    end: int


@dataclass(slots=True)
class Sheet:
    """Takes runs of text and ends of lines and paragraphs in reading order; keeps no empty ones."""

    blocks: list[Block] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    kind: Kind = "text"
    _lines: list[Line] = field(default_factory=list)
    _runs: list[str] = field(default_factory=list)
    _linked: int = 0

    def write(self, run: str, linked: int = 0) -> None:
        """Go on in the same line; white space is as the run has it."""
        self._runs.append(run)
        self._linked += linked

    def end_line(self) -> bool:
        """Whether there was anything on it."""
        line = tidy("".join(self._runs))
        if line:
            self._lines.append(Line(line, self._linked))
        self._runs.clear()
        self._linked = 0
        return bool(line)

    def break_line(self) -> None:
        """End the line as <br> does: the second on end leaves a blank line, and so a paragraph."""
        if not self.end_line():
            self.end_paragraph()

    def end_paragraph(self) -> None:
        """The next run begins another paragraph."""
        self.end_line()
        if self._lines:
            self.blocks.append(Block(tuple(self._lines), self.kind))
            self._lines.clear()

    def span(self, first: int) -> None:
        """Keep that the blocks from this one on, if they are several, stand in one element."""
        found = Span(first, len(self.blocks))
        if found.end - first > 1 and found not in self.spans[-1:]:
            self.spans.append(found)

    def add_cell(self, cell: "Sheet") -> None:
        """Put a table's cell on the line, or by itself when it holds more than a paragraph.

        Old pages are laid out by tables, and one cell has the story.
        """
        cell.end_paragraph()
        if len(cell.blocks) <= 1:
            for block in cell.blocks:
                self.write(f" {block.text}", block.linked)
            self.write(" ")
            return
        self.end_paragraph()
        first = len(self.blocks)
        self.blocks += cell.blocks
        self.spans += [Span(first + span.first, first + span.end) for span in cell.spans]
