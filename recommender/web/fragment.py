"""The list as HTML: a fragment for a CMS to include or to fetch. The template only prints."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, make_response, render_template, request, url_for

from recommender.api import (
    Direction,
    FragmentOptions,
    ItemWords,
    Layout,
    Presentation,
    ShownListOptions,
)
from recommender.characters import fit_for_html
from recommender.time_zones import find_time_zone
from recommender.web.auth import opens_lists, sees_stored
from recommender.web.endpoints import NonJsonAnswer, described
from recommender.web.entries import Entry, PageOfList
from recommender.web.page_languages import presentation_in
from recommender.web.responses import answer_condition, cached
from recommender.web.state import Listing, state

__all__ = ["Section", "fragment", "presentation_of", "section_of"]

fragment = Blueprint("fragment", __name__, template_folder="templates")
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; img-src http: https:; base-uri 'none'; form-action 'none'"
)
"""If a browser opens the fragment as a page, the page may not run scripts."""


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
    layout: Layout | None
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, listing: Listing, wanted: FragmentOptions, now: datetime) -> "Section":
        """The section of a list under an article; `now` is in the time zone of its dates."""
        shown = presentation_in(listing.language)
        words = fit_for_html(wanted.heading or "")
        page = PageOfList(listing.language, wanted, now)
        return cls(
            article_id=listing.article_id,
            language=shown.language,
            direction=shown.direction,
            heading=words or shown.heading,
            heading_language=None if words else shown.heading_language,
            heading_level=wanted.heading_level,
            layout=wanted.layout,
            entries=tuple(map(page.entry_of, listing.related.items)),
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
    listing = state().list_for(article_id, options, public=not sees_stored())
    section, style = section_of(listing, options), _style_of(options)
    response = make_response(render_template("related.html", section=section, stylesheet=style))
    policy = f"{CONTENT_SECURITY_POLICY}; style-src {style}" if style else CONTENT_SECURITY_POLICY
    response.headers["Content-Security-Policy"] = policy
    return answer_condition(cached(response, listing), request.environ)


def _style_of(options: FragmentOptions) -> str | None:
    """The address of the stylesheet that a fragment loads; None if it loads none.

    Only the settings know it. The header `Host` is that of whoever includes the fragment, such as
    127.0.0.1, or what anybody wrote there to reach the copies of a shared cache.
    """
    base = state().settings.public_url
    return base + url_for("assets.style") if base and options.loads_stylesheet else None


def section_of(listing: Listing, options: FragmentOptions) -> Section:
    """The section that shows a list."""
    return Section.of(listing, options, _now(listing, options))


def presentation_of(listing: Listing, options: ShownListOptions) -> Presentation:
    """What a page needs to show a list that it has as JSON; the words are those of a layout."""
    wanted = FragmentOptions(
        layout="list", labels=True, dates=options.dates, time_zone=options.time_zone
    )
    page = PageOfList(listing.language, wanted, _now(listing, wanted))
    entries = map(page.entry_of, listing.related.items)
    items = tuple(ItemWords(day=entry.day, labels=entry.labels) for entry in entries)
    return presentation_in(listing.language).model_copy(update={"items": items})


def _now(listing: Listing, options: FragmentOptions) -> datetime:
    """The moment of a list in the time zone of its days: that of the options, or the settings."""
    zone = find_time_zone(options.time_zone or state().settings.time_zone)
    return datetime.fromtimestamp(listing.made_at, zone)
