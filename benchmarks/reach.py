"""How far the most listed article reaches, on the BBC texts, every text a seed."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.bbc import SERVED, Lists, read_articles
from benchmarks.figures import Figure
from recommender.analysis.embedding import find_model
from recommender.api import ListOptions
from recommender.cli.meters import bar
from recommender.evaluation import Dataset, open_bench
from recommender.evaluation.runs import list_each

__all__ = ["measure_reach"]


def measure_reach(cache: Path) -> Iterator[Figure]:
    """The served lists, without fallbacks, which are the same for many seeds by their nature."""
    articles = tuple(read_articles())
    dataset = Dataset(articles, (), {}, (), None)
    with open_bench(dataset, find_model("bundled", cache), bar, cache=cache / "bbc") as bench:
        listed = list_each(bench, [a.id for a in articles], SERVED, ListOptions().limit)
    lists = Lists({seed: one.items for seed, one in listed.items()})
    yield Figure("BBC texts, most listed article, lists of 5", lists.reach(5), 0.015, "most")
    yield Figure("BBC texts, most listed article, lists of 12", lists.reach(12), 0.025, "most")
    yield Figure("BBC texts, top 5 of the seed's category", lists.category_precision())
    yield Figure("BBC texts, places filled by related articles", lists.fullness())
