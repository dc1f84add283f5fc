"""The quality of the lists, the states of the archive that were built, and the way back to one."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np
from flask import Response, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from index import Catalog
from recommender.api import ListOptions, RelatedList
from recommender.errors import Busy, ChangedMeanwhile, StoreUnusable
from recommender.indexing.rollback import roll_back
from recommender.indexing.snapshots import gate_refusal, read_live_name, rollback_hold
from recommender.live import LiveState
from recommender.ranking.candidates import ListRequest
from recommender.ranking.duplicates import UNKNOWN_CLUSTER
from recommender.ranking.filters import newest_first, visible
from recommender.ranking.related import list_related
from recommender.ranking.scoring import seed_of
from recommender.store import AuditEntry
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened, writing_as_session
from recommender.web.console.list_quality import ListFigures, measure_lists, spread_over
from recommender.web.console.page import render_page, render_part
from recommender.web.console.reports import kept_reports
from recommender.web.console.trials import PAUSE_SECONDS
from recommender.web.limits import hold_if_free
from recommender.web.problems import Refused
from recommender.web.state import state

__all__: list[str] = []

NEWEST: Final = 150
OTHERS: Final = 150
MOST_RETURNS: Final = 10
KEPT_SECONDS: Final = 600.0
ANEW_SECONDS: Final = 60.0
"""Nobody has the lists counted more often."""
NO_OPTIONS: Final = ListOptions()


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of the lists, and when they were measured.

    Attributes:
        figures: of the sample.
        at: POSIX seconds.
        stories: how many stories readers may see.
        copies: how many of them have a near copy in the archive.
    """

    figures: ListFigures
    at: float
    stories: int
    copies: int


@dataclass(slots=True)
class _Kept:
    lock: threading.Semaphore = field(default_factory=threading.Semaphore)
    measured: Measured | None = None
    counted_at: float = 0.0
    """By the monotonic clock."""


@dataclass(frozen=True, slots=True)
class BuiltState:
    """A state of the archive that was built.

    Attributes:
        name: names it to the program.
        built_at: when.
        stories: how many it has.
        is_live: whether readers are served from it.
    """

    name: str
    built_at: datetime
    stories: int
    is_live: bool


@console.get("/quality")
@opened("read")
def show_quality() -> Response:
    """The page; its figures are measured after it is shown."""
    catalog = Catalog(state().settings.data.snapshots)
    built = _built(catalog)
    return render_page(
        "quality.html",
        "quality",
        built=built,
        built_at={one.name: one.built_at for one in built},
        returns=_returns(),
        refusal=gate_refusal(catalog).text,
        hold=rollback_hold(catalog).text,
        reports=kept_reports(),
    )


@console.get("/quality/figures")
@opened("read")
def quality_figures() -> Response:
    """The figures of a sample of lists; measured anew after ten minutes, or if asked for.

    One request at a time measures. The others get the figures of before, if there are any.
    """
    kept: _Kept = current_app.extensions.setdefault("read-also-quality", _Kept())
    measured = kept.measured
    age = float("inf") if measured is None else time.monotonic() - kept.counted_at
    is_due = age > KEPT_SECONDS or ("anew" in request.args and age > ANEW_SECONDS)
    if is_due:
        with hold_if_free(kept.lock) as may_measure:
            if may_measure:
                with heavy_call():
                    measured = kept.measured = _measure(state().follower.current(), time.time())
                    kept.counted_at = time.monotonic()
    if measured is None:
        raise Busy("the lists are counted for somebody else just now")
    return render_part(
        "quality_figures.html",
        "quality",
        measured=measured,
        figures=measured.figures,
        at=datetime.fromtimestamp(measured.at, UTC),
    )


@console.post("/quality/back")
@opened("admin")
def go_back() -> ResponseReturnValue:
    """Serve readers from another state of the archive, an earlier one or one that was left.

    Raises:
        ChangedMeanwhile: another state is live than the page has shown.
        Refused: there is no such state, or its rows have to be sent to a Milvus server, which
            takes longer than a request may.
    """
    settings, wanted = state().settings, request.form.get("to", "")
    if settings.milvus:
        command = "read-also snapshots rollback GENERATION"
        raise Refused(
            409, f"the archive is in a Milvus server; on the machine that builds: {command}"
        )
    catalog = Catalog(settings.data.snapshots)
    if request.form.get("live") != (read_live_name(catalog) or ""):
        raise ChangedMeanwhile("another state of the archive is in use meanwhile; look again")
    if wanted not in catalog.manifests():
        raise Refused(404, "this state of the archive is not kept any more")
    with writing_as_session() as store:
        roll_back(catalog, wanted, state().store)
        store.audit_log.note("archive.back", wanted)
    return redirect(url_for("console.show_quality"), 303)


def _returns() -> tuple[AuditEntry, ...]:
    """Who went back lately, when and why; none is known while the store is away."""
    with suppress(StoreUnusable), state().reading() as store:
        return store.audit_log.newest("archive.back", limit=MOST_RETURNS)
    return ()


def _built(catalog: Catalog) -> list[BuiltState]:
    """The states of the archive that are kept, the newest first."""
    live, found = read_live_name(catalog), list[BuiltState]()
    for name, manifest in catalog.manifests().items():
        try:
            seconds = (catalog.folder / name).stat().st_mtime
        except FileNotFoundError:  # another process has removed it meanwhile
            continue
        built_at = datetime.fromtimestamp(seconds, UTC)
        found.append(BuiltState(name, built_at, manifest.rows, name == live))
    return found[::-1]


def _measure(live: LiveState, now: float) -> Measured:
    view = live.view
    rows = np.flatnonzero(view.where(lambda part: visible(part, now)))
    sample = newest_first(view, rows)[spread_over(len(rows), NEWEST, OTHERS)].tolist()
    clusters = view.take("text_cluster", rows)
    _, sizes = np.unique(clusters[clusters != UNKNOWN_CLUSTER], return_counts=True)
    figures = measure_lists(list(_lists(live, sample, now)))
    return Measured(figures, now, len(rows), int(sizes[sizes > 1].sum()))


def _lists(
    live: LiveState, rows: list[int], now: float
) -> Iterator[tuple[datetime | None, RelatedList]]:
    """The lists of some rows, as readers get them."""
    view, policy = live.view, live.active_policy.policy
    for row in rows:
        article_id = view.id_of(row)
        seed = seed_of(view, article_id)
        if seed is None:
            continue
        overrides = live.overrides.of(article_id).at(now)
        listed = list_related(ListRequest(view, seed, NO_OPTIONS, policy, now, overrides))
        moment = None if np.isnan(seed.published_at) else seed.published_at
        yield None if moment is None else datetime.fromtimestamp(moment, UTC), listed
        time.sleep(PAUSE_SECONDS)
