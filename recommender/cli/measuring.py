"""How good the lists are."""

from pathlib import Path
from typing import Literal

import click

from recommender.cli.paths import ANY, EXISTING, FOLDER
from recommender.embedding import find_model
from recommender.evaluation import evaluate_folder
from recommender.meters import bar
from recommender.settings import Settings

__all__ = ["evaluate"]


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--qrels", type=EXISTING)
@click.option("--queries", type=EXISTING)
@click.option("--pool", type=EXISTING)
@click.option("--language", type=click.Choice(["same", "any"]), default="same", show_default=True)
@click.option("--distractors", type=EXISTING, help="More articles, never relevant.")
@click.option("--cache", type=ANY, help="Keep the vectors in this folder.")
@click.option("--run", type=ANY, help="Write the relevance run (TREC).")
@click.option("--scores", type=ANY, help="Write the scores of the pairs.")
def evaluate(folder: Path, language: Literal["same", "any"], **files: Path | None) -> None:
    """Measure the lists against the judgments in DIR."""
    model = find_model(Settings.from_environment().model)
    evaluate_folder(folder, model, bar, click.echo, language=language, **files)
