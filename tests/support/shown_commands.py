"""The commands that the pages show, and the lines that a page says they print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

__all__ = ["PAGES", "Block", "ShownCommand", "blocks_of", "commands_on", "words_and_numbers"]

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = tuple(
    str(path.relative_to(ROOT))
    for pattern in ("README.md", "docs/*.md", "clients/*/README.md", "integrations/*/README.md")
    for path in sorted(ROOT.glob(pattern))
)
FENCED: Final = re.compile(r"^( *)```(.*)\n((?:.*\n)*?)\1```$", re.MULTILINE)
NUMBER: Final = re.compile(r"\d+\.\d+")
VARYING: Final = re.compile(
    r"[0-9]{12}-[0-9a-f]{12}|[0-9a-f]{32}|in \d+\.\d s|(?<=\"change\":)\d+|(?<=, change )\d+"
)
"""Of changes the indexer logs its own, whenever it has read a text."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, empty if the page names none, and its text without margin."""

    language: str
    text: str


@dataclass(frozen=True)
class ShownCommand:
    """A command, and what the page says that it prints; None where it says nothing."""

    page: str
    command: str
    output: str | None


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, which is named by its path in the repository, in order."""
    found = FENCED.findall((ROOT / page).read_text("utf-8"))
    return [Block(language.strip(), dedent(text)) for _, language, text in found]


def commands_on(page: str) -> list[ShownCommand]:
    """The commands of the `console` and `sh` blocks of a page, in order."""
    return [
        ShownCommand(page, command, output)
        for block in blocks_of(page)
        for command, output in _commands_of(block)
    ]


def _commands_of(block: Block) -> Iterator[tuple[str, str | None]]:
    if block.language == "console":
        for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            yield _split(step)
    if block.language == "sh":
        joined = re.sub(r"\\\n *", "", block.text)
        lines = [line for line in joined.splitlines() if line.strip()]
        yield from ((each, None) for each in (["\n".join(lines)] if _sets_on(lines) else lines))


def _sets_on(lines: list[str]) -> bool:
    """Whether the first line sets what the others need, so that they are one command."""
    return lines[0].startswith("export ")


def _split(step: str) -> tuple[str, str]:
    """A command and its output; a command goes on while a quote is open."""
    lines = step.splitlines()
    for end in range(1, len(lines) + 1):
        if "\n".join(lines[:end]).count("'") % 2 == 0:
            return "\n".join(lines[:end]), "\n".join(lines[end:])
    raise AssertionError(f"a quote stays open in {step}")


def words_and_numbers(text: str) -> tuple[list[str], list[float]]:
    """A text without what differs between machines, and its numbers."""
    plain = VARYING.sub("~", text.strip())
    return NUMBER.split(plain), [float(number) for number in NUMBER.findall(plain)]
