"""The command that tunes the encoder on the archive's own pairs."""

from contextlib import closing
from dataclasses import replace
from functools import partial

import click

from index import Catalog
from recommender.cli.archive_in_use import open_settings
from recommender.cli.terminal import bar
from recommender.indexing.archive_model import find_model_of_settings
from recommender.operations.adaptation import adapt
from recommender.settings import PREFIX, Settings
from recommender.store import open_store

__all__ = ["adapt_"]


@click.command("adapt")
@click.option(
    "--minutes",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help="How long to measure and tune at most; reading the archive is not counted.",
)
def adapt_(minutes: float) -> None:
    """Tune the encoder on the archive's own texts.

    Pairs of texts that belong together are taken from the archive: title and body, neighbouring
    passages, articles that link to each other. The tuned model is kept only if it is better on
    articles that were held back. No setting changes: to use it, name its folder in READ_ALSO_MODEL.

    If it is interrupted, run it again; it goes on from the last check.
    """
    settings = _of_one_model(open_settings())
    catalog, say = Catalog(settings.data.snapshots), partial(click.echo, err=True)
    with closing(open_store(settings.database_url, must_exist=True)) as store:
        model = find_model_of_settings(settings, store, catalog)
        done = adapt(store, model, settings.data, bar, say, minutes=minutes)
    click.echo(f"{done.compared}")
    if done.folder is None:
        click.echo(f"not kept, nothing changes: {done.refused}")
    else:
        click.echo(f"kept; to use it, set {PREFIX}MODEL={done.folder.absolute()}")
        click.echo("and run: read-also rebuild (it embeds all articles anew; the gate compares)")


def _of_one_model(settings: Settings) -> Settings:
    """The model for titles is not tuned, and counts neither before nor after."""
    return replace(settings, encoding=settings.encoding.without_titles())
