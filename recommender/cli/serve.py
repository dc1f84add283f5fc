"""Commands that start the web server: serve, web.

Nothing heavy is imported: a service that was killed is back sooner.
"""

import logging
from collections.abc import Callable

import click

from recommender.cli.live_model import name_model
from recommender.operations.web_server import WebOptions, serve_all, serve_web
from recommender.settings import MOST_WORKERS, Settings

__all__ = ["serve", "web"]

_log = logging.getLogger(__name__)


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
    serve_all(WebOptions.of(_settings(), host, port, workers))


@click.command()
@_address
def web(host: str, port: int, workers: int | None) -> None:
    """Serve the API; the indexer runs elsewhere."""
    serve_web(WebOptions.of(_settings(), host, port, workers))


def _settings() -> Settings:
    """Read the settings, and log where the data are and which model the archive has."""
    settings = Settings.from_environment()
    _log.info("%s, model %s", settings.place, name_model(settings))
    return settings
