"""The command that runs the indexer."""

import logging
import os

import click

from recommender.cli.live_model import name_model
from recommender.operations.indexer_process import index_forever
from recommender.operations.supervision import die_with_supervisor
from recommender.settings import Settings

__all__ = ["indexer"]


@click.command()
def indexer() -> None:
    """Analyze what is written, until interrupted.

    It also builds a new snapshot when that is due.
    """
    die_with_supervisor()
    settings = Settings.from_environment()
    logging.getLogger(__name__).info("%s, model %s", settings.place, name_model(settings))
    index_forever(settings, click.echo)
    # All work is stored. Unloading torch would take longer than a supervisor waits.
    logging.shutdown()
    os._exit(0)
