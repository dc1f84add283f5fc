"""Lists that are asked for by a body: of a text that is not stored yet, or several for one page."""

from collections.abc import Iterator
from typing import Final

from flask import Blueprint, Response
from pydantic import ValidationError

from recommender.api import (
    MOST_LISTS,
    ListOptions,
    RelatedList,
    RelatedLists,
    RelatedRequest,
    RelatedRequests,
)
from recommender.articles import Article, article_of, check_id, faults_of
from recommender.errors import BadInput, BadParameter, FieldFault, InvalidArticle
from recommender.indexing.drafts import ANY_ID
from recommender.strict_json import JsonObject
from recommender.web.bodies import read_document
from recommender.web.caching import uncached
from recommender.web.endpoints import Body, described
from recommender.web.keys import needs
from recommender.web.state import state

__all__ = ["drafts"]

drafts = Blueprint("drafts", __name__, url_prefix="/v1")
NOBODY: Final = ""  # not a valid id: it names no stored article and has no overrides
SUMMARY: Final = "the request is not acceptable"
OPTIONS: Final = frozenset(ListOptions.model_fields)
SHARED: Final = frozenset({"section", "language"})
"""An article's own field of that name is meant; a list is limited to others where it is stored."""


@drafts.post("/related")
@needs("read")
@described(
    "The list that a text would get, or several lists for one page that do not repeat each other.",
    answers={200: RelatedList | RelatedLists},
    body=Body(RelatedRequest | RelatedRequests),
    problems=(404, 410, 503),
)
def related_to_draft() -> Response:
    """The list of a text, of which nothing is stored; or several lists that repeat nothing."""
    body = read_document()
    if "requests" in body:
        return uncached(RelatedLists(lists=tuple(_lists(_requests(body)))))
    return uncached(_answer(_asked(body), frozenset()))


def _lists(requests: list[RelatedRequest]) -> Iterator[RelatedList]:
    """List after list; what one list shows, and its duplicates, no later list shows."""
    shown_on_page = frozenset[str]()
    for asked in requests:
        listed = _answer(asked, shown_on_page)
        shown_on_page |= {item.id for item in listed.items}
        yield listed


def _answer(asked: RelatedRequest, shown_on_page: frozenset[str]) -> RelatedList:
    options = asked.options
    if asked.text is None:
        listing = state().list_for(str(asked.article_id), options, shown_on_page, public=False)
        return listing.recommendations
    listed = state().list_for_draft(asked.text, options, shown_on_page)
    return listed.model_copy(update={"article_id": None})


def _requests(body: JsonObject) -> list[RelatedRequest]:
    """All lists that a body asks for; what is wrong with one is told with its place."""
    requests = body["requests"]
    if len(body) > 1:
        raise _refused("/requests", "stands alone in the body")
    if not isinstance(requests, list) or not 1 <= len(requests) <= MOST_LISTS:
        raise _refused("/requests", f"must be a list of 1 to {MOST_LISTS} objects")
    return [_placed(one, f"/requests/{place}") for place, one in enumerate(requests)]


def _placed(one: object, pointer: str) -> RelatedRequest:
    if not isinstance(one, dict):
        raise _refused(pointer, "must be an object")
    try:
        return _asked(one)
    except BadInput as refusal:
        faults = (FieldFault(pointer + fault.pointer, fault.detail) for fault in refusal.faults)
        raise type(refusal)(refusal.summary, tuple(faults)) from None


def _asked(fields: JsonObject) -> RelatedRequest:
    """A seed and the options that an object holds side by side."""
    rest = dict(fields)
    stored = "article_id" in fields
    names = OPTIONS if stored else OPTIONS - SHARED
    asked = {name: rest.pop(name) for name in names if name in rest}
    options = _options(asked)
    if stored:
        return RelatedRequest(article_id=_stored_id(rest), options=options)
    return RelatedRequest(text=_text_to_list_for(rest), options=options)


def _text_to_list_for(fields: JsonObject) -> Article:
    """The article of a text; one without an id is nobody's."""
    if fields.get("id") is not None:
        return article_of(fields)
    return article_of(fields | {"id": ANY_ID}).model_copy(update={"id": NOBODY})


def _stored_id(rest: JsonObject) -> str:
    """The id of a stored article, beside which nothing but options stands."""
    article_id = rest.pop("article_id")
    if rest:
        faults = tuple(FieldFault(f"/{name}", "unknown beside article_id") for name in rest)
        raise BadParameter(SUMMARY, faults)
    try:
        return check_id(article_id if isinstance(article_id, str) else "")
    except ValueError as error:
        raise _refused("/article_id", str(error)) from None


def _refused(pointer: str, detail: str) -> InvalidArticle:
    return InvalidArticle(SUMMARY, (FieldFault(pointer, detail),))


def _options(given: JsonObject) -> ListOptions:
    """The options of a list as JSON has them; none may be null."""
    faults = [FieldFault(f"/{name}", "must not be null") for name in given if given[name] is None]
    try:
        options = ListOptions.model_validate(given)
    except ValidationError as error:
        faults += faults_of(error)
    if faults:
        raise BadParameter(SUMMARY, tuple(faults))
    return options
