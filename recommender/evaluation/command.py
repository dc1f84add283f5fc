"""`read-also evaluate`: measures a folder and says what came out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from recommender.embedding import Model
from recommender.evaluation.datasets import read_dataset
from recommender.evaluation.measures import check_installed, correlate, measure
from recommender.evaluation.runs import Bench, Run, open_bench, run_lists, score_pairs
from recommender.policy import RELEVANCE_ONLY, Policy
from recommender.progress import Meter
from recommender.recommendations import Options

__all__ = ["evaluate_folder", "write_run"]

TAG = "read-also"


def evaluate_folder(  # noqa: PLR0913 - the command's options
    folder: Path,
    model: Model,
    meter: Meter,
    say: Callable[[str], object],
    *,
    language: Literal["same", "any"] = "same",
    cache: Path | None = None,
    run: Path | None = None,
    scores: Path | None = None,
    **files: Path | None,
) -> None:
    """Print a table of measures; write the run and the scores where asked.

    `files` are those of `read_dataset`.
    """
    check_installed()
    dataset = read_dataset(folder, **files)
    with open_bench(dataset, model, meter, cache=cache, language=language) as bench:
        say(
            f"{folder}: {len(bench.view)} articles, {len(dataset.queries)} queries, "
            f"{len(dataset.pairs)} pairs"
        )
        if dataset.queries:
            _report_lists(bench, say, run)
        if dataset.pairs:
            _report_pairs(bench, say, scores)


def _report_lists(bench: Bench, say: Callable[[str], object], path: Path | None) -> None:
    relevance = run_lists(bench, RELEVANCE_ONLY)
    if path is not None:
        write_run(path, relevance)
    served = run_lists(bench, Policy(), Options().limit)
    for name, lists in (("relevance", relevance), ("served", served)):
        say(_row(name, measure(bench.dataset, lists)))


def _report_pairs(bench: Bench, say: Callable[[str], object], path: Path | None) -> None:
    found = score_pairs(bench)
    if path is not None:
        lines = (f"{a}\t{b}\t{score!r}\n" for (a, b), score in found.items())
        path.write_text("".join(lines), "utf-8")
    human = [pair.human for pair in bench.dataset.pairs]
    say(_row("pairs", correlate(human, list(found.values()))))


def write_run(path: Path, run: Run) -> None:
    """Write lists in the TREC form, `qid Q0 docid rank score tag`."""
    with path.open("w", encoding="utf-8") as file:
        for query, listed in run.items():
            for rank, (other, score) in enumerate(listed.items(), 1):
                file.write(f"{query} Q0 {other} {rank} {score!r} {TAG}\n")


def _row(name: str, values: Mapping[str, float]) -> str:
    return f"{name:<10}" + "  ".join(f"{measure} {value:.4f}" for measure, value in values.items())
