"""The calls of a CMS under /v1: push, fetch and delete an article, ask for its list."""

from dataclasses import asdict
from typing import Final

from flask import Blueprint, Response, jsonify, request

from recommender.articles import Article, check_id, parse_article
from recommender.errors import BadParameter, FieldFault
from recommender.listing import as_document
from recommender.web.caching import cached
from recommender.web.keys import is_public, needs, opens_reads
from recommender.web.parameters import parse_options, parse_wait
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = ["api"]

api = Blueprint("api", __name__, url_prefix="/v1")
LENGTH_REQUIRED: Final = 411
ACCEPTED: Final = 202


@api.get("/articles/<article_id>/related")
@opens_reads
def related(article_id: str) -> Response:
    """The list under an article."""
    options = parse_options(request.args)
    if options.explain and is_public():
        raise Refused(401, "explain needs a key with the scope 'read'")
    listing = state().list_for(article_id, options, public=is_public())
    return cached(jsonify(as_document(listing.recommendations)), listing)


@api.put("/articles/<article_id>")
@needs("write")
def put_article(article_id: str) -> tuple[Response, int]:
    """Store an article; the answer comes when it is durable, or visible if that is waited for."""
    waits = parse_wait(request.args)
    article = _given_article(article_id)
    with state().writing():
        receipt = state().store().put(article)
    late = waits and not state().is_visible(receipt)
    done = 201 if receipt.result == "created" else 200
    return jsonify(asdict(receipt)), ACCEPTED if late else done


@api.get("/articles/<article_id>")
@needs("read")
def get_article(article_id: str) -> Response:
    """An article as it was given."""
    _no_parameters()
    response = jsonify(state().stored(article_id).to_document())
    response.headers["Cache-Control"] = "no-store"
    return response


@api.delete("/articles/<article_id>")
@needs("write")
def delete_article(article_id: str) -> tuple[str, int]:
    """Delete an article; doing so twice is fine."""
    waits = parse_wait(request.args)
    with state().writing():
        receipt = state().store().delete(article_id)
    late = waits and not state().is_visible(receipt, deleted=True)
    return "", ACCEPTED if late else 204


def _given_article(article_id: str) -> Article:
    try:
        check_id(article_id)
    except ValueError as error:
        raise BadParameter("the id is not acceptable", (FieldFault("/id", str(error)),)) from None
    if request.content_length is None:
        # Without a length a server may cut a body short and call it whole.
        raise Refused(LENGTH_REQUIRED, "send the body with a Content-Length")
    return parse_article(request.get_data(cache=False), article_id=article_id)


def _no_parameters() -> None:
    faults = tuple(FieldFault(f"/{name}", "unknown; this call takes none") for name in request.args)
    if faults:
        raise BadParameter("the query is not acceptable", faults)
