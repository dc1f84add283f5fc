"""The interface of a source: it gives records in order, and marks up to which it was read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from recommender.articles import Article
from recommender.errors import InvalidArticle
from recommender.progress import Meter

__all__ = ["CheckpointJson", "Gone", "LeftOut", "Mark", "Pulled", "Record", "Source"]

CheckpointJson = Mapping[str, Any]
"""A checkpoint of a source, in plain JSON types: where it was left. Only the source reads it."""


@dataclass(frozen=True, slots=True)
class Gone:
    """An article that its source does not show any more; `id` is the one it was stored under."""

    id: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a source.

    Attributes:
        place: file and line, as compilers write them, or an address and the record's name there.
        content: what the record holds, or what is wrong with it.
        former_id: the id that earlier versions of this program gave the article; empty if it is
            the same as today's.
    """

    place: str
    content: Article | Gone | InvalidArticle
    former_id: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A checkpoint: if all records before it are stored, nothing is missed by going on from it."""

    checkpoint: CheckpointJson


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of a source that is not an article, and what it is in a word: `page`, `draft`."""

    reason: str
    count: int = 1


Pulled = Record | Mark | LeftOut


class Source(Protocol):
    """A place where articles come from."""

    @property
    def name(self) -> str:
        """The path or address; the checkpoint is stored under it."""

    def pull(self, checkpoint: CheckpointJson | None, meter: Meter) -> Iterator[Pulled]:
        """Read what is new since a checkpoint; all there is without one.

        Raises:
            BadSource: it cannot be read, or not to its end. What is wrong with one record comes
                as a record instead.
        """
