"""Lists with several seeds: how well they find the rest of one event, of two, and avoid a third.

    python -m benchmarks.several_seeds EVAL [--cache DIR]

EVAL is the folder of the data sets. The seeds are articles of one event, or of two events;
relevant is the rest of these events. To be unlike are articles of the nearest other event. Compared
are several weights of the formula, and the list of one seed that has the mean vector, the summed
words and all passages of the seeds (Rocchio 1971).
"""

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Final
from unittest.mock import patch

import click
import ir_measures
import numpy as np
from numpy.typing import NDArray

from benchmarks.dev_sets import LISTS
from index import Query
from recommender.analysis.embedding import find_model
from recommender.cli.terminal import bar
from recommender.evaluation import Bench, open_bench, read_dataset
from recommender.ranking import seed_scores
from recommender.ranking.candidates import ListRequest
from recommender.ranking.overrides import OverridesByArticle
from recommender.ranking.policy import RELEVANCE_ONLY
from recommender.ranking.related import list_related
from recommender.ranking.scoring import Seed, find_seed
from recommender.ranking.several_seeds import merge_seeds, request_like

SEEDS: Final = 2  # of each event
LEAST: Final = SEEDS + 2  # articles of an event
FIRST: Final = 12
RNG_SEED: Final = 20_261_129
WEIGHTS: Final = (0.0, 0.25, 0.5, 1.0)
MEASURES: Final = (ir_measures.nDCG @ 5, ir_measures.nDCG @ 12)


@dataclass(frozen=True, slots=True)
class Task:
    """Ids to be like and unlike, and the ids that a list should hold or avoid."""

    like: tuple[str, ...]
    wanted: frozenset[str]
    unlike: tuple[str, ...] = ()
    unwanted: frozenset[str] = frozenset()


Lists = Callable[[Task], list[str]]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Keep vectors here.")
def main(folder: Path, cache: Path | None) -> None:
    """Make lists for the events of a data set in FOLDER."""
    with ExitStack() as stack:
        kept = cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dataset, model = read_dataset(folder / LISTS), find_model("bundled", kept)
        with open_bench(dataset, model, bar, cache=kept / LISTS) as bench:
            for name, tasks in kinds_of_tasks(bench).items():
                click.echo(f"\n{name}: {len(tasks)} lists")
                for formula, lists in formulas(bench, avoids=bool(tasks[0].unlike)):
                    click.echo(f"  {formula:<34}{measured(tasks, lists)}")


def kinds_of_tasks(bench: Bench) -> Mapping[str, list[Task]]:
    """The tasks of each kind, the same ones each time."""
    events = [event for event in events_of(bench) if len(event) >= LEAST]
    random.Random(RNG_SEED).shuffle(events)  # noqa: S311 - not for secrets
    alone = [Task(event[:SEEDS], frozenset(event[SEEDS:])) for event in events]
    pairs = [(one, nearest_event(bench, one, events)) for one in events]
    return {
        "one event": alone,
        "two events": [
            Task(one.like + other.like, one.wanted | other.wanted) for one, other in pairwise(alone)
        ],
        "one event, unlike the nearest one": [
            Task(one[:SEEDS], frozenset(one[SEEDS:]), near[:SEEDS], frozenset(near[SEEDS:]))
            for one, near in pairs
        ],
    }


def events_of(bench: Bench) -> list[tuple[str, ...]]:
    """The events: articles that are relevant for each other, ascending."""
    found = {
        tuple(sorted({query, *(o for o, gain in bench.dataset.judged(query).items() if gain > 0)}))
        for query in bench.dataset.queries
    }
    return sorted(found)


def nearest_event(
    bench: Bench, event: tuple[str, ...], events: list[tuple[str, ...]]
) -> tuple[str, ...]:
    """The other event whose mean vector is nearest to that of an event."""
    others = [one for one in events if one != event]
    own = _mean_vector(bench, event)
    return max(others, key=lambda one: float(_mean_vector(bench, one) @ own))


def _mean_vector(bench: Bench, event: tuple[str, ...]) -> NDArray[np.float32]:
    rows = [row for row in map(bench.view.row_of, event) if row is not None]
    return _unit_mean([*bench.view.fetch(np.array(rows))])


def formulas(bench: Bench, *, avoids: bool) -> Iterator[tuple[str, Lists]]:
    """Ways to make a list, by name."""
    for support, aversion in product(WEIGHTS, WEIGHTS if avoids else WEIGHTS[:1]):
        yield f"support {support:g}, aversion {aversion:g}", _weighted(bench, support, aversion)
    yield "mean vector", lambda task: _ids_of(_request_of_mean(bench, task))


def _weighted(bench: Bench, support: float, aversion: float) -> Lists:
    def lists(task: Task) -> list[str]:
        likes, unlikes = (_seeds(bench, ids) for ids in (task.like, task.unlike))
        options, overrides = bench.options(FIRST), OverridesByArticle()
        with (
            patch.object(seed_scores, "SUPPORT", support),
            patch.object(seed_scores, "AVERSION", aversion),
        ):
            return _ids_of(
                request_like(
                    bench.view, likes, unlikes, options, RELEVANCE_ONLY, bench.now, overrides
                )
            )

    return lists


def _request_of_mean(bench: Bench, task: Task) -> ListRequest:
    """A list for one seed that is made of all."""
    seeds = _seeds(bench, task.like)
    together = replace(
        merge_seeds(seeds),
        language=seeds[0].language,
        vector=_unit_mean([seed.vector for seed in seeds if seed.vector is not None]),
        passages=np.concatenate([seed.passages for seed in seeds if seed.passages is not None]),
        terms=_sum([seed.terms for seed in seeds if seed.terms is not None]),
    )
    options = bench.options(FIRST).model_copy(update={"exclude": frozenset(task.like)})
    return ListRequest(bench.view, together, options, RELEVANCE_ONLY, bench.now)


def _seeds(bench: Bench, ids: Iterable[str]) -> list[Seed]:
    return [find_seed(bench.view, one) for one in ids]


def _unit_mean(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def _sum(queries: Sequence[Query]) -> Query:
    """The sum of weighted terms, scaled to length 1."""
    buckets, places = np.unique(
        np.concatenate([one.buckets for one in queries]), return_inverse=True
    )
    weights = np.bincount(places, np.concatenate([one.weights for one in queries]))
    return Query(buckets, (weights / np.linalg.norm(weights)).astype(np.float32))


def _ids_of(request: ListRequest) -> list[str]:
    return [item.id for item in list_related(request).items]


def measured(tasks: Sequence[Task], lists: Lists) -> str:
    """The mean nDCG of what is wanted, and how much of what is unwanted is among the first."""
    found = {str(at): lists(task) for at, task in enumerate(tasks)}
    qrels = {str(at): dict.fromkeys(task.wanted, 1) for at, task in enumerate(tasks)}
    run = {
        query: {one: -float(rank) for rank, one in enumerate(ids)} for query, ids in found.items()
    }
    means = ir_measures.calc_aggregate(MEASURES, qrels, run)
    line = "  ".join(f"{measure} {means[measure]:.4f}" for measure in MEASURES)
    unwanted = [len(task.unwanted & {*found[str(at)]}) for at, task in enumerate(tasks)]
    in_all = sum(len(task.unwanted) for task in tasks)
    return line + (f"  unwanted {sum(unwanted) / in_all:.3f}" if in_all else "")


if __name__ == "__main__":
    main()
