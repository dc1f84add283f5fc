"""How the service is, in plain words, and the work that goes on: rebuilds and imports."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from index import Catalog
from recommender.errors import Busy, NotReady, StoreUnusable
from recommender.indexing.drafts import is_answered
from recommender.indexing.snapshots import (
    Origin,
    gate_refusal,
    generation_age,
    read_live_manifest,
)
from recommender.live import DiskRoom, measure_disk
from recommender.store import Backlog, Job
from recommender.web.console.access import actor_of_session, console, opened, writing_as_session
from recommender.web.console.page import render_page, render_part, wants_part
from recommender.web.console.sent_values import find_number, read_reason
from recommender.web.problems import Refused
from recommender.web.state import State, state

__all__ = ["Finding", "ServiceFacts", "findings_of", "left_of"]

Level = Literal["good", "warn", "bad"]
LEAST_FREE_SHARE: Final = 0.1
FAILING_SECONDS: Final = 900.0
OLD_SECONDS: Final = 30 * 86_400.0
MOST_BEHIND: Final = 100
"""So many changes are on their way while stories are read in."""
GIGABYTE: Final = 1e9
MINUTE: Final = 60.0
LONGEST_ADDRESS: Final = 2_000


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What is found of the service.

    Attributes:
        workers: up to which change each worker of this machine shows everything.
        backlog: what is not done yet; None if the store is away.
        reads: whether new texts and drafts are read.
        built_seconds: since the archive was built; None if it never was.
        is_refused: whether the last one that was built was not taken into use.
        disk: the room on the disk of the data folder.
        is_server: whether the stories are in a database server, and not in a file.
        model: the name of the language model that reads texts; empty if nothing is built yet.
        behind_seconds: the age of the oldest change that some worker does not show; None if all
            show everything.
        waiting_seconds: the age of the oldest text that waits to be read; None if none waits.
    """

    workers: tuple[int, ...]
    backlog: Backlog | None
    reads: bool
    built_seconds: float | None
    is_refused: bool
    disk: DiskRoom
    is_server: bool = False
    model: str = ""
    behind_seconds: float | None = None
    waiting_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the page.

    Attributes:
        word: names its text.
        level: how it is.
        values: what stands in the text.
    """

    word: str
    level: Level
    values: dict[str, object] = field(default_factory=dict)


def findings_of(facts: ServiceFacts) -> list[Finding]:
    """Say how each part is; every line that is not good says what to do."""
    return [
        *_of_lists(facts),
        *_of_reading(facts),
        *_of_archive(facts),
        *_of_disk(facts),
        *_of_receivers(facts),
    ]


def _of_lists(facts: ServiceFacts) -> Iterator[Finding]:
    if facts.backlog is None:
        yield Finding("store_away", "bad")
        return
    behind = facts.backlog.change - min(facts.workers, default=facts.backlog.change)
    if behind > MOST_BEHIND:
        yield Finding("lists_behind", "warn", {"n": behind})
        yield from _age("behind", "warn", facts.behind_seconds)
    elif behind > 0:
        yield Finding("lists_near", "good", {"n": behind})
        yield from _age("behind", "good", facts.behind_seconds)
    else:
        yield Finding("lists_good", "good")
    if facts.workers:
        yield Finding("workers", "good", {"n": len(facts.workers)})
    yield Finding("store_server" if facts.is_server else "store_file", "good")


def _of_reading(facts: ServiceFacts) -> Iterator[Finding]:
    if not facts.reads:
        yield Finding("reader_away", "bad")
    elif facts.model:
        yield Finding("model", "good", {"name": facts.model})
    if facts.backlog is None:
        return
    waiting = facts.backlog.queue.single + facts.backlog.queue.bulk
    if waiting:
        level: Level = "good" if facts.reads else "warn"
        yield Finding("waiting", level, {"n": waiting})
        yield from _age("waiting", level, facts.waiting_seconds)
    elif facts.reads:
        yield Finding("all_read", "good")
    if facts.backlog.queue.dead:
        yield Finding("unreadable", "warn", {"n": facts.backlog.queue.dead})


def _age(what: str, level: Level, seconds: float | None) -> Iterator[Finding]:
    """How old the oldest of something is: in seconds, from two minutes on in minutes."""
    if seconds is not None:
        is_long = seconds >= 2 * MINUTE
        unit, n = ("minutes", seconds / MINUTE) if is_long else ("seconds", seconds)
        yield Finding(f"{what}_{unit}", level, {"n": max(0, round(n))})


def _of_archive(facts: ServiceFacts) -> Iterator[Finding]:
    if facts.built_seconds is None:
        yield Finding("never_built", "warn")
        return
    hours = round(facts.built_seconds / 3_600)
    drift = 0 if facts.backlog is None else facts.backlog.drift
    level: Level = "warn" if facts.built_seconds > OLD_SECONDS else "good"
    yield Finding("built" if hours else "built_now", level, {"n": hours})
    yield Finding("drift", "good", {"n": drift})
    if facts.is_refused:
        yield Finding("refused", "warn")


def _of_disk(facts: ServiceFacts) -> Iterator[Finding]:
    if not facts.disk.size_bytes:
        return
    share = facts.disk.free_share
    values: dict[str, object] = {
        "gb": f"{facts.disk.free_bytes / GIGABYTE:.1f}",
        "percent": round(100 * share),
    }
    yield Finding("disk", "good" if share >= LEAST_FREE_SHARE else "bad", values)


def _of_receivers(facts: ServiceFacts) -> Iterator[Finding]:
    for one in () if facts.backlog is None else facts.backlog.receivers:
        is_failing = one.failing_seconds >= FAILING_SECONDS
        word = "receiver_fails" if is_failing else "receiver_good"
        values: dict[str, object] = {"name": one.name, "n": one.waiting}
        yield Finding(word, "warn" if is_failing else "good", values)


@console.get("/health")
@opened("read")
def show_health() -> Response:
    """The page; a script asks for its middle again every few seconds."""
    shared = state()
    try:
        with shared.reading() as store:
            jobs = store.jobs.newest()
    except StoreUnusable:
        jobs = ()
    values: dict[str, Any] = {
        "findings": findings_of(_facts_of(shared)),
        "jobs": jobs,
        "left": left_of,
    }
    if wants_part():
        return render_part("health_now.html", "health", **values)
    return render_page("health.html", "health", **values)


@console.post("/jobs/rebuild")
@opened("write")
def ask_rebuild() -> ResponseReturnValue:
    """Build the archive anew, in a process of its own."""
    with writing_as_session() as store:
        store.jobs.ask("rebuild", "", actor_of_session().name, read_reason(request.form))
    return redirect(url_for("console.show_health"), 303)


@console.post("/jobs/import")
@opened("write")
def ask_import() -> ResponseReturnValue:
    """Import from an address of the web, in a process of its own."""
    place = request.form.get("place", "").strip()
    is_address = place.startswith(("https://", "http://")) and len(place) <= LONGEST_ADDRESS
    if not is_address or not place.isprintable() or "@" in place.split("/")[2]:
        raise Refused(400, "the address must begin with https:// or http://, without a password")
    with writing_as_session() as store:
        store.jobs.ask("import", place, actor_of_session().name, read_reason(request.form))
    return _go_on()


@console.post("/jobs/<number>/stop")
@opened("write")
def stop_job(number: str) -> ResponseReturnValue:
    """Stop a job. What it has stored stays; asked for again, it goes on there."""
    job = find_number(number)
    if job is None:
        raise Refused(404, "there is no such job")
    with writing_as_session() as store:
        store.jobs.stop(job, actor_of_session().name, read_reason(request.form))
    return _go_on()


def _go_on() -> ResponseReturnValue:
    """Lead back to the page that a form of jobs stands in."""
    is_start = request.form.get("onward") == "start"
    return redirect(url_for("console.show_start" if is_start else "console.show_health"), 303)


def _facts_of(shared: State) -> ServiceFacts:
    data, catalog = shared.settings.data, Catalog(shared.settings.data.snapshots)
    try:
        backlog = shared.backlog()
    except (StoreUnusable, NotReady):
        backlog = None
    workers = tuple(shared.follower.heartbeats.read())
    behind, waiting = _ages(shared, workers)
    return ServiceFacts(
        workers=workers,
        backlog=backlog,
        reads=is_answered(data.draft_socket),
        built_seconds=generation_age(catalog, time.time()),
        is_refused=gate_refusal(catalog).text is not None,
        disk=measure_disk(data.path),
        is_server=shared.settings.store_is_server,
        model=_model_of(catalog),
        behind_seconds=behind,
        waiting_seconds=waiting,
    )


def _ages(shared: State, workers: Sequence[int]) -> tuple[float | None, float | None]:
    """How old the oldest change is that some worker does not show, and the oldest waiting text.

    None for what is not there, and for both while the store is away or busy.
    """
    try:
        with shared.reading() as store:
            oldest = store.queue.oldest_change()
            behind = store.time_after(min(workers)) if workers else None
            waiting = None if oldest is None else store.time_after(oldest - 1)
    except (StoreUnusable, NotReady, Busy):
        return None, None
    now = time.time()
    return _seconds_since(behind, now), _seconds_since(waiting, now)


def _seconds_since(moment: datetime | None, now: float) -> float | None:
    return None if moment is None else max(0.0, now - moment.timestamp())


def _model_of(catalog: Catalog) -> str:
    """The name of the model of the live snapshot; of a path on this machine only the last part."""
    manifest = read_live_manifest(catalog)
    name = "" if manifest is None else Origin.of(manifest).encoder
    return Path(name).name if Path(name).is_absolute() else name


def left_of(job: Job) -> tuple[str, int] | None:
    """About how long the present step of a job takes: a unit, and how many."""
    seconds = job.seconds_left
    if seconds is None:
        return None
    minutes = round(seconds / 60)
    return ("minutes", minutes) if minutes else ("seconds", max(1, round(seconds)))
