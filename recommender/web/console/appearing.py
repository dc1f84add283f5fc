"""Where a story is shown now, and taking it down everywhere."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from recommender.articles import Article
from recommender.ranking.appears_in import Appearances
from recommender.ranking.filters import hidden_because
from recommender.store import Receiver
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened
from recommender.web.console.page import render_page, render_part, wants_part
from recommender.web.console.sent_values import read_change, read_reason
from recommender.web.console.steering import Outcome, read_steering, take_step
from recommender.web.console.steps import Step
from recommender.web.console.today import StoryLine
from recommender.web.problems import Refused
from recommender.web.responses import FRESH_SECONDS, STALE_SECONDS
from recommender.web.state import state

__all__ = ["ToldCache", "told_caches"]

PURGES: Final = "list.changed"
"""The message that tells caches which lists to drop."""
COPY_SECONDS: Final = FRESH_SECONDS + STALE_SECONDS
"""How old the copy of a list in a cache may be that nobody tells."""


@dataclass(frozen=True, slots=True)
class ToldCache:
    """A receiver of messages that is told of a change.

    Attributes:
        name: its name.
        host: where it is.
        told: `yes`; `soon`, as it is being told; `failing`, as it does not take messages now.
        at: when it has taken one last; None for never.
    """

    name: str
    host: str
    told: Literal["yes", "soon", "failing"]
    at: datetime | None


def told_caches(receivers: tuple[Receiver, ...], change: int) -> tuple[ToldCache, ...]:
    """Which receivers of a message about lists know of a change."""
    return tuple(
        ToldCache(one.name, urlsplit(one.url).netloc, _told(one, change), one.accepted_at)
        for one in receivers
        if PURGES in one.events
    )


@console.get("/story/<article_id>/appears-in")
@opened("read")
def show_appearances(article_id: str) -> Response:
    """The stories whose list shows a story; a script gets them alone."""
    article = state().stored(article_id)
    if not wants_part() and not request.args.get("now"):
        return render_page("appears_in.html", "appears_in", article=article, part=None)
    return _show(article, None)


@console.post("/story/<article_id>/appears-in")
@opened("write")
def take_down(article_id: str) -> ResponseReturnValue:
    """Take a story out of all lists, or let them show it again; look where it is shown then."""
    article = state().stored(article_id)
    note = {"why": read_reason(request.form)}
    step = Step.read(request.form.get("step", ""), note)
    if step.kind != "never":
        raise Refused(400, "this page takes a story down, or brings it back")
    outcome = take_step(article_id, step, read_change(request.form, "seen_never"))
    if not wants_part():
        return redirect(url_for("console.show_appearances", article_id=article_id, now=1), 303)
    return _show(article, outcome)


@console.get("/story/<article_id>/appears-in/caches")
@opened("read")
def show_told_caches(article_id: str) -> Response:
    """Which caches know that a story was taken down or brought back."""
    change = read_steering(article_id).seen["never"]
    return render_part("told_caches.html", "appears_in", **_caches(change), article_id=article_id)


def _show(article: Article, outcome: Outcome | None) -> Response:
    with heavy_call():
        found = state().appearances(article.id)
    steering = read_steering(article.id, outcome)
    values: dict[str, Any] = {
        "article": article,
        "article_id": article.id,
        "stories": _lines(found),
        "found": found,
        "steering": steering,
        "hidden": hidden_because(article, time.time()),
        **_caches(steering.seen["never"]),
    }
    if wants_part():
        return render_part("appears_part.html", "appears_in", **values)
    return render_page("appears_in.html", "appears_in", part="appears_part.html", **values)


def _lines(found: Appearances) -> list[StoryLine]:
    view = state().follower.current().view
    rows = (view.row_of(one) for one in found.ids)
    return [StoryLine.of(view, row) for row in rows if row is not None]


def _caches(change: int) -> dict[str, object]:
    """What a part says of the caches that know of a change; 0 for none."""
    with state().reading() as store:
        told = told_caches(store.webhooks.all(), change)
    waits = any(one.told != "yes" for one in told)
    return {"change": change, "caches": told, "caches_wait": waits, "copy_seconds": COPY_SECONDS}


def _told(receiver: Receiver, change: int) -> Literal["yes", "soon", "failing"]:
    if receiver.position >= change:
        return "yes"
    return "soon" if receiver.failing_since is None else "failing"
