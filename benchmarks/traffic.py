"""What a list costs a worker under the traffic of a newsroom, beside a bare Flask view.

    OMP_NUM_THREADS=1 python -m benchmarks.traffic [--articles 100000] [--folder FOLDER]

Readers ask for the lists of a few stories often and of most stories seldom: of the story of rank r
1 / r times as often as of the first (Zipf's law). Every five seconds one article is written, most
of them new. A day is squeezed: between two writes there are as many requests as a hundred a second
would make, at night fewer and in the evening more, one after the other without a pause. CPU is
counted as in `benchmarks.request_cost`, whose bare view is asked by turns. The archive is made up,
or is that of FOLDER, which is copied. The command ends with 1 if the bar is missed.
"""

import math
import random
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Final

import click
import numpy as np

from benchmarks.figures import Figure, report
from benchmarks.request_cost import BODY, KEY, Asked, asked
from benchmarks.served_archive import draw_article, id_of, load_vectors, make_archive
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import find_model
from recommender.indexing.indexer import Indexer
from recommender.settings import PREFIX, Settings
from recommender.store import ArticleStore, open_store

A_SECOND: Final = 100
SECONDS_BETWEEN: Final = 5
NEW: Final = 0.7
"""The share of writes that are new articles; the others change one."""
EVENING: Final = 0.8
"""So much more than on average is asked in the evening, and less at night."""
BARE: Final = 100
SHOWN_EVERY: Final = 5_000
MOST_MORE: Final = 1.0
"""So many milliseconds may a list cost on average beside the bare view."""


@dataclass(frozen=True, slots=True)
class Newsroom:
    """Writes articles, and reads their texts, as the indexer does."""

    store: ArticleStore
    indexer: Indexer
    articles: int
    draw: random.Random

    def write(self, at: int) -> None:
        """Write the article of one moment, and read it."""
        new = self.draw.random() < NEW
        number = self.articles + at if new else self.draw.randrange(self.articles)
        article = draw_article(number)
        if not new:
            article = article.model_copy(update={"title": f"{article.title}, again"})
        self.store.write_many([article])
        self.indexer.drain()


@contextmanager
def opened(folder: Path, articles: int) -> Iterator[Newsroom]:
    """The newsroom of an archive."""
    settings = Settings(f"sqlite:///{folder / 'read-also.db'}", folder, "bundled")
    with closing(open_store(settings.database_url)) as store:
        model = find_model(settings.model, folder)
        indexer = Indexer(store, Analyzer(model, load_vectors, str))
        yield Newsroom(store, indexer, articles, random.Random(0))  # noqa: S311


@dataclass(frozen=True, slots=True)
class Compared:
    """A server that lists, a bare view, and the part of a core that each takes while it is idle."""

    lists: Asked
    bare: Asked
    idle: float
    idle_bare: float

    def go_through_day(
        self, newsroom: Newsroom, seeds: Iterator[str], writes: int
    ) -> tuple[float, float]:
        """The mean CPU milliseconds of a list, and of the bare view."""
        spent, requests, of_bare = 0.0, 0, list[float]()
        for at in range(writes):
            newsroom.write(at)
            share = 1 + EVENING * math.sin(2 * math.pi * at / writes)
            ids = [*islice(seeds, round(A_SECOND * SECONDS_BETWEEN * share))]
            spent += self.lists.cost(ids, self.idle) * len(ids)
            requests += len(ids)
            of_bare.append(self.bare.cost(ids[:BARE], self.idle_bare))
        return spent / requests, fmean(of_bare)


@click.command()
@click.option("--articles", default=100_000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the archive is, or is made.")
@click.option("--warm", default=300_000, show_default=True, help="Requests before it is measured.")
@click.option("--writes", default=40, show_default=True, help="In the squeezed day.")
def main(articles: int, folder: Path | None, warm: int, writes: int) -> None:
    """Print the mean costs, and compare them with the bar."""
    figures = traffic_figures(articles, folder, warm, writes)
    print(f"{articles} articles, {writes} writes, mean CPU of a request:")
    sys.exit(report(figures, click.echo))


def traffic_figures(articles: int, folder: Path | None, warm: int, writes: int) -> list[Figure]:
    """What a list costs on average, and its bar beside the bare view.

    Args:
        articles: of the archive.
        folder: where it is, or is made; it is copied. None to make it for this once.
        warm: how many requests come before it is measured.
        writes: how many there are in a day.
    """
    with TemporaryDirectory() as place:
        made, copy = folder or Path(place) / "made", Path(place) / "archive"
        make_archive(made, articles)
        shutil.copytree(made, copy)
        with opened(copy, articles) as newsroom:
            lists, bare = measure(copy, newsroom, warm, writes)
    return [
        Figure("bare view, ms", bare),
        Figure("a list on average, ms", lists),
        Figure("a list, ms more than the bare view", lists - bare, MOST_MORE, "most"),
    ]


def measure(folder: Path, newsroom: Newsroom, warm: int, writes: int) -> tuple[float, float]:
    """The mean CPU milliseconds of a list, and of the bare view.

    Args:
        folder: of the archive; it is changed.
        newsroom: writes to it.
        warm: how many requests come before it is measured.
        writes: how many there are in a day.
    """
    of_lists = {f"{PREFIX}DATA_DIR": str(folder), f"{PREFIX}API_KEYS": f"bench:read:{KEY}"}
    seeds, body = draw_seeds(newsroom.articles), folder / "body.json"
    with asked("service:create_app", of_lists) as lists:
        body.write_bytes(lists.get(next(seeds)))
        warm_up(lists, seeds, warm)
        with asked("benchmarks.request_cost:bare_view", {BODY: str(body)}) as bare:
            bare.get(next(seeds))
            compared = Compared(lists, bare, lists.idle_share(), bare.idle_share())
            return compared.go_through_day(newsroom, seeds, writes)


def warm_up(lists: Asked, seeds: Iterator[str], requests: int) -> None:
    """Ask for lists until many are kept."""
    begun = time.monotonic()
    for at, article_id in enumerate(islice(seeds, requests), 1):
        lists.get(article_id)
        if at % SHOWN_EVERY == 0:
            rate = at / (time.monotonic() - begun)
            click.echo(f"warming up: {at} of {requests}, {rate:.0f} a second", err=True)


def draw_seeds(articles: int) -> Iterator[str]:
    """Ids of stories, those of a low rank more often; which story has which rank is drawn too."""
    draw = np.random.default_rng(0)
    ranks, shares = draw.permutation(articles), 1 / np.arange(1, articles + 1)
    while True:
        for number in draw.choice(ranks, 10_000, p=shares / shares.sum()).tolist():
            yield id_of(number)


if __name__ == "__main__":
    main()
