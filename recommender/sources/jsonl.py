"""Articles from a file with one JSON object a line."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from recommender.articles import Article, parse_article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Advance
from recommender.sources.source import Record

__all__ = ["read_jsonl", "read_lines"]

LONGEST_LINE: Final = 16 * 2**20  # bytes; the largest article is shorter, however it is written
_TOO_LONG: Final = f"the line is longer than {LONGEST_LINE} bytes, as no article is"
_PIECE: Final = 2**16  # bytes of a longer line that are skipped at once


def read_jsonl(path: Path, advance: Advance = lambda _bytes: None) -> Iterator[Record]:
    """Read a file line by line; blank lines are ignored.

    Args:
        path: the file, UTF-8.
        advance: called with the number of bytes read.

    Raises:
        BadSource: the file cannot be read. What is wrong with a line comes as a record instead.
    """
    try:
        with path.open("rb") as file:
            yield from read_lines(str(path), file, advance)
    except OSError as error:
        raise BadSource(f"{path}: cannot be read ({error.strerror})") from error


def read_lines(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record]:
    """Read the lines of a document in UTF-8; `advance` is called with the number of bytes read."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        advance(len(line))
        number += 1
        text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if len(line) > LONGEST_LINE:
            _skip_rest(line, file, advance)
            yield Record(f"{name}:{number}", InvalidArticle(_TOO_LONG))
        elif text.strip():
            yield Record(f"{name}:{number}", _content(text))


def _skip_rest(begun: bytes, file: BinaryIO, advance: Advance) -> None:
    """Skip the rest of a line."""
    while begun and not begun.endswith(b"\n"):
        begun = file.readline(_PIECE)
        advance(len(begun))


def _content(line: bytes) -> Article | InvalidArticle:
    try:
        return parse_article(line)
    except InvalidArticle as refusal:
        return refusal
