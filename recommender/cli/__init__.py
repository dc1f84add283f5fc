"""`read-also`: thin commands over the use cases."""

import os

import click

from recommender.cli.content import backup, export, import_, restore_
from recommender.cli.exits import EXIT_CODES, Commands
from recommender.cli.measuring import evaluate
from recommender.cli.policy import policy
from recommender.cli.serving import demo, indexer, related, serve, web
from recommender.cli.snapshots import compact_, generations, rebuild_
from recommender.cli.upkeep import check, erase_

__all__ = ["EXIT_CODES", "main"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="read-also")
def main() -> None:
    """Related articles for newsrooms: a Read also list under every story."""
    os.umask(0o077)  # the store and its copies hold drafts and what is under embargo


for command in (
    *(import_, export, backup, restore_),
    *(rebuild_, compact_, generations),
    *(check, erase_),
    policy,
    *(related, serve, web, indexer, demo),
    evaluate,
):
    main.add_command(command)
