"""What a list shows of an article; the snapshot keeps it with the row."""

import json
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, Final, Self

__all__ = ["DisplayFields"]


@dataclass(frozen=True, slots=True)
class DisplayFields:
    """What a list shows of an article.

    Attributes:
        title: the headline, without blanks around it.
        url: the address of the article; None if it has none, like the fields that follow.
        section: its section.
        language: BCP-47; None if unknown.
        published_at: RFC 3339, in UTC.
        image_url: the address of its image.
        summary: at most LONGEST_SHOWN_SUMMARY characters; empty for none.
        authors: in the order in which the article names them.
        tags: the same.
        image_srcset: the image in other sizes, as in HTML; empty for none.
    """

    title: str
    url: str | None
    section: str | None
    language: str | None
    published_at: str | None
    image_url: str | None
    summary: str = ""
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    image_srcset: str = ""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `Article.to_display` wrote."""
        document: dict[str, Any] = json.loads(data)
        for name in LISTS & document.keys():
            document[name] = tuple(document[name])
        return cls(**document)

    @classmethod
    def read_item(cls, data: bytes, more: Collection[str]) -> dict[str, Any]:
        """Read the fields of an item, as `of_item` gives them; a list reads many."""
        if more:
            return cls.from_bytes(data).of_item(more)
        document = json.loads(data)
        return {name: document[name] for name in ALWAYS_SHOWN}

    def of_item(self, more: Collection[str]) -> dict[str, Any]:
        """The fields of an item: those that are always shown, and those of `more`."""
        shown = {name: getattr(self, name) for name in (*ALWAYS_SHOWN, *more) if name != "image"}
        if "image" in more and self.image_url:
            shown["image"] = {"url": self.image_url, "srcset": self.image_srcset}
        return shown


LISTS: Final = frozenset({"authors", "tags"})
ALWAYS_SHOWN: Final = tuple(each.name for each in fields(DisplayFields))[:6]
