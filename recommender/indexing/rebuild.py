"""From the store to a published snapshot: a rebuild, which computes what is missing.

It gathers the articles and their features, builds a snapshot aside, and publishes it if the gate
admits it.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from index import (
    Begin,
    BuildOptions,
    Catalog,
    KeptStages,
    NoSnapshot,
    RowSpool,
    Snapshot,
    SnapshotDamaged,
    StagedSnapshot,
    keep_stages,
    open_rows,
)
from index.build import IVF_ABOVE
from index.disk import Writer
from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer
from recommender.analysis.embedding import Model
from recommender.analysis.features import Features
from recommender.errors import GateRefused, StoreUnusable
from recommender.indexing.backfill import backfill
from recommender.indexing.documents import (
    IndexedDocument,
    TitlePairs,
    build_rows,
    with_text_clusters,
)
from recommender.indexing.gate import GateCandidate, admit, load_vectors
from recommender.indexing.snapshots import (
    build_options,
    gate_refusal,
    open_generation,
    position_of,
    read_live_manifest,
    read_live_name,
    report_catalog,
    rollback_hold,
)
from recommender.progress import Advance, Meter, silent
from recommender.ranking.duplicates import number_text_clusters
from recommender.store import LOG_START, ArticleStore, StoredArticle

__all__ = [
    "DEFAULT_KEEP",
    "Rebuilt",
    "Staged",
    "batches",
    "index_page",
    "open_live",
    "publish",
    "rebuild",
    "stage",
    "stages",
]

_log = logging.getLogger(__name__)

DEFAULT_KEEP: Final = 3
"""How many generations are kept by default."""
KEPT_ABOVE: Final = IVF_ABOVE
"""The build of a larger archive goes on where it was interrupted; others take some ten seconds."""
KEPT_STAGES: Final = 10
GONE_ON_WITH: Final = 0.05
"""With more changes since, by article, all is built anew, since workers would hold them all."""
_GOES_ON: Final = "goes on with the build up to change %d: %d of %d stages are there"
LOADED_AT_ONCE: Final = 1_000  # articles whose features are loaded at once
SHOWN_FROM: Final = 1_000
"""With fewer articles, building is a matter of a second, and no progress is shown."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The result of a rebuild.

    Attributes:
        generation: the live one now.
        articles: how many articles it has.
        embedded: how many texts had to be embedded.
        change: number of the last change in it.
        unread: how many articles are not in it, because their text could not be read.
    """

    generation: str
    articles: int
    embedded: int
    change: int
    unread: int


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """A snapshot that may be published.

    Attributes:
        snapshot: complete and verified.
        expected: how many articles it should have, see `Gathered`.
        unread: how many articles have no features.
        is_kept: whether the next build goes on here if this one is interrupted.
    """

    snapshot: StagedSnapshot
    expected: int
    unread: int
    is_kept: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The articles of the store at one moment, whose rows lie in files; all of it is for JSON.

    Attributes:
        options: for building a snapshot of them.
        spool: what `open_rows` has to be told.
        expected: how many articles a snapshot should have: also those whose features are missing
            though they are not in the queue.
        unread: how many articles have no features.
    """

    options: BuildOptions
    spool: Mapping[str, Any]
    expected: int
    unread: int


def rebuild(
    store: ArticleStore,
    catalog: Catalog,
    analyzer: Analyzer,
    *,
    full: bool = False,
    force: bool = False,
    keep: int = DEFAULT_KEEP,
    meter: Meter = silent,
) -> Rebuilt:
    """Compute the features that are missing, and publish a snapshot of the store.

    Args:
        store: where the articles are.
        catalog: where snapshots go.
        analyzer: how texts are analyzed.
        full: compute all features again, and try dead letters again.
        force: publish even what the gate refuses.
        keep: how many generations to keep.
        meter: shows the progress.

    Raises:
        Locked: another rebuild is at work.
        SnapshotDamaged: what was written could not be read back; the live snapshot stays.
        GateRefused: the new snapshot is worse than the live one, which stays.
    """
    model = analyzer.model
    with catalog.lock():
        report_catalog(store, catalog, model.fingerprint)
        if full:
            store.queue.retry_dead_letters()
            catalog.sweep()  # an interrupted build has other features than there will be
        embedded = backfill(store, analyzer, meter, afresh=full)
        # Workers list a change with the features of the live snapshot's model. If the new snapshot
        # has another model, changes are acknowledged only when it is live.
        before = read_live_manifest(catalog)
        changes_model = before is not None and before.model != model.fingerprint
        if not changes_model:
            store.queue.acknowledge_known(ANALYZER_VERSION, model.fingerprint, meter)
        staged = stage(store, catalog, model, meter=meter)
        live = None if force else open_live(catalog)
        done = publish(store, catalog, staged, live, keep=keep, force=force)
        if changes_model:
            store.queue.acknowledge_known(ANALYZER_VERSION, model.fingerprint, meter)
        store.features.prune(report_catalog(store, catalog).fingerprints)
        store.empty_write_ahead_log()
    return replace(done, embedded=embedded)


def gather(
    store: ArticleStore, model: Model, folder: Path, shares: str = "", meter: Meter = silent
) -> Gathered:
    """Build the rows of all articles of the store at one moment that have features.

    Outlines and features are loaded page by page; texts are not loaded.

    Args:
        store: where the articles are.
        model: of their vectors.
        folder: where the rows are put; empty.
        shares: the note with shares of vectors that stay as they were measured.
        meter: shows the progress.
    """
    rows, spool = build_rows((), model, dim=1), RowSpool(folder)
    spool.append(rows)
    expected, unread, pairs = 0, 0, TitlePairs()
    with store.scan() as scan:
        queued, count = scan.queued_ids(), scan.count()
        with _show(meter, count, "gathering", count) as advance:
            for page in batches(scan.outlines()):
                documents = index_page(store, page, model.fingerprint)
                rows = build_rows(documents, model, rows.dim, rows.passages.dim)
                spool.append(rows)
                pairs.add(documents)
                missing = {one.article.id for one in page} - {one.article.id for one in documents}
                expected += len(documents) + len(missing - queued)
                unread += len(missing)
                advance(len(page))
    options = build_options(model, scan.state, pairs, shares)
    return Gathered(options, spool.told(), expected, unread)


def batches(articles: Iterable[StoredArticle]) -> Iterator[list[StoredArticle]]:
    """Divide articles into those that are loaded at once."""
    iterator = iter(articles)
    while page := list(islice(iterator, LOADED_AT_ONCE)):
        yield page


def index_page(
    store: ArticleStore, page: Sequence[StoredArticle], fingerprint: str
) -> list[IndexedDocument]:
    """The documents of some articles, in order; without those of which no text has features."""
    hashes = dict.fromkeys(key for one in page for key in _text_hashes(one))
    features = store.features.load([*hashes], ANALYZER_VERSION, fingerprint)
    documents = (_index_article(one, features) for one in page)
    return [document for document in documents if document is not None]


def _index_article(
    stored: StoredArticle, features: Mapping[str, Features]
) -> IndexedDocument | None:
    """The document of an article; None if no text of it has features."""
    read = [key for key in _text_hashes(stored) if key in features]
    # An earlier text with an embedding is better than a newer one without.
    embedded = (key for key in read if features[key].embedding is not None)
    key = next(embedded, read[0] if read else None)
    if key is None:
        return None
    up_to_date = key == stored.text_hash
    return IndexedDocument(stored.article, features[key], stored.change, up_to_date)


def _text_hashes(stored: StoredArticle) -> Collection[str]:
    """The hashes of its present text, and of the text that was analyzed last."""
    return [key for key in (stored.text_hash, stored.read_hash) if key]


def stage(
    store: ArticleStore,
    catalog: Catalog,
    model: Model,
    *,
    shares: str = "",
    places_from: Snapshot | None = None,
    meter: Meter = silent,
) -> Staged:
    """Build a snapshot of all articles aside; go on with a large one that was interrupted.

    Args:
        store: where the articles are.
        catalog: where snapshots go; locked.
        model: of the vectors.
        shares: the note with shares of vectors that stay as they were measured.
        places_from: the snapshot whose articles stay where they are on the archive map.
        meter: shows the progress.
    """
    with store.scan() as scan:
        count, state = scan.count(), replace(scan.state, newest=LOG_START)
    origin = {
        **build_options(model, state, None, shares),
        "places_from": places_from and places_from.generation,
    }
    with _workplace(catalog, origin, count, partial(_may_go_on, store)) as (folder, kept):
        do, there = (Writer(folder).do, ()) if kept is None else (kept.do, kept.done)
        told = do("gathering", lambda: asdict(gather(store, model, folder, shares, meter)))
        if there:
            _log.warning(_GOES_ON, told["options"]["change"], len(there), KEPT_STAGES)
        gathered = Gathered(**told)
        rows = open_rows(folder, gathered.spool)
        with _show(meter, count, "comparing texts"):
            number = partial(do, "comparing texts")
            rows = with_text_clusters(rows, lambda one: number(partial(number_text_clusters, one)))
        with stages(meter, len(rows)) as begin:
            options: dict[str, Any] = {"places_from": places_from, "begin": begin}
            options |= gathered.options if kept is None else {**gathered.options, "writer": kept}
            staged = catalog.stage(rows, **options)
        # Gathered rows map files of the folder, which would not be freed if they were given back.
        return Staged(staged, gathered.expected, gathered.unread, kept is not None)


def _may_go_on(store: ArticleStore, told: Mapping[str, Any]) -> bool:
    """Whether the log has what came after the rows of an interrupted build, and that is little.

    Workers read it from the log, as they do after any build. A deleted article must not come into
    another snapshot, so after a deletion all begins anew.
    """
    gathered = Gathered(**told["gathering"])
    epoch, point = gathered.options["epoch"], position_of(gathered.options)
    most = GONE_ON_WITH * gathered.expected
    return (
        store.has_position(point, epoch)
        and store.entries_since(point, epoch) <= most
        and not store.deleted_since(point.number)
    )


@contextmanager
def _workplace(
    catalog: Catalog, origin: Mapping[str, Any], articles: int, fits: Callable[..., bool]
) -> Iterator[tuple[Path, KeptStages | None]]:
    """The folder for rows, and for a large archive what keeps the stages of its build."""
    if articles <= KEPT_ABOVE:
        with catalog.scratch() as folder:
            yield folder, None
    else:
        with keep_stages(catalog, origin, fits, (StoreUnusable,)) as kept:
            yield kept.rows, kept


def publish(
    store: ArticleStore,
    catalog: Catalog,
    new: Staged,
    live: Snapshot | None,
    *,
    keep: int,
    force: bool = False,
) -> Rebuilt:
    """Publish a staged snapshot, if the gate admits it.

    Args:
        store: where the articles are.
        catalog: where snapshots go; locked.
        new: the staged one.
        live: the one that the gate compares it with; None if there is none.
        keep: how many generations to keep.
        force: publish even what the gate refuses.
    """
    staged = new.snapshot
    try:
        if not force:
            _check_gate(staged, live, store, new.expected)
    except BaseException as fault:
        goes_on = isinstance(fault, StoreUnusable) or not isinstance(fault, Exception)
        if not (new.is_kept and goes_on):
            catalog.discard(staged)
        if isinstance(fault, GateRefused):
            _note_refusal(store, catalog, str(fault))
        raise
    articles, change = len(staged.snapshot), staged.snapshot.manifest.change
    live_before = read_live_name(catalog)
    generation = catalog.publish(staged)
    is_new = generation != live_before
    store.publications.note(generation, articles, is_new=is_new)
    for note in (gate_refusal(catalog), rollback_hold(catalog)):
        note.remove()
    catalog.prune(keep)
    store.trim(before=report_catalog(store, catalog).oldest_change)
    return Rebuilt(generation, articles, 0, change, new.unread)


@contextmanager
def stages(meter: Meter, articles: int) -> Iterator[Begin]:
    """Show the stages of a build of so many articles; each ends when the next one begins."""
    with ExitStack() as stage:

        def begin(name: str, pieces: int, piece: str) -> Advance:
            stage.close()
            unit = "article" if piece == "row" else piece
            return stage.enter_context(_show(meter, articles, f"building: {name}", pieces, unit))

        yield begin


def _show(
    meter: Meter, articles: int, label: str, pieces: int = 0, unit: str = "article"
) -> AbstractContextManager[Advance]:
    """Show work on so many articles, if it takes long enough; see `Meter`."""
    return nullcontext(bool) if articles < SHOWN_FROM else meter(label, pieces, unit)


def _note_refusal(store: ArticleStore, catalog: Catalog, reason: str) -> None:
    """Note why the gate refused a snapshot; the log says it once where each try has that reason."""
    note = gate_refusal(catalog)
    if note.text != reason:
        note.write(reason)
        store.publications.note_refusal(reason)


def _check_gate(
    staged: StagedSnapshot, live: Snapshot | None, store: ArticleStore, expected: int
) -> None:
    """Let a staged snapshot through the gate, or raise GateRefused."""
    now, policy = time.time(), store.policies.current()
    new = staged.snapshot.manifest
    admit(
        GateCandidate.of(staged.snapshot, policy, now),
        None if live is None else GateCandidate.of(live, policy, now),
        lambda ids: load_vectors(store, ids, new.model),
        stored=expected,
        same_model=live is not None
        and (new.model, new.analyzer) == (live.manifest.model, live.manifest.analyzer),
        touched=lambda ids: store.touched_since(ids, new.change),
    )


def open_live(catalog: Catalog) -> Snapshot | None:
    """The live snapshot; None if none can be served."""
    try:
        return open_generation(catalog)
    except (NoSnapshot, SnapshotDamaged):
        return None
