"""The use case: from the store to a published snapshot, computing only what changed."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalog, NoSnapshot, Snapshot, SnapshotDamaged, StagedSnapshot, View
from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer
from recommender.analysis.embedding import Model
from recommender.api import ListOptions
from recommender.articles import Article
from recommender.errors import GateRefused, HeldBack
from recommender.indexing.backfill import analyze_missing, clean_missing, embed_missing
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.gate import Candidate, admit
from recommender.indexing.notices import held, refused
from recommender.indexing.snapshots import build_options, live_manifest, open_live, report_catalog
from recommender.progress import Meter, silent
from recommender.ranking.filters import eligible
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.seed import find_seed
from recommender.store import ArticleStore, StoreState

__all__ = ["KEPT", "Rebuilt", "compact", "rebuild"]

KEPT: Final = 3
"""How many generations are kept unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did.

    Attributes:
        generation: the live one now.
        articles: how many are in it.
        embedded: how many texts had to be embedded.
        change: the number of the last change in it.
        unread: how many articles are not in it, since their text could not be read.
    """

    generation: str
    articles: int
    embedded: int
    change: int
    unread: int


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The articles of the store at one moment whose text was read, by ascending id.

    `unread` counts the others; `lost` those of them that do not even wait to be read.
    """

    state: StoreState
    known: tuple[IndexedDocument, ...]
    unread: int
    lost: int


def rebuild(
    store: ArticleStore,
    catalog: Catalog,
    analyzer: Analyzer,
    *,
    full: bool = False,
    force: bool = False,
    keep: int = KEPT,
    meter: Meter = silent,
) -> Rebuilt:
    """Embed what changed, build a snapshot aside, verify it, judge it, publish it.

    Args:
        store: where the articles are.
        catalog: where snapshots go.
        analyzer: how texts are analyzed.
        full: compute all again, replacing the kept vectors and terms; try what is parked again.
        force: publish even what the gate refuses.
        keep: how many generations to keep.
        meter: told how the work goes.

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
        embedded = _analyze_all(store, analyzer, meter, full=full)
        # While the live snapshot has vectors of another model, what is new goes on being told with
        # those; what was read for the next one is told once that is live.
        moves_on = _moves_on(catalog, model)
        if not moves_on:
            store.queue.acknowledge_known(ANALYZER_VERSION, model.fingerprint)
        done = _publish(store, catalog, model, embedded, keep=keep, force=force)
        if moves_on:
            store.queue.acknowledge_known(ANALYZER_VERSION, model.fingerprint)
        store.features.prune(report_catalog(store, catalog).fingerprints)
    return done


def compact(store: ArticleStore, catalog: Catalog, model: Model, *, keep: int = KEPT) -> Rebuilt:
    """Publish a snapshot of what was read already; raises what `rebuild` does.

    Raises:
        HeldBack: somebody has rolled back, and has not run a rebuild since.
    """
    with catalog.lock():
        if (said := held(catalog).text) is not None:
            raise HeldBack(said.strip())
        return _publish(store, catalog, model, 0, keep=keep, force=False)


def gather(store: ArticleStore, fingerprint: str) -> Gathered:
    """Every article of the store at one moment that was read, by the newest text that was."""
    with store.scan() as view:
        stored, waiting = list(view), view.queued_ids()
    hashes = [key for one in stored for key in (one.text_hash, one.read_hash) if key]
    hashes = list(dict.fromkeys(hashes))
    features = store.features.load(hashes, ANALYZER_VERSION, fingerprint)
    known, unread = [], []
    for one in stored:
        read = [key for key in (one.text_hash, one.read_hash) if key in features]
        # Better an older text with its vector than a newer one without.
        embedded = (key for key in read if features[key].embedding is not None)
        key = next(embedded, read[0] if read else None)
        if key is None:
            unread.append(one.article.id)
        else:
            settled = key == one.text_hash
            known.append(IndexedDocument(one.article, features[key], one.change, settled))
    return Gathered(view.state, tuple(known), len(unread), len(set(unread) - waiting))


def _analyze_all(store: ArticleStore, analyzer: Analyzer, meter: Meter, *, full: bool) -> int:
    """Bring what is kept of every text up to date; tells how many were embedded."""
    parked = store.queue.dead_letter_ids()
    with store.scan() as view:
        texts = {s.text_hash: s.article for s in view if s.article.id not in parked}
    cache, model = store.features, analyzer.model
    plain, faults = clean_missing(texts, cache, analyzer.read_markup, meter)
    _park(store, texts, faults)
    analyze_missing(plain, cache, meter, afresh=full)
    return embed_missing(
        plain, cache, model.fingerprint, lambda: analyzer.load(model), meter, afresh=full
    )


def _park(store: ArticleStore, texts: Mapping[str, Article], faults: Mapping[str, str]) -> None:
    """What could not be read here is not tried twice more by the indexer."""
    for key, fault in faults.items():
        store.queue.give_up(texts[key].id, key, fault)


def _moves_on(catalog: Catalog, model: Model) -> bool:
    """Whether the live snapshot has vectors of another model."""
    live = live_manifest(catalog)
    return live is not None and live.model != model.fingerprint


def _publish(
    store: ArticleStore, catalog: Catalog, model: Model, embedded: int, *, keep: int, force: bool
) -> Rebuilt:
    gathered = gather(store, model.fingerprint)
    staged = catalog.stage(
        build_rows(gathered.known, model, dim=1), **build_options(model, gathered.state)
    )
    try:
        if not force:
            _judge(staged, catalog, store, gathered)
    except BaseException as fault:
        catalog.discard(staged)
        if isinstance(fault, GateRefused):
            refused(catalog).say(str(fault))
        raise
    generation = catalog.publish(staged)
    for notice in (refused(catalog), held(catalog)):
        notice.drop()
    catalog.prune(keep)
    store.trim(before=report_catalog(store, catalog).oldest_change)
    known = len(gathered.known)
    return Rebuilt(generation, known, embedded, gathered.state.change, gathered.unread)


def _judge(
    staged: StagedSnapshot, catalog: Catalog, store: ArticleStore, gathered: Gathered
) -> None:
    """Let a staged snapshot through the gate, or raise GateRefused."""
    now, live = time.time(), _live(catalog)
    fresh = staged.snapshot.manifest
    recipes, policy = (fresh.model, fresh.analyzer), store.policies.current()
    admit(
        _candidate(staged.snapshot, policy, now),
        None if live is None else _candidate(live, policy, now),
        lambda ids: _kept(store, ids, fresh.model),
        stored=len(gathered.known) + gathered.lost,
        same_model=live is not None and recipes == (live.manifest.model, live.manifest.analyzer),
    )


def _kept(store: ArticleStore, ids: Sequence[str], model: str) -> dict[str, NDArray[np.float16]]:
    """By id the vectors that the store keeps, asked anew, not taken from what was built."""
    hashes = store.text_hashes(ids)
    vectors = store.features.vectors(list(hashes.values()), model)
    sound = {of for of, vector in vectors.items() if np.isfinite(vector).all() and vector.any()}
    return {key: vectors[of] for key, of in hashes.items() if of in sound}


def _candidate(snapshot: Snapshot, policy: Policy, now: float) -> Candidate:
    view = View.of(snapshot)
    return Candidate(
        snapshot=snapshot,
        listable=eligible(snapshot, now),
        listed=lambda key: list_related(view, find_seed(view, key), ListOptions(), policy, now),
    )


def _live(catalog: Catalog) -> Snapshot | None:
    """The live snapshot; None where there is none that could be served."""
    try:
        return open_live(catalog)
    except (NoSnapshot, SnapshotDamaged):
        return None
