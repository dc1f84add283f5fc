"""What site rules do to lists, by the sample archive, and what a rule costs in a large archive.

    OMP_NUM_THREADS=1 python -m benchmarks.site_rules [--rows 1000000]

A section is boosted or buried under all articles of the others, by some amounts, one section after
the other. Printed are means over all lists of twelve.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from recommender.analysis.embedding import find_model
from recommender.api import Choice, RelatedList
from recommender.cli.terminal import bar
from recommender.evaluation import Bench, open_bench, read_dataset
from recommender.evaluation.measures import mean_measures
from recommender.evaluation.runs import list_each
from recommender.ranking.filters import Filter, matching
from recommender.ranking.policy import Policy
from recommender.ranking.site_rules import Condition, SiteRule

SAMPLE: Final = Path(__file__).parents[1] / "recommender" / "sample"
AMOUNTS: Final = (-1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0)
LISTED: Final = 12
ROUNDS: Final = 20
SECTIONS: Final = 20
TAGGED: Final = 100
"""One of so many rows has the tag."""


@dataclass(frozen=True, slots=True, eq=False)
class LargeArchive:
    """The columns of many rows that a condition reads."""

    columns: Mapping[str, NDArray[Any]]
    labels: Mapping[str, Sequence[str]]
    tagged: NDArray[np.int32]

    @classmethod
    def of(cls, rows: int) -> "LargeArchive":
        """Rows with a random section and date; one in TAGGED has the tag."""
        draw = np.random.default_rng(0)
        columns = {
            "published": np.ones(rows, np.bool_),
            "published_at": draw.uniform(0, 1e9, rows),
            "section": draw.integers(0, SECTIONS, rows).astype(np.int32),
        }
        names = [f"section {number}" for number in range(SECTIONS)]
        return cls(columns, {"section": names}, np.arange(0, rows, TAGGED, dtype=np.int32))

    def rows_with(self, keyword: str, /) -> NDArray[np.int32]:
        """The rows that have the tag: int32 [m]."""
        return self.tagged if keyword else self.tagged[:0]

    def rows_between(self, name: str, least: float, most: float, /) -> NDArray[np.int32]:
        """The rows that have the number 1: int32 [m]."""
        return self.tagged if name and least <= 1 <= most else self.tagged[:0]


def say_effects(bench: Bench, amount: float) -> None:
    """Print what a boost by some amount does; below 0 it buries."""
    articles = {article.id: article for article in bench.dataset.articles}
    counts, ranks, gains = [], [], []
    for section in sorted({one.section for one in articles.values() if one.section}):
        policy = replace(Policy(), rules=_rules(section, amount))
        lists = list_each(bench, bench.dataset.queries, policy, LISTED)
        run = {
            seed: {item.id: -float(item.rank) for item in one.items} for seed, one in lists.items()
        }
        gains.append(mean_measures(bench.dataset, run)["nDCG@5"])
        others = [one for seed, one in lists.items() if articles[seed].section != section]
        for listed in others:
            found = [*_ranks(listed, section)]
            counts.append(len(found))
            ranks += found[:1]
    figures = f"{mean(counts):>16.2f}{mean(ranks):>16.1f}{mean(gains):>10.3f}"
    click.echo(f"{amount:>+8.2f}{figures}")


def _rules(section: str, amount: float) -> tuple[SiteRule, ...]:
    if not amount:
        return ()
    items, under = Condition(section=section), Condition(section=f"-{section}")
    return (SiteRule("measured", "boost" if amount > 0 else "bury", under, items, by=abs(amount)),)


def _ranks(listed: RelatedList, section: str) -> Iterator[int]:
    """The ranks of the related items of a section."""
    for item in listed.items:
        if item.section == section and item.reason == "semantic":
            yield item.rank


def say_costs(rows: int) -> None:
    """Print how long the condition of one rule takes over a large archive."""
    archive = LargeArchive.of(rows)
    filters = {
        "a section": Filter(section=Choice(frozenset({"section 3"}))),
        "a tag": Filter(tag=Choice(frozenset({"tag"}))),
        "an age": Filter(newer_than=5e8),
    }
    for name, wanted in filters.items():
        spent = min(_timed(archive, wanted) for _ in range(ROUNDS))
        click.echo(f"{name:<12}{spent * 1e3:>8.2f} ms in {rows:,} articles")


def _timed(archive: LargeArchive, wanted: Filter) -> float:
    begun = time.perf_counter()
    matching(archive, wanted)
    return time.perf_counter() - begun


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
def main(rows: int) -> None:
    """Measure effects and costs."""
    say_costs(rows)
    model = find_model("bundled", Path())
    with open_bench(read_dataset(SAMPLE), model, bar) as bench:
        click.echo("  amount  items of 12  rank of the first    nDCG@5")
        for amount in AMOUNTS:
            say_effects(bench, amount)


if __name__ == "__main__":
    main()
