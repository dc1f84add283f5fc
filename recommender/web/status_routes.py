"""The state of a write under /v1: how far the last write of an article has come, and why not on."""

import time
from collections.abc import Sequence
from typing import Final

from flask import Blueprint, Response

from recommender.api import Rule, WaitsFor, WriteState, WriteStatus
from recommender.ranking.filters import hidden_because
from recommender.store import WriteProgress
from recommender.web.auth import needs
from recommender.web.endpoints import described
from recommender.web.responses import uncached
from recommender.web.state import state

__all__ = ["describe_progress", "statuses"]

statuses = Blueprint("statuses", __name__, url_prefix="/v1")
ASK_AGAIN_SECONDS: Final = 1
REMEDY: Final = (
    "send the article with another text; or, if the cause was elsewhere and is mended, run: "
    "read-also rebuild --full"
)
"""For a text that is not tried again by itself."""


@statuses.get("/articles/<article_id>/status")
@needs("read")
@described(
    "getArticleStatus",
    "How far the last write of an article has come.",
    answers={200: WriteStatus},
    problems=(404, 410, 503),
)
def article_status(article_id: str) -> Response:
    """How far the last write of an article has come; `Retry-After` while it goes on by itself."""
    follower = state().follower
    with state().reading() as store:
        progress = store.write_progress(article_id)
    live, workers, now = follower.current(), follower.heartbeats.read(), time.time()
    hidden = live.overrides.hidden.at(now)
    found = describe_progress(progress, live.change, workers, now, hidden)
    response = uncached(found)
    if found.waits_for in {"indexer", "workers"}:
        response.headers["Retry-After"] = str(ASK_AGAIN_SECONDS)
    return response


def describe_progress(
    progress: WriteProgress,
    shown: int,
    workers: Sequence[int],
    now: float,
    hidden: frozenset[str] = frozenset(),
) -> WriteStatus:
    """The answer for a write.

    Args:
        progress: what the store knows.
        shown: the worker that answers shows every change up to this number.
        workers: the same of each worker of this machine.
        now: seconds since 1970 in UTC.
        hidden: the ids that editors keep out of all lists.
    """
    by_editors: Rule | None = "never_recommend" if progress.outline.id in hidden else None
    slowest = min(workers, default=shown)
    reached, waits_for = _state_of(progress, shown, slowest)
    return WriteStatus(
        id=progress.outline.id,
        state=reached,
        waits_for=waits_for,
        hidden_because=hidden_because(progress.outline, now) or by_editors,
        change=progress.change,
        written_at=progress.written_at,
        read_change=progress.read_change,
        read_at=progress.read_at,
        shown_change=slowest,
        workers=len(workers),
        waiting=progress.waiting,
        attempts=progress.attempts,
        error=progress.fault,
        remedy=REMEDY if progress.is_parked else None,
    )


def _state_of(
    progress: WriteProgress, shown: int, slowest: int
) -> tuple[WriteState, WaitsFor | None]:
    if progress.is_parked:
        return "parked", "another_text"
    if progress.is_queued:
        return "received", "indexer"
    if shown < progress.newest_change:
        return "read", "workers"
    return ("indexed", "workers") if slowest < progress.newest_change else ("visible", None)
