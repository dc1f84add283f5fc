"""Articles from a file with one JSON object a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from recommender.articles import Article, parse_article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Advance
from recommender.sources.records import Record

__all__ = ["read_jsonl", "read_lines"]

LONGEST_LINE: Final = 16 * 2**20  # bytes; the largest article takes less, however it is written
_TOO_LONG: Final = f"the line is longer than {LONGEST_LINE} bytes, as no article is"
_PIECE: Final = 2**16  # bytes of a longer line that are passed over at once
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def read_jsonl(path: Path, advance: Advance = lambda _bytes: None) -> Iterator[Record]:
    """Read a file line by line; blank lines are passed over.

    Args:
        path: the file, UTF-8.
        advance: told of bytes read.

    Raises:
        BadSource: the file cannot be read. What is wrong with a line comes as a record instead.
    """
    try:
        with path.open("rb") as file:
            yield from read_lines(str(path), file, advance)
    except OSError as error:
        raise BadSource(f"{path}: cannot be read ({error.strerror})") from error


def read_lines(name: str, file: BinaryIO, advance: Advance) -> Iterator[Record]:
    """Read the lines of a document, UTF-8, by its name; `advance` is told of bytes."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        advance(len(line))
        number += 1
        text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if len(line) > LONGEST_LINE:
            _pass_over(line, file, advance)
            yield Record(f"{name}:{number}", InvalidArticle(_TOO_LONG))
        elif text.strip():
            yield Record(f"{name}:{number}", _content(text))


def _pass_over(begun: bytes, file: BinaryIO, advance: Advance) -> None:
    """Read the rest of a line that was begun."""
    while begun and not begun.endswith(b"\n"):
        begun = file.readline(_PIECE)
        advance(len(begun))


def _content(line: bytes) -> Article | InvalidArticle:
    try:
        return parse_article(line)
    except InvalidArticle as refusal:
        return refusal
