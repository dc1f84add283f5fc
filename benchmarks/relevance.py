"""Measures on the shared data sets, by the functions behind `read-also evaluate`.

    python -m benchmarks.relevance EVAL [--cache DIR]

EVAL is the folder that holds them, one folder a data set. Its `score.py`, if there, scores the
written runs once more, independently.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from benchmarks.figures import Figure, report
from recommender.articles import Article, primary_language
from recommender.embedding import find_model
from recommender.evaluation import (
    correlate,
    measure,
    open_bench,
    read_dataset,
    run_lists,
    score_pairs,
    write_run,
)
from recommender.language import detect_language
from recommender.meters import bar
from recommender.policy import RELEVANCE_ONLY, Policy
from recommender.recommendations import Options
from recommender.sources import read_jsonl

LISTS, PAIRS, PARALLEL = "wikinews-events", "lee", "ntrex"


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Keep vectors here.")
def main(folder: Path, cache: Path | None) -> None:
    """Measure on the data sets in FOLDER."""
    with ExitStack() as stack:
        kept = cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        figures = [*measure_lists(folder, kept), *measure_pairs(folder, kept)]
        figures += measure_detection(folder)
    sys.exit(report(figures, click.echo))


def measure_lists(folder: Path, cache: Path) -> list[Figure]:
    """Same-event lists."""
    dataset = read_dataset(folder / LISTS)
    with open_bench(dataset, find_model("bundled", cache), bar, cache=cache / LISTS) as bench:
        run = run_lists(bench, RELEVANCE_ONLY)
        relevance = measure(dataset, run)
        served = measure(dataset, run_lists(bench, Policy(), Options().limit))
    write_run(cache / "run.txt", run)
    score_again(folder, cache / "run.txt")
    lost = relevance["nDCG@5"] - served["nDCG@5"]
    return [
        Figure(f"{LISTS} relevance nDCG@5", relevance["nDCG@5"], 0.83),
        *(Figure(f"{LISTS} relevance {name}", v) for name, v in list(relevance.items())[1:]),
        Figure(f"{LISTS} served nDCG@5", served["nDCG@5"]),
        Figure(f"{LISTS} nDCG@5 lost by serving", lost, 0.015, "most"),
    ]


def measure_pairs(folder: Path, cache: Path) -> list[Figure]:
    """Pairs rated by people."""
    dataset = read_dataset(folder / PAIRS)
    with open_bench(dataset, find_model("bundled", cache), bar, cache=cache / PAIRS) as bench:
        found = score_pairs(bench)
    rated = correlate([pair.human for pair in dataset.pairs], list(found.values()))
    return [
        Figure(f"{PAIRS} Pearson", rated["Pearson"], 0.68),
        Figure(f"{PAIRS} Spearman", rated["Spearman"]),
    ]


def measure_detection(folder: Path) -> list[Figure]:
    """Of parallel news texts in eight languages, the share whose language is detected right."""
    right: dict[str, list[bool]] = {}
    for record in read_jsonl(folder / PARALLEL / "articles.jsonl"):
        if isinstance(record.content, Article):
            article, told = record.content, primary_language(record.content.language)
            found = detect_language(f"{article.title}\n{article.body}")
            right.setdefault(str(told), []).append(found == told)
    return [
        Figure(f"{PARALLEL} language of {language} detected", sum(hits) / len(hits), 0.99)
        for language, hits in sorted(right.items())
    ]


def score_again(folder: Path, run: Path) -> None:
    """Let the independent scorer print its own figures, for comparison."""
    scorer = folder / "score.py"
    if scorer.exists():
        qrels = folder / LISTS / "qrels.txt"
        command = [sys.executable, str(scorer), "ndcg", "--qrels", str(qrels), "--run", str(run)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        click.echo(done.stdout)


if __name__ == "__main__":
    main()
