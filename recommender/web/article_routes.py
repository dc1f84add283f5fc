"""Articles under /v1: store, change, fetch and delete one, or read the whole store in pages."""

from functools import partial
from typing import Final

from flask import Blueprint, Response, jsonify

from recommender.api import (
    ArticlePage,
    IdOptions,
    IdPage,
    PageOptions,
    WriteOptions,
    Written,
    cursor_after,
)
from recommender.articles import Article, parse_article
from recommender.errors import BadParameter, FieldFault
from recommender.id_grammar import check_id
from recommender.store import Receipt
from recommender.web.auth import actor_of_request, needs
from recommender.web.bodies import check_kind, parse_body, read_document
from recommender.web.endpoints import Body, described
from recommender.web.responses import respond, uncached
from recommender.web.state import state

__all__ = ["ACCEPTED", "articles", "written"]

articles = Blueprint("articles", __name__, url_prefix="/v1")
ACCEPTED: Final = 202
MERGE_PATCH: Final = ("application/merge-patch+json", "application/json")
MOST_LETTERS: Final = 4 * 2**20  # of all documents of a page together


@articles.put("/articles/<article_id>")
@needs("write")
@described(
    "putArticle",
    "Store an article.",
    answers={200: Written, 201: Written, 202: Written},
    query=WriteOptions,
    body=Body(Article),
    problems=(409,),
)
def put_article(options: WriteOptions, article_id: str) -> Response:
    """Store an article. The answer comes when it is durable or, with `wait=visible`, visible."""
    article = _read_article(article_id)
    with state().writing(actor_of_request()) as store:
        receipt = store.put(article, awaited=options.wait is not None)
    return written(receipt, options)


@articles.patch("/articles/<article_id>")
@needs("write")
@described(
    "patchArticle",
    "Change some fields of an article by a merge patch (RFC 7396); null removes one.",
    answers={200: Written, 202: Written},
    query=WriteOptions,
    body=Body(Article, MERGE_PATCH, partial=True),
    problems=(404, 409, 410, 415),
)
def patch_article(options: WriteOptions, article_id: str) -> Response:
    """Change some fields. Reading and writing are one transaction, so no other write is lost."""
    check_kind(*MERGE_PATCH)
    patch = read_document()
    with state().writing(actor_of_request()) as store:
        receipt = store.patch(article_id, patch, awaited=options.wait is not None)
    return written(receipt, options)


@articles.get("/articles/<article_id>")
@needs("read")
@described(
    "getArticle",
    "An article as it was given.",
    answers={200: Article},
    problems=(404, 410),
)
def get_article(article_id: str) -> Response:
    """An article as it was given."""
    response = jsonify(state().stored(article_id).to_document())
    response.headers["Cache-Control"] = "no-store"
    return response


@articles.delete("/articles/<article_id>")
@needs("write")
@described(
    "deleteArticle",
    "Delete an article; doing so twice is fine.",
    answers={202: None, 204: None},
    query=WriteOptions,
    problems=(404,),
)
def delete_article(options: WriteOptions, article_id: str) -> tuple[str, int]:
    """Delete an article; deleting it again changes nothing."""
    with state().writing(actor_of_request()) as store:
        receipt = store.delete(article_id)
    late = options.wait and not state().is_visible(receipt, text=False)
    return "", ACCEPTED if late else 204


def written(receipt: Receipt, options: WriteOptions, *, text: bool = True) -> Response:
    """The answer to a write; 202 if the request waits for visibility and the time runs out."""
    late = options.wait and not state().is_visible(receipt, text=text)
    done = 201 if receipt.result == "created" else 200
    answer = Written.model_validate(receipt, from_attributes=True)
    return respond(answer, ACCEPTED if late else done)


def _read_article(article_id: str) -> Article:
    try:
        check_id(article_id)
    except ValueError as error:
        raise BadParameter("the id is not acceptable", (FieldFault("/id", str(error)),)) from None
    return parse_body(partial(parse_article, article_id=article_id))


@articles.get("/articles")
@needs("read")
@described(
    "listArticles",
    "The articles that are stored, by ascending id.",
    answers={200: ArticlePage},
    query=PageOptions,
)
def page(options: PageOptions) -> Response:
    """A page of articles as they were given."""
    with state().limits.reads.hold("pages of articles"):
        found = state().store().page(options.after, options.limit, MOST_LETTERS)
    following = cursor_after(found.articles[-1].id) if found.more else None
    return uncached(ArticlePage(articles=found.articles, next=following))


@articles.get("/article-ids")
@needs("write")
@described(
    "listArticleIds",
    "The ids of the articles that are stored, in ascending order.",
    answers={200: IdPage},
    query=IdOptions,
)
def page_of_ids(options: IdOptions) -> Response:
    """A page of ids. Who may write may see them: a write answers whether its id was there."""
    with state().limits.reads.hold("pages of ids"):
        ids = state().store().ids(options.prefix, options.after, options.limit + 1)
    shown = tuple(ids[: options.limit])
    following = cursor_after(shown[-1]) if len(ids) > options.limit else None
    return uncached(IdPage(ids=shown, next=following))
