"""Commands that run the service: serve, web, indexer, demo."""

import logging
import os
from collections.abc import Callable

import click

from recommender.cli.related_command import as_text
from recommender.cli.terminal import bar
from recommender.operations.demo import demonstrate
from recommender.operations.indexer_process import index_forever
from recommender.operations.supervision import die_with_supervisor
from recommender.operations.web_server import WebOptions, serve_all, serve_web
from recommender.settings import MOST_WORKERS, Settings

__all__ = ["demo", "indexer", "serve", "web"]


def _address(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options where to listen, and with how many workers."""
    port = click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65_535))
    host = click.option("--host", default="127.0.0.1", show_default=True)
    counts = click.IntRange(1, MOST_WORKERS)
    workers = click.option("--workers", type=counts, help="Instead of READ_ALSO_WORKERS.")
    return host(port(workers(command)))


@click.command()
@_address
def serve(host: str, port: int, workers: int | None) -> None:
    """Serve the API and run the indexer, until interrupted."""
    serve_all(WebOptions.of(Settings.from_environment(), host, port, workers))


@click.command()
@_address
def web(host: str, port: int, workers: int | None) -> None:
    """Serve the API; the indexer runs elsewhere."""
    serve_web(WebOptions.of(Settings.from_environment(), host, port, workers))


@click.command()
def indexer() -> None:
    """Analyze what is written, until interrupted.

    It also builds a new snapshot when that is due.
    """
    die_with_supervisor()
    index_forever(Settings.from_environment())
    # All work is stored. Unloading torch would take longer than a supervisor waits.
    logging.shutdown()
    os._exit(0)


@click.command()
@click.option("--serve/--no-serve", "served", default=True, show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65_535))
def demo(served: bool, port: int) -> None:
    """Import the sample archive, show a list, and serve it."""
    demonstrate(
        Settings.from_environment(), bar, click.echo, as_text, port=port if served else None
    )
