"""Measures relevance on all data sets, with the functions behind `read-also evaluate`.

    python -m benchmarks.relevance EVAL [--cache DIR] [--write FILE] [--skip-slow] [--titles MODEL]

EVAL holds one folder a data set. If it has a `score.py`, that measures the shipped lists and scores
again, independently of our code. With `--write` the figures replace those in a page.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from benchmarks.bbc_news import measure_reach
from benchmarks.dev_sets import DEV_SETS, HALVES, LISTS, PARALLEL, open_dev_set
from benchmarks.event_news import measure_events
from benchmarks.figures import Figure, find_figures, report, write_figures
from benchmarks.languages import measure_halves, measure_translations
from benchmarks.signal_weights import Trials, say_trials, set_figures, try_policies
from recommender.analysis.language import detect_language
from recommender.articles import Article, primary_language
from recommender.evaluation import Bench
from recommender.sources import read_jsonl

COMMAND: Final = "make bench-relevance"
Say = Callable[[str], object]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Keep vectors here.")
@click.option("--write", type=click.Path(exists=True, path_type=Path), help="A page to write to.")
@click.option("--skip-slow", is_flag=True, help="Leave out what takes half an hour to embed.")
@click.option("--titles", default="", help="A second model for titles and leads, beside bundled.")
def main(
    folder: Path,
    cache: Path | None,
    write: Path | None,
    skip_slow: bool,  # noqa: FBT001
    titles: str,
) -> None:
    """Measure on the data sets in FOLDER."""
    lines: list[str] = []
    if write is not None:
        find_figures(write, COMMAND)  # fail now, not after an hour

    def say(line: str) -> None:
        lines.append(line)
        click.echo(line)

    with ExitStack() as stack:
        kept = cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        figures = measure(folder, kept, say, titles=titles, skip_slow=skip_slow)
    missed = report(figures, say)
    if write is not None:
        write_figures(write, COMMAND, "\n".join(["```text", *lines, "```"]))
    sys.exit(missed)


def measure(folder: Path, cache: Path, say: Say, *, titles: str, skip_slow: bool) -> list[Figure]:
    """Measure all figures, and print tables on the way."""
    trials: list[Trials] = []
    figures: list[Figure] = []
    for dev_set in DEV_SETS:
        if not (skip_slow and dev_set.slow):
            with open_dev_set(dev_set, folder, cache, titles=titles) as bench:
                found = try_policies(dev_set, bench)
                figures += measure_more(found, bench, folder, say)
                trials.append(found)
    say_trials(trials, say)
    return [*set_figures(trials), *figures, *measure_reach(cache), *measure_detection(folder)]


def measure_more(trials: Trials, bench: Bench, folder: Path, say: Say) -> Iterator[Figure]:
    """Score the set again, and measure what belongs to one set alone."""
    if (folder / "score.py").exists():
        yield score_again(trials, folder)
    if trials.dev_set.name == LISTS:
        yield from measure_events(trials, bench, say)
    if trials.dev_set.folder == PARALLEL:
        yield from measure_translations(bench, folder)
    if trials.dev_set.folder == HALVES:
        yield from measure_halves(trials, bench)


def score_again(trials: Trials, folder: Path) -> Figure:
    """The difference between our measure and that of the scorer of the data sets."""
    dev_set = trials.dev_set
    kind, *names = ("ndcg", "qrels", "run") if dev_set.has_lists else ("pairs", "pairs", "scores")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.writelines(trials.written)
        file.flush()
        paths = (dev_set.judgments(folder), file.name)
        options = [f"--{name}={path}" for name, path in zip(names, paths, strict=True)]
        command = [sys.executable, str(folder / "score.py"), kind, *options, "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    found = json.loads(done.stdout)["metrics"][dev_set.measure]["mean"]
    off = abs(found - trials.value("shipped"))
    return Figure(f"{dev_set.name} {dev_set.measure}, off score.py by", off, 1e-6, "most")


def measure_detection(folder: Path) -> Iterator[Figure]:
    """The share of parallel news texts in eight languages whose language is detected."""
    right: dict[str, list[bool]] = {}
    for record in read_jsonl(folder / PARALLEL / "articles.jsonl"):
        if isinstance(record.content, Article):
            article, named = record.content, primary_language(record.content.language)
            found = detect_language(f"{article.title}\n{article.body}")
            right.setdefault(str(named), []).append(found == named)
    for language, hits in sorted(right.items()):
        yield Figure(f"{PARALLEL} language of {language} detected", sum(hits) / len(hits), 0.99)


if __name__ == "__main__":
    main()
