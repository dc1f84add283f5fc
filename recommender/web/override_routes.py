"""Overrides under /v1: which articles are pinned or blocked under an article, by whom and why."""

from typing import Final

from flask import Blueprint, Response
from pydantic import ValidationError

from recommender.api import Blocks, BlocksNow, Override, Pins, PinsNow, WriteOptions, Written
from recommender.articles import faults_of
from recommender.errors import InvalidOverrides
from recommender.ranking.overrides import Kind, parse_overrides
from recommender.store import Receipt
from recommender.web.article_routes import ACCEPTED, written
from recommender.web.auth import actor_of_request, key_name, needs
from recommender.web.bodies import read_document
from recommender.web.endpoints import Body, described
from recommender.web.responses import uncached
from recommender.web.state import state

__all__ = ["overrides"]

overrides = Blueprint("overrides", __name__, url_prefix="/v1")
LARGEST: Final = 2**20
ABSENT: Final = (404, 410)


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
        """The active overrides, and all that were set before them."""
        history = [
            {"change": row.change, "by": row.by, "at": row.at, kind: parse_overrides(row.document)}
            for row in state().override_history(article_id, kind)
        ]
        active = history[0][kind] if history else ()
        found = {"article_id": article_id, kind: active, "history": history}
        return uncached(answer.model_validate(found))


def _add_put(kind: Kind, wanted: type[Pins | Blocks]) -> None:
    @overrides.put(f"/articles/<article_id>/{kind}", endpoint=f"put_{kind}")
    @needs("write")
    @described(
        f"put{kind.title()}",
        f"Replace the {kind} of an article.",
        answers={200: Written, ACCEPTED: Written},
        query=WriteOptions,
        body=Body(wanted),
        problems=(*ABSENT, 422),
    )
    def put(options: WriteOptions, article_id: str) -> Response:
        """Replace the overrides of an article."""
        sent = _read(wanted)
        receipt = _set(article_id, kind, getattr(sent, kind), sent.by)
        return written(receipt, options, text=False)


def _add_delete(kind: Kind) -> None:
    @overrides.delete(f"/articles/<article_id>/{kind}", endpoint=f"delete_{kind}")
    @needs("write")
    @described(
        f"delete{kind.title()}",
        f"Remove the {kind} of an article; doing so twice is fine.",
        answers={204: None, ACCEPTED: None},
        query=WriteOptions,
        problems=ABSENT,
    )
    def delete(options: WriteOptions, article_id: str) -> tuple[str, int]:
        """Remove the overrides of an article."""
        late = written(_set(article_id, kind, [], ""), options, text=False)
        return "", ACCEPTED if late.status_code == ACCEPTED else 204


def _read(wanted: type[Pins | Blocks]) -> Pins | Blocks:
    try:
        return wanted.model_validate(read_document(LARGEST))
    except ValidationError as error:
        faults = tuple(faults_of(error, (*wanted.model_fields, *Override.model_fields)))
        raise InvalidOverrides("the overrides are not acceptable", faults) from None


def _set(article_id: str, kind: Kind, wanted: list[Override], by: str) -> Receipt:
    """Set overrides in the name of the key, and of the editor if one is named."""
    author = f"{key_name()}: {by}" if by else key_name()
    with state().writing(actor_of_request()) as store:
        return store.overrides.put(article_id, kind, tuple(wanted), author)


_add_get("pins", PinsNow)
_add_put("pins", Pins)
_add_delete("pins")
_add_get("blocks", BlocksNow)
_add_put("blocks", Blocks)
_add_delete("blocks")
