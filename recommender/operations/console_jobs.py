"""Does the work that is asked for in the console, job after job, and says how far each is."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from index import Catalog, IndexFault, Locked
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding.loading import PATIENCE_SECONDS, load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.errors import ReadAlsoError, StoreUnusable
from recommender.indexing.archive_model import choose_for_rebuild
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import open_or_create
from recommender.progress import Advance
from recommender.settings import Settings
from recommender.sources.fetching import Fetcher
from recommender.sources.importing import import_source, stored_ids
from recommender.sources.registry import open_source
from recommender.sources.wordpress import PullScope
from recommender.store import Actor, ArticleStore, Job

__all__ = ["do_jobs"]

NOTE_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class _Stopped(Exception):
    """Somebody has stopped the job in the console."""


@dataclass(slots=True)
class JobMeter:
    """Writes to the store how far a job is, at most once a second.

    Attributes:
        store: where the job is.
        number: the job's.
        clock: a time in seconds.
    """

    store: ArticleStore
    number: int
    clock: Callable[[], float] = time.monotonic
    _noted_at: float = field(default=0.0, init=False)

    @contextmanager
    def __call__(self, label: str, total: int, unit: str) -> Iterator[Advance]:  # noqa: ARG002 - Meter
        """Note one step while the block runs."""
        done = 0
        self._note(label, done, total, is_new=True)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if self.clock() - self._noted_at >= NOTE_SECONDS:
                self._note(label, done, total)

        yield advance

    def _note(self, label: str, done: int, total: int, *, is_new: bool = False) -> None:
        self._noted_at = self.clock()
        if not self.store.jobs.note(self.number, label, done, total, is_new=is_new):
            raise _Stopped


def do_jobs(settings: Settings) -> int:
    """Do what is asked for until nothing is left; return how many jobs failed.

    A job whose process died is begun again: a rebuild and an import go on where they were. One
    that meets another rebuild waits for the next call, and counts as failed.
    """
    failed = 0
    with closing(open_or_create(settings)) as store:
        while (job := store.jobs.next()) is not None:
            try:
                failed += not _do(settings, store, job)
            except Locked:
                store.jobs.put_back(job)
                return failed + 1
    return failed


def _do(settings: Settings, store: ArticleStore, job: Job) -> bool:
    """Do one job; whether it succeeded.

    Raises:
        Locked: another process builds a snapshot.
    """
    if not store.jobs.begin(job):
        return False
    acting, meter = store.acting(Actor(job.by)), JobMeter(store, job.number)
    try:
        work = _rebuild if job.kind == "rebuild" else _import
        result = work(settings, acting, job, meter)
    except _Stopped:
        _log.info("%s: stopped in the console", job.kind)
        return True
    except (Locked, StoreUnusable):
        raise
    except (ReadAlsoError, IndexFault, OSError) as fault:
        _log.error("%s: %s", job.kind, fault)
        store.jobs.end(job.number, "", str(fault))
        return False
    except Exception as fault:  # noqa: BLE001 - one job must not keep the others
        _log.exception("%s: an unexpected error", job.kind)
        store.jobs.end(job.number, "", f"an unexpected error: {type(fault).__name__}")
        return False
    store.jobs.end(job.number, result)
    return True


def _rebuild(settings: Settings, store: ArticleStore, _job: Job, meter: JobMeter) -> str:
    catalog = Catalog(settings.data.snapshots)
    with Sandbox() as markup:
        model = choose_for_rebuild(settings, store, catalog, markup.read, meter, _log.info)
        load = partial(load_encoder, meter=meter, patience_seconds=PATIENCE_SECONDS)
        done = rebuild(store, catalog, Analyzer(model, load, markup.read), meter=meter)
    return f"{done.articles} articles"


def _import(_settings: Settings, store: ArticleStore, job: Job, meter: JobMeter) -> str:
    """Import from an address. A private network is not reached from the console."""
    rejected: list[str] = []
    with Fetcher() as fetcher:
        source = open_source(job.place, "auto", fetcher, PullScope((), partial(stored_ids, store)))
        done = import_source(store, source, rejected.append, meter)
    for line in rejected:
        _log.warning("%s", line)
    return str(done)
