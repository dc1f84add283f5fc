"""The list as HTML: a fragment for a CMS to include."""

from typing import Final

from flask import Blueprint, Response, make_response, render_template, request

from recommender.web.caching import cached
from recommender.web.keys import is_public, opens_reads
from recommender.web.parameters import parse_options
from recommender.web.problems import Refused
from recommender.web.state import Listing, state

__all__ = ["HEADINGS", "fragment", "listing_of", "render_list"]

fragment = Blueprint("fragment", __name__, template_folder="templates")

HEADINGS: Final = {
    "en": "Read also",
    "ru": "Читайте также",
    "tg": "Ҳамчунин хонед",
    "zh": "相关阅读",
}
RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur", "ps", "ug"})


@fragment.get("/v1/articles/<article_id>/related.html")
@opens_reads
def related_html(article_id: str) -> Response:
    """The list as an escaped section of HTML; nothing where there is nothing to list."""
    listing = listing_of(article_id)
    return cached(make_response(render_list("related.html", listing)), listing)


def listing_of(article_id: str) -> Listing:
    """The list under an article, with the options of this request.

    Raises:
        BadParameter: an option is not acceptable.
        Refused: an explanation is asked for, which HTML has no place for.
    """
    options = parse_options(request.args)
    if options.explain:
        raise Refused(400, "the HTML list carries no explanation; ask for the JSON list")
    return state().list_for(article_id, options, public=is_public())


def render_list(template: str, listing: Listing, **more: object) -> str:
    """A template with a list, its heading and the direction of its language."""
    language = listing.language
    return render_template(
        template,
        items=listing.recommendations.items,
        heading=HEADINGS.get(language, HEADINGS["en"]),
        heading_language=language if language in HEADINGS else "en",
        language=language,
        direction="rtl" if language in RIGHT_TO_LEFT else "ltr",
        **more,
    )
