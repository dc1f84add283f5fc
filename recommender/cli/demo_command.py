"""The command that shows what this program does."""

import click

from recommender.cli.related_command import as_text
from recommender.cli.terminal import bar
from recommender.operations.demo import demonstrate
from recommender.settings import Settings

__all__ = ["demo"]


@click.command()
@click.option("--serve/--no-serve", "serves", default=True, show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65_535))
def demo(serves: bool, port: int) -> None:
    """Import the sample archive, show a list, and serve it.

    The stories have the addresses of the port, also if they are not served.
    """
    settings = Settings.from_environment()
    demonstrate(settings, bar, click.echo, as_text, port=port, serves=serves)
