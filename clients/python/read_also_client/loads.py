"""Bulk loads: many writes, cut into requests that a proxy lets through by its defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import Final

import httpx
from pydantic import BaseModel

from read_also_client.answers import BulkAnswer, BulkFault, BulkItem
from read_also_client.articles import ArticleId, Fields, as_document, as_id, as_json
from read_also_client.errors import InvalidRequest, NotSendable, StrangeAnswer
from read_also_client.exchange import Call, Exchange, Retries, exchange, reader_of

__all__ = ["Deletion", "Line", "Loads", "Write", "line_of", "load_of", "send_load"]

MOST_LINES: Final = 1_000  # the service takes more, but then answers late
MOST_BYTES: Final = 1_000_000
"""Of a request. nginx takes 2**20 by default, other proxies 1 MB."""
LOAD_SECONDS: Final = 120.0
LINES: Final = "application/x-ndjson"
TOO_LARGE: Final = 413
NOT_ACCEPTABLE: Final = 422
NOT_NOW: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Deletion:
    """A write of a bulk load that deletes an article."""

    id: ArticleId


Write = BaseModel | Fields | Deletion


@dataclass(frozen=True, slots=True)
class Line:
    """A write as a line of NDJSON; or, if it cannot be sent, the answer that it gets here."""

    id: str | None
    text: bytes = b""
    refused: BulkItem | None = None


@dataclass(slots=True)
class Loads:
    """Gathers writes, and sends them when no more fit into one request."""

    retries: Retries
    most_lines: int = MOST_LINES
    most_bytes: int = MOST_BYTES
    _lines: list[Line] = field(default_factory=list)
    _size: int = 0

    def add(self, write: Write) -> Exchange[list[BulkItem]]:
        """Add a write; send those before it if it does not fit beside them. Returns outcomes."""
        line = line_of(write)
        is_full = len(self._lines) == self.most_lines
        sent: list[BulkItem] = []
        if self._lines and (is_full or self._size + len(line.text) > self.most_bytes):
            sent = yield from self.rest()
        self._lines.append(line)
        self._size += len(line.text)
        return sent

    def rest(self) -> Exchange[list[BulkItem]]:
        """Send what is gathered; return the outcomes in the order of the writes."""
        lines, self._lines, self._size = self._lines, [], 0
        sendable = [line for line in lines if line.refused is None]
        answers = iter((yield from send_load(sendable, self.retries)))
        return [line.refused or next(answers) for line in lines]


def line_of(write: Write) -> Line:
    """A write as a line; what cannot be sent is answered 422 here, and stops no other write."""
    try:
        if isinstance(write, Deletion):
            article_id = as_id(write.id)
            return Line(article_id, as_json({"delete": {"id": article_id}}) + b"\n")
        document = as_document(write)
    except NotSendable as refusal:
        return _refused_line(_id_of(write), refusal)
    return Line(_id_of(document), as_json(document) + b"\n")


def send_load(lines: Sequence[Line], retries: Retries) -> Exchange[list[BulkItem]]:
    """Send one request; send again the lines from the first that answers 429 or 503.

    If a proxy refuses it as too large, it is sent in halves; a line too large alone answers 413.

    Raises:
        ApiError: the whole request was refused, or not answered.
    """
    done: list[BulkItem] = []
    pause: float | None = 0.0
    for attempt in count(1):
        if not lines:
            break
        try:
            items = yield from exchange(load_of(lines), retries, pause or 0.0)
        except InvalidRequest as refusal:
            if refusal.status != TOO_LARGE:
                raise
            return done + (yield from _send_parts(lines, refusal, retries))
        finished = list(takewhile(lambda item: item.status not in NOT_NOW, items))
        pause = retries.pause_before_next(attempt)
        if pause is None:
            return [*done, *items]
        done += finished
        lines = lines[len(finished) :]
    return done


def load_of(lines: Sequence[Line]) -> Call[Sequence[BulkItem]]:
    """One request with these lines; its result has an item for each."""

    def read(answer: httpx.Response) -> Sequence[BulkItem]:
        items = reader_of(BulkAnswer)(answer).items
        if len(items) != len(lines):
            raise StrangeAnswer(answer.status_code, f"{len(lines)} writes got {len(items)} answers")
        return items

    body = b"".join(line.text for line in lines)
    return Call("POST", "/v1/bulk", read, body=body, media=LINES, seconds=LOAD_SECONDS)


def _send_parts(
    lines: Sequence[Line], refusal: InvalidRequest, retries: Retries
) -> Exchange[list[BulkItem]]:
    if len(lines) == 1:
        error = BulkFault(detail=refusal.detail)
        return [BulkItem(id=lines[0].id, status=TOO_LARGE, error=error)]
    middle = len(lines) // 2
    first = yield from send_load(lines[:middle], retries)
    return first + (yield from send_load(lines[middle:], retries))


def _refused_line(article_id: str | None, refusal: NotSendable) -> Line:
    error = BulkFault(detail=f"it was not sent: {refusal.detail}", errors=refusal.faults)
    return Line(article_id, refused=BulkItem(id=article_id, status=NOT_ACCEPTABLE, error=error))


def _id_of(write: Write) -> str | None:
    """The id of a write; None if it has none that the service takes."""
    named = write.get("id") if isinstance(write, Mapping) else getattr(write, "id", None)
    try:
        return as_id(named)  # type: ignore[arg-type] # it may be anything
    except NotSendable:
        return None
