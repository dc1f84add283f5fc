"""The API's own description: as a document for programs and as a page for people."""

from importlib.resources import files
from typing import Any, Final

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template

from recommender.web.endpoints import Content, described
from recommender.web.openapi import document_of

__all__ = ["manual"]

manual = Blueprint("manual", __name__, template_folder="templates")
DOCUMENT: Final = "read-also-openapi"
CACHED: Final = "public, max-age=300"
POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@manual.get("/openapi.json")
@described("This API as an OpenAPI document.", answers={200: dict[str, object]})
def openapi() -> Response:
    """The document that this application answers to."""
    response = jsonify(_document())
    response.headers["Cache-Control"] = CACHED
    return response


@manual.get("/docs")
@described("This API as a page.", answers={200: Content("text/html; charset=utf-8")})
def docs() -> Response:
    """The same document for people; it loads nothing but its own style."""
    response = make_response(render_template("manual.html", api=_document()))
    response.headers["Cache-Control"] = CACHED
    response.headers["Content-Security-Policy"] = POLICY
    return response


@manual.get("/docs.css")
@described("The style of that page.", answers={200: Content("text/css; charset=utf-8")})
def style() -> Response:
    """The style of the page."""
    text = (files("recommender.web") / "static" / "manual.css").read_bytes()
    response = Response(text, content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = CACHED
    return response


def _document() -> dict[str, Any]:
    """Made when it is first asked for, when all routes are there."""
    kept = current_app.extensions
    if DOCUMENT not in kept:
        kept[DOCUMENT] = document_of(current_app)
    document: dict[str, Any] = kept[DOCUMENT]
    return document
