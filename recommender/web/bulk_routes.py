"""Many writes in one request: a list or lines of articles and deletions, each answered."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Final

from flask import Blueprint, Response, request
from pydantic import Field

from recommender.api import BulkAnswer, BulkFault, BulkItem, Deletion
from recommender.articles import Article, article_of
from recommender.errors import (
    BadInput,
    FieldFault,
    InvalidArticle,
    ReadAlsoError,
    ServerStops,
    StoreUnusable,
    UnknownArticle,
)
from recommender.id_grammar import find_id_fault
from recommender.request_origin import STOPPING
from recommender.store import DeleteRequest, Receipt
from recommender.strict_json import JsonObject, read_object, split_list
from recommender.web.auth import actor_of_request, heavy_call, needs
from recommender.web.bodies import LARGEST_DOCUMENT, TOO_LARGE, read_body
from recommender.web.endpoints import Body, described
from recommender.web.problems import Refused, public_detail, status_of
from recommender.web.responses import respond
from recommender.web.state import state

__all__ = ["MOST_FAULTS", "MOST_LINES", "MOST_LOAD_BYTES", "answer_line", "bulk", "read_line"]

bulk = Blueprint("bulk", __name__, url_prefix="/v1")
MOST_LOAD_BYTES: Final = 16 * 2**20
MOST_LINES: Final = 5_000
LINES_PER_BATCH: Final = 25  # one transaction each
BATCH_PAUSE_SECONDS: Final = 0.01  # so that single writes get in between
MOST_FAULTS: Final = 10
"""Of a line, so many are named: thousands of lines have one answer."""
LINES: Final = "application/x-ndjson"
DELETE: Final = "delete"
STATUSES: Final = {"created": 201, "updated": 200, "unchanged": 200, "deleted": 204}

Outcome = Receipt | ReadAlsoError


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or a member of a list.

    Attributes:
        id: the id in it, if it has a readable one.
        request: what it asks for, or the reason of its refusal.
    """

    id: str | None
    request: Article | DeleteRequest | ReadAlsoError


Members = Annotated[list[Article | Deletion], Field(max_length=MOST_LINES)]


@bulk.post("/bulk")
@needs("write")
@described(
    "bulkWrite",
    "Store and delete many articles; each is answered, in order.",
    answers={200: BulkAnswer},
    body=Body(Members, lines=LINES),
)
def load() -> Response:
    """Each member gets the status that it would have had alone; one refused stops no other."""
    with (
        heavy_call(),
        state().limits.bulk.hold("a bulk load"),
    ):  # while the body is read too, for its memory
        lines = _split(read_body(MOST_LOAD_BYTES))
        items = [answer_line(line, outcome) for line, outcome in _write(lines)]
    for item in items:
        state().counters.bulk_items.labels(str(item.status)).inc()
    errors = any(item.error is not None for item in items)
    return respond(BulkAnswer(errors=errors, items=tuple(items)))


def _split(body: bytes) -> list[bytes]:
    """The members of a list, or the lines that are not blank.

    No line begins with a bracket, so a body that does is a list, unless it is said to be lines.

    Raises:
        Refused: there are too many.
        BadJson: the list is broken.
    """
    is_list = request.mimetype != LINES and body.lstrip().startswith(b"[")
    found = split_list(body) if is_list else (line for line in body.split(b"\n") if line.strip())
    parts = list(islice(found, MOST_LINES + 1))
    if len(parts) > MOST_LINES:
        many = f"the body has more than {MOST_LINES} articles"
        raise Refused(TOO_LARGE, f"{many}: send the rest in another request")
    return parts


def _write(lines: Sequence[bytes]) -> Iterator[tuple[Line, Outcome]]:
    """Do the writes of the lines in their order, a batch in each transaction.

    If the store fails or the server stops on the way, the batches before stay written, and later
    lines get the error.

    Raises:
        StoreUnusable: the store failed before anything was done.
        ServerStops: the server stops, and nothing was done.
    """
    failed: StoreUnusable | ServerStops | None = None
    for at in range(0, len(lines), LINES_PER_BATCH):
        time.sleep(BATCH_PAUSE_SECONDS if at else 0)
        batch = [read_line(text) for text in lines[at : at + LINES_PER_BATCH]]
        failed = failed or (ServerStops() if _is_stopping() else None)
        outcomes = _outcomes(batch, failed)
        failed = failed or next((o for o in outcomes if isinstance(o, StoreUnusable)), None)
        if failed and at == 0:
            raise failed
        yield from zip(batch, outcomes, strict=True)


def _is_stopping() -> bool:
    """Whether the web server is to stop; one that does not say so is not."""
    return STOPPING in request.environ and bool(request.environ[STOPPING]())


def _outcomes(batch: Sequence[Line], failed: ReadAlsoError | None) -> list[Outcome]:
    requests = [line.request for line in batch if not isinstance(line.request, ReadAlsoError)]
    done = iter([failed] * len(requests) if failed else _store(requests))
    return [
        line.request if isinstance(line.request, ReadAlsoError) else next(done) for line in batch
    ]


def _store(requests: Sequence[Article | DeleteRequest]) -> Sequence[Outcome]:
    try:
        return state().store().acting(actor_of_request()).write_many(requests) if requests else ()
    except StoreUnusable as fault:
        return [fault] * len(requests)


def read_line(text: bytes) -> Line:
    """Read a line. A bad line gets an error instead of a request; the other lines go on."""
    fields: JsonObject = {}
    try:
        if len(text) > LARGEST_DOCUMENT:
            raise Refused(TOO_LARGE, f"the line is longer than {LARGEST_DOCUMENT} bytes")
        fields = read_object(text)
        request = _read_deletion(fields) if DELETE in fields else article_of(fields)
    except ReadAlsoError as refusal:
        # They would hold what was read of the line until the batch is written.
        refusal.__traceback__ = refusal.__context__ = None
        return Line(_id_of(fields), refusal)
    return Line(request.id, request)


def answer_line(line: Line, outcome: Outcome) -> BulkItem:
    """The answer to a line."""
    if isinstance(outcome, Receipt):
        status = 204 if isinstance(line.request, DeleteRequest) else STATUSES[outcome.result]
        return BulkItem(id=line.id, status=status, result=outcome.result, change=outcome.change)
    fault = BulkFault(detail=public_detail(outcome))
    if isinstance(outcome, BadInput) and outcome.faults:
        fault = BulkFault(detail=outcome.summary, errors=outcome.faults[:MOST_FAULTS])
    return BulkItem(id=line.id, status=status_of(outcome), error=fault)


def _read_deletion(fields: JsonObject) -> DeleteRequest:
    """Read `{"delete": {"id": ...}}`.

    Raises:
        InvalidArticle: the line is anything else.
        UnknownArticle: no article can have this id.
    """
    match fields:
        case {"delete": {"id": str(article_id), **others}, **more} if not others and not more:
            if find_id_fault(article_id) is None:
                return DeleteRequest(article_id)
            raise UnknownArticle(article_id)
    fault = FieldFault("/delete", 'must stand alone in its line and be {"id": "..."}')
    raise InvalidArticle("the deletion is not acceptable", (fault,))


def _id_of(fields: JsonObject) -> str | None:
    target = fields.get(DELETE, fields)
    named = target.get("id") if isinstance(target, dict) else None
    return named if isinstance(named, str) and find_id_fault(named) is None else None
