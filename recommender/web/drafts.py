"""The list for a text that is not stored yet, so that an editor sees it while writing."""

from typing import Any, Final

from flask import Blueprint, Response, json, jsonify, request
from werkzeug.datastructures import MultiDict

from recommender.articles import Article, parse_article
from recommender.errors import FieldFault, InvalidArticle
from recommender.listing import as_document
from recommender.recommendations import Options
from recommender.web.keys import needs
from recommender.web.parameters import PARAMETERS, parse_options
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = ["drafts"]

drafts = Blueprint("drafts", __name__, url_prefix="/v1")
DRAFT_ID: Final = "draft"
LENGTH_REQUIRED: Final = 411
SHARED: Final = frozenset({"section", "language"})
"""An article's own field of that name is meant; a list is limited to others where it is stored."""


@drafts.post("/related")
@needs("read")
def related_to_draft() -> Response:
    """The list that a text would get; nothing of it is kept."""
    article, options = _given()
    answer = as_document(state().list_for_draft(article, options))
    response = jsonify(answer | {"article_id": None})
    response.headers["Cache-Control"] = "no-store"
    return response


def _given() -> tuple[Article, Options]:
    """The article and the options that a body holds side by side."""
    if request.content_length is None:
        raise Refused(LENGTH_REQUIRED, "send the body with a Content-Length")
    try:
        fields = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise InvalidArticle("the draft is not acceptable", (FieldFault("", "no JSON object"),))
    asked = {name: fields.pop(name) for name in PARAMETERS.keys() - SHARED if name in fields}
    options = parse_options(MultiDict({name: _text(value) for name, value in asked.items()}))
    return parse_article(json.dumps({**fields, "id": fields.get("id") or DRAFT_ID})), options


def _text(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """An option as a query would spell it."""
    match value:
        case bool():
            return "1" if value else "0"
        case list():
            return ",".join(map(str, value))
        case _:
            return str(value)
