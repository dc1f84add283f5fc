"""The list as HTML: a fragment for a CMS to include or to fetch."""

from typing import Final

from flask import Blueprint, Response, make_response, render_template

from recommender.ranking.display import DisplayFields
from recommender.web.caching import cached
from recommender.web.endpoints import Content, described
from recommender.web.keys import is_public, opens_reads
from recommender.web.presentation import FragmentOptions
from recommender.web.section import Section
from recommender.web.state import Listing, state

__all__ = ["fragment", "listed", "render_section"]

fragment = Blueprint("fragment", __name__, template_folder="templates")
POLICY: Final = "default-src 'none'; img-src http: https:; base-uri 'none'; form-action 'none'"


@fragment.get("/v1/articles/<article_id>/related.html")
@opens_reads
@described(
    "The list as an escaped section of HTML; empty where there is nothing to list.",
    answers={200: Content("text/html"), 304: None},
    query=FragmentOptions,
    problems=(404, 410),
)
def related_html(options: FragmentOptions, article_id: str) -> Response:
    """The list as an escaped section of HTML; nothing where there is nothing to list."""
    listing, section = listed(article_id, options)
    response = make_response(render_section("related.html", section))
    # Whoever opens the fragment as a page of its own gets a page that can do nothing.
    response.headers["Content-Security-Policy"] = POLICY
    return cached(response, listing)


def listed(article_id: str, options: FragmentOptions) -> tuple[Listing, Section]:
    """The list under an article, and how it shows."""
    listing = state().list_for(article_id, options, public=is_public())
    return listing, Section.of(listing, _tag_of(listing), options)


def render_section(template: str, section: Section, **more: object) -> str:
    """A template around a section, or the section alone."""
    return render_template(template, section=section, **more)


def _tag_of(listing: Listing) -> str:
    """The seed's language with script and region, where the view holds its card.

    A view knows languages by their primary subtag alone, and `tg-Arab` runs another way than `tg`.
    """
    view = state().follower.current().view
    row = view.row_of(listing.article_id)
    card = None if row is None else DisplayFields.from_bytes(view.display_of(row))
    return (card and card.language) or listing.language
