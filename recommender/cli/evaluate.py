"""The command that measures how good the lists are."""

from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import click
from click.core import ParameterSource

from index import Catalog
from recommender.cli.archive_in_use import open_settings
from recommender.cli.terminal import ANY_PATH, EXISTING_FOLDER, EXISTING_PATH, bar
from recommender.evaluation import OutputFiles, compare_generations, evaluate_folder, evaluate_links
from recommender.indexing.archive_model import choose_for_articles
from recommender.settings import Settings
from recommender.store import open_store

__all__ = ["evaluate"]

Language = Literal["same", "any"]

_OPTIONS_OF: Final = {
    "from_links": frozenset({"language", "run", "report"}),
    "compare": frozenset[str](),
}
"""The options that these two kinds of evaluation take."""


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=EXISTING_FOLDER)
@click.option(
    "--from-links", is_flag=True, help="Judge the live lists by the links in the articles."
)
@click.option(
    "--compare", nargs=2, metavar="A B", help="Show which lists differ between two snapshots."
)
@click.option(
    "--qrels", type=EXISTING_PATH, help="Use these judgments (TREC) instead of those in DIR."
)
@click.option(
    "--queries", type=EXISTING_PATH, help="Make only the lists of these ids, one in each line."
)
@click.option("--pool", type=EXISTING_PATH, help="List only these ids, one in each line.")
@click.option("--language", type=click.Choice(["same", "any"]), default="same", show_default=True)
@click.option(
    "--distractors", type=EXISTING_PATH, help="Add these articles, which are never relevant."
)
@click.option("--cache", type=ANY_PATH, help="Keep the vectors in this folder.")
@click.option("--run", type=ANY_PATH, help="Write the relevance run (TREC).")
@click.option("--scores", type=ANY_PATH, help="Write the scores of the pairs.")
@click.option(
    "--report",
    type=ANY_PATH,
    help="Write all results, with plots, to this HTML file; the console shows a copy of it.",
)
@click.pass_context
def evaluate(  # noqa: PLR0913 - click hands over each option
    ctx: click.Context,
    /,
    *,
    folder: Path | None,
    from_links: bool,
    compare: tuple[str, str] | None,
    language: Language,
    report: Path | None,
    run: Path | None,
    scores: Path | None,
    **files: Path | None,
) -> None:
    """Measure how good the lists are.

    With DIR, by the judgments in that folder: articles.jsonl, and qrels.txt or pairs.tsv or both.
    With --from-links, by the links in your articles: the lists of the live snapshot should have
    what they link to. With --compare, nothing is judged: it shows which lists differ between two
    snapshots.

    It prints relevance (the order by relatedness alone), served (what readers get) and the results
    of simpler methods, each with its 95 % interval.
    """
    given = _given(ctx)
    _check(given)
    _check_places(run, scores, report)
    settings = open_settings(only_reads=folder is None)
    kept = settings.data.reports if settings.data.path.is_dir() else None
    output = OutputFiles(run, scores, report, _command(ctx, given), kept)
    if compare is not None:
        _compare(settings, *compare)
    elif from_links:
        _evaluate_links(settings, language, output)
    elif folder is not None:
        find = partial(choose_for_articles, settings, say=partial(click.echo, err=True))
        evaluate_folder(folder, find, bar, click.echo, language=language, output=output, **files)


def _compare(settings: Settings, before: str, after: str) -> None:
    with closing(open_store(settings.database_url, must_exist=True)) as store:
        policy = store.policies.current()
    compare_generations(Catalog(settings.data.snapshots), before, after, policy, click.echo)


def _evaluate_links(settings: Settings, language: Language, output: OutputFiles) -> None:
    with closing(open_store(settings.database_url, must_exist=True)) as store:
        catalog = Catalog(settings.data.snapshots)
        evaluate_links(store, catalog, bar, click.echo, language=language, output=output)


def _given(ctx: click.Context) -> dict[str, Any]:
    """Return the parameters that the user gave, in the order of the help."""
    parameters = [str(parameter.name) for parameter in ctx.command.params]
    source = ParameterSource.COMMANDLINE
    return {n: ctx.params[n] for n in parameters if ctx.get_parameter_source(n) is source}


def _check(given: Iterable[str]) -> None:
    """Refuse options that do not belong together.

    Raises:
        click.UsageError: some do not.
    """
    names = set(given)
    kinds = names & {"folder", *_OPTIONS_OF}
    if len(kinds) != 1:
        raise click.UsageError("give one of DIR, --from-links and --compare A B")
    kind = kinds.pop()
    stray = [
        f"--{name}" for name in sorted(names - {kind}) if name not in _OPTIONS_OF.get(kind, names)
    ]
    if stray:
        raise click.UsageError(f"{', '.join(stray)}: not with --{kind.replace('_', '-')}")


def _check_places(*paths: Path | None) -> None:
    """Check before the long work that its results can be written.

    Raises:
        OSError: a folder is missing.
    """
    for path in filter(None, paths):
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{path}: cannot be written; make the folder {path.parent}")


def _command(ctx: click.Context, given: dict[str, Any]) -> str:
    """Write the command as a report shows it, without the folders of paths."""
    words = [f"read-also {ctx.info_name}"]
    for name, value in given.items():
        if name != "folder":
            words.append("--" + name.replace("_", "-"))
        if isinstance(value, Path):
            words.append(value.resolve().name)
        elif not isinstance(value, bool):
            words.append(str(value))
    return " ".join(words)
