"""The list as HTML: a fragment for a CMS to include or to fetch. The template only prints."""

import re
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, make_response, render_template

from recommender.api import RELATED, Direction, FragmentOptions, Item
from recommender.articles import UNKNOWN_LANGUAGE, is_web_address
from recommender.characters import can_be_seen, fit_for_html
from recommender.web.auth import opens_lists, sees_stored
from recommender.web.endpoints import NonJsonAnswer, described
from recommender.web.page_languages import direction_of, presentation_in
from recommender.web.responses import cached
from recommender.web.state import Listing, state

__all__ = ["Entry", "Section", "fragment", "list_section"]

fragment = Blueprint("fragment", __name__, template_folder="templates")
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; img-src http: https:; base-uri 'none'; form-action 'none'"
)
DATE: Final = slice(10)  # of an RFC 3339 time
_FRACTION: Final = re.compile(r"\.[0-9]+")  # of a second; HTML takes three digits, RFC 3339 any


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as the template prints it. A field that is None is left out.

    Attributes:
        title: the headline, or the id of an article whose headline cannot be seen.
        href: the address of the article; http or https.
        image: the address of its image.
        language: BCP-47; None if it is the section's.
        direction: of its texts; None if it is the section's.
        moment: when it was published, RFC 3339, to the second.
        date_direction: of the date: a text from right to left would mirror it.
        kind: `pinned` or `fallback`; None for a related article.
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
    """A list as the template prints it. `language` is the seed's, BCP-47.

    `heading_language` is None if it is the section's, or if the caller chose the heading.
    """

    article_id: str
    language: str
    direction: Direction
    heading: str
    heading_language: str | None
    heading_level: int
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, listing: Listing, wanted: FragmentOptions) -> "Section":
        """The section of a list under an article."""
        shown = presentation_in(listing.language)
        words = fit_for_html(wanted.heading or "")
        return cls(
            article_id=listing.article_id,
            language=shown.language,
            direction=shown.direction,
            heading=words or shown.heading,
            heading_language=None if words else shown.heading_language,
            heading_level=wanted.heading_level,
            entries=tuple(
                _entry(item, listing.language, images=wanted.images)
                for item in listing.related.items
            ),
        )


@fragment.get("/v1/articles/<article_id>/related.html")
@opens_lists
@described(
    "listRelatedHtml",
    "The list as an escaped section of HTML; empty if the list is empty.",
    answers={200: NonJsonAnswer("text/html"), 304: None},
    query=FragmentOptions,
    problems=(404, 410),
)
def related_html(options: FragmentOptions, article_id: str) -> Response:
    """The list as an escaped section of HTML; an empty body if the list is empty."""
    listing, section = list_section(article_id, options)
    response = make_response(render_template("related.html", section=section))
    # If a browser opens the fragment as a page, the page may not run scripts.
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return cached(response, listing)


def list_section(article_id: str, options: FragmentOptions) -> tuple[Listing, Section]:
    """The list under an article, and the section that shows it."""
    listing = state().list_for(article_id, options, public=not sees_stored())
    return listing, Section.of(listing, options)


def _entry(item: Item, section_tag: str, *, images: bool) -> Entry:
    tag = item.language or UNKNOWN_LANGUAGE
    direction, around = direction_of(tag), direction_of(section_tag)
    title = fit_for_html(item.title)
    return Entry(
        title=title if can_be_seen(title) else item.id,
        href=_web_address(item.url),
        image=_web_address(item.image_url) if images else None,
        language=None if tag == section_tag else tag,
        direction=None if direction == around else direction,
        moment=item.published_at and _FRACTION.sub("", item.published_at),
        date_direction="ltr" if direction == "rtl" else None,
        kind=None if item.reason in RELATED else item.reason.partition(":")[0],
    )


def _web_address(url: str | None) -> str | None:
    """An address that is safe as a link. It was checked when stored, and is checked again here."""
    return url if url and is_web_address(url) else None
