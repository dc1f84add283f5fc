"""For operators: whether the process answers, whether it is ready, and metrics."""

import time
from collections.abc import Iterator

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from werkzeug.exceptions import NotFound

from index import Catalog
from recommender.api import Health, Readiness
from recommender.errors import NotReady, StoreUnusable
from recommender.indexing.snapshots import gate_refusal, rollback_hold
from recommender.request_origin import LISTENER, OPERATORS
from recommender.web.endpoints import NonJsonAnswer, described
from recommender.web.responses import respond
from recommender.web.state import State, state

__all__ = ["operations"]

operations = Blueprint("operations", __name__)
_PREFIX = "read_also_"


@operations.get("/healthz")
@described("ops_healthz", "The process answers.", answers={200: Health})
def healthz() -> Response:
    """The process answers."""
    return respond(Health(status="ok"))


@operations.get("/readyz")
@described(
    "ops_readyz", "There is an archive to answer from.", answers={200: Readiness}, problems=(503,)
)
def readyz() -> Response:
    """200 if there is an archive to answer from; 503 before that.

    Where the published generation cannot be served, lists go on, and `unserved` says why.
    """
    live = state().follower.current()
    return respond(
        Readiness(
            status="ready",
            generation=live.view.snapshot.generation,
            articles=int(live.view.present.sum()),
            change=live.change,
            store="away" if live.store_fault else "ok",
            data_folder=state().folder.look(),
            unserved=live.unserved,
        )
    )


@operations.get("/metrics")
@described(
    "metrics_show",
    "Gauges for Prometheus, on the operators' listener only.",
    answers={200: NonJsonAnswer(CONTENT_TYPE_LATEST)},
    problems=(404,),
)
def metrics() -> Response:
    """The state of the worker that answers, and of the store it shares with the others.

    Raises:
        NotFound: the web server does not say that the request comes from operators.
    """
    if request.environ.get(LISTENER) != OPERATORS:
        raise NotFound
    registry = CollectorRegistry()
    registry.register(_Gauges(state()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Gauges(Collector):
    """The figures, read at every scrape. A figure that cannot be read is left out."""

    def __init__(self, shared: State) -> None:
        self._state = shared

    def collect(self) -> Iterator[Metric]:
        yield from self._view_gauges()
        yield from self._generation_gauges()
        yield from self._folder_gauges()
        yield from self._store_gauges()

    def _view_gauges(self) -> Iterator[Metric]:
        positions = self._state.follower.heartbeats.read()
        yield _gauge(
            "workers", "Web workers of this machine that follow the change log.", len(positions)
        )
        try:
            live = self._state.follower.current()
        except NotReady:
            yield _gauge("ready", "Whether there is an archive to answer from.", 0)
            return
        view = live.view
        yield _gauge("ready", "Whether there is an archive to answer from.", 1)
        yield _gauge("articles", "Articles in the view.", int(view.present.sum()))
        yield _gauge("delta_rows", "Rows of the delta, in memory.", len(view.delta))
        yield _gauge(
            "policy_version", "Active policy; 0: the defaults.", live.active_policy.version
        )
        meaning = "Whether a newer policy is set that this worker cannot read."
        yield _gauge("policy_unreadable", meaning, live.active_policy.fault is not None)
        meaning = "Whether the published generation cannot be served, so another one is."
        yield _gauge("generation_unserved", meaning, live.unserved is not None)
        built = view.snapshot.manifest.change
        yield _gauge("generation_change", "Last change in the live generation.", built)
        yield _gauge("view_change", "Last change that this worker shows.", live.change)
        slowest = min(positions, default=live.change)
        yield _gauge("slowest_view_change", "Last change that every worker shows.", slowest)
        age = time.monotonic() - live.seen_at
        yield _gauge(
            "store_seen_seconds",
            "Seconds since the store was last seen to hold no newer change.",
            age,
        )

    def _generation_gauges(self) -> Iterator[Metric]:
        catalog = Catalog(self._state.settings.data.snapshots)
        meaning = "Whether the gate refused the snapshot that was built last."
        yield _gauge("publish_refused", meaning, gate_refusal(catalog).text is not None)
        meaning = "Whether compaction waits for a rebuild by hand after a rollback."
        yield _gauge("compaction_held", meaning, rollback_hold(catalog).text is not None)

    def _folder_gauges(self) -> Iterator[Metric]:
        folder = self._state.folder
        meaning = "Whether the data folder takes new files; 0: full, read-only or failing."
        yield _gauge("data_folder_writable", meaning, folder.look() == "ok")
        meaning = "Bytes that are free on the disk of the data folder."
        yield _gauge("data_folder_free_bytes", meaning, folder.free_bytes)

    def _store_gauges(self) -> Iterator[Metric]:
        try:
            backlog = self._state.backlog()
        except (StoreUnusable, NotReady):
            yield _gauge("store_up", "Whether the article store answers.", 0)
            return
        if backlog is None:
            return
        yield _gauge("store_up", "Whether the article store answers.", 1)
        yield _gauge("store_change", "Newest change in the store.", backlog.change)
        pending = GaugeMetricFamily(
            f"{_PREFIX}pending_articles", "Texts that wait to be read.", labels=["kind"]
        )
        pending.add_metric(["single"], backlog.queue.single)
        pending.add_metric(["bulk"], backlog.queue.bulk)
        yield pending
        yield _gauge("parked_articles", "Articles that could not be read.", backlog.queue.dead)
        meaning = "Articles touched since the live generation was built."
        yield _gauge("drift_articles", meaning, backlog.drift)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}{name}", meaning, value=value)
