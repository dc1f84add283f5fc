"""Files that pages load from the service, and the demonstration's page of a story with its list."""

import time
from functools import cache
from importlib.resources import files
from typing import Final

from flask import Blueprint, Response, make_response, render_template

from recommender.analysis.article_texts import paragraphs
from recommender.api import FragmentOptions
from recommender.errors import UnknownArticle
from recommender.ranking.filters import DAY_SECONDS, is_visible
from recommender.web.auth import opens_lists, sees_stored
from recommender.web.endpoints import NonJsonAnswer, described
from recommender.web.fragment import list_section
from recommender.web.responses import add_etag, cached
from recommender.web.state import state

__all__ = ["assets", "reader"]

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src http: https:; "
    "base-uri 'none'; form-action 'none'"
)
assets = Blueprint("assets", __name__, url_prefix="/v1")
reader = Blueprint("reader", __name__, template_folder="templates", static_folder="static")


@assets.get("/read-also.js")
@described(
    "getListScript",
    "The script that places lists.",
    answers={200: NonJsonAnswer("text/javascript"), 304: None},
)
def script() -> Response:
    """Fills the places that a page marks with `data-read-also` with their lists."""
    return _asset("read-also.js", "text/javascript")


@assets.get("/read-also.css")
@described(
    "getListStyle", "A plain theme for lists.", answers={200: NonJsonAnswer("text/css"), 304: None}
)
def style() -> Response:
    """A plain theme for the list, light and dark, in both directions."""
    return _asset("read-also.css", "text/css")


def _asset(name: str, kind: str) -> Response:
    """A file for pages of all sites. Its address never changes, so caches keep it for a day."""
    response = Response(_read(name), content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = (
        f"public, max-age={DAY_SECONDS}, stale-while-revalidate={7 * DAY_SECONDS}"
    )
    response.headers["Access-Control-Allow-Origin"] = "*"  # the attribute `integrity` needs it
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return add_etag(response)


@cache
def _read(name: str) -> bytes:
    return (files("recommender.web") / "static" / name).read_bytes()


@reader.get("/read/<article_id>")
@opens_lists
@described(
    "readStory",
    "A story with its list under it, as the demonstration shows it.",
    answers={200: NonJsonAnswer("text/html"), 304: None},
    query=FragmentOptions,
    problems=(404, 410),
)
def read(options: FragmentOptions, article_id: str) -> Response:
    """The story as it stands in the store, if a reader may see it, and its list."""
    listing, section = list_section(article_id, options)
    article = state().stored(article_id)
    if not sees_stored() and not is_visible(article, time.time()):
        raise UnknownArticle(article_id)
    body = paragraphs(article.body)
    page = render_template("story.html", section=section, article=article, paragraphs=body)
    response = make_response(page)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return cached(response, listing)
