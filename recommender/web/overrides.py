"""Overrides under /v1: which articles are pinned or blocked under an article, by whom and why."""

from typing import Final

from flask import Blueprint, Response
from pydantic import ValidationError

from recommender.api import Blocks, BlocksNow, Override, Pins, PinsNow, WriteOptions, Written
from recommender.articles import faults_of
from recommender.errors import InvalidOverrides
from recommender.ranking.overrides import Kind, parse_overrides
from recommender.store import Receipt
from recommender.web.bodies import read_document
from recommender.web.caching import respond, uncached
from recommender.web.endpoints import Body, described
from recommender.web.keys import caller, needs
from recommender.web.state import state

__all__ = ["overrides"]

overrides = Blueprint("choices", __name__, url_prefix="/v1")  # a part of operation ids
ACCEPTED: Final = 202
LARGEST: Final = 2**20
ABSENT: Final = (404, 410)


def _serve(kind: Kind, wanted: type[Pins | Blocks], held: object) -> None:
    """Add the three calls of a kind."""
    route = overrides.route
    address, done = f"/articles/<article_id>/{kind}", {200: Written, ACCEPTED: Written}

    @route(address, methods=["GET"], endpoint=f"get_{kind}")
    @needs("read")
    @described(
        f"The {kind} of an article, with who set them.", answers={200: held}, problems=ABSENT
    )
    def get(article_id: str) -> Response:
        """What holds now, and how it came about."""
        return uncached(_held(article_id, kind))

    @route(address, methods=["PUT"], endpoint=f"put_{kind}")
    @needs("write")
    @described(
        f"Set the {kind} of an article in the place of those it has.",
        answers=done,
        query=WriteOptions,
        body=Body(wanted),
        problems=(*ABSENT, 422),
    )
    def put(options: WriteOptions, article_id: str) -> tuple[Response, int]:
        """Set what is asked for."""
        asked = _asked(wanted)
        receipt, status = _set(article_id, kind, getattr(asked, kind), asked.by, options)
        return respond(Written.model_validate(receipt, from_attributes=True)), status

    @route(address, methods=["DELETE"], endpoint=f"delete_{kind}")
    @needs("write")
    @described(
        f"Take away the {kind} of an article; twice is fine.",
        answers={204: None, ACCEPTED: None},
        query=WriteOptions,
        problems=ABSENT,
    )
    def delete(options: WriteOptions, article_id: str) -> tuple[str, int]:
        """Set none."""
        _, status = _set(article_id, kind, [], "", options)
        return "", status if status == ACCEPTED else 204


def _asked(wanted: type[Pins | Blocks]) -> Pins | Blocks:
    try:
        return wanted.model_validate(read_document(LARGEST))
    except ValidationError as error:
        faults = tuple(faults_of(error))
        raise InvalidOverrides("the overrides are not acceptable", faults) from None


def _set(
    article_id: str, kind: Kind, overrides: list[Override], by: str, options: WriteOptions
) -> tuple[Receipt, int]:
    """Set them in the name of the key and of the editor, and tell with which status."""
    author = f"{caller()}: {by}" if by else caller()
    with state().writing():
        receipt = state().store().overrides.put(article_id, kind, tuple(overrides), author)
    late = options.wait and not state().is_visible(receipt, text=False)
    return receipt, ACCEPTED if late else 200


def _held(article_id: str, kind: Kind) -> PinsNow | BlocksNow:
    """What is in force, and how it came about."""
    history = [
        {"change": row.change, "by": row.by, "at": row.at, kind: parse_overrides(row.document)}
        for row in state().override_history(article_id, kind)
    ]
    now = history[0][kind] if history else ()
    answer = PinsNow if kind == "pins" else BlocksNow
    return answer.model_validate({"article_id": article_id, kind: now, "history": history})


_ROUTES: Final[tuple[tuple[Kind, type[Pins | Blocks], object], ...]] = (
    ("pins", Pins, PinsNow),
    ("blocks", Blocks, BlocksNow),
)
for _route in _ROUTES:
    _serve(*_route)
