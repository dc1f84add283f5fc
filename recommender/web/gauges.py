"""The gauges of `/metrics`: the state of the worker that answers, of its machine and of the store.

They are read at every scrape. A figure that cannot be read is left out.
"""

import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from index import Catalog
from index.errors import EngineAway
from recommender.counters import METRIC_PREFIX
from recommender.errors import NotReady, StoreUnusable
from recommender.indexing.drafts import state_of_indexer
from recommender.indexing.snapshots import gate_refusal, generation_age, rollback_hold
from recommender.live import LiveState, measure_disk
from recommender.release import RELEASE
from recommender.store import ReceiverLag
from recommender.web.state import State

__all__ = ["GAUGES", "Gauges"]

GAUGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "build_info": "1; the version of the program and of Python.",
        "workers": "Web workers of this machine that follow the change log, and the console.",
        "ready": "Whether there is an archive to answer from.",
        "index_server_up": "Whether the Milvus server answers; only where one has the archive.",
        "articles": "Articles in the view.",
        "delta_rows": "Rows of the delta, in memory.",
        "policy_version": "Active policy; 0: the defaults.",
        "policy_unreadable": "Whether a newer policy is set that this worker cannot read.",
        "generation_unserved": "Whether the published generation cannot be served, so another one "
        "is.",
        "generation_change": "Last change in the live generation.",
        "generation_age_seconds": "Seconds since the live generation was built.",
        "view_change": "Last change that this worker shows.",
        "slowest_view_change": "Last change that every worker shows.",
        "store_seen_seconds": "Seconds since the store was last seen to hold no newer change.",
        "publish_refused": "Whether the gate refused the snapshot that was built last.",
        "compaction_held": "Whether compaction waits for a rebuild by hand after a rollback.",
        "indexer_up": "Whether an indexer answers on this machine.",
        "indexer_elected": "Whether the indexer of this machine reads new texts; 0: it stands by, "
        "or is away.",
        "data_folder_writable": "Whether the data folder takes new files; 0: full, read-only or "
        "failing.",
        "data_folder_free_bytes": "Bytes that are free on the disk of the data folder.",
        "data_folder_size_bytes": "Bytes of that disk that are in use or free to this process.",
        "store_up": "Whether the article store answers.",
        "store_change": "Newest change in the store.",
        "pending_articles": "Texts that wait to be read.",
        "parked_articles": "Articles that could not be read.",
        "drift_articles": "Articles touched since the live generation was built.",
        "webhook_waiting_changes": "Changes that a receiver of webhooks has not got yet.",
        "webhook_failing_seconds": "Seconds since a receiver of webhooks began to fail; 0: it "
        "does not.",
    }
)
"""What each gauge means, by its name without the prefix."""


class Gauges(Collector):
    """The gauges, from the state of the worker that answers."""

    def __init__(self, shared: State) -> None:
        self._state = shared

    def collect(self) -> Iterator[Metric]:
        """Read them all."""
        versions = {"version": RELEASE, "python": platform.python_version()}
        yield _gauge("build_info", 1, versions)
        yield from self._view_gauges()
        yield from self._machine_gauges()
        yield from self._store_gauges()

    def _view_gauges(self) -> Iterator[Metric]:
        positions = self._state.follower.heartbeats.read()
        yield _gauge("workers", len(positions))
        try:
            live = self._state.follower.current()
        except NotReady:
            yield _gauge("ready", 0)
            return
        yield from self._archive_gauges(live)
        yield _gauge("slowest_view_change", min(positions, default=live.change))
        yield from _live_gauges(live)

    def _archive_gauges(self, live: LiveState) -> Iterator[Metric]:
        articles = None
        with suppress(EngineAway):
            articles = live.view.count()
            yield _gauge("articles", articles)
        yield _gauge("ready", articles is not None)
        if self._state.settings.milvus:
            yield _gauge("index_server_up", articles is not None)

    def _machine_gauges(self) -> Iterator[Metric]:
        data = self._state.settings.data
        catalog = Catalog(data.snapshots)
        yield _gauge("publish_refused", gate_refusal(catalog).text is not None)
        yield _gauge("compaction_held", rollback_hold(catalog).text is not None)
        indexer = state_of_indexer(data)
        yield _gauge("indexer_up", indexer != "away")
        yield _gauge("indexer_elected", indexer == "ok")
        age = generation_age(catalog, time.time())
        if age is not None:
            yield _gauge("generation_age_seconds", age)
        yield from self._folder_gauges()

    def _folder_gauges(self) -> Iterator[Metric]:
        folder, path = self._state.folder, self._state.settings.data_dir
        yield _gauge("data_folder_writable", folder.look() == "ok")
        room = measure_disk(path)
        yield _gauge("data_folder_free_bytes", room.free_bytes)
        if room.size_bytes:
            yield _gauge("data_folder_size_bytes", room.size_bytes)

    def _store_gauges(self) -> Iterator[Metric]:
        try:
            backlog = self._state.backlog()
        except (StoreUnusable, NotReady):
            yield _gauge("store_up", 0)
            return
        if backlog is None:
            return
        yield _gauge("store_up", 1)
        yield _gauge("store_change", backlog.change)
        pending = _family("pending_articles", ("kind",))
        pending.add_metric(["single"], backlog.queue.single)
        pending.add_metric(["bulk"], backlog.queue.bulk)
        yield pending
        yield _gauge("parked_articles", backlog.queue.dead)
        yield _gauge("drift_articles", backlog.drift)
        yield from _webhook_gauges(backlog.receivers)


def _live_gauges(live: LiveState) -> Iterator[Metric]:
    view, policy = live.view, live.active_policy
    yield _gauge("delta_rows", len(view.delta))
    yield _gauge("policy_version", policy.version)
    yield _gauge("policy_unreadable", policy.fault is not None)
    yield _gauge("generation_unserved", live.unserved is not None)
    yield _gauge("generation_change", view.snapshot.manifest.change)
    yield _gauge("view_change", live.change)
    yield _gauge("store_seen_seconds", time.monotonic() - live.seen_at)


def _webhook_gauges(receivers: Iterable[ReceiverLag]) -> Iterator[Metric]:
    waiting = _family("webhook_waiting_changes", ("receiver",))
    failing = _family("webhook_failing_seconds", ("receiver",))
    for one in receivers:
        waiting.add_metric([one.name], one.waiting)
        failing.add_metric([one.name], one.failing_seconds)
    yield from (waiting, failing)


def _gauge(name: str, value: float, labels: Mapping[str, str] = MappingProxyType({})) -> Metric:
    family = _family(name, tuple(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _family(name: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
    return GaugeMetricFamily(METRIC_PREFIX + name, GAUGES[name], labels=labels)
