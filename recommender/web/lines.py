"""The lines of a bulk load: what each asks for, and what is answered to it."""

from dataclasses import dataclass
from typing import Final

from recommender.api import BulkFault, BulkItem
from recommender.articles import Article, article_of, check_id
from recommender.errors import (
    BadInput,
    FieldFault,
    InvalidArticle,
    ReadAlsoError,
    UnknownArticle,
)
from recommender.store import DeleteRequest, Receipt
from recommender.strict_json import JsonObject, read_object
from recommender.web.bodies import LARGEST_DOCUMENT, TOO_LARGE
from recommender.web.problems import Refused, public_detail, status_of

__all__ = ["Line", "Outcome", "answer_line", "read_line"]

DELETE: Final = "delete"
STATUSES: Final = {"created": 201, "updated": 200, "unchanged": 200, "deleted": 204}

Outcome = Receipt | ReadAlsoError


@dataclass(frozen=True, slots=True)
class Line:
    """One line: the id that it names, where one can be read, and what is to be done or is wrong."""

    id: str | None
    wish: Article | DeleteRequest | ReadAlsoError


def read_line(text: bytes) -> Line:
    """Read a line; what is wrong with it becomes its wish, so that the others go on."""
    fields: JsonObject = {}
    try:
        if len(text) > LARGEST_DOCUMENT:
            raise Refused(TOO_LARGE, f"the line is longer than {LARGEST_DOCUMENT} bytes")
        fields = read_object(text)
        wish = _removal(fields) if DELETE in fields else article_of(fields)
    except ReadAlsoError as refusal:
        return Line(_named(fields), refusal)
    return Line(wish.id, wish)


def answer_line(line: Line, outcome: Outcome) -> BulkItem:
    """What became of a line."""
    if isinstance(outcome, Receipt):
        status = 204 if isinstance(line.wish, DeleteRequest) else STATUSES[outcome.result]
        return BulkItem(id=line.id, status=status, result=outcome.result, change=outcome.change)
    fault = BulkFault(detail=public_detail(outcome))
    if isinstance(outcome, BadInput) and outcome.faults:
        fault = BulkFault(detail=outcome.summary, errors=outcome.faults)
    return BulkItem(id=line.id, status=status_of(outcome), error=fault)


def _removal(fields: JsonObject) -> DeleteRequest:
    """What `{"delete": {"id": ...}}` asks for.

    Raises:
        InvalidArticle: it says anything else.
        UnknownArticle: the id is one that no article can have.
    """
    match fields:
        case {"delete": {"id": str(article_id), **others}, **more} if not others and not more:
            if _is_id(article_id):
                return DeleteRequest(article_id)
            raise UnknownArticle(article_id)
    fault = FieldFault("/delete", 'must stand alone in its line and be {"id": "..."}')
    raise InvalidArticle("the deletion is not acceptable", (fault,))


def _named(fields: JsonObject) -> str | None:
    target = fields.get(DELETE, fields)
    named = target.get("id") if isinstance(target, dict) else None
    return named if isinstance(named, str) and _is_id(named) else None


def _is_id(text: str) -> bool:
    try:
        check_id(text)
    except ValueError:
        return False
    return True
