"""`read-also evaluate`: measures, says what came out, and writes what was asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from recommender.analysis.embedding import Model
from recommender.evaluation.datasets import read_dataset
from recommender.evaluation.measures import check_installed, correlate_surely
from recommender.evaluation.report import Heading, Rated, write_report
from recommender.evaluation.runs import Bench, Run, open_bench, score_pairs
from recommender.evaluation.scoreboard import Scoreboard, measure_all
from recommender.evaluation.table import as_lines, as_row
from recommender.progress import Meter

__all__ = ["Wanted", "evaluate_folder", "measure_bench", "write_run"]

TAG = "read-also"
UNKNOWN = "unknown"
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files to write, and the command as the report should tell it."""

    run: Path | None = None
    scores: Path | None = None
    report: Path | None = None
    command: str = "read-also evaluate"


def evaluate_folder(
    folder: Path,
    model: Model,
    meter: Meter,
    say: Say,
    *,
    language: Literal["same", "any"] = "same",
    cache: Path | None = None,
    wanted: Wanted | None = None,
    **files: Path | None,
) -> None:
    """Print what was measured on a folder; write the run, the scores and the report if wanted.

    `files` are those of `read_dataset`.
    """
    check_installed()
    dataset = read_dataset(folder, **files)
    with open_bench(dataset, model, meter, cache=cache, language=language) as bench:
        say(
            f"{folder}: {len(bench.view)} articles, {len(dataset.queries)} queries, "
            f"{len(dataset.pairs)} pairs"
        )
        measure_bench(bench, folder.resolve().name, model.name, say, wanted or Wanted())


def measure_bench(bench: Bench, name: str, model: str, say: Say, wanted: Wanted) -> None:
    """Measure whatever a bench has judgments for; print and write it."""
    board = _lists(bench, say, wanted.run) if bench.dataset.queries else None
    rated = _pairs(bench, say, wanted.scores) if bench.dataset.pairs else None
    if wanted.report is not None:
        now = datetime.fromtimestamp(bench.now, UTC)
        heading = Heading(name, shown_model(model), bench.view.generation, now, wanted.command)
        write_report(wanted.report, heading, bench, board, rated)
        say(f"{wanted.report}: written")


def shown_model(name: str) -> str:
    """A model's name; of a path on this machine only its end."""
    path = Path(name or UNKNOWN)
    return path.name if path.is_absolute() or name.startswith(".") else str(path)


def _lists(bench: Bench, say: Say, path: Path | None) -> Scoreboard:
    board = measure_all(bench)
    if path is not None:
        write_run(path, board.relevance)
    for line in as_lines(board):
        say(line)
    return board


def _pairs(bench: Bench, say: Say, path: Path | None) -> Rated:
    found = score_pairs(bench)
    if path is not None:
        lines = (f"{a}\t{b}\t{score!r}\n" for (a, b), score in found.items())
        path.write_text("".join(lines), "utf-8")
    human, scores = [pair.human for pair in bench.dataset.pairs], list(found.values())
    rated = Rated(tuple(human), tuple(scores), correlate_surely(human, scores))
    say(as_row("pairs", rated.correlations))
    return rated


def write_run(path: Path, run: Run) -> None:
    """Write lists in the TREC form, `qid Q0 docid rank score tag`."""
    with path.open("w", encoding="utf-8") as file:
        for query, listed in run.items():
            for rank, (other, score) in enumerate(listed.items(), 1):
                file.write(f"{query} Q0 {other} {rank} {score!r} {TAG}\n")
