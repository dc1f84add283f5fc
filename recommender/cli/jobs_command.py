"""The command that does what is asked for in the console."""

import click

from recommender.cli.archive_in_use import open_settings
from recommender.cli.terminal import leave
from recommender.errors import ReadAlsoError
from recommender.operations.console_jobs import do_jobs

__all__ = ["jobs"]


@click.command()
@click.option("--files-only", is_flag=True, help="Only read files that were sent to this machine.")
def jobs(*, files_only: bool) -> None:
    """Do what is asked for in the console, until it is done.

    The indexer starts this by itself. The console shows what came of each job.
    """
    if do_jobs(open_settings(), elected=not files_only):
        leave(ReadAlsoError)
