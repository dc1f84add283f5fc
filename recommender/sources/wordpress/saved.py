"""Answers of WordPress's REST interface that were saved to a file."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from recommender.articles import Article
from recommender.errors import BadSource, InvalidArticle
from recommender.progress import Meter
from recommender.sources.bodies import read_whole
from recommender.sources.json_values import entries, text
from recommender.sources.records import Cursor, Gone, Pulled, Record
from recommender.sources.wordpress.posts import Post, read_post

__all__ = ["WordPressFile"]

NEW_LINE: Final = "\n"
_DECODER: Final = json.JSONDecoder()
_BLANK: Final = re.compile(r"[\s,]*")
_API: Final = re.compile(r"/wp-json/|/(?:index\.php)?\?rest_route=|/\?p=")


class WordPressFile:
    """A file that holds a post, or an array of posts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self._path)

    def pull(self, cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:  # noqa: ARG002 - of the port
        """Read the whole file, post by post; there is no cursor.

        Raises:
            BadSource: the file cannot be read, is too large, or is no JSON from somewhere on.
        """
        try:
            with self._path.open("rb") as file:
                json_text = read_whole(self.name, file, lambda _count: None).decode("utf-8-sig")
        except OSError as error:
            raise BadSource(f"{self._path}: cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise BadSource(f"{self._path}: is not UTF-8 (byte {error.start})") from error
        line, done = 1, 0
        with meter(self._path.name, len(json_text), "B") as advance:
            for begin, end, found in self._values(json_text):
                line += json_text.count(NEW_LINE, done, begin)
                yield Record(f"{self._path}:{line}", _content(found))
                line += json_text.count(NEW_LINE, begin, end)
                advance(end - done)
                done = end

    def _values(self, json_text: str) -> Iterator[tuple[int, int, object]]:
        """The posts with where they begin and end: those of an array, or the only one."""
        begin = _skip(json_text, 0)
        is_array = json_text.startswith("[", begin)
        at = _skip(json_text, begin + 1) if is_array else begin
        while not (is_array and json_text.startswith("]", at)):
            found, end = self._value(json_text, at)
            yield at, end, found
            at = _skip(json_text, end)
            if not is_array:
                break
        if json_text[at + is_array :].strip():
            raise BadSource(
                f"{self._place(json_text, at)}: more follows after the end of the JSON text"
            )

    def _value(self, json_text: str, at: int) -> tuple[object, int]:
        try:
            return _DECODER.raw_decode(json_text, at)
        except (ValueError, RecursionError) as error:
            where = self._place(json_text, getattr(error, "pos", at))
            raise BadSource(f"{where}: is not JSON ({getattr(error, 'msg', error)})") from error

    def _place(self, json_text: str, at: int) -> str:
        return f"{self._path}:{json_text.count(NEW_LINE, 0, at) + 1}"


def _skip(json_text: str, at: int) -> int:
    found = _BLANK.match(json_text, at)
    return found.end() if found else at


def _content(found: object) -> Article | Gone | InvalidArticle:
    if not isinstance(found, Mapping):
        return InvalidArticle("this is no post, but another JSON value")
    return read_post(found, _home(found))


def _home(post: Post) -> str:
    """The home address, from what a post says of itself; an answer has no field for it."""
    for address in _own_addresses(post):
        found = _API.search(address)
        if found:
            return address[: found.start()]
    scheme, mark, rest = text(post, "link").partition("://")
    return scheme + mark + rest.partition("/")[0]


def _own_addresses(post: Post) -> Iterator[str]:
    for links in entries(post, "_links"):
        yield from (text(one, "href") for one in entries(links, "self"))
    yield from (text(guid, "rendered") for guid in entries(post, "guid"))
