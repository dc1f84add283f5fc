"""Overrides under /v1: which articles are pinned or blocked under an article, by whom and why."""

from typing import Annotated, Any, Final

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from recommender.api import BlocksNow, Done, PinsNow
from recommender.articles import Moment, Text, faults_of
from recommender.errors import InvalidOverrides
from recommender.ranking.overrides import Kind, Override, StoredOverrides, parse_overrides
from recommender.store import Receipt
from recommender.web.bodies import read_document
from recommender.web.describing import Body, described
from recommender.web.keys import caller, needs
from recommender.web.parameters import WAIT, parse_wait
from recommender.web.state import state

__all__ = ["overrides"]

overrides = Blueprint("overrides", __name__, url_prefix="/v1")
ACCEPTED: Final = 202
LARGEST: Final = 2**20
ABSENT: Final = (404, 410)
MOMENT: Final[TypeAdapter[Moment]] = TypeAdapter(Moment)


class Asking(BaseModel):
    """`by` is the editor who asks, kept beside the name of the key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    by: Annotated[Text, Field(max_length=100)] = ""


class Pins(Asking):
    """What stands first in a list, in that order."""

    pins: list[Override]


class Blocks(Asking):
    """What a list never holds."""

    blocks: list[Override]


def _serve(kind: Kind, wanted: type[Pins | Blocks], held: object) -> None:
    """Add the three calls of a kind."""
    route = overrides.route
    address, done = f"/articles/<article_id>/{kind}", {200: Done, ACCEPTED: Done}

    @route(address, methods=["GET"], endpoint=f"get_{kind}")
    @needs("read")
    @described(
        f"The {kind} of an article, with who set them.", answers={200: held}, problems=ABSENT
    )
    def get(article_id: str) -> Response:
        """What holds now, and how it came about."""
        return _told(article_id, kind)

    @route(address, methods=["PUT"], endpoint=f"put_{kind}")
    @needs("write")
    @described(
        f"Set the {kind} of an article in the place of those it has.",
        answers=done,
        parameters=WAIT,
        body=Body(wanted),
        problems=(*ABSENT, 422),
    )
    def put(article_id: str) -> tuple[Response, int]:
        """Set what is asked for."""
        asked = _asked(wanted)
        receipt, status = _set(article_id, kind, getattr(asked, kind), asked.by)
        return jsonify(_done(receipt)), status

    @route(address, methods=["DELETE"], endpoint=f"delete_{kind}")
    @needs("write")
    @described(
        f"Take away the {kind} of an article; twice is fine.",
        answers={204: None, ACCEPTED: None},
        parameters=WAIT,
        problems=ABSENT,
    )
    def delete(article_id: str) -> tuple[str, int]:
        """Set none."""
        _, status = _set(article_id, kind, [], "")
        return "", status if status == ACCEPTED else 204


def _asked(wanted: type[Pins | Blocks]) -> Pins | Blocks:
    try:
        return wanted.model_validate(read_document(LARGEST))
    except ValidationError as error:
        faults = tuple(faults_of(error))
        raise InvalidOverrides("the overrides are not acceptable", faults) from None


def _set(article_id: str, kind: Kind, overrides: list[Override], by: str) -> tuple[Receipt, int]:
    """Set them in the name of the key and of the editor, and tell with which status."""
    waits = parse_wait(request.args)
    author = f"{caller()}: {by}" if by else caller()
    with state().writing():
        receipt = state().store().overrides.put(article_id, kind, tuple(overrides), author)
    late = waits and not state().is_visible(receipt, text=False)
    return receipt, ACCEPTED if late else 200


def _done(receipt: Receipt) -> Done:
    return {"id": receipt.id, "result": receipt.result, "change": receipt.change}


def _told(article_id: str, kind: Kind) -> Response:
    rows = state().override_history(article_id, kind)
    told = [_setting(row, kind) for row in rows]
    now = told[0][kind] if told else []
    response = jsonify({"article_id": article_id, kind: now, "history": told})
    response.headers["Cache-Control"] = "no-store"
    return response


def _setting(row: StoredOverrides, kind: Kind) -> dict[str, Any]:
    at = MOMENT.dump_python(row.at, mode="json")
    return {"change": row.change, "by": row.by, "at": at, kind: _shown(row)}


def _shown(row: StoredOverrides) -> list[dict[str, Any]]:
    return [override.model_dump(mode="json") for override in parse_overrides(row.document)]


_ROUTES: Final[tuple[tuple[Kind, type[Pins | Blocks], object], ...]] = (
    ("pins", Pins, PinsNow),
    ("blocks", Blocks, BlocksNow),
)
for _route in _ROUTES:
    _serve(*_route)
