"""Lists and scores for a data set, from a throw-away store and snapshot."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from index import Catalog, View
from recommender.embedding import Model
from recommender.embedding.loading import load_encoder
from recommender.evaluation.datasets import Dataset
from recommender.markup.guard import MarkupReader
from recommender.policy import RELEVANCE_ONLY, Policy
from recommender.progress import Meter
from recommender.reading import Reader
from recommender.rebuild import rebuild
from recommender.recommendations import LIMITS, Options
from recommender.related import Inquiry, list_related
from recommender.seeds import find_seed
from recommender.store import ArticleStore, open_store

__all__ = ["Bench", "Run", "open_bench", "run_lists", "score_pairs"]

Run = dict[str, dict[str, float]]
"""By seed id, the listed ids with what orders them, high first."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A data set, and a view of its snapshot."""

    dataset: Dataset
    view: View
    languages: frozenset[str] | None


@contextmanager
def open_bench(
    dataset: Dataset,
    model: Model,
    meter: Meter,
    *,
    cache: Path | None = None,
    language: Literal["same", "any"] = "same",
) -> Iterator[Bench]:
    """Store, rebuild and open a data set; `cache` keeps the vectors for the next time."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="read-also-")))
        kept = cache or folder
        kept.mkdir(parents=True, exist_ok=True)
        store = open_store(f"sqlite:///{kept / 'evaluation.db'}")
        stack.callback(store.close)
        _fill(store, dataset)
        catalog = Catalog(folder / "snapshots")
        with MarkupReader() as markup:
            reader = Reader(model, load_encoder, markup.read)
            rebuild(store, catalog, reader, meter=meter, force=True)
        yield Bench(
            dataset, View.of(catalog.open_live()), frozenset() if language == "any" else None
        )


def run_lists(bench: Bench, policy: Policy, limit: int = LIMITS[-1]) -> Run:
    """The list of every query. Relevance is ordered by ranking values; what is served by rank."""
    outside = _outside(bench)
    options = Options(limit=limit, languages=bench.languages, exclude=outside, explain=True)
    now = time.time()
    return {query: _ordered(bench, query, options, policy, now) for query in bench.dataset.queries}


def score_pairs(bench: Bench) -> dict[tuple[str, str], float]:
    """The score of every judged pair."""
    scores: dict[tuple[str, str], float] = {}
    for pair in bench.dataset.pairs:
        inquiry = Inquiry(bench.view, find_seed(bench.view, pair.a), Options(), RELEVANCE_ONLY, 0.0)
        row = bench.view.row_of(pair.b)
        ranked = inquiry.rank(np.array([row], np.int64))
        scores[pair.a, pair.b] = float(ranked.scores.score[0])
    return scores


def _ordered(
    bench: Bench, query: str, options: Options, policy: Policy, now: float
) -> dict[str, float]:
    listed = list_related(bench.view, find_seed(bench.view, query), options, policy, now).items
    if policy == RELEVANCE_ONLY:
        return {i.id: i.explanation.ranking_value for i in listed if i.explanation is not None}
    return {item.id: -float(item.rank) for item in listed}


def _outside(bench: Bench) -> frozenset[str]:
    pool = bench.dataset.pool
    if pool is None:
        return frozenset()
    articles = (*bench.dataset.articles, *bench.dataset.distractors)
    allowed = pool | {article.id for article in bench.dataset.distractors}
    return frozenset(article.id for article in articles if article.id not in allowed)


def _fill(store: ArticleStore, dataset: Dataset) -> None:
    articles = (*dataset.articles, *dataset.distractors)
    wanted = {article.id for article in articles}
    with store.reading() as view:
        stale = [stored.article.id for stored in view if stored.article.id not in wanted]
    for article_id in stale:
        store.delete(article_id)
    store.put_many(articles)
