"""The list as its template prints it: all that has to be decided is decided here."""

import re
from dataclasses import dataclass
from typing import Final

from recommender.api import Item
from recommender.articles import is_web_address
from recommender.ranking.attributes import UNKNOWN_LANGUAGE
from recommender.web.directions import Direction, direction_of
from recommender.web.glyphs import can_be_seen, without_controls
from recommender.web.headings import Heading, heading_in
from recommender.web.presentation import FragmentOptions
from recommender.web.state import Listing

__all__ = ["Entry", "Section"]

DATE: Final = slice(10)  # of an RFC 3339 time
_FRACTION = re.compile(r"\.[0-9]+")  # of a second; HTML knows three digits of one, RFC 3339 all


@dataclass(frozen=True, slots=True)
class Entry:
    """An item. What is None is left out: the page has nothing to show, or the section says it.

    Attributes:
        title: the headline, or the id of an article whose headline cannot be seen.
        href: where it leads; http or https.
        image: the address of its image.
        language: BCP-47, where it is another than the section's.
        direction: where that is another than the section's.
        moment: when it was published, RFC 3339, to the second.
        date_direction: of the date, which would be mirrored among words that run to the left.
        kind: `pinned` or `fallback`; None for what is related.
    """

    title: str
    href: str | None
    image: str | None
    language: str | None
    direction: Direction | None
    moment: str | None
    date_direction: Direction | None
    kind: str | None

    @property
    def date(self) -> str | None:
        """The day in UTC: `2026-10-05`."""
        return self.moment and self.moment[DATE]


@dataclass(frozen=True, slots=True)
class Section:
    """A list under an article. `language` is the seed's, BCP-47.

    `heading_language` is None where it is the section's, or the caller's own affair.
    """

    article_id: str
    language: str
    direction: Direction
    heading: str
    heading_language: str | None
    heading_level: int
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, listing: Listing, tag: str, wanted: FragmentOptions) -> "Section":
        """How a list under an article in a language (BCP-47) shows."""
        chosen = without_controls(wanted.heading or "")
        own = Heading(chosen, None) if chosen else heading_in(tag)
        foreign = own.language is not None and _primary(own.language) != _primary(tag)
        return cls(
            article_id=listing.article_id,
            language=tag,
            direction=direction_of(tag),
            heading=own.text,
            heading_language=own.language if foreign else None,
            heading_level=wanted.heading_level,
            entries=tuple(
                _entry(item, tag, images=wanted.images) for item in listing.recommendations.items
            ),
        )


def _entry(item: Item, section_tag: str, *, images: bool) -> Entry:
    tag = item.language or UNKNOWN_LANGUAGE
    runs, around = direction_of(tag), direction_of(section_tag)
    kind = item.reason.partition(":")[0]
    title = without_controls(item.title)
    return Entry(
        title=title if can_be_seen(title) else item.id,
        href=_web_address(item.url),
        image=_web_address(item.image_url) if images else None,
        language=None if tag == section_tag else tag,
        direction=None if runs == around else runs,
        moment=item.published_at and _FRACTION.sub("", item.published_at),
        date_direction="ltr" if runs == "rtl" else None,
        kind=None if kind == "semantic" else kind,
    )


def _web_address(url: str | None) -> str | None:
    """The address if it is one of the web: checked again here, where it becomes a link."""
    return url if url and is_web_address(url) else None


def _primary(tag: str) -> str:
    return tag.lower().partition("-")[0]
