"""Makes lists and scores for a data set, with the code that serves lists."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from index import Catalog, View
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.html import MARKUP_VERSION
from recommender.analysis.html.sandbox import Sandbox
from recommender.api import LIMITS, ListOptions, RelatedList
from recommender.articles import Article
from recommender.evaluation.datasets import Dataset
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import open_generation
from recommender.progress import Meter
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import RELEVANCE_ONLY, Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed
from recommender.store import ArticleStore, open_store

__all__ = [
    "Bench",
    "Run",
    "list_each",
    "open_bench",
    "plain_articles",
    "run_lists",
    "score_pairs",
]

Run = dict[str, dict[str, float]]
"""By seed id, the listed ids with the values that order them, the highest first."""


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Judgments, and a view of the articles that they are about.

    Attributes:
        dataset: the judgments.
        view: the view that is searched.
        language: as in `ListOptions`; None is the seed's own.
        texts: reads the plain texts of the articles, one after the other.
        now: seconds since 1970, the moment of every list.
        policy: the policy of the served lists.
    """

    dataset: Dataset
    view: View
    language: str | None = None
    texts: Callable[[], Iterable[Article]] = tuple
    now: float = field(default_factory=time.time)
    policy: Policy = field(default_factory=Policy)

    def options(self, limit: int = ListOptions().limit) -> ListOptions:
        """The options of every list."""
        options = ListOptions(limit=limit, language=self.language, explain=True)
        # Unchecked: a request may not exclude so many.
        return options.model_copy(update={"exclude": _outside(self.dataset)})


@contextmanager
def open_bench(
    dataset: Dataset,
    model: Model,
    meter: Meter,
    *,
    cache: Path | None = None,
    language: Literal["same", "any"] = "same",
) -> Iterator[Bench]:
    """Store a data set, build its snapshot and open it. `cache` keeps vectors for the next time."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="read-also-")))
        place = cache or folder
        place.mkdir(parents=True, exist_ok=True)
        store = open_store(f"sqlite:///{place / 'evaluation.db'}")
        stack.callback(store.close)
        _fill(store, dataset)
        catalog = Catalog(folder / "snapshots")
        with Sandbox() as markup:
            reader = Analyzer(model, load_encoder, markup.read)
            rebuild(store, catalog, reader, meter=meter, force=True)
        yield Bench(
            dataset,
            View.of(open_generation(catalog)),
            "any" if language == "any" else None,
            lambda: plain_articles(store),
        )


def list_each(
    bench: Bench, seeds: Iterable[str], policy: Policy, limit: int
) -> Mapping[str, RelatedList]:
    """The list of every seed, with explanations."""
    options, view = bench.options(limit), bench.view
    return {
        seed: list_related(ListRequest(view, find_seed(view, seed), options, policy, bench.now))
        for seed in seeds
    }


def run_lists(bench: Bench, policy: Policy, limit: int = LIMITS[-1]) -> Run:
    """The list of every query: ordered by ranking value for relevance, else by rank."""
    lists = list_each(bench, bench.dataset.queries, policy, limit)
    return {query: _ordered(listed, policy) for query, listed in lists.items()}


def score_pairs(bench: Bench, policy: Policy = RELEVANCE_ONLY) -> dict[tuple[str, str], float]:
    """The score of every judged pair."""
    scores: dict[tuple[str, str], float] = {}
    for pair in bench.dataset.pairs:
        list_request = ListRequest(
            bench.view, find_seed(bench.view, pair.a), ListOptions(), policy, 0.0
        )
        row = bench.view.row_of(pair.b)
        ranked = list_request.scorer.score(np.array([row], np.int64))
        scores[pair.a, pair.b] = float(ranked.scores.score[0])
    return scores


def _ordered(listed: RelatedList, policy: Policy) -> dict[str, float]:
    if policy == RELEVANCE_ONLY:
        explained = [(item.id, item.explanation) for item in listed.items]
        return {id_: e.ranking_value for id_, e in explained if e is not None}
    return {item.id: -float(item.rank) for item in listed.items}


def _outside(dataset: Dataset) -> frozenset[str]:
    if dataset.pool is None:
        return frozenset()
    articles = (*dataset.articles, *dataset.distractors)
    allowed = dataset.pool | {article.id for article in dataset.distractors}
    return frozenset(article.id for article in articles if article.id not in allowed)


def _fill(store: ArticleStore, dataset: Dataset) -> None:
    articles = (*dataset.articles, *dataset.distractors)
    wanted = {article.id for article in articles}
    with store.scan() as scan:
        stale = [stored.article.id for stored in scan if stored.article.id not in wanted]
    for article_id in stale:
        store.delete(article_id)
    store.write_many(articles)


def plain_articles(store: ArticleStore) -> Iterator[Article]:
    """Every article with its plain text, by ascending id; articles not analyzed are left out."""
    with store.scan() as scan:
        for stored in scan:
            article, key = stored.article, stored.text_hash
            if not article.body_html:
                yield article
            elif (body := store.features.texts([key], MARKUP_VERSION).get(key)) is not None:
                yield article.with_text(body)
