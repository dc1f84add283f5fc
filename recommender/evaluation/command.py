"""The work of `read-also evaluate`: measure, print, and write the files that are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from index import Catalog, View
from recommender.analysis.embedding import Model
from recommender.analysis.html.sandbox import LINKS, Sandbox
from recommender.articles import Article
from recommender.evaluation.datasets import Dataset, read_dataset
from recommender.evaluation.links import as_dataset, judge_links, read_links
from recommender.evaluation.measures import check_installed, correlate_with_intervals
from recommender.evaluation.report import RatedPairs, ReportHeading, keep_report, write_report
from recommender.evaluation.runs import Bench, Run, open_bench, plain_articles, score_pairs
from recommender.evaluation.scoreboard import (
    Scoreboard,
    measure_lists,
    measures_line,
    scoreboard_lines,
)
from recommender.indexing.snapshots import Origin, open_generation
from recommender.progress import Meter
from recommender.store import ArticleStore

__all__ = ["OutputFiles", "evaluate_folder", "evaluate_links", "measure_bench", "write_run"]

TAG = "read-also"
UNKNOWN = "unknown"
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """The files to write (None writes none), and the command that the report shows.

    A report is also kept in the folder `kept`, if there is one.
    """

    run: Path | None = None
    scores: Path | None = None
    report: Path | None = None
    command: str = "read-also evaluate"
    kept: Path | None = None


def evaluate_folder(
    folder: Path,
    find: Callable[[Sequence[Article]], Model],
    meter: Meter,
    say: Say,
    *,
    language: Literal["same", "any"] = "same",
    cache: Path | None = None,
    output: OutputFiles | None = None,
    **files: Path | None,
) -> None:
    """Measure a folder of articles and judgments, print the result, and write the files.

    `find` finds the model for the articles; `files` are the named files of `read_dataset`.
    """
    check_installed()
    dataset = read_dataset(folder, **files)
    model = find(dataset.articles)
    with open_bench(dataset, model, meter, cache=cache, language=language) as bench:
        say(
            f"{folder}: {len(bench.view)} articles, {len(dataset.queries)} queries, "
            f"{len(dataset.pairs)} pairs"
        )
        measure_bench(bench, folder.resolve().name, say, output or OutputFiles())


def measure_bench(bench: Bench, name: str, say: Say, output: OutputFiles) -> None:
    """Measure all that a bench has judgments for; print it and write the files."""
    board = _lists(bench, say, output.run) if bench.dataset.queries else None
    rated = _pairs(bench, say, output.scores) if bench.dataset.pairs else None
    if output.report is not None:
        now = datetime.fromtimestamp(bench.now, UTC)
        snapshot = bench.view.snapshot
        models = _shown_models(Origin.of(snapshot.manifest))
        heading = ReportHeading(name, models, snapshot.generation, now, output.command)
        write_report(output.report, heading, bench, board, rated)
        if output.kept is not None:
            keep_report(output.report, output.kept, now)
        say(f"{output.report}: written")


def _shown_models(origin: Origin) -> str:
    model = shown_model(origin.encoder)
    if not origin.title_encoder:
        return model
    return f"{shown_model(origin.title_encoder)} (titles and leads), {model} (passages)"


def shown_model(name: str) -> str:
    """The name of a model; of a path on this machine only the last part."""
    path = Path(name or UNKNOWN)
    return path.name if path.is_absolute() or name.startswith(".") else str(path)


def _lists(bench: Bench, say: Say, path: Path | None) -> Scoreboard:
    board = measure_lists(bench)
    if path is not None:
        write_run(path, board.relevance)
    for line in scoreboard_lines(board):
        say(line)
    return board


def _pairs(bench: Bench, say: Say, path: Path | None) -> RatedPairs:
    found = score_pairs(bench)
    if path is not None:
        lines = (f"{a}\t{b}\t{score!r}\n" for (a, b), score in found.items())
        path.write_text("".join(lines), "utf-8")
    human, scores = [pair.human for pair in bench.dataset.pairs], list(found.values())
    rated = RatedPairs(tuple(human), tuple(scores), correlate_with_intervals(human, scores))
    say(measures_line("pairs", rated.correlations))
    return rated


def write_run(path: Path, run: Run) -> None:
    """Write lists in the form of TREC: `qid Q0 docid rank score tag`."""
    with path.open("w", encoding="utf-8") as file:
        for query, listed in run.items():
            for rank, (other, score) in enumerate(listed.items(), 1):
                file.write(f"{query} Q0 {other} {rank} {score!r} {TAG}\n")


LINKS_NAME = "links of the archive"


def evaluate_links(
    store: ArticleStore,
    catalog: Catalog,
    meter: Meter,
    say: Say,
    *,
    language: Literal["same", "any"] = "same",
    output: OutputFiles | None = None,
) -> None:
    """Measure the lists of the live generation by the links in the stored articles; print it.

    Raises:
        NoSnapshot: no generation is published yet.
        BadSource: no article links to another one.
    """
    check_installed()
    view = View.of(open_generation(catalog))
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
    say(f"{view.snapshot.generation}: {len(view)} articles, {judged}")
    say(f"{len(bench.dataset.queries)} queries")
    measure_bench(bench, LINKS_NAME, say, output or OutputFiles())
