"""For operators: whether the process answers, whether it is ready, and metrics."""

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from werkzeug.exceptions import NotFound

from recommender.api import Health, Readiness
from recommender.indexing.drafts import state_of_indexer
from recommender.request_origin import LISTENER, OPERATORS
from recommender.web.endpoints import NonJsonAnswer, described
from recommender.web.gauges import Gauges
from recommender.web.responses import respond
from recommender.web.state import archive_progress, state

__all__ = ["operations"]

operations = Blueprint("operations", __name__)


@operations.get("/healthz")
@described("getHealth", "The process answers.", answers={200: Health})
def healthz() -> Response:
    """The process answers."""
    return respond(Health(status="ok"))


@operations.get("/readyz")
@described(
    "getReadiness", "There is an archive to answer from.", answers={200: Readiness}, problems=(503,)
)
def readyz() -> Response:
    """200 if there is an archive to answer from; 503 before that.

    That the indexer is away, as long as it loads its model, keeps no worker from its readers.
    Where the published generation cannot be served, lists go on, and `unserved` says why.
    """
    live = state().follower.current()
    return respond(
        Readiness(
            status="ready",
            generation=live.view.snapshot.generation,
            articles=live.view.count(),
            change=live.change,
            store="away" if live.store_fault else "ok",
            data_folder=state().folder.look(),
            indexer=state_of_indexer(state().settings.data),
            unserved=live.unserved,
            archive_reading=archive_progress(live),
        )
    )


@operations.get("/metrics")
@described(
    "getMetrics",
    "Figures for Prometheus, on the operators' listener only.",
    answers={200: NonJsonAnswer(CONTENT_TYPE_LATEST)},
    problems=(404,),
)
def metrics() -> Response:
    """What all processes counted, and the state of the worker that answers and of the store.

    Raises:
        NotFound: the web server does not say that the request comes from operators.
    """
    if request.environ.get(LISTENER) != OPERATORS:
        raise NotFound
    registry = CollectorRegistry()
    registry.register(Gauges(state()))
    registry.register(state().counters)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
