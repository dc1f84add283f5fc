"""The command that shows what this program does."""

import click

from recommender.cli.related_command import as_text
from recommender.cli.terminal import bar
from recommender.operations.demo import demonstrate
from recommender.settings import Settings

__all__ = ["demo"]


@click.command()
@click.option("--serve/--no-serve", "served", default=True, show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65_535))
def demo(served: bool, port: int) -> None:
    """Import the sample archive, show a list, and serve it."""
    demonstrate(
        Settings.from_environment(), bar, click.echo, as_text, port=port if served else None
    )
