"""Articles from a file with one JSON object a line."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from recommender.articles import Article, parse_article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Advance
from recommender.sources.records import Record

__all__ = ["read_jsonl", "read_lines"]

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


def read_lines(name: str, lines: Iterable[bytes], advance: Advance) -> Iterator[Record]:
    """Read the lines of a document, UTF-8, by its name; `advance` is told of bytes."""
    for number, line in enumerate(lines, 1):
        advance(len(line))
        text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if text.strip():
            yield Record(f"{name}:{number}", _content(text))


def _content(line: bytes) -> Article | InvalidArticle:
    try:
        return parse_article(line)
    except InvalidArticle as refusal:
        return refusal
