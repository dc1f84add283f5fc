"""The calls of a CMS under /v1: push, change, fetch and delete an article, ask for its list."""

from typing import Final

from flask import Blueprint, Response, jsonify

from recommender.api import ListOptions, RelatedList, WriteOptions, Written
from recommender.articles import Article, check_id, parse_article
from recommender.errors import BadParameter, FieldFault
from recommender.store import Receipt
from recommender.web.bodies import check_kind, read_body, read_document
from recommender.web.caching import cached, respond
from recommender.web.endpoints import Body, described
from recommender.web.keys import is_public, needs, opens_reads
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = ["api"]

api = Blueprint("api", __name__, url_prefix="/v1")
ACCEPTED: Final = 202
MERGE_PATCH: Final = ("application/merge-patch+json", "application/json")


@api.get("/articles/<article_id>/related")
@opens_reads
@described(
    "The list under an article.",
    answers={200: RelatedList, 304: None},
    query=ListOptions,
    problems=(404, 410),
)
def related(options: ListOptions, article_id: str) -> Response:
    """The list under an article."""
    if options.explain and is_public():
        raise Refused(401, "explain needs a key with the scope 'read'")
    listing = state().list_for(article_id, options, public=is_public())
    return cached(respond(listing.recommendations), listing)


@api.put("/articles/<article_id>")
@needs("write")
@described(
    "Store an article.",
    answers={200: Written, 201: Written, 202: Written},
    query=WriteOptions,
    body=Body(Article),
    problems=(409,),
)
def put_article(options: WriteOptions, article_id: str) -> tuple[Response, int]:
    """Store an article; the answer comes when it is durable, or visible if that is waited for."""
    article = _given_article(article_id)
    with state().writing():
        receipt = state().store().put(article)
    return _written(receipt, options)


@api.patch("/articles/<article_id>")
@needs("write")
@described(
    "Change some fields of an article by a merge patch (RFC 7396); null removes one.",
    answers={200: Written, 202: Written},
    query=WriteOptions,
    body=Body(Article, MERGE_PATCH, partial=True),
    problems=(404, 409, 410, 415),
)
def patch_article(options: WriteOptions, article_id: str) -> tuple[Response, int]:
    """Change some fields; what comes between the reading and the writing is not lost."""
    check_kind(*MERGE_PATCH)
    patch = read_document()
    with state().writing():
        receipt = state().store().patch(article_id, patch)
    return _written(receipt, options)


@api.get("/articles/<article_id>")
@needs("read")
@described("An article as it was given.", answers={200: Article}, problems=(404, 410))
def get_article(article_id: str) -> Response:
    """An article as it was given."""
    response = jsonify(state().stored(article_id).to_document())
    response.headers["Cache-Control"] = "no-store"
    return response


@api.delete("/articles/<article_id>")
@needs("write")
@described(
    "Delete an article; doing so twice is fine.",
    answers={202: None, 204: None},
    query=WriteOptions,
    problems=(404,),
)
def delete_article(options: WriteOptions, article_id: str) -> tuple[str, int]:
    """Delete an article; doing so twice is fine."""
    with state().writing():
        receipt = state().store().delete(article_id)
    late = options.wait and not state().is_visible(receipt, text=False)
    return "", ACCEPTED if late else 204


def _written(receipt: Receipt, options: WriteOptions) -> tuple[Response, int]:
    late = options.wait and not state().is_visible(receipt)
    done = 201 if receipt.result == "created" else 200
    written = Written.model_validate(receipt, from_attributes=True)
    return respond(written), ACCEPTED if late else done


def _given_article(article_id: str) -> Article:
    try:
        check_id(article_id)
    except ValueError as error:
        raise BadParameter("the id is not acceptable", (FieldFault("/id", str(error)),)) from None
    return parse_article(read_body(), article_id=article_id)
