"""A web page as the sandbox reads it: its main text, and what the page says about itself."""

import json
from dataclasses import asdict, dataclass, fields
from types import TracebackType
from typing import Final, Self

from recommender.analysis.html.sandbox import PAGE, Sandbox
from recommender.errors import UnreadableMarkup

__all__ = ["Page", "PageMetadata", "PageReader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMetadata:
    """What a page says about itself. All texts are unchecked; empty if the page says nothing.

    Attributes:
        title: without the name of the site.
        address: the canonical one, else Open Graph's.
        authors: their names.
        published: time of publication, in the page's own format.
        modified: time of the last change, likewise.
        language: of the page.
        section: the first one named.
        image: address of the main image.
        summary: the description.
        tags: keywords.
        is_hidden: robots are asked not to index it (noindex).
        is_story: it says that it is an article.
        is_list: it says that it is a list of articles.
        moves: it sends its reader to another page at once (meta refresh).
    """

    title: str = ""
    address: str = ""
    authors: tuple[str, ...] = ()
    published: str = ""
    modified: str = ""
    language: str = ""
    section: str = ""
    image: str = ""
    summary: str = ""
    tags: tuple[str, ...] = ()
    is_hidden: bool = False
    is_story: bool = False
    is_list: bool = False
    moves: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(PageMetadata):
    """The metadata of a page and its text.

    Attributes:
        text: the main text; a blank line separates paragraphs.
        linked: the share of links in it, 0 to 1, before lists of other articles were removed.
    """

    text: str
    linked: float

    def encode(self) -> str:
        """As a JSON object; half surrogate pairs become question marks."""
        return json.dumps(asdict(self), ensure_ascii=False).encode("utf-8", "replace").decode()

    @classmethod
    def decode(cls, document: str) -> "Page":
        """Read what `encode` wrote. The child is not trusted, so everything is checked.

        Raises:
            ValueError: it is not a page.
        """
        try:
            found = json.loads(document)
        except RecursionError as error:
            raise ValueError("nested too deep") from error
        if not isinstance(found, dict) or found.keys() != {field.name for field in fields(cls)}:
            raise ValueError("not the fields of a page")
        for name in ("authors", "tags"):
            found[name] = _names(found[name])
        for field in fields(cls):
            if not isinstance(found[field.name], _TYPES.get(field.name, str)):
                raise ValueError(f"{field.name} is of another type")  # noqa: TRY004 - as documented
        return cls(**found)


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
    """Reads one web page after another, in one thread. It is a context manager."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox or Sandbox(PAGE)

    def read(self, html: str) -> Page:
        """Read one page.

        Raises:
            UnreadableMarkup: it cannot be read within the limits; the next page is not affected.
            OSError: the machine starts no more processes.
        """
        document = self._sandbox.read(html)
        try:
            return Page.decode(document)
        except ValueError as error:
            raise UnreadableMarkup(PAGE.complaint.format("the child answers nonsense")) from error

    def close(self) -> None:
        """End the child; another page would start another one."""
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
