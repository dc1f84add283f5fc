"""The indexer process: reads what waits, answers drafts, and has the archive compacted."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from index import Catalog, locked, make_folder
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model, find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.errors import ModelRefused, StoreUnusable
from recommender.indexing.compaction import Compaction, is_compaction_due
from recommender.indexing.drafts import DraftServer
from recommender.indexing.indexer import Indexer
from recommender.indexing.notices import held
from recommender.indexing.snapshots import Origin, live_manifest, live_name, needs_rebuild
from recommender.settings import Settings
from recommender.store import LOG_START, LazyStore

__all__ = ["index_forever", "model_in_use"]

IDLE_SECONDS: Final = 0.03
AWAY_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 2.0
NICENESS: Final = 5  # readers come first; single writes wait for two texts of a bulk load at most
_log = logging.getLogger(__name__)


def model_in_use(catalog: Catalog, settings: Settings) -> Model:
    """The model of the live snapshot, so that what is new can be compared with it.

    Args:
        catalog: where it is.
        settings: their model is taken where there is no snapshot, or where its model is not here
            any more.

    Raises:
        ModelRefused: the model of the settings is not here.
    """
    manifest, chosen = live_manifest(catalog), find_model(settings.model, settings.data_dir)
    if manifest is None:
        return chosen
    origin = Origin.of(manifest)
    if chosen.fingerprint == origin.model or not origin.encoder:
        return chosen
    with suppress(ModelRefused):
        before = find_model(origin.encoder, settings.data_dir)
        if before.fingerprint == origin.model:
            _log.warning("going on with %s until a rebuild with %s", before.name, chosen.name)
            return before
    _log.error("the live snapshot's model is not here; what is new is listed by its words alone")
    return chosen


def index_forever(settings: Settings) -> None:
    """Run the indexer until SIGTERM or SIGINT.

    Raises:
        Locked: another one works in this data folder.
    """
    os.nice(NICENESS)
    make_folder(settings.data_dir)
    another = "another indexer works here; one is enough"
    with locked(settings.data.indexer_lock, another):
        _index(settings)


def _index(settings: Settings) -> None:
    catalog = Catalog(settings.data.snapshots)
    store = LazyStore(settings.database_url, may_create=lambda: not catalog.generations())
    try:
        with Sandbox() as markup:
            _Bench(settings, store, markup.read).work()
    finally:
        store.close()


class _Bench:
    """One indexer process, and what it looks after."""

    def __init__(
        self, settings: Settings, store: LazyStore, read_markup: Callable[[str], str]
    ) -> None:
        self._settings = settings
        self._store = store
        self._read_markup = read_markup
        self._catalog = Catalog(settings.data.snapshots)
        self._compaction = Compaction()
        self._indexer: Indexer | None = None
        self._generation: str | None = None
        self._fingerprint: str | None = None
        self._looked_at = -LOOK_SECONDS

    def work(self) -> None:
        """Read and look after what there is, until told to stop."""
        # Reading the model takes seconds in which nothing is in hand: a signal may just end it.
        with suppress(StoreUnusable, OSError):
            self._look()
        stopping = _stop_when_told()
        with DraftServer(self._settings.data_dir, lambda: self._indexer):
            while not stopping.is_set():
                try:
                    worked = self._step()
                except (StoreUnusable, OSError) as fault:
                    _log.error("%s", fault)
                    stopping.wait(AWAY_SECONDS)
                    continue
                if not worked:
                    stopping.wait(IDLE_SECONDS)
        self._compaction.stop()

    def _step(self) -> int:
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._look()
            self._looked_at = time.monotonic()
        return 0 if self._indexer is None else self._indexer.step()

    def _look(self) -> None:
        """Follow the live generation's model, and compact when that is due."""
        generation = live_name(self._catalog)
        if self._indexer is None or generation != self._generation:
            model = model_in_use(self._catalog, self._settings)
            self._take_model(model)
            self._catch_up_with(model)
            self._generation = generation
        self._compact()

    def _take_model(self, model: Model) -> None:
        if model.fingerprint == self._fingerprint:
            return
        reader = Analyzer(model, load_encoder, self._read_markup)
        in_hand = self._settings.data.texts_in_hand
        self._indexer = Indexer(self._store(), reader, in_hand)
        self._indexer.warm_up()
        self._fingerprint = model.fingerprint
        _log.info("reading with %s", model.name)

    def _catch_up_with(self, model: Model) -> None:
        """Read once more what was read for another model while this one's snapshot was built."""
        manifest = live_manifest(self._catalog)
        if manifest is not None and manifest.model == model.fingerprint:
            missed = self._store().queue.requeue_unembedded(model.fingerprint)
            if missed:
                _log.info("%d articles are read again for %s", missed, model.name)

    def _compact(self) -> None:
        if self._compaction.is_running():
            return
        if held(self._catalog).text is not None:
            return
        store, manifest = self._store(), live_manifest(self._catalog)
        if needs_rebuild(self._catalog):
            self._compaction.run("rebuild")
            return
        waiting = store.queue.length()
        idle = not (waiting.single or waiting.bulk)
        origin = None if manifest is None else Origin.of(manifest)
        point, epoch = (LOG_START, "") if origin is None else (origin.point, origin.epoch)
        entries = store.entries_since(point, epoch)
        if is_compaction_due(entries, manifest.rows if manifest else 0, idle=idle):
            self._compaction.run("compact")


def _stop_when_told() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
