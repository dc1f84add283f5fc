"""Lists under /v1: of a stored article, of a draft, several for a page; and where one is listed."""

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Final

from flask import Blueprint, Response, request
from pydantic import ValidationError

from recommender.api import (
    MOST_LISTS,
    AppearsIn,
    Examples,
    ListOptions,
    Override,
    RelatedList,
    RelatedLists,
    RelatedRequest,
    RelatedRequests,
    ShownListOptions,
    UnsavedOverrides,
)
from recommender.articles import Article, article_of, faults_of
from recommender.errors import (
    BadInput,
    BadParameter,
    FieldFault,
    InvalidArticle,
    InvalidOverrides,
)
from recommender.id_grammar import check_id
from recommender.indexing.drafts import ANY_ID
from recommender.ranking.overrides import KINDS, check_overrides
from recommender.spelling import explain_unknown
from recommender.strict_json import JsonObject, JsonValue, pointer_to
from recommender.web.auth import heavy_call, is_public, needs, opens_lists, sees_stored
from recommender.web.bodies import read_document
from recommender.web.endpoints import Body, described
from recommender.web.fragment import presentation_of
from recommender.web.kept_answers import Question
from recommender.web.problems import Refused
from recommender.web.responses import answer_condition, cached, respond, to_keep, uncached
from recommender.web.state import state

__all__ = ["lists"]

lists = Blueprint("lists", __name__, url_prefix="/v1")
NO_ID: Final = ""  # outside the grammar of ids, so it names no stored article and no overrides
REFUSED: Final = "the request is not acceptable"
MOST_NAMED: Final = 20  # fields that may not stand beside an id
OPTIONS: Final = frozenset(ListOptions.model_fields)
SHARED: Final = frozenset({"section", "language"})
"""Options that are also fields of a text. Beside a text they are its fields."""
APART: Final = "options"
"""The field of a request that may hold options, apart from the fields of a text."""
EXAMPLES: Final = frozenset(Examples.model_fields)
NOT_OF_TEXT: Final = OPTIONS.union(KINDS)
"""What may stand beside the fields of a text."""


@lists.get("/articles/<article_id>/related")
@opens_lists
@described(
    "listRelated",
    "The list under an article.",
    answers={200: RelatedList, 304: None},
    query=ShownListOptions,
    problems=(404, 410),
)
def related(options: ShownListOptions, article_id: str) -> Response:
    """The list under an article."""
    if options.explain and not sees_stored():
        status = 401 if is_public() else 403
        raise Refused(status, "explain needs a key with the scope 'read'")
    if options.explain or options.presentation or options.max_age:
        return _new_list(options, article_id)  # each answer is for its second, or for one editor
    question = Question.of(request.environ, public=is_public(), sees_stored=sees_stored())
    public = not question.sees_stored
    listing = state().list_once(question, article_id, options, public=public)
    response = cached(respond(listing.related), listing)
    if listing.request is not None:
        made = to_keep(response, listing, listing.request, str(request.url_rule))
        state().kept_answers.keep(question, made, listing.live, state().follower.current())
    return answer_condition(response, request.environ)


def _new_list(options: ShownListOptions, article_id: str) -> Response:
    """The list as it is made for this request alone."""
    with heavy_call() if options.explain else nullcontext():
        listing = state().list_for(article_id, options, public=not sees_stored())
    answer = listing.related
    if options.presentation:
        shown = presentation_of(listing, options)
        answer = answer.model_copy(update={"presentation": shown})
    return answer_condition(cached(respond(answer), listing), request.environ)


@lists.post("/related")
@needs("read")
@described(
    "listRelatedForDraft",
    "The list that a text would get, or that is like some articles and unlike others; or several "
    "lists for one page that do not repeat each other.",
    answers={200: RelatedList | RelatedLists},
    body=Body(RelatedRequest | RelatedRequests),
    problems=(404, 410, 503),
)
def related_to_draft() -> Response:
    """The list of a text that is not stored, or of several articles; or several lists."""
    with heavy_call():
        body = read_document()
        if "requests" in body:
            return uncached(RelatedLists(lists=tuple(_lists(_read_requests(body)))))
        return uncached(_list(_read_request(body), frozenset()))


@lists.get("/articles/<article_id>/appears-in")
@needs("read")
@described(
    "listAppearances",
    "The articles whose default list shows this one now.",
    answers={200: AppearsIn},
    problems=(404, 410, 501, 503),
)
def appears_in(article_id: str) -> Response:
    """Look for it in new lists of the nearest articles, and of all articles that pin it."""
    with heavy_call():
        found = state().appearances(article_id)
    ids, checked, complete = found.ids, found.checked, found.complete
    return uncached(
        AppearsIn(article_id=article_id, appears_in=ids, checked=checked, complete=complete)
    )


def _lists(requests: list[RelatedRequest]) -> Iterator[RelatedList]:
    """Make the lists in order. A list leaves out items of earlier lists and their duplicates."""
    shown_on_page = frozenset[str]()
    for one in requests:
        listed = _list(one, shown_on_page)
        shown_on_page |= {item.id for item in listed.items}
        yield listed


def _list(request: RelatedRequest, shown_on_page: frozenset[str]) -> RelatedList:
    options = request.options
    if request.examples is not None:
        return state().list_like(request.examples, options, shown_on_page)
    if request.text is None:
        article_id, unsaved = str(request.article_id), request.overrides
        return state().list_for(article_id, options, shown_on_page, unsaved, public=False).related
    listed = state().list_for_draft(request.text, options, shown_on_page, request.overrides)
    return listed.model_copy(update={"article_id": None})


def _read_requests(body: JsonObject) -> list[RelatedRequest]:
    """Read all requests of a body; each fault is named by its place in the body."""
    requests = body["requests"]
    if len(body) > 1:
        raise _refused("/requests", "must be the only field of the body")
    if not isinstance(requests, list) or not 1 <= len(requests) <= MOST_LISTS:
        raise _refused("/requests", f"must be a list of 1 to {MOST_LISTS} objects")
    return [_read_one(one, f"/requests/{place}") for place, one in enumerate(requests)]


def _read_one(request: object, pointer: str) -> RelatedRequest:
    if not isinstance(request, dict):
        raise _refused(pointer, "must be an object")
    try:
        return _read_request(request)
    except BadInput as refusal:
        faults = (FieldFault(pointer + fault.pointer, fault.detail) for fault in refusal.faults)
        raise type(refusal)(refusal.summary, tuple(faults)) from None


def _read_request(fields: JsonObject) -> RelatedRequest:
    """Read the ids of stored articles, or a text; the options of its list; pins and blocks."""
    names = OPTIONS - SHARED if fields.keys().isdisjoint({"article_id", *EXAMPLES}) else OPTIONS
    beside = {name: one for name, one in fields.items() if name in names}
    options = _read_options(beside, fields.get(APART, {}))
    sent: JsonObject = {kind: fields[kind] for kind in KINDS if kind in fields}
    rest = {name: one for name, one in fields.items() if name not in {*names, *sent, APART}}
    if not EXAMPLES.isdisjoint(rest):
        if sent:
            raise _refused(f"/{min(sent)}", "is for one article: send article_id or a text")
        return RelatedRequest(examples=_read_examples(rest), options=options)
    if "article_id" in rest:
        article_id = _read_id(rest)
        overrides = _read_overrides(sent, article_id)
        return RelatedRequest(article_id=article_id, options=options, overrides=overrides)
    text = _read_text(rest)
    return RelatedRequest(text=text, options=options, overrides=_read_overrides(sent, text.id))


def _read_overrides(sent: JsonObject, article_id: str) -> UnsavedOverrides:
    """Read pins and blocks as a PUT takes them; an id that is not stored is in no list."""
    try:
        overrides = UnsavedOverrides.model_validate(sent)
    except ValidationError as error:
        faults = tuple(faults_of(error, tuple(Override.model_fields)))
        raise InvalidOverrides(REFUSED, faults) from None
    for kind in KINDS:
        check_overrides(tuple(getattr(overrides, kind)), article_id, kind)
    return overrides


def _read_options(beside: JsonObject, apart: JsonValue) -> ListOptions:
    """Read the options of a list, beside the other fields or apart; none may be null."""
    if not isinstance(apart, dict):
        raise _refused(f"/{APART}", "must be an object")
    fields = beside | apart
    faults = [FieldFault(f"/{name}", "must not be null") for name in fields if fields[name] is None]
    faults += [FieldFault(f"/{name}", "is given twice") for name in beside.keys() & apart.keys()]
    try:
        options = ListOptions.model_validate(fields)
    except ValidationError as error:
        faults += faults_of(error)
    if faults:
        raise BadParameter(REFUSED, tuple(_placed(fault, apart) for fault in faults))
    return options


def _placed(fault: FieldFault, apart: JsonObject) -> FieldFault:
    """The fault of an option, at its place in the body."""
    is_apart = fault.pointer.split("/")[1] in apart
    return FieldFault(f"/{APART}{fault.pointer}", fault.detail) if is_apart else fault


def _read_id(fields: JsonObject) -> str:
    """Read the id of a stored article; no other field is allowed."""
    if len(fields) > 1:
        faults = (_fault_beside_id(name) for name in fields if name != "article_id")
        raise BadParameter(REFUSED, tuple(islice(faults, MOST_NAMED)))
    article_id = fields["article_id"]
    try:
        return check_id(article_id if isinstance(article_id, str) else "")
    except ValueError as error:
        raise _refused("/article_id", str(error)) from None


def _fault_beside_id(name: str) -> FieldFault:
    """Why a field may not stand beside the id of a stored article."""
    is_of_text = name in Article.model_fields
    detail = (
        "is not allowed together with article_id"
        if is_of_text
        else explain_unknown(name, NOT_OF_TEXT)
    )
    return FieldFault(pointer_to("", name), detail)


def _read_examples(fields: JsonObject) -> Examples:
    """Read the ids of articles to be like and to be unlike; no other field is allowed."""
    try:
        return Examples.model_validate(fields)
    except ValidationError as error:
        raise InvalidArticle(REFUSED, tuple(faults_of(error, (*EXAMPLES, *OPTIONS)))) from None


def _read_text(fields: JsonObject) -> Article:
    """Read the fields of a text; one without an id has no overrides and is not a stored article."""
    if fields.get("id") is not None:
        return article_of(fields, beside=NOT_OF_TEXT)
    with_id = fields | {"id": ANY_ID}
    return article_of(with_id, beside=NOT_OF_TEXT).model_copy(update={"id": NO_ID})


def _refused(pointer: str, detail: str) -> InvalidArticle:
    return InvalidArticle(REFUSED, (FieldFault(pointer, detail),))
