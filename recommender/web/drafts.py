"""Lists that are asked for by a body: of a text that is not stored yet, or several for one page."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from flask import Blueprint, Response, jsonify
from typing_extensions import TypedDict
from werkzeug.datastructures import MultiDict

from recommender.api import RelatedList, RelatedLists
from recommender.articles import Article, Status, article_of, check_id
from recommender.errors import BadInput, BadParameter, FieldFault, InvalidArticle
from recommender.indexing.drafts import ANY_ID
from recommender.ranking.listing import as_document
from recommender.ranking.results import MOST_LISTS, Mode, Options, Recommendations
from recommender.strict_json import JsonObject, JsonValue
from recommender.web.bodies import read_document
from recommender.web.describing import Body, described
from recommender.web.keys import needs
from recommender.web.parameters import PARAMETERS, parse_options
from recommender.web.state import state

__all__ = ["drafts"]

drafts = Blueprint("drafts", __name__, url_prefix="/v1")
NOBODY: Final = ""  # not a valid id: it names no stored article and has no overrides
SUMMARY: Final = "the request is not acceptable"
SHARED: Final = frozenset({"section", "language"})
"""An article's own field of that name is meant; a list is limited to others where it is stored."""


class Wanted(TypedDict, total=False):
    """A list that is asked for: of a stored article, or of a text by the fields of an article.

    The options of a list stand beside either; `section` and `language` of a text are its own.
    """

    article_id: str
    id: str
    title: str
    body: str
    body_html: str
    summary: str
    section: str
    language: str
    tags: list[str]
    authors: list[str]
    url: str
    image_url: str
    published_at: str
    updated_at: str
    status: Status
    embargoed_until: str
    expires_at: str
    no_related: bool
    never_recommend: bool
    translation_of: str
    version: int
    limit: int
    mode: Mode
    tag: str
    exclude: list[str]
    max_age: str
    diversity: float
    min_score: float
    explain: bool | Literal["all"]


class Page(TypedDict):
    """Several lists that do not repeat each other."""

    requests: list[Wanted]


@dataclass(frozen=True, slots=True)
class Asked:
    """A list that is asked for: under a stored article by its id, or under a text."""

    seed: str | Article
    options: Options


@drafts.post("/related")
@needs("read")
@described(
    "The list that a text would get, or several lists for one page that do not repeat each other.",
    answers={200: RelatedList | RelatedLists},
    body=Body(Wanted | Page),
    problems=(404, 410, 503),
)
def related_to_draft() -> Response:
    """The list that a text would get, of which nothing is kept; or several that repeat nothing."""
    body = read_document()
    if "requests" in body:
        answer: object = {"lists": list(_lists(_requests(body)))}
    else:
        answer = _document(_asked(body), frozenset())
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response


def _lists(requests: list[Asked]) -> Iterator[dict[str, Any]]:
    """List after list; what stands in one is neither in a later one nor told again there."""
    shown_on_page = frozenset[str]()
    for asked in requests:
        listed = _document(asked, shown_on_page)
        shown_on_page |= {item["id"] for item in listed["items"]}
        yield listed


def _document(asked: Asked, shown_on_page: frozenset[str]) -> dict[str, Any]:
    listed = _answer(asked.seed, replace(asked.options, shown_on_page=shown_on_page))
    kept = listed.article_id if isinstance(asked.seed, str) else None
    return as_document(listed) | {"article_id": kept}


def _answer(seed: str | Article, options: Options) -> Recommendations:
    if isinstance(seed, str):
        return state().list_for(seed, options, public=False).recommendations
    return state().list_for_draft(seed, options)


def _requests(body: JsonObject) -> list[Asked]:
    """All lists that a body asks for; what is wrong with one is told with its place."""
    requests = body["requests"]
    if len(body) > 1:
        raise _refused("/requests", "stands alone in the body")
    if not isinstance(requests, list) or not 1 <= len(requests) <= MOST_LISTS:
        raise _refused("/requests", f"must be a list of 1 to {MOST_LISTS} objects")
    return [_placed(one, f"/requests/{place}") for place, one in enumerate(requests)]


def _placed(one: object, pointer: str) -> Asked:
    if not isinstance(one, dict):
        raise _refused(pointer, "must be an object")
    try:
        return _asked(one)
    except BadInput as refusal:
        faults = (FieldFault(pointer + fault.pointer, fault.detail) for fault in refusal.faults)
        raise type(refusal)(refusal.summary, tuple(faults)) from None


def _asked(fields: JsonObject) -> Asked:
    """A seed and the options that an object holds side by side."""
    rest = dict(fields)
    stored = "article_id" in fields
    names = PARAMETERS.keys() if stored else PARAMETERS.keys() - SHARED
    asked = {name: rest.pop(name) for name in names if name in rest}
    options = _options(asked)
    if stored:
        return Asked(_stored_id(rest), options)
    return Asked(_text_to_list_for(rest), options)


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


def _options(given: JsonObject) -> Options:
    """The options that JSON values spell, read by the rules that a query's are."""
    faults = []
    texts = {}
    for name, value in given.items():
        told, is_one = KINDS.get(name, ("a text", _is_text))
        if not is_one(value):
            faults.append(FieldFault(f"/{name}", f"must be {told}"))
        elif value is not False:
            texts[name] = _text(value)
    if faults:
        raise BadParameter(SUMMARY, tuple(faults))
    return parse_options(MultiDict(texts))


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _is_whole(value: JsonValue) -> bool:
    return type(value) is int


def _is_number(value: JsonValue) -> bool:
    return type(value) in {int, float}


def _are_ids(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and "," not in one for one in value)


def _is_wish_to_explain(value: JsonValue) -> bool:
    return isinstance(value, bool) or value == "all"


KINDS: Final[Mapping[str, tuple[str, Callable[[JsonValue], bool]]]] = {
    "limit": ("a whole number", _is_whole),
    "diversity": ("a number", _is_number),
    "min_score": ("a number", _is_number),
    "exclude": ("a list of ids", _are_ids),
    "explain": ('true, false or "all"', _is_wish_to_explain),
}
"""How JSON spells the options that are no texts."""


def _text(value: object) -> str:
    """An option as a query would spell it."""
    match value:
        case bool():
            return "1"
        case float():
            return f"{value:.6f}"
        case list():
            return ",".join(map(str, value))
        case _:
            return str(value)
