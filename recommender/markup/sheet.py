"""Text as it is set: runs join to lines, lines to paragraphs."""

import re
from typing import Final

__all__ = ["Sheet", "tidy"]

# Controls that are no white space, the soft hyphen, which would cut a word, and byte order marks.
_UNSEEN: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\ufeff]")


def tidy(text: str) -> str:
    """Without what is not seen; every run of white space, no-break spaces too, is one space."""
    return " ".join(_UNSEEN.sub("", text).split())


class Sheet:
    """Takes runs of text and ends of lines and paragraphs in reading order; keeps no empty ones."""

    def __init__(self) -> None:
        self._paragraphs: list[str] = []
        self._lines: list[str] = []
        self._runs: list[str] = []

    def write(self, run: str) -> None:
        """Go on in the same line; white space is as the run has it."""
        self._runs.append(run)

    def end_line(self) -> bool:
        """Whether there was anything on it."""
        line = tidy("".join(self._runs))
        self._runs.clear()
        if line:
            self._lines.append(line)
        return bool(line)

    def break_line(self) -> None:
        """End the line as <br> does: the second on end leaves a blank line, and so a paragraph."""
        if not self.end_line():
            self.end_paragraph()

    def end_paragraph(self) -> None:
        """The next run begins another paragraph."""
        self.end_line()
        if self._lines:
            self._paragraphs.append("\n".join(self._lines))
            self._lines.clear()

    def add_cell(self, paragraphs: list[str]) -> None:
        """Put a table's cell on the line, or by itself when it holds more than a paragraph.

        Old pages are laid out by tables, and one cell has the story.
        """
        if len(paragraphs) <= 1:
            self.write(" ".join(["", *paragraphs, ""]))
            return
        self.end_paragraph()
        self._paragraphs += paragraphs

    def finish(self) -> list[str]:
        """The paragraphs; lines in them end with a newline."""
        self.end_paragraph()
        return self._paragraphs
