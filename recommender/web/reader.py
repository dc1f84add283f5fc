"""A plain page that shows a story with its list under it. The demonstration's alone."""

import time

from flask import Blueprint, Response, make_response

from recommender.eligibility import shows
from recommender.errors import UnknownArticle
from recommender.passages import paragraphs
from recommender.web.caching import cached
from recommender.web.fragment import listing_of, render_list
from recommender.web.keys import is_public, opens_reads
from recommender.web.state import state

__all__ = ["reader"]

reader = Blueprint("reader", __name__, template_folder="templates", static_folder="static")


@reader.get("/read/<article_id>")
@opens_reads
def read(article_id: str) -> Response:
    """The story as it stands in the store, if a reader may see it, and its list."""
    listing = listing_of(article_id)
    article = state().stored(article_id)
    if is_public() and not shows(article, time.time()):
        raise UnknownArticle(article_id)
    body = paragraphs(article.body)
    page = render_list("story.html", listing, article=article, paragraphs=body)
    response = make_response(page)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src https: http:"
    )
    return cached(response, listing)
