"""A plain page that shows a story with its list under it. The demonstration's alone."""

import time
from typing import Final

from flask import Blueprint, Response, make_response

from recommender.analysis.passages import paragraphs
from recommender.errors import UnknownArticle
from recommender.ranking.filters import shows
from recommender.web.caching import cached
from recommender.web.endpoints import Content, described
from recommender.web.fragment import listed, render_section
from recommender.web.keys import is_public, opens_reads
from recommender.web.presentation import FragmentOptions
from recommender.web.state import state

__all__ = ["reader"]

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src http: https:; "
    "base-uri 'none'; form-action 'none'"
)
reader = Blueprint("reader", __name__, template_folder="templates", static_folder="static")


@reader.get("/read/<article_id>")
@opens_reads
@described(
    "A story with its list under it, as the demonstration shows it.",
    answers={200: Content("text/html"), 304: None},
    query=FragmentOptions,
    problems=(404, 410),
)
def read(options: FragmentOptions, article_id: str) -> Response:
    """The story as it stands in the store, if a reader may see it, and its list."""
    listing, section = listed(article_id, options)
    article = state().stored(article_id)
    if is_public() and not shows(article, time.time()):
        raise UnknownArticle(article_id)
    body = paragraphs(article.body)
    page = render_section("story.html", section, article=article, paragraphs=body)
    response = make_response(page)
    response.headers["Content-Security-Policy"] = POLICY
    return cached(response, listing)
