"""Text in blocks: runs of text join to lines, lines to blocks. Each knows how much of it is links.

Lengths count the characters that are not white space.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = [
    "Block",
    "BlockKind",
    "Layout",
    "Span",
    "TextLine",
    "tidy",
    "visible_length",
]

# Control characters that are not white space, the soft hyphen, which would cut a word in two, and
# byte order marks.
_INVISIBLE: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\ufeff]")

BlockKind = Literal["text", "heading", "item", "quote"]
"""The element around a block. A heading or a list item inside a quotation keeps its own kind."""


def tidy(text: str) -> str:
    """Remove characters that print nothing, and make each run of white space one space."""
    return " ".join(_INVISIBLE.sub("", text).split())


def visible_length(text: str) -> int:
    """The number of characters that are not white space."""
    return len("".join(text.split()))


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text; `linked` is the length of its links."""

    text: str
    linked: int = 0

    @property
    def linked_share(self) -> float:
        """How much of the line is links, 0 to 1."""
        return self.linked / max(1, visible_length(self.text))


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, a list item or a part of a quotation. No line is empty."""

    lines: tuple[TextLine, ...]
    kind: BlockKind = "text"

    @property
    def text(self) -> str:
        """The lines, joined by newlines."""
        return "\n".join(line.text for line in self.lines)

    @property
    def length(self) -> int:
        """The length of the text."""
        return sum(visible_length(line.text) for line in self.lines)

    @property
    def linked(self) -> int:
        """The length of its links."""
        return sum(line.linked for line in self.lines)


@dataclass(frozen=True, slots=True)
class Span:
    """The blocks inside one element: numbers from `first` up to `end`, without `end`."""

    first: int
    end: int


@dataclass(slots=True)
class Layout:
    """A text as it grows: takes runs of text in reading order, makes blocks, keeps no empty ones.

    `spans` are the elements that hold several blocks.
    """

    blocks: list[Block] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    kind: BlockKind = "text"
    _lines: list[TextLine] = field(default_factory=list)
    _runs: list[str] = field(default_factory=list)
    _linked: int = 0

    def write(self, run: str, linked: int = 0) -> None:
        """Add a run to the current line; `linked` is the length of the links in it."""
        self._runs.append(run)
        self._linked += linked

    def end_line(self) -> bool:
        """End the current line; return whether it had any text."""
        line = tidy("".join(self._runs))
        if line:
            self._lines.append(TextLine(line, self._linked))
        self._runs.clear()
        self._linked = 0
        return bool(line)

    def break_line(self) -> None:
        """End the line as <br> does: a second <br> ends the block."""
        if not self.end_line():
            self.end_block()

    def end_block(self) -> None:
        """End the current block; the next run begins another one."""
        self.end_line()
        if self._lines:
            self.blocks.append(Block(tuple(self._lines), self.kind))
            self._lines.clear()

    def end_span(self, first: int) -> None:
        """Note that the blocks from `first` on are inside one element, if they are several."""
        found = Span(first, len(self.blocks))
        if found.end - first > 1 and found not in self.spans[-1:]:
            self.spans.append(found)

    def add_cell(self, cell: "Layout") -> None:
        """Add a cell of a table: to the line, or as blocks if it holds more than one.

        Old pages use tables for their layout, and one cell holds the story.
        """
        cell.end_block()
        if len(cell.blocks) <= 1:
            for block in cell.blocks:
                self.write(f" {block.text}", block.linked)
            self.write(" ")
            return
        self.end_block()
        first = len(self.blocks)
        self.blocks += cell.blocks
        self.spans += [Span(first + span.first, first + span.end) for span in cell.spans]
