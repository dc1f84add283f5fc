"""Articles from a file with one JSON object a line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recommender.articles import Article, parse_article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Advance

__all__ = ["Record", "read_jsonl"]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a source: where it stands, and the article or what is wrong with it."""

    path: Path
    line: int
    content: Article | InvalidArticle

    @property
    def place(self) -> str:
        """File and line, as compilers write them."""
        return f"{self.path}:{self.line}"


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
            yield from _records(path, file, advance)
    except OSError as error:
        raise BadSource(f"{path}: cannot be read ({error.strerror})") from error


def _records(path: Path, lines: Iterable[bytes], advance: Advance) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        advance(len(line))
        text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if text.strip():
            yield Record(path, number, _content(text))


def _content(line: bytes) -> Article | InvalidArticle:
    try:
        return parse_article(line)
    except InvalidArticle as refusal:
        return refusal
