"""One write, and the moments at which the workers show it or stop showing it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.faults.freshness_lanes import Lane, list_path
from benchmarks.faults.serving_articles import fresh

__all__ = ["Gone", "Shown", "publish", "withdraw"]

LATE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.01
WATCHED_SECONDS: Final = 3.0
ALLOWED_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 0.1
KEPT: Final = frozenset({200, 201, 204})
REFUSED: Final = 503


@dataclass(frozen=True, slots=True)
class Shown:
    """A new article: acknowledged, then seen in every worker.

    Attributes:
        id: the article's.
        acked_at: when its write was acknowledged, in seconds since 1970.
        write_seconds: how long the write itself took, tried until it was acknowledged.
        refused: how often it was refused before that, since the store was locked.
        seconds: from the acknowledgement until the last worker showed it; None if never.
    """

    id: str
    acked_at: float
    write_seconds: float
    refused: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Gone:
    """An article that was taken back.

    Attributes:
        id: the article's.
        how: `withheld` or `deleted`.
        last_seconds: after the acknowledgement, when the last answer that held it was asked for.
        late: how many answers held it that were asked for later than a second after it.
        answers: how many were looked at.
    """

    id: str
    how: str
    last_seconds: float
    late: int
    answers: int


def publish(lane: Lane, number: int, subject: int) -> Shown:
    """Write a new article, and look until every worker lists it under its seed.

    Raises:
        RuntimeError: the write was refused for half a minute.
    """
    document = fresh(number, subject)
    begun = time.monotonic()
    refused = _write(lane, "PUT", document)
    acked, at = time.monotonic(), time.time()
    path, missing = list_path(subject, document["id"]), set(lane.workers)
    while missing and time.monotonic() - acked < LATE_SECONDS:
        for worker in sorted(missing):
            if document["id"] in lane.lists(worker, path):
                missing.discard(worker)
        if missing:
            time.sleep(LOOK_SECONDS)
    seconds = None if missing else time.monotonic() - acked
    return Shown(document["id"], at, acked - begun, refused, seconds)


def withdraw(lane: Lane, number: int, subject: int) -> Gone:
    """Withhold or delete an article that is listed, and look for it in every worker after that.

    Raises:
        RuntimeError: the write was refused for half a minute.
    """
    document = fresh(number, subject, status="withheld")
    how = "withheld" if number % 2 else "deleted"
    _write(lane, "PUT" if number % 2 else "DELETE", document)
    acked = time.monotonic()
    path, last, late, answers = list_path(subject, document["id"]), 0.0, 0, 0
    while (asked := time.monotonic() - acked) < WATCHED_SECONDS:
        for worker in lane.workers:
            asked = time.monotonic() - acked
            answers += 1
            if document["id"] in lane.lists(worker, path):
                last, late = asked, late + (asked > ALLOWED_SECONDS)
        time.sleep(LOOK_SECONDS)
    return Gone(document["id"], how, last, late, answers)


def _write(lane: Lane, method: str, document: Mapping[str, Any]) -> int:
    """Write as a patient CMS does, until it is acknowledged; how often it was refused."""
    body = document if method == "PUT" else None
    end, refused = time.monotonic() + LATE_SECONDS, 0
    while (status := lane.write(method, f"/v1/articles/{document['id']}", body)) not in KEPT:
        refused += 1
        if status != REFUSED or time.monotonic() > end:
            raise RuntimeError(f"{method} {document['id']}: {status}")
        time.sleep(AGAIN_SECONDS)
    return refused
