"""The OpenAPI document and the page that shows it, as they are served."""

from importlib.resources import files
from typing import Final

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template

from recommender.web.endpoints import NonJsonAnswer, described
from recommender.web.openapi.document import document_of
from recommender.web.openapi.schemas import Document

__all__ = ["manual"]

manual = Blueprint("manual", __name__, template_folder="../templates")
DOCUMENT: Final = "read-also-openapi"
CACHED: Final = "public, max-age=300"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@manual.get("/openapi.json")
@described("getOpenApi", "This API as an OpenAPI document.", answers={200: dict[str, object]})
def openapi() -> Response:
    """The document from which programs make clients."""
    response = jsonify(_document())
    response.headers["Cache-Control"] = CACHED
    return response


@manual.get("/docs")
@described(
    "getManual", "This API as a page.", answers={200: NonJsonAnswer("text/html; charset=utf-8")}
)
def docs() -> Response:
    """The same document as a page for people. The page loads only its style."""
    response = make_response(render_template("manual.html", api=_document()))
    response.headers["Cache-Control"] = CACHED
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@manual.get("/docs.css")
@described(
    "getManualStyle",
    "The style of that page.",
    answers={200: NonJsonAnswer("text/css; charset=utf-8")},
)
def style() -> Response:
    """The style of the page."""
    text = (files("recommender.web") / "static" / "manual.css").read_bytes()
    response = Response(text, content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = CACHED
    return response


def _document() -> Document:
    """The document of this application. It is made at the first request, when all routes exist."""
    extensions = current_app.extensions
    if DOCUMENT not in extensions:
        extensions[DOCUMENT] = document_of(current_app)
    document: Document = extensions[DOCUMENT]
    return document
