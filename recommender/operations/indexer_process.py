"""The indexer process: analyzes queued texts, answers drafts, starts compactions, sends webhooks.

It looks after each commit, and now and then, whether something has changed, but at no more than two
numbers: a counter of commits, and the state of the pointer to the live snapshot. The store is only
asked after they have changed.

Of several machines that share a store one indexer is elected. Only that one reads the queue and
does jobs. The others stand by: they answer the drafts and build the snapshots of their machine.
"""

import logging
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from index import Catalog, locked, make_folder
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model, find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.counters import Counters
from recommender.errors import EncoderAway, ModelRefused, StoreUnusable
from recommender.indexing.archive_model import awaits_choice, model_so_far
from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.indexing.snapshots import (
    Origin,
    catalog_id,
    may_create_store,
    needs_rebuild,
    read_live_manifest,
    read_live_name,
    rollback_hold,
)
from recommender.live import ArchiveReading, Heartbeats
from recommender.logs import RepeatedFault
from recommender.operations.build_process import BuildProcess
from recommender.operations.console_jobs import next_of_ours
from recommender.operations.index_server import feeding
from recommender.operations.supervision import StopSignal
from recommender.operations.webhook_sender import WebhookSender
from recommender.settings import AUTO_MODEL, Settings
from recommender.sources.uploads import Uploads
from recommender.store import LOG_START, ArticleStore, Election, LazyStore, Pause

__all__ = [
    "IndexerProcess",
    "index_forever",
    "is_build_due",
    "is_choice_due",
    "model_in_use",
]

IDLE_SECONDS: Final = 0.1  # between two looks, where nothing tells of commits
AWAY_SECONDS: Final = 0.5  # before the next try, after the store or the disk failed
ENCODER_AWAY_SECONDS: Final = 5.0  # after the server that embeds failed several times
ELECTION_SECONDS: Final = 0.8  # until it is asked at the next look whether it is elected
CHECK_SECONDS: Final = 2.0  # between two looks at the snapshot while changes come
TELL_SECONDS: Final = 30.0  # between two lines about the reading of a large archive
TRIM_SECONDS: Final = 3_600.0
IDLE_CHECK_SECONDS: Final = 30.0  # and where no change is seen
FAILING_SECONDS: Final = 15.0  # until an elected indexer that reads nothing gives its place up
ASIDE_SECONDS: Final = 30.0  # until it stands for election again
NICENESS: Final = 5  # readers come first; single writes wait for two texts of a bulk load at most
ELECTED: Final = "this indexer is elected now, and reads"
STANDS_BY: Final = "another indexer is elected; this one stands by"
FIRST_ENTRIES: Final = 64
ENTRIES_SHARE: Final = 0.2
MOST_ENTRIES: Final = 10_000  # 5 KB of each in every worker
ENOUGH_TO_CHOOSE: Final = 50  # articles; the first few of a new archive are often trials
Announce = Callable[[str], object]
_log = logging.getLogger(__name__)


def model_in_use(catalog: Catalog, settings: Settings, store: ArticleStore) -> Model:
    """Find the model of the live snapshot: only its vectors can be compared with new ones.

    Args:
        catalog: where the snapshot is.
        settings: mean the model to use if there is no snapshot, or its model is missing.
        store: keeps the model that was chosen for it.

    Raises:
        ModelRefused: the model of the settings is missing.
    """
    manifest, configured = read_live_manifest(catalog), model_so_far(settings, store, catalog)
    if manifest is None:
        return configured
    origin = Origin.of(manifest)
    if configured.fingerprint == origin.model or not origin.encoder:
        return configured
    with suppress(ModelRefused):
        encoding = replace(settings.encoding, title_model=origin.title_encoder)
        of_snapshot = find_model(origin.encoder, settings.data_dir, encoding)
        if of_snapshot.fingerprint == origin.model:
            _log.warning("using %s until a rebuild with %s", of_snapshot.shown, configured.shown)
            return of_snapshot
    _log.error("the model of the live snapshot is missing; new articles are listed by words alone")
    return configured


def index_forever(settings: Settings, announce: Announce = lambda _: None) -> None:
    """Run the indexer until SIGTERM or SIGINT.

    Args:
        settings: of the deployment.
        announce: gets what somebody at a terminal should know.

    Raises:
        Locked: another one works in this data folder.
    """
    os.nice(NICENESS)
    make_folder(settings.data_dir)
    another = "another indexer works here; one is enough"
    with locked(settings.data.indexer_lock, another):
        _index(settings, announce)


def _index(settings: Settings, announce: Announce) -> None:
    catalog = Catalog(settings.data.snapshots)
    store = LazyStore(settings.database_url, may_create=partial(may_create_store, catalog))
    try:
        counters = Counters(settings.data.counters)
        heartbeats = Heartbeats(settings.data.heartbeats)
        name = partial(catalog_id, catalog)
        sender = WebhookSender(store, heartbeats, name, counters)
        with Sandbox() as markup, sender:
            IndexerProcess(settings, store, markup.read, counters, announce).run()
    finally:
        store.close()


class IndexerProcess:
    """Analyzes the queue, follows the model of the live snapshot, and starts compactions."""

    def __init__(
        self,
        settings: Settings,
        store: LazyStore,
        read_markup: Callable[[str], str],
        counters: Counters | None = None,
        announce: Announce = lambda _: None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._read_markup = read_markup
        self._counters = counters
        self._catalog = Catalog(settings.data.snapshots)
        self._build = BuildProcess()
        self._jobs = BuildProcess()
        self._election = Election(store)
        self._is_elected = False
        self._stands_by = False  # as it was said last
        self._ask_at = -math.inf
        self._fails_since = math.inf
        self._indexer: Indexer | None = None
        self._generation: str | None = None
        self._queued_for: str | None = None
        self._model: Model | None = None
        self._followed: str | None = None
        self._fault = RepeatedFault(_log, "no text is read")
        self._announce = announce
        self._tell_at = -math.inf
        self._is_reading_archive = False
        self._trim_at = -math.inf
        self._queue_check = _Check(every_seconds=0)
        self._snapshot_check = _Check(every_seconds=CHECK_SECONDS)

    def run(self) -> None:
        """Work until a signal comes."""
        # To load the model takes seconds in which no text is in hand: a signal may just end it.
        with suppress(StoreUnusable, EncoderAway, OSError):
            self.check_snapshot()
        pause = Pause(self._store, IDLE_SECONDS)
        stop = StopSignal().listen(pause.stop)
        feed = feeding(self._settings, self._store, self._election.term_of_office)
        with DraftServer(self._settings.data.draft_socket, lambda: self._indexer), feed:
            while not stop.has_come:
                try:
                    analyzed = self.step()
                    self._fault.clear()
                    self._fails_since = math.inf
                except (StoreUnusable, EncoderAway, OSError) as fault:
                    self._fault.note(fault)
                    self._step_back()
                    is_encoder = isinstance(fault, EncoderAway)
                    pause.rest(ENCODER_AWAY_SECONDS if is_encoder else AWAY_SECONDS)
                    continue
                if not analyzed:
                    pause.wait()
        self._build.stop()
        self._jobs.stop()
        self._election.close()

    @property
    def _is_building(self) -> bool:
        """Whether a process runs whose end changes no signal."""
        return self._build.was_started or self._jobs.was_started

    def step(self) -> int:
        """Analyze some texts if there may be any and this indexer is elected; returns how many."""
        self._stand()
        signal = self._store().change_signal.read(), self._catalog.pointer_state()
        if self._snapshot_check.is_due(signal, is_busy=self._is_building):
            self.check_snapshot()
            self._snapshot_check.note(signal)
        if self._indexer is None or not self._is_elected or not self._queue_check.is_due(signal):
            return 0
        analyzed = self._indexer.step()
        if not analyzed:
            self._queue_check.note(signal)
        return analyzed

    def check_snapshot(self) -> None:
        """Use the model of the live snapshot, and start a compaction if it is due.

        What the console asks for is started, what is too old is forgotten, and reading is told of.
        """
        self._trim()
        self._tell_of_reading()
        generation = read_live_name(self._catalog)
        if self._indexer is None or generation != self._generation:
            model = model_in_use(self._catalog, self._settings, self._store())
            self._use_model(model)
            self._generation = generation
        self._stand()
        if self._is_elected and self._model is not None and generation != self._queued_for:
            self._requeue_for(self._model)
            self._queued_for = generation
        self._build_if_due()
        self._start_jobs()

    def _start_jobs(self) -> None:
        """Do what is asked for in the console, if it is for this machine."""
        elected = self._is_elected
        if self._jobs.is_running():
            return
        if next_of_ours(self._settings, self._store(), elected=elected) is not None:
            self._jobs.run("jobs", *([] if elected else ["--files-only"]))

    def _stand(self) -> None:
        """Ask from time to time whether this indexer is elected; say so when that has changed."""
        if time.monotonic() < self._ask_at:
            return
        was_elected, self._is_elected = self._is_elected, False  # if the store does not answer
        self._is_elected = self._election.is_won()
        self._ask_at = time.monotonic() + ELECTION_SECONDS
        if self._is_elected and not was_elected:
            self._look_at_all()
        if self._is_elected == self._stands_by:
            self._change_role()

    def _step_back(self) -> None:
        """Ask again after a failure. After many, which may be this machine's, let another read."""
        now = time.monotonic()
        self._fails_since, self._ask_at = min(self._fails_since, now), -math.inf
        if self._is_elected and now - self._fails_since >= FAILING_SECONDS:
            self._election.close()
            self._ask_at, self._fails_since = now + ASIDE_SECONDS, math.inf
            self._is_elected = False
            self._change_role()

    def _look_at_all(self) -> None:
        """Forget what this indexer has looked at: another one may have worked since."""
        self._settings.data.indexer_standby.unlink(missing_ok=True)
        self._queued_for = None
        self._queue_check = _Check(every_seconds=0)
        self._snapshot_check = _Check(every_seconds=CHECK_SECONDS)

    def _change_role(self) -> None:
        self._stands_by = not self._is_elected
        if self._stands_by:
            with suppress(OSError):  # a full disk: it is shown as if it read
                self._settings.data.indexer_standby.touch()
        said = STANDS_BY if self._stands_by else ELECTED
        _log.warning("%s", said)
        self._announce(said)

    def _trim(self) -> None:
        """Forget, once an hour, what is too old: audit entries, and files that never came whole."""
        if time.monotonic() < self._trim_at:
            return
        self._trim_at = time.monotonic() + TRIM_SECONDS
        kept = timedelta(days=self._settings.audit_days)
        self._store().audit_log.forget(before=datetime.now(tz=UTC) - kept)
        Uploads(self._settings.data.uploads).sweep(self._store().jobs.waiting_files())

    def _tell_of_reading(self) -> None:
        """Say how far the archive is read while a large part of it waits, and when it is read."""
        if time.monotonic() < self._tell_at:
            return
        reading = ArchiveReading.of(self._store())
        if reading is not None:
            self._tell_at = time.monotonic() + TELL_SECONDS
            _log.info("%s", reading)
        if self._is_reading_archive != (reading is not None):
            self._is_reading_archive = reading is not None
            self._announce(str(reading) if reading else "the archive is read")

    def _use_model(self, model: Model) -> None:
        if self._model is not None and model.fingerprint == self._model.fingerprint:
            return
        analyzer = Analyzer(model, load_encoder, self._read_markup)
        in_hand = self._settings.data.texts_in_hand
        check_elected = self._election.check
        self._indexer = Indexer(self._store(), analyzer, in_hand, self._counters, check_elected)
        self._indexer.warm_up()
        self._model = model
        _log.info("analyzing with %s", model.shown)

    def _requeue_for(self, model: Model) -> None:
        """Queue the texts that were embedded for another model while this snapshot was built."""
        manifest = read_live_manifest(self._catalog)
        if manifest is not None and manifest.model == model.fingerprint:
            missed = self._store().queue.requeue_unembedded(model.fingerprint)
            if missed:
                _log.info("%d articles are embedded again for %s", missed, model.shown)

    def _build_if_due(self) -> None:
        """Start a compaction, or a rebuild, in a process of its own if it is due."""
        if self._build.is_running() or rollback_hold(self._catalog).text is not None:
            return
        if needs_rebuild(self._catalog) or self._lags_behind_choice():
            self._build.run("rebuild")
            return
        store, manifest = self._store(), read_live_manifest(self._catalog)
        waiting = store.queue.length()
        is_idle = not (waiting.single or waiting.bulk)
        origin = None if manifest is None else Origin.of(manifest)
        point, epoch = (LOG_START, "") if origin is None else (origin.point, origin.epoch)
        entries = store.entries_since(point, epoch)
        rows = manifest.rows if manifest else 0
        if is_build_due(entries, rows, idle=is_idle):
            may_choose = self._is_elected and is_choice_due(entries, rows, idle=is_idle)
            chooses = may_choose and awaits_choice(self._settings, store)
            self._build.run("rebuild" if chooses else "compact")

    def _lags_behind_choice(self) -> bool:
        """Whether another machine has chosen another model than that of this one's snapshot.

        Its vectors are in the store. A rebuild is tried once for a choice: if it fails,
        compactions go on with the model of the snapshot.
        """
        manifest, chosen = read_live_manifest(self._catalog), self._store().model_choices.get()
        if self._is_elected or manifest is None or chosen is None or not chosen.final:
            return False
        if self._settings.model != AUTO_MODEL or chosen.model == Origin.of(manifest).encoder:
            return False
        is_new, self._followed = chosen.model != self._followed, chosen.model
        return is_new


def is_build_due(entries: int, base: int, *, idle: bool) -> bool:
    """Whether the delta has grown so much that a new snapshot should be built.

    Args:
        entries: how many entries the change log has since the live snapshot: one for a write, and
            one when its text was analyzed. Each may be a row in the memory of every worker, also
            if the same article is edited again and again.
        base: how many articles the live snapshot has.
        idle: whether the queue is empty; otherwise a new snapshot would soon be out of date.
    """
    if idle:
        least = FIRST_ENTRIES if base else 0
        return entries > min(max(least, ENTRIES_SHARE * base), MOST_ENTRIES)
    return entries > MOST_ENTRIES


def is_choice_due(entries: int, base: int, *, idle: bool) -> bool:
    """Whether the archive has enough articles to choose its model, if nobody has rebuilt it yet.

    The arguments are those of `is_build_due`. Most new articles have two entries.
    """
    return idle and base + entries // 2 >= ENOUGH_TO_CHOOSE


class _Check:
    """When something is looked at again: after a change, and now and then without one."""

    def __init__(self, every_seconds: float) -> None:
        self._every_seconds = every_seconds
        self._noted: object = None
        self._noted_at = -math.inf

    def is_due(self, signal: object, *, is_busy: bool = False) -> bool:
        """Whether to look again.

        Args:
            signal: differs from that of the last look if something has changed since.
            is_busy: whether work may end that does not change the signal.
        """
        changed = is_busy or signal != self._noted
        pause = self._every_seconds if changed else IDLE_CHECK_SECONDS
        return time.monotonic() - self._noted_at >= pause

    def note(self, signal: object) -> None:
        """Note a look, and the signal that was read before it."""
        self._noted, self._noted_at = signal, time.monotonic()
