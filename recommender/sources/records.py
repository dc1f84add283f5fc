"""What a source gives: records in their order, and marks up to which it was read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from recommender.articles import Article
from recommender.errors import InvalidArticle
from recommender.progress import Meter

__all__ = ["Cursor", "Gone", "LeftOut", "Mark", "Pulled", "Record", "Source"]

Cursor = Mapping[str, Any]
"""Where a source was left, in plain JSON types; only the source understands it."""


@dataclass(frozen=True, slots=True)
class Gone:
    """An article that its source does not show any more; `id` is the one it was stored under."""

    id: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a source: where it stands, and what it holds or what is wrong with it.

    `place` is file and line as compilers write them, or an address and the record's own name there.
    """

    place: str
    content: Article | Gone | InvalidArticle


@dataclass(frozen=True, slots=True)
class Mark:
    """Whoever goes on from this cursor misses nothing, if all records before it were stored."""

    cursor: Cursor


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of a source that is no article, and what it is in a word: `page`, `draft`."""

    reason: str
    count: int = 1


Pulled = Record | Mark | LeftOut


class Source(Protocol):
    """A place where articles come from."""

    @property
    def name(self) -> str:
        """The path or address, by which the cursor is kept too."""

    def pull(self, cursor: Cursor | None, meter: Meter) -> Iterator[Pulled]:
        """Read what is new since a cursor; all there is without one.

        Raises:
            BadSource: it cannot be read as what it should be, or not any further. What is wrong
                with one record comes as a record instead.
        """
