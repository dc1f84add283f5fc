"""The whole store, page by page, for whoever compares it with a CMS or takes it elsewhere."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, current_app, jsonify, request
from flask.blueprints import BlueprintSetupState

from recommender.api import ArticlePage
from recommender.articles import check_id
from recommender.store import StoredPage
from recommender.web.describing import described
from recommender.web.keys import needs
from recommender.web.parameters import Parameter, limit_parameter, read_query
from recommender.web.state import state
from recommender.web.turns import Turns

__all__ = ["archive"]

archive = Blueprint("archive", __name__, url_prefix="/v1")
LIMITS: Final = range(1, 101)
DEFAULT_LIMIT: Final = 50
MOST_LETTERS: Final = 4 * 2**20  # of all documents of a page together
READERS: Final = 2
TURNS: Final = "read-also-archive"
_MADE_HERE: Final = "1:"


def _after(text: str) -> Mapping[str, Any]:
    """The id that a cursor stands for; ValueError where this service made no such cursor."""
    try:
        told = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        name = check_id(told.removeprefix(_MADE_HERE))
    except ValueError:  # also what is no base64, or no text inside
        name = ""
    if not name or _cursor(name) != text:
        raise ValueError("must be the 'next' of another page; leave it out to begin")
    return {"after": name}


def _cursor(article_id: str) -> str:
    return urlsafe_b64encode(f"{_MADE_HERE}{article_id}".encode()).decode().rstrip("=")


PAGING: Final[Mapping[str, Parameter]] = {
    "cursor": Parameter(
        _after,
        {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,280}$"},
        "`next` of the page before.",
    ),
    "limit": limit_parameter(
        LIMITS, DEFAULT_LIMIT, "How many articles at most; a page of long ones has fewer."
    ),
}


@archive.record
def _make_turns(setup: BlueprintSetupState) -> None:
    setup.app.extensions[TURNS] = Turns(READERS)


@archive.get("/articles")
@needs("read")
@described(
    "The articles that are stored, by ascending id.",
    answers={200: ArticlePage},
    parameters=PAGING,
)
def page() -> Response:
    """A page of articles as they were given."""
    asked = read_query(request.args, PAGING)
    after, limit = asked.get("after", ""), asked.get("limit", DEFAULT_LIMIT)
    turns: Turns = current_app.extensions[TURNS]
    with turns.one_of("pages of articles"):
        found = state().store().page(after, limit, MOST_LETTERS)
    response = jsonify(_as_document(found))
    response.headers["Cache-Control"] = "no-store"
    return response


def _as_document(found: StoredPage) -> dict[str, Any]:
    return {
        "articles": [article.to_document() for article in found.articles],
        "next": _cursor(found.articles[-1].id) if found.more else None,
    }
