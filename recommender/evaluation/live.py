"""Measures of the operator's own archive: the live generation, and two of them side by side."""

import time
from dataclasses import replace
from typing import Literal

from index import Catalog, View
from recommender.analysis.html.sandbox import LINKS, Sandbox
from recommender.errors import BadParameter
from recommender.evaluation.changes import as_lines, compare
from recommender.evaluation.command import Say, Wanted, measure_bench
from recommender.evaluation.datasets import Dataset
from recommender.evaluation.links import as_dataset, judge_links, read_links
from recommender.evaluation.measures import check_installed
from recommender.evaluation.runs import Bench
from recommender.evaluation.texts import plain_articles
from recommender.indexing.snapshots import Origin, open_generation, open_live
from recommender.progress import Meter
from recommender.ranking.policy import Policy
from recommender.store import ArticleStore

__all__ = ["compare_generations", "evaluate_links"]

NAME = "links of the archive"


def evaluate_links(
    store: ArticleStore,
    catalog: Catalog,
    meter: Meter,
    say: Say,
    *,
    language: Literal["same", "any"] = "same",
    wanted: Wanted | None = None,
) -> None:
    """Print how the live generation's lists match the links that the archive's articles carry.

    Raises:
        NoSnapshot: nothing was published yet.
        BadSource: no article links to another one.
    """
    check_installed()
    view = View.of(open_live(catalog))
    bench = Bench(
        Dataset((), (), {}, (), None),
        view,
        "any" if language == "any" else None,
        lambda: plain_articles(store),
        policy=store.policies.current(),
    )
    with Sandbox(LINKS) as markup:
        linked = read_links(store, markup.read, meter)
    judged = judge_links(linked, bench)
    bench = replace(bench, dataset=as_dataset(judged))
    say(f"{view.generation}: {len(view)} articles, {judged}")
    say(f"{len(bench.dataset.queries)} queries")
    model = Origin.of(view.snapshot.manifest).encoder
    measure_bench(bench, NAME, model, say, wanted or Wanted())


def compare_generations(
    catalog: Catalog, before: str, after: str, policy: Policy, say: Say
) -> None:
    """Print what changes in the lists from one generation to another, by one policy.

    Raises:
        NoSnapshot: there is none of that name.
        BadParameter: they have no article in common.
    """
    views = [View.of(open_generation(catalog, name)) for name in (before, after)]
    comparison = compare(views[0], views[1], policy, time.time())
    if not comparison.changes:
        raise BadParameter(
            f"{before} and {after} hold no article in common; choose others: "
            "read-also snapshots list"
        )
    for line in as_lines(comparison):
        say(line)
