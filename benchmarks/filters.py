"""What each filter of a list costs, and whether it finds what an exact search finds.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.filters [--articles 100000]

The archive is made up: vectors drawn around subjects, a few terms, and values of each field that
half, a twentieth and a two-hundredth of the articles have. Printed are medians over seeds, in
milliseconds: of finding the rows that the filter lets through, and of the whole list; and recall@12
of the search by vectors, against all allowed vectors, as the snapshot stores them, multiplied with
the seed's by NumPy. The command ends with 1 if a recall is below 1.
"""

import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from index import Catalog, View
from recommender.analysis.embedding import Model
from recommender.analysis.features import Embedding, Features
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.api import ListOptions
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.snapshots import build_options
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed
from recommender.store import LOG_START, StoreState

DIMENSIONS: Final = 384
SUBJECTS: Final = 500
SPREAD: Final = 0.05
SECTIONS: Final = 200
SHARES: Final = {"50 %": 2, "5 %": 20, "0.5 %": 200}
"""By the share of articles that a filter lets through: one of so many."""
LISTED: Final = 12
SEEDS: Final = 100
ROUNDS: Final = 3
BEGAN: Final = datetime(2020, 1, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
MODEL: Final = Model("drawn", Path(), "drawn-1", frozenset({"en"}))
FILTERS: Final[Mapping[str, Callable[[int], dict[str, Any]]]] = {
    "section": lambda every: {"section": ",".join(f"s{n}" for n in range(SECTIONS // every))},
    "tag": lambda every: {"tag": f"of {every}"},
    "tag, excluded": lambda every: {"tag": f"-not of {every}"},
    "author": lambda every: {"author": f"of {every}"},
    "attr, equal": lambda every: {"attr": {f"of_{every}": "true"}},
    "attr, range": lambda every: {"attr": {"place": f"0..{1 / every}"}},
    "published_after": lambda every: {"published_after": _moment(1 - 1 / every)},
}
"""By name, the options that let through one of so many articles."""


def _moment(share: float) -> datetime:
    return BEGAN + timedelta(days=2_000 * share)


def _document(number: int, draw: np.random.Generator, vector: NDArray[np.float32]) -> Any:  # noqa: ANN401
    share = float(draw.random())
    names = tuple(f"of {n}" if number % n == 0 else f"not of {n}" for n in SHARES.values())
    article = Article(
        id=f"a{number:07d}",
        title=f"Story {number}",
        language="en",
        section=f"s{number % SECTIONS}",
        tags=names,
        authors=names,
        published_at=_moment(share),
        attributes={"place": share, **{f"of_{n}": number % n == 0 for n in SHARES.values()}},
    )
    buckets = np.sort(draw.choice(5_000, 20, replace=False)).astype(np.int32)
    minhash = draw.integers(1, 2**16, MINHASH_SIZE).astype(np.uint16)
    embedding = Embedding(vector.astype(np.float16), np.empty((0, DIMENSIONS), np.int8))
    features = Features("en", buckets, np.full(20, 6, np.float32), minhash, embedding)
    return IndexedDocument(article, features, 1, up_to_date=True)


def build_view(folder: Path, articles: int) -> View:
    """An archive of so many made-up articles, as a snapshot."""
    draw = np.random.default_rng(8)
    centres = draw.standard_normal((SUBJECTS, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    documents = []
    for number in range(articles):
        noise = draw.standard_normal(DIMENSIONS) * SPREAD
        documents.append(_document(number, draw, centres[draw.integers(SUBJECTS)] + noise))
    rows = build_rows(documents, MODEL, DIMENSIONS)
    stamp = build_options(MODEL, StoreState("filters", LOG_START))
    return View.of(Catalog(folder).publish_rows(rows, **stamp))


def measure(view: View, options: ListOptions, seeds: list[str]) -> tuple[float, float, float]:
    """The median milliseconds of the filter and of the list, and the recall of the search."""
    of_filter, of_list, found = [], [], []
    vectors = view.snapshot.vectors.fetch_stored(np.arange(len(view)))
    for one in seeds:
        seed = find_seed(view, one)
        spent = [_spend(ListRequest(view, seed, options, Policy(), NOW)) for _ in range(ROUNDS)]
        of_filter.append(min(first for first, _ in spent))
        of_list.append(min(second for _, second in spent))
        request = ListRequest(view, seed, options, Policy(), NOW)
        found.append(_recall(request, vectors))
    return float(np.median(of_filter)), float(np.median(of_list)), float(np.mean(found))


def _spend(request: ListRequest) -> tuple[float, float]:
    """Milliseconds of CPU: of the rows that may be listed, and of the list with them."""
    begun = time.thread_time()
    _ = request.rows
    filtered = time.thread_time()
    list_related(request)
    return 1e3 * (filtered - begun), 1e3 * (time.thread_time() - begun)


def _recall(request: ListRequest, vectors: NDArray[np.float32]) -> float:
    """How many of the best LISTED candidates are as near as the nearest LISTED allowed rows."""
    allowed, query = request.rows.eligible, request.scorer.query
    assert query is not None
    candidates = request.view.nearest(query, request.policy.candidates, allowed)
    exact = np.where(allowed, vectors @ query, -np.inf)
    least = np.sort(exact)[-LISTED] - 1e-5  # single precision, summed in another order
    best = candidates.rows[:LISTED]
    return float(np.mean(exact[best] >= least))


@click.command(help=__doc__)
@click.option("--articles", default=100_000, show_default=True)
def main(articles: int) -> None:
    """Build the archive, and print one row for each filter and share."""
    missed = False
    with TemporaryDirectory() as folder:
        view = build_view(Path(folder), articles)
        seeds = [view.id_of(row) for row in np.linspace(0, articles - 1, SEEDS).astype(int)]
        click.echo(
            f"{'filter':<18}{'lets through':>13}{'filter ms':>11}{'list ms':>9}{'recall@12':>11}"
        )
        cases = [("none", "100 %", ListOptions())]
        cases += [
            (name, share, ListOptions.model_validate(make(every)))
            for name, make in FILTERS.items()
            for share, every in SHARES.items()
        ]
        for name, share, options in cases:
            of_filter, of_list, recall = measure(view, options, seeds)
            missed = missed or (name != "none" and recall < 1)
            click.echo(f"{name:<18}{share:>13}{of_filter:>11.2f}{of_list:>9.2f}{recall:>11.4f}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
