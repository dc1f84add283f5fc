"""Many writes in one request: NDJSON, a line an article or a deletion, answered line by line."""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from flask import Blueprint, Response, current_app
from flask.blueprints import BlueprintSetupState

from recommender.api import BulkAnswer, Deletion
from recommender.articles import Article
from recommender.errors import ReadAlsoError, StoreUnusable
from recommender.store import DeleteRequest
from recommender.web.bodies import TOO_LARGE, read_body
from recommender.web.caching import respond
from recommender.web.endpoints import Body, described
from recommender.web.keys import needs
from recommender.web.lines import Line, Outcome, answer_line, read_line
from recommender.web.problems import Refused
from recommender.web.state import state
from recommender.web.turns import Turns

__all__ = ["MOST_BYTES", "MOST_LINES", "bulk"]

bulk = Blueprint("bulk", __name__, url_prefix="/v1")
MOST_BYTES: Final = 16 * 2**20
MOST_LINES: Final = 5_000
BATCH: Final = 25  # one transaction each
PAUSE_SECONDS: Final = 0.01  # between transactions, in which a newsroom's single writes get in
LOADERS: Final = 1
TURNS: Final = "read-also-bulk"


@bulk.record
def _make_turns(setup: BlueprintSetupState) -> None:
    setup.app.extensions[TURNS] = Turns(LOADERS)


@bulk.post("/bulk")
@needs("write")
@described(
    "Many articles and deletions, a line each; answered line by line, in order.",
    answers={200: BulkAnswer},
    body=Body(Article | Deletion, ("application/x-ndjson",)),
)
def load() -> Response:
    """Store and delete line by line, with the status that each would have had alone."""
    turns: Turns = current_app.extensions[TURNS]
    with turns.one_of("a bulk load"):  # held while the body is read too: memory is for one
        lines = _lines(read_body(MOST_BYTES))
        items = [answer_line(line, outcome) for line, outcome in _write(lines)]
    errors = any(item.error is not None for item in items)
    return respond(BulkAnswer(errors=errors, items=tuple(items)))


def _lines(body: bytes) -> list[bytes]:
    """The lines that are not blank.

    Raises:
        Refused: there are too many.
    """
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > MOST_LINES:
        told = f"the body has {len(lines)} lines; at most {MOST_LINES} are taken at once"
        raise Refused(TOO_LARGE, f"{told}: send the rest in a request of its own")
    return lines


def _write(lines: Sequence[bytes]) -> Iterator[tuple[Line, Outcome]]:
    """Do what the lines ask for, in their order, some in each transaction.

    A store that fails on the way leaves what is done as it is; the lines after that say so.

    Raises:
        StoreUnusable: it failed before anything was done.
    """
    failed: StoreUnusable | None = None
    for at in range(0, len(lines), BATCH):
        time.sleep(PAUSE_SECONDS if at else 0)
        batch = [read_line(text) for text in lines[at : at + BATCH]]
        outcomes = _outcomes(batch, failed)
        failed = failed or next((o for o in outcomes if isinstance(o, StoreUnusable)), None)
        if failed and at == 0:
            raise failed
        yield from zip(batch, outcomes, strict=True)


def _outcomes(batch: Sequence[Line], failed: StoreUnusable | None) -> list[Outcome]:
    wishes = [line.wish for line in batch if not isinstance(line.wish, ReadAlsoError)]
    done = iter([failed] * len(wishes) if failed else _store(wishes))
    return [line.wish if isinstance(line.wish, ReadAlsoError) else next(done) for line in batch]


def _store(wishes: Sequence[Article | DeleteRequest]) -> Sequence[Outcome]:
    try:
        return state().store().write_many(wishes) if wishes else ()
    except StoreUnusable as fault:
        return [fault] * len(wishes)
