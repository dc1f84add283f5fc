"""The script and the style that a page may load from here; the same for every page."""

from functools import cache
from importlib.resources import files
from typing import Final

from flask import Blueprint, Response

from recommender.web.caching import known_by_tag
from recommender.web.endpoints import Content, described

__all__ = ["assets"]

assets = Blueprint("assets", __name__, url_prefix="/v1")
DAY_SECONDS: Final = 86_400


@assets.get("/read-also.js")
@described("The script that places lists.", answers={200: Content("text/javascript"), 304: None})
def script() -> Response:
    """Fills the places that a page marks with `data-read-also` with their lists."""
    return _asset("read-also.js", "text/javascript")


@assets.get("/read-also.css")
@described("A plain theme for lists.", answers={200: Content("text/css"), 304: None})
def style() -> Response:
    """A plain theme for the list, light and dark, in both directions."""
    return _asset("read-also.css", "text/css")


def _asset(name: str, kind: str) -> Response:
    """A file for caches and pages everywhere: the addresses never change, so a day at most."""
    response = Response(_read(name), content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = (
        f"public, max-age={DAY_SECONDS}, stale-while-revalidate={7 * DAY_SECONDS}"
    )
    response.headers["Access-Control-Allow-Origin"] = "*"  # `integrity` asks for it
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return known_by_tag(response)


@cache
def _read(name: str) -> bytes:
    return (files("recommender.web") / "static" / name).read_bytes()
