"""Overrides under /v1: what is pinned or blocked under an article, and what is said of it itself.

Whoever changes them may name what they have seen: if somebody has changed it since, they are told.
"""

import re
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, TypeVar

from flask import Blueprint, Response, request
from pydantic import BaseModel, ValidationError

from recommender.api import (
    Answer,
    Blocks,
    BlocksNow,
    Decision,
    DecisionNow,
    Override,
    Pins,
    PinsNow,
    WriteOptions,
    Written,
)
from recommender.articles import faults_of
from recommender.errors import BadParameter, ChangedMeanwhile, InvalidOverrides, UnknownArticle
from recommender.id_grammar import find_id_fault
from recommender.ranking.overrides import (
    AnyKind,
    Kind,
    OfItself,
    StoredOverrides,
    parse_overrides,
)
from recommender.store import Receipt
from recommender.web.article_routes import ACCEPTED, written
from recommender.web.auth import actor_of_request, key_name, needs
from recommender.web.bodies import read_document
from recommender.web.endpoints import Body, described
from recommender.web.problems import problem
from recommender.web.responses import uncached
from recommender.web.state import state

__all__ = ["overrides"]

T = TypeVar("T", bound=BaseModel)

overrides = Blueprint("overrides", __name__, url_prefix="/v1")
LARGEST: Final = 2**20
ABSENT: Final = (404, 410)
CHANGED: Final = 412
_TAG: Final = re.compile(r'(?:W/)?"([0-9]{1,18})"', re.ASCII)
"""The number of a change. A proxy that compresses marks it as weak; it names the same change."""


def _add_get(kind: Kind, answer: type[PinsNow | BlocksNow]) -> None:
    @overrides.get(f"/articles/<article_id>/{kind}", endpoint=f"get_{kind}")
    @needs("read")
    @described(
        f"get{kind.title()}",
        f"The {kind} of an article, with who set them.",
        answers={200: answer},
        problems=ABSENT,
    )
    def get(article_id: str) -> Response:
        """The active overrides, and those of before. The `ETag` names the change that set them."""
        rows = state().override_history(article_id, kind)
        history = [_earlier(row) | {kind: parse_overrides(row.document)} for row in rows]
        active = history[0][kind] if history else ()
        found = {"article_id": article_id, kind: active, "history": history}
        return _shown(answer, found, rows)


def _add_put(kind: Kind, wanted: type[Pins | Blocks]) -> None:
    @overrides.put(f"/articles/<article_id>/{kind}", endpoint=f"put_{kind}")
    @needs("write")
    @described(
        f"put{kind.title()}",
        f"Replace the {kind} of an article.",
        answers={200: Written, ACCEPTED: Written},
        query=WriteOptions,
        body=Body(wanted),
        problems=(*ABSENT, CHANGED, 422),
    )
    def put(options: WriteOptions, article_id: str) -> Response:
        """Replace the overrides of an article."""
        sent = _read(wanted)
        receipt = _set(article_id, kind, getattr(sent, kind), sent.by)
        return _tagged(written(receipt, options, text=False), receipt.change)


def _add_delete(kind: AnyKind, path: str, name: str, summary: str) -> None:
    @overrides.delete(f"/articles/<article_id>/{path}", endpoint=f"delete_{kind}")
    @needs("write")
    @described(
        f"delete{name}",
        f"{summary}; doing so twice is fine.",
        answers={204: None, ACCEPTED: None},
        query=WriteOptions,
        problems=(*ABSENT, CHANGED),
    )
    def delete(options: WriteOptions, article_id: str) -> tuple[str, int]:
        """Remove the overrides of an article."""
        late = written(_set(article_id, kind, [], ""), options, text=False)
        return "", ACCEPTED if late.status_code == ACCEPTED else 204


def _add_decision(kind: OfItself, path: str, name: str, meaning: str) -> None:
    """The calls for what is said of an article itself."""

    @overrides.get(f"/articles/<article_id>/{path}", endpoint=f"get_{kind}")
    @needs("read")
    @described(
        f"get{name}",
        f"Whether an editor says that {meaning}, and who has said so.",
        answers={200: DecisionNow},
        problems=ABSENT,
    )
    def get(article_id: str) -> Response:
        """What holds, and what was said before. The `ETag` names the change that said so."""
        rows = state().override_history(article_id, kind)
        history = [_earlier(row) | {"decision": _decision(row)} for row in rows]
        found = {"article_id": article_id, "decision": _decision(*rows[:1]), "history": history}
        return _shown(DecisionNow, found, rows)

    @overrides.put(f"/articles/<article_id>/{path}", endpoint=f"put_{kind}")
    @needs("write")
    @described(
        f"put{name}",
        f"Say that {meaning}.",
        answers={200: Written, ACCEPTED: Written},
        query=WriteOptions,
        body=Body(Decision),
        problems=(*ABSENT, CHANGED, 422),
    )
    def put(options: WriteOptions, article_id: str) -> Response:
        """It stays when the article is stored again, until it is removed or its time is over."""
        sent = _read(Decision)
        if find_id_fault(article_id):  # no article has such an id
            raise UnknownArticle(article_id)
        receipt = _set(article_id, kind, [sent.override_of(article_id)], sent.by, sent.why)
        return _tagged(written(receipt, options, text=False), receipt.change)


@overrides.errorhandler(ChangedMeanwhile)
def refuse_late(error: ChangedMeanwhile) -> Response:
    """The condition of the request does not hold any more; elsewhere this is a conflict."""
    return problem(HTTPStatus(CHANGED), str(error))


def _earlier(row: StoredOverrides) -> dict[str, Any]:
    return {"change": row.change, "by": row.by, "at": row.at}


def _decision(row: StoredOverrides | None = None) -> object:
    """What a row says of its article; None for nothing."""
    return next(iter(parse_overrides(row.document)), None) if row else None


def _shown(
    answer: type[Answer], found: dict[str, Any], rows: tuple[StoredOverrides, ...]
) -> Response:
    change = rows[0].change if rows else 0
    return _tagged(uncached(answer.model_validate(found | {"change": change})), change)


def _tagged(response: Response, change: int) -> Response:
    """Name the change that set what holds now; 0 if nothing was ever set."""
    response.headers["ETag"] = f'"{change}"'
    return response


def _seen() -> int | None:
    """The change that the caller has seen; None if any may be replaced.

    Raises:
        BadParameter: `If-Match` is no `ETag` of these calls.
    """
    sent = request.headers.get("If-Match", "*").strip()
    found = _TAG.fullmatch(sent)
    if found is None and sent != "*":
        raise BadParameter('If-Match: must be one ETag as these calls answer it, such as "17"')
    return None if found is None else int(found[1])


def _read(wanted: type[T]) -> T:
    try:
        return wanted.model_validate(read_document(LARGEST))
    except ValidationError as error:
        faults = tuple(faults_of(error, (*wanted.model_fields, *Override.model_fields)))
        raise InvalidOverrides("the overrides are not acceptable", faults) from None


def _set(article_id: str, kind: AnyKind, wanted: list[Override], by: str, why: str = "") -> Receipt:
    """Set overrides in the name of the key, and of the editor if one is named."""
    author, seen = f"{key_name()}: {by}" if by else key_name(), _seen()
    with state().writing(replace(actor_of_request(), why=why)) as store:
        return store.overrides.put(article_id, kind, tuple(wanted), author, seen=seen)


_add_get("pins", PinsNow)
_add_put("pins", Pins)
_add_delete("pins", "pins", "Pins", "Remove the pins of an article")
_add_get("blocks", BlocksNow)
_add_put("blocks", Blocks)
_add_delete("blocks", "blocks", "Blocks", "Remove the blocks of an article")
_add_decision("never", "never", "Never", "no list shows an article")
_add_delete("never", "never", "Never", "Let lists show an article again")
_add_decision("no_list", "no-list", "NoList", "no list stands under an article")
_add_delete("no_list", "no-list", "NoList", "Let a list stand under an article again")
