"""Does the work that is asked for in the console, job after job, and says how far each is."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from index import IndexFault, Locked
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding.loading import PATIENCE_SECONDS, load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.errors import BadSource, ReadAlsoError, StoreUnusable
from recommender.indexing.archive_model import choose_for_rebuild
from recommender.indexing.backfill import analyze_texts
from recommender.indexing.publication import catalog_of
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import open_or_create
from recommender.progress import Advance
from recommender.settings import Settings
from recommender.sources.fetching import Fetcher
from recommender.sources.importing import Imported, import_source, stored_ids
from recommender.sources.registry import open_source
from recommender.sources.uploads import Uploads
from recommender.sources.wordpress import PullScope
from recommender.store import Actor, ArticleStore, Job, JobKind

__all__ = ["do_jobs", "next_of_ours"]

NOTE_SECONDS: Final = 1.0
MOST_SHOWN: Final = 5
"""So many refused records are shown in the console."""
LEFT_AFTER_SECONDS: Final = 60.0
"""A job that was begun, and of which nothing is heard for so long, is done by nobody."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobDone:
    """What came of a job.

    Attributes:
        result: in words, for the log.
        numbers: the same in numbers.
        notes: lines about what was refused or left out.
        fault: why nothing came of it; None if something did.
    """

    result: str
    numbers: Mapping[str, int]
    notes: tuple[str, ...] = ()
    fault: str | None = None


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


def next_of_ours(settings: Settings, store: ArticleStore, *, elected: bool) -> Job | None:
    """The oldest job for this machine; None if there is none."""
    return store.jobs.next(lambda job: _is_ours(settings, job, elected=elected))


def _is_ours(settings: Settings, job: Job, *, elected: bool) -> bool:
    """Whether this machine does a job: of a file the one that has it, else the elected one.

    Where several machines share a store, the file of a machine that is gone waits until the machine
    is back, or somebody stops the job in the console.
    """
    if job.kind != "file":
        return elected
    return not settings.store_is_server or _path_of(settings, job).exists()


def do_jobs(settings: Settings, *, elected: bool = True) -> int:
    """Do what is asked for until nothing of it is left to us; return how many jobs failed.

    A job whose process died is begun again: a rebuild and an import go on where they were. One
    that meets another rebuild waits for the next call, and counts as failed.

    Args:
        settings: of the deployment.
        elected: whether the indexer of this machine is elected; if not, only files are read that
            were sent to this machine.
    """
    failed, uploads = 0, Uploads(settings.data.uploads)
    with closing(open_or_create(settings)) as store:
        while (job := next_of_ours(settings, store, elected=elected)) is not None:
            if _is_anothers(settings, store, job):
                return failed
            try:
                failed += not _do(settings, store, job)
            except Locked:
                store.jobs.put_back(job)
                return failed + 1
            if job.kind == "file":
                _drop_read(uploads, store, job)
        uploads.sweep(store.jobs.waiting_files())
    return failed


def _is_anothers(settings: Settings, store: ArticleStore, job: Job) -> bool:
    """Whether another machine is at a job: something is heard of it, or it has ended.

    It was begun there if that machine was elected before. Only this machine's clock counts.
    """
    if job.kind == "file" or job.state != "running" or not settings.store_is_server:
        return False
    until = time.monotonic() + LEFT_AFTER_SECONDS
    while time.monotonic() < until:
        time.sleep(NOTE_SECONDS)
        now = store.jobs.next(lambda one: one.number == job.number)
        if now is None or now.seen_at != job.seen_at:
            return True
    return False


def _drop_read(uploads: Uploads, store: ArticleStore, job: Job) -> None:
    """Remove the file of a job that has ended, unless it was asked for again meanwhile."""
    upload_id = job.place.partition(" ")[0]
    if upload_id not in store.jobs.waiting_files():
        uploads.drop(upload_id)


def _do(settings: Settings, store: ArticleStore, job: Job) -> bool:
    """Do one job; whether it succeeded.

    Raises:
        Locked: another process builds a snapshot.
    """
    if not store.jobs.begin(job):
        return False
    acting, meter = store.acting(Actor(job.by)), JobMeter(store, job.number)
    try:
        done = WORK[job.kind](settings, acting, job, meter)
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
    store.jobs.end(job.number, done.result, done.fault, "\n".join(done.notes), done.numbers)
    return done.fault is None


def _rebuild(settings: Settings, store: ArticleStore, _job: Job, meter: JobMeter) -> JobDone:
    catalog = catalog_of(settings)
    with Sandbox() as markup:
        analyze = partial(analyze_texts, store, markup.read, meter)
        model = choose_for_rebuild(settings, store, catalog, analyze, _log.info)
        load = partial(load_encoder, meter=meter, patience_seconds=PATIENCE_SECONDS)
        done = rebuild(store, catalog, Analyzer(model, load, markup.read), meter=meter)
    return JobDone(f"{done.articles} articles", {"articles": done.articles})


def _import(_settings: Settings, store: ArticleStore, job: Job, meter: JobMeter) -> JobDone:
    """Import from an address. A private network is not reached from the console.

    What is behind the question mark of the address may be a password, and is not shown.
    """
    rejected: list[str] = []

    def report(line: str) -> None:
        rejected.append(line.replace(job.place, job.subject))

    with Fetcher() as fetcher:
        source = open_source(job.place, "auto", fetcher, PullScope((), partial(stored_ids, store)))
        done = import_source(store, source, report, meter)
    return _told(done, rejected)


def _read_file(settings: Settings, store: ArticleStore, job: Job, meter: JobMeter) -> JobDone:
    """Import a file that was sent from a browser. Where it lies is not shown, only its name.

    Raises:
        BadSource: it cannot be read.
    """
    path, name = _path_of(settings, job), job.subject
    rejected: list[str] = []

    def named(label: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        return meter(label.replace(path.name, name), total, unit)

    def report(line: str) -> None:
        rejected.append(line.replace(str(path), name))

    with Fetcher() as fetcher:
        try:
            done = import_source(store, open_source(str(path), "auto", fetcher), report, named)
        except BadSource as fault:
            raise BadSource(str(fault).replace(str(path), name)) from fault
    told = _told(done, rejected)
    if rejected and not done.created + done.updated + done.unchanged:
        return replace(told, result="", fault="nothing in it can be read")
    return told


def _told(done: Imported, rejected: Sequence[str]) -> JobDone:
    """What is shown of an import; all that was refused is in the log."""
    for line in rejected:
        _log.warning("%s", line)
    notes = (*rejected[:MOST_SHOWN], *[done.others] * bool(done.others))
    return JobDone(str(done), done.numbers, notes)


def _path_of(settings: Settings, job: Job) -> Path:
    return Uploads(settings.data.uploads).path_of(job.place.partition(" ")[0])


Work = Callable[[Settings, ArticleStore, Job, JobMeter], JobDone]
WORK: Final[Mapping[JobKind, Work]] = {"rebuild": _rebuild, "import": _import, "file": _read_file}
