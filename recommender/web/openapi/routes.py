"""The OpenAPI document and the page that shows it, as they are served."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template

from recommender.web.endpoints import NonJsonAnswer, described
from recommender.web.openapi.document import document_of
from recommender.web.openapi.page import groups_of
from recommender.web.openapi.schemas import Document

__all__ = ["manual"]

manual = Blueprint("manual", __name__, template_folder="../templates")
MANUAL: Final = "read-also-manual"
CACHED: Final = "public, max-age=300"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)


@dataclass(frozen=True, slots=True)
class Manual:
    """The document of an application, and the page that shows it."""

    document: Document
    page: str


@manual.get("/openapi.json")
@described("getOpenApi", "This API as an OpenAPI document.", answers={200: dict[str, object]})
def openapi() -> Response:
    """The document from which programs make clients."""
    return _cached(jsonify(_manual().document))


@manual.get("/docs")
@described("getManual", "This API as a page.", answers={200: NonJsonAnswer("text/html")})
def docs() -> Response:
    """The same document for people, with examples, a search, and a way to try each call."""
    response = _cached(make_response(_manual().page))
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@manual.get("/v1/docs.css")
@described("getManualStyle", "The style of that page.", answers={200: NonJsonAnswer("text/css")})
def style() -> Response:
    """Under `/v1`, where proxies let it pass."""
    return _asset("manual.css", "text/css")


@manual.get("/v1/docs.js")
@described(
    "getManualScript", "The script of that page.", answers={200: NonJsonAnswer("text/javascript")}
)
def script() -> Response:
    """It searches, and tries calls. It stores nothing."""
    return _asset("manual.js", "text/javascript")


def _asset(name: str, kind: str) -> Response:
    return _cached(Response(_read(name), content_type=f"{kind}; charset=utf-8"))


@cache
def _read(name: str) -> bytes:
    return (files("recommender.web") / "static" / name).read_bytes()


def _cached(response: Response) -> Response:
    response.headers["Cache-Control"] = CACHED
    return response


def _manual() -> Manual:
    """That of this application. It is made at the first request, when all routes exist."""
    extensions = current_app.extensions
    if MANUAL not in extensions:
        document = document_of(current_app)
        page = render_template("manual.html", api=document, groups=groups_of(document))
        extensions[MANUAL] = Manual(document, page)
    found: Manual = extensions[MANUAL]
    return found
