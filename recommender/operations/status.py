"""The use case: what an operator wants to know at a glance, also while a part is away.

Nothing is asked over HTTP: the figures come from the store and the data folder.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from index import Catalog
from recommender.counters import METRIC_PREFIX, read_counters
from recommender.errors import StoreUnusable
from recommender.indexing.drafts import state_of_indexer
from recommender.indexing.snapshots import (
    Origin,
    gate_refusal,
    generation_age,
    read_live_manifest,
    read_pointer,
    rollback_hold,
)
from recommender.live import DiskRoom, FolderHealth, Heartbeats, measure_disk
from recommender.operations.index_server import ServerFacts, look_at_server
from recommender.settings import PREFIX, DataFolder, Settings
from recommender.store import LOG_START, Backlog, open_store

__all__ = ["Parts", "ServiceStatus", "find_troubles", "inspect_service"]

PATIENCE_SECONDS: Final = 2.0
FOLLOW_SECONDS: Final = 2.0  # workers show a change within one second
LEAST_FREE_SHARE: Final = 0.1
FAILING_SECONDS: Final = 900.0  # a receiver of webhooks may be restarted
MISSING: Final = "missing"
FAILED: Final = "5"  # the first digit of the status of requests that failed


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of the service this machine should run."""

    web: bool = True
    indexer: bool = True


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What was found.

    Attributes:
        store_fault: why the store does not answer; None if it does.
        backlog: what is not done yet; None if the store does not answer.
        generation: the name of the live one; None if there is none.
        generation_fault: why the pointer to it cannot be used; None if it can, or is not there.
        generation_rows: how many articles it has.
        generation_age_seconds: since it was built; None without one.
        workers: the last change that each web worker shows.
        indexer: whether one answers.
        stands_by: whether it reads nothing, as another machine's is elected.
        publish_refused: why the gate refused the snapshot built last; None if it did not.
        compaction_held: why nothing is compacted; None if it is.
        data_folder: `ok`, MISSING, or what is wrong when a file is written.
        disk: the room on the disk of the data folder.
        requests: answered since the counters began.
        failed: those with a status from 500 on.
        server: the Milvus server that lists are made from; None without one.
    """

    store_fault: str | None = None
    backlog: Backlog | None = None
    generation: str | None = None
    generation_fault: str | None = None
    generation_rows: int = 0
    generation_age_seconds: float | None = None
    workers: tuple[int, ...] = ()
    indexer: bool = False
    stands_by: bool = False
    publish_refused: str | None = None
    compaction_held: str | None = None
    data_folder: str = "ok"
    disk: DiskRoom = field(default_factory=DiskRoom)
    requests: int = 0
    failed: int = 0
    server: ServerFacts | None = None


def inspect_service(settings: Settings) -> ServiceStatus:
    """Look at store, data folder and processes of this machine; waits some seconds for each.

    A store of an earlier schema is brought up to date, as by every command.
    """
    data, catalog = settings.data, Catalog(settings.data.snapshots)
    backlog, store_fault = _ask_store(settings, catalog)
    live, pointer_fault = read_pointer(catalog)
    manifest = read_live_manifest(catalog)
    requests, failed = _count_requests(data)
    exists = data.path.is_dir()
    indexer = state_of_indexer(data) if exists else "away"
    return ServiceStatus(
        store_fault=store_fault,
        backlog=backlog,
        generation=live,
        generation_fault=None if pointer_fault is None else str(pointer_fault),
        generation_rows=0 if manifest is None else manifest.rows,
        generation_age_seconds=generation_age(catalog, time.time()),
        workers=_wait_for_workers(Heartbeats(data.heartbeats), backlog.change if backlog else 0),
        indexer=indexer != "away",
        stands_by=indexer == "standby",
        publish_refused=gate_refusal(catalog).text,
        compaction_held=rollback_hold(catalog).text,
        data_folder=FolderHealth(data.path).look() if exists else MISSING,
        disk=measure_disk(data.path),
        requests=requests,
        failed=failed,
        server=look_at_server(settings, None),
    )


def find_troubles(status: ServiceStatus, runs: Parts) -> list[str]:
    """What an operator should act on; each line names the remedy.

    Args:
        status: what was found.
        runs: what this machine should run.
    """
    found = (
        *_troubles_of_store_and_disk(status),
        *_troubles_of_processes(status, runs),
        *_troubles_of_publishing(status),
        *_troubles_of_webhooks(status),
    )
    return [" ".join(text.split()) for text in found]


def _troubles_of_store_and_disk(found: ServiceStatus) -> Iterator[str]:
    if found.store_fault is not None:
        yield f"the article store does not answer: {found.store_fault}"
    if found.data_folder == MISSING:
        yield f"there is no data folder; set {PREFIX}DATA_DIR to where it is"
    elif found.data_folder != "ok":
        yield f"the data folder takes no new files: {found.data_folder}"
    share = found.disk.free_share
    if share < LEAST_FREE_SHARE:
        yield f"{share:.1%} of the disk of the data folder is free; run: read-also snapshots prune"
    if found.server is not None and found.server.fault is not None:
        yield f"no list can be made: {found.server.fault}"
    if found.backlog is not None and found.backlog.queue.dead:
        yield f"{found.backlog.queue.dead} articles could not be read; run: read-also check"


def _troubles_of_processes(found: ServiceStatus, runs: Parts) -> Iterator[str]:
    if runs.web and not found.workers:
        yield "no web worker runs here; run: read-also serve"
    change = 0 if found.backlog is None else found.backlog.change
    slowest = min(found.workers, default=change)
    if runs.web and slowest < change:
        yield f"a web worker shows change {slowest} of {change}; restart the web server"
    if runs.indexer and not found.indexer:
        yield "no indexer answers here; run: read-also indexer"


def _troubles_of_publishing(found: ServiceStatus) -> Iterator[str]:
    if found.generation_fault is not None:
        yield f"{found.generation_fault}; run: read-also rebuild"
    elif found.generation is None:
        yield "no generation is published; run: read-also rebuild"
    if found.publish_refused is not None:
        reason = f"the newest snapshot was not published: {found.publish_refused}"
        yield f"{reason}; look into it, or run: read-also rebuild --force"
    if found.compaction_held is not None:
        yield f"nothing is compacted: {found.compaction_held}; run: read-also rebuild"


def _troubles_of_webhooks(found: ServiceStatus) -> Iterator[str]:
    for one in () if found.backlog is None else found.backlog.receivers:
        if one.failing_seconds >= FAILING_SECONDS:
            since = f"for {one.failing_seconds / 60:.0f} minutes"
            yield (
                f"receiver {one.name} has accepted no webhook {since}: {one.fault}; "
                f"run: read-also webhooks test {one.name}"
            )


def _ask_store(settings: Settings, catalog: Catalog) -> tuple[Backlog | None, str | None]:
    """What is not done yet, or why the store does not say so."""
    manifest = read_live_manifest(catalog)
    origin = None if manifest is None else Origin.of(manifest)
    point, epoch = (LOG_START, "") if origin is None else (origin.point, origin.epoch)
    try:
        opened = open_store(
            settings.database_url,
            PATIENCE_SECONDS,
            must_exist=True,
            answer_seconds=PATIENCE_SECONDS,
        )
        with closing(opened) as store:
            return store.backlog(point, epoch), None
    except StoreUnusable as fault:
        return None, str(fault)


def _wait_for_workers(heartbeats: Heartbeats, change: int) -> tuple[int, ...]:
    """Up to which change each worker shows all; waits a moment for those behind one."""
    until = time.monotonic() + FOLLOW_SECONDS
    while min(positions := heartbeats.read(), default=change) < change:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    return tuple(sorted(positions))


def _count_requests(data: DataFolder) -> tuple[int, int]:
    """How many requests were answered, and how many of them failed."""
    counts = [
        (sample.labels["status"], sample.value)
        for metric in read_counters(data.counters)
        for sample in metric.samples
        if sample.name == f"{METRIC_PREFIX}requests_total"
    ]
    answered = sum(count for _, count in counts)
    failed = sum(count for status, count in counts if status.startswith(FAILED))
    return int(answered), int(failed)
