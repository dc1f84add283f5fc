"""The use case: from the store to a published snapshot, computing only what changed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import Catalog, Rows, Terms
from recommender.articles import Article
from recommender.cards import Card
from recommender.columns import describe
from recommender.embedding import Encoder, Model
from recommender.features import embed_missing
from recommender.progress import Meter, silent
from recommender.reading import ANALYZER, facts_of, read_missing
from recommender.store import ArticleStore, FeatureCache, StoreState

__all__ = ["Rebuilt", "gather", "rebuild"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did: the live generation, its articles, and how many had to be embedded."""

    generation: str
    articles: int
    embedded: int
    change: int


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The store's articles by ascending id, at one moment."""

    state: StoreState
    articles: list[Article]
    hashes: list[str]


def rebuild(
    store: ArticleStore,
    catalog: Catalog,
    model: Model,
    load: Callable[[Model], Encoder],
    *,
    full: bool = False,
    keep: int = 3,
    meter: Meter = silent,
) -> Rebuilt:
    """Embed what changed, build a snapshot aside, verify it, publish it.

    Args:
        store: where the articles are.
        catalog: where snapshots go.
        model: the encoder's files and fingerprint.
        load: reads the model; called only if a text has to be embedded.
        full: compute all again, replacing the kept vectors and terms.
        keep: how many generations to keep.
        meter: told how the work goes.

    Raises:
        Locked: another rebuild is at work.
        SnapshotDamaged: what was written could not be read back; the live snapshot stays.
    """
    with catalog.lock():
        gathered = gather(store)
        texts = dict(zip(gathered.hashes, gathered.articles, strict=True))
        read_missing(texts, store.features, meter, afresh=full)
        embedded = embed_missing(
            texts, store.features, model.fingerprint, lambda: load(model), meter, afresh=full
        )
        staged = catalog.stage(
            rows_of(gathered, store.features, model),
            model=model.fingerprint,
            analyzer=ANALYZER,
            epoch=gathered.state.epoch,
            change=gathered.state.change,
            grouped_by="language",
        )
        generation = catalog.publish(staged)
        catalog.prune(keep)
    return Rebuilt(generation, len(gathered.articles), embedded, gathered.state.change)


def gather(store: ArticleStore) -> Gathered:
    """Every article of the store at one moment, and the number of the last change before it."""
    with store.reading() as view:
        stored = list(view)
    return Gathered(view.state, [s.article for s in stored], [s.text_hash for s in stored])


def rows_of(gathered: Gathered, cache: FeatureCache, model: Model) -> Rows:
    """The rows of a snapshot, from articles and what is kept of their texts."""
    terms = cache.terms(gathered.hashes, ANALYZER)
    vectors = cache.vectors(gathered.hashes, model.fingerprint)
    read = [terms[text_hash] for text_hash in gathered.hashes]
    facts = [
        facts_of(article, t, model.knows)
        for article, t in zip(gathered.articles, read, strict=True)
    ]
    described = describe(facts)
    return Rows(
        ids=[article.id for article in gathered.articles],
        vectors=_stacked([vectors[text_hash] for text_hash in gathered.hashes]),
        terms=Terms.of([(t.buckets, t.counts) for t in read]),
        columns=described.columns,
        labels=described.labels,
        cards=[Card.of(f.article, f.language).to_bytes() for f in facts],
    )


def _stacked(vectors: list[NDArray[np.float16]]) -> NDArray[np.float32]:
    """float32 unit rows of the kept float16 ones; of an empty archive, none of width one."""
    if not vectors:
        return np.empty((0, 1), np.float32)
    rows = np.array(vectors, np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
