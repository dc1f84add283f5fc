"""The list as HTML: a fragment for a CMS to include, and a plain page to look at."""

from typing import Final

from flask import Blueprint, Response, make_response, render_template, request

from recommender.passages import paragraphs
from recommender.web.caching import cached
from recommender.web.keys import is_public, opens_reads
from recommender.web.parameters import parse_options
from recommender.web.problems import Refused
from recommender.web.state import Listing, state

__all__ = ["HEADINGS", "fragment"]

fragment = Blueprint("fragment", __name__, template_folder="templates", static_folder="static")

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
    listing = _listing(article_id)
    return cached(make_response(_render("related.html", listing)), listing)


@fragment.get("/read/<article_id>")
@opens_reads
def read(article_id: str) -> Response:
    """A plain page that shows a story with its list under it."""
    listing = _listing(article_id)
    article = state().store.get(article_id)
    page = _render("story.html", listing, article=article, paragraphs=paragraphs(article.body))
    response = make_response(page)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src https: http:"
    )
    return cached(response, listing)


def _listing(article_id: str) -> Listing:
    options = parse_options(request.args)
    if options.explain:
        raise Refused(400, "the HTML list carries no explanation; ask for the JSON list")
    return state().list_for(article_id, options, public=is_public())


def _render(template: str, listing: Listing, **more: object) -> str:
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
