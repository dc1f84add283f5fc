"""Web pages, read by a guarded child: the main text, and what the page says of itself."""

import json
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Final, Self

from recommender.analysis.html.guard import PAGE_CHILD, MarkupReader
from recommender.analysis.html.limits import PAGE_WALL_SECONDS
from recommender.errors import UnreadableMarkup

__all__ = ["Page", "PageReader"]

_COMPLAINT: Final = "the page cannot be read: {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What was read of a page, each text as it stands there and unchecked; empty where nothing is.

    Attributes:
        text: the main text, paragraphs parted by a blank line.
        linked: how much of it was links, 0 to 1, before lists of other articles were left out.
        title: without the name of the site.
        address: the one that the page says is its own.
        authors: each a name.
        published: when, in whatever form.
        modified: likewise.
        language: of the page.
        section: the first one named.
        image: its address.
        summary: the description.
        tags: keywords, each one.
        is_hidden: robots are asked not to keep it.
        is_story: it calls itself an article.
        is_list: it calls itself a list of articles.
        moves: it sends its reader to another page at once.
    """

    text: str
    linked: float
    title: str
    address: str
    authors: tuple[str, ...]
    published: str
    modified: str
    language: str
    section: str
    image: str
    summary: str
    tags: tuple[str, ...]
    is_hidden: bool
    is_story: bool
    is_list: bool
    moves: bool

    @classmethod
    def decode(cls, answer: str) -> "Page":
        """The page of a child's answer; nothing of it is taken on trust.

        Raises:
            ValueError: it is none.
        """
        try:
            told = json.loads(answer)
        except RecursionError as error:
            raise ValueError("nested too deep") from error
        if not isinstance(told, dict) or told.keys() != {field.name for field in fields(cls)}:
            raise ValueError("not the fields of a page")
        for name in ("authors", "tags"):
            told[name] = _names(told[name])
        for field in fields(cls):
            if not isinstance(told[field.name], _TYPES.get(field.name, str)):
                raise ValueError(f"{field.name} is of another type")  # noqa: TRY004 - as documented
        return cls(**told)


_TYPES: Final[dict[str, type]] = {
    "linked": float,
    **dict.fromkeys(("authors", "tags"), tuple),
    **dict.fromkeys(("is_hidden", "is_story", "is_list", "moves"), bool),
}


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("not a list of names")
    return tuple(value)


class PageReader:
    """Reads one page after another, in one thread; close it, or use it as a context."""

    def __init__(self, reader: MarkupReader | None = None) -> None:
        self._reader = reader or MarkupReader(
            PAGE_CHILD, wall_seconds=PAGE_WALL_SECONDS, complaint=_COMPLAINT
        )

    def read(self, html: str) -> Page:
        """What is read of a page.

        Raises:
            UnreadableMarkup: nothing within the limits; the next page is none the worse.
            OSError: the machine starts no more processes.
        """
        answer = self._reader.read(html)
        try:
            return Page.decode(answer)
        except ValueError as error:
            raise UnreadableMarkup(_COMPLAINT.format("the child answers nonsense")) from error

    def close(self) -> None:
        """End the child; another page would start another."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
