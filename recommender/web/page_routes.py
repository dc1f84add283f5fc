"""Files that pages load from the service: the script that places lists, and their theme."""

from functools import cache
from importlib.resources import files

from flask import Blueprint, Response

from recommender.ranking.filters import DAY_SECONDS
from recommender.web.endpoints import NonJsonAnswer, described
from recommender.web.responses import add_etag

__all__ = ["assets"]

assets = Blueprint("assets", __name__, url_prefix="/v1")


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
