"""Baselines: lists as a CMS would make them without this product, with the same filters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.analysis.tokens import MOST_WORDS, tokenize
from recommender.api import Choice
from recommender.articles import Article
from recommender.evaluation.runs import Bench
from recommender.ranking.candidates import ListRequest
from recommender.ranking.filters import TAG, Filter, matching
from recommender.ranking.policy import RELEVANCE_ONLY
from recommender.ranking.scoring import Seed, find_seed

__all__ = ["BASELINES", "run_baselines"]

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Lister = Callable[[Seed, Mask, int], Rows]

MOST_FOR_WORDS: Final = 100_000  # articles; their tokens take about 1 GB of memory


BASELINES: Final[Mapping[str, str]] = {
    "latest": "latest in the seed's section",
    "tags": "most shared tags, then newest",
    "bm25": "BM25, the whole text as the question",
    "dense": "nearest by article vector alone",
}


def run_baselines(
    bench: Bench, seeds: Iterable[str], limit: int
) -> dict[str, Mapping[str, tuple[str, ...]] | str]:
    """By baseline, the listed ids of each seed; or a text: what the data lacks for it."""
    view, options = bench.view, bench.options(limit)
    listers = {name: make(bench) for name, make in _MAKERS.items()}
    found: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in listers}
    for one in seeds:
        seed = find_seed(view, one)
        allowed = ListRequest(view, seed, options, RELEVANCE_ONLY, bench.now).rows.eligible
        for name, lister in listers.items():
            if not isinstance(lister, str):
                rows = lister(seed, allowed, limit).tolist()
                found[name][one] = tuple(view.id_of(row) for row in rows)
    return {n: lister if isinstance(lister, str) else found[n] for n, lister in listers.items()}


def _latest(bench: Bench) -> Lister | str:
    view = bench.view
    if not _has_words(view, "section"):
        return "no sections"
    if not _is_dated(view):
        return "no dates"

    def lists(seed: Seed, allowed: Mask, limit: int) -> Rows:
        if not seed.section:
            return np.empty(0, np.int64)
        wanted = Filter(section=Choice(frozenset({seed.section})))
        here = allowed & view.where(lambda part: matching(part, wanted))
        return _newest(view, np.flatnonzero(here))[:limit]

    return lists


def _tags(bench: Bench) -> Lister | str:
    view = bench.view
    if not any(any(part.keywords_beginning_with(TAG)) for part in view.parts):
        return "no tags"

    def lists(seed: Seed, allowed: Mask, limit: int) -> Rows:
        row = view.row_of(seed.id)
        if row is None:
            return np.empty(0, np.int64)
        shared = np.zeros(len(view), np.int64)
        for keyword in view.keywords_of(row):
            if keyword.startswith(TAG):
                shared[view.rows_with(keyword)] += 1
        rows = _newest(view, np.flatnonzero(allowed & (shared > 0)))
        return rows[np.argsort(-shared[rows], kind="stable")][:limit]

    return lists


def _bm25(bench: Bench) -> Lister | str:
    if len(bench.view) > MOST_FOR_WORDS:
        return f"more than {MOST_FOR_WORDS} articles"
    return Bm25Baseline.of(bench.view, bench.texts()).lists


def _dense(bench: Bench) -> Lister | str:
    view = bench.view

    def lists(seed: Seed, allowed: Mask, limit: int) -> Rows:
        if seed.vector is None or not allowed.any():
            return np.empty(0, np.int64)
        return view.nearest(seed.vector, limit, allowed).rows

    return lists


_MAKERS: Final[Mapping[str, Callable[[Bench], Lister | str]]] = {
    "latest": _latest,
    "tags": _tags,
    "bm25": _bm25,
    "dense": _dense,
}


@dataclass(frozen=True, slots=True, eq=False)
class Bm25Baseline:
    """BM25 over title, summary and body.

    Attributes:
        scorer: the library's index.
        rows: the row of each document of the scorer.
        query_tokens: by article id, the numbers of its tokens in order. A repeated token counts
            twice in the query. With that, and with Robertson's idf, BM25 does best.
    """

    scorer: Any
    rows: Rows
    query_tokens: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, view: View, articles: Iterable[Article]) -> Self:
        """Count the tokens of the articles that are in a view."""
        import bm25s  # noqa: PLC0415 - an extra
        from bm25s.tokenization import Tokenized  # noqa: PLC0415

        vocabulary: dict[str, int] = {}
        counted: dict[str, tuple[int, list[int]]] = {}
        for article in articles:
            row = view.row_of(article.id)
            if row is not None:
                numbers = [vocabulary.setdefault(w, len(vocabulary)) for w in _words_of(article)]
                counted[article.id] = (row, numbers)
        scorer = bm25s.BM25(method="robertson")
        if vocabulary:
            documents = [numbers for _, numbers in counted.values()]
            scorer.index(Tokenized(ids=documents, vocab=vocabulary), show_progress=False)
        rows = np.array([row for row, _ in counted.values()], np.int64)
        query_tokens = {one: np.array(numbers, np.int64) for one, (_, numbers) in counted.items()}
        return cls(scorer, rows, query_tokens)

    def lists(self, seed: Seed, allowed: Mask, limit: int) -> Rows:
        """The best of the allowed rows, of equals the lower row; none without a shared token."""
        query_tokens = self.query_tokens.get(seed.id)
        if query_tokens is None or not len(query_tokens):
            return np.empty(0, np.int64)
        scores = self.scorer.get_scores_from_ids(query_tokens)
        places = np.flatnonzero(allowed[self.rows] & (scores > 0))
        order = np.lexsort((self.rows[places], -scores[places]))[:limit]
        return self.rows[places[order]]


def _words_of(article: Article) -> Iterable[str]:
    texts = (article.title, article.summary, article.body)
    return islice(chain.from_iterable(map(tokenize, texts)), MOST_WORDS)


def _newest(view: View, rows: Rows) -> Rows:
    """The rows, the newest first and the undated last."""
    times = np.nan_to_num(view.take("published_at", rows), nan=-np.inf)
    return rows[np.lexsort((view.take("id_hash", rows), -times))]


def _has_words(view: View, column: str) -> bool:
    return any(word for part in view.parts for word in part.labels[column])


def _is_dated(view: View) -> bool:
    return any(np.isfinite(part.columns["published_at"]).any() for part in view.parts)
