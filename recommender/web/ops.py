"""The operator's probes."""

from flask import Blueprint, Response

from recommender.api import Health, Readiness
from recommender.web.caching import respond
from recommender.web.endpoints import described
from recommender.web.state import state

__all__ = ["ops"]

ops = Blueprint("ops", __name__)


@ops.get("/healthz")
@described("The process answers.", answers={200: Health})
def healthz() -> Response:
    """The process answers."""
    return respond(Health(status="ok"))


@ops.get("/readyz")
@described("There is an archive to answer from.", answers={200: Readiness}, problems=(503,))
def readyz() -> Response:
    """There is an archive to answer from; 503 until then.

    Lists go on where the published generation cannot be served, but `unserved` tells of it.
    """
    live = state().follower.current()
    return respond(
        Readiness(
            status="ready",
            generation=live.view.generation,
            articles=int(live.view.present.sum()),
            change=live.change,
            store="away" if live.store_fault else "ok",
            unserved=live.unserved,
        )
    )
