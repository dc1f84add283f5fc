"""Commands that show lists: related, serve, web, indexer, demo."""

import logging
import os
import time
from collections.abc import Callable
from contextlib import closing

import click

from index import Catalog
from recommender.analysis.embedding import find_model
from recommender.api import LIMITS, MODES, Explain, ListOptions, Mode
from recommender.cli.listing import as_text
from recommender.cli.terminal import bar
from recommender.errors import UnreadArticle
from recommender.live import open_replica
from recommender.operations.demo import demonstrate
from recommender.operations.indexer_process import index_forever
from recommender.operations.supervision import die_with_supervisor
from recommender.operations.web_server import serve_all, serve_web
from recommender.ranking.candidates import ListRequest
from recommender.ranking.display_fields import DisplayFields
from recommender.ranking.explain import list_explained
from recommender.ranking.seed import seed_of
from recommender.settings import Settings
from recommender.store import open_store

__all__ = ["demo", "indexer", "related", "serve", "web"]


@click.command()
@click.argument("article_id", metavar="ID")
@click.option("-n", "limit", default=12, show_default=True, type=click.IntRange(1, LIMITS[-1]))
@click.option("--mode", type=click.Choice(MODES), default=MODES[0], show_default=True)
@click.option(
    "--explain",
    type=click.Choice(["1", "all"]),
    is_flag=False,
    flag_value="1",
    help="Show why each item is there; with all, also what was dropped, and why.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer of the HTTP API.")
def related(article_id: str, limit: int, mode: Mode, explain: str | None, as_json: bool) -> None:
    """Print the Read also list of the article ID."""
    settings = Settings.from_environment()
    with closing(open_store(settings.database_url, must_exist=True)) as store:
        catalog = Catalog(settings.data.snapshots)
        replica = open_replica(
            catalog, store, lambda: find_model(settings.model, settings.data_dir)
        ).replica
        view = replica.view
        seed = seed_of(view, article_id)
        if seed is None:
            store.get(article_id)  # raises if it is unknown or deleted
            raise UnreadArticle(article_id)
        explanation: Explain = "all" if explain == "all" else explain is not None
        options = ListOptions(limit=limit, mode=mode, explain=explanation)
        now = time.time()
        policy, overrides = replica.in_force.policy, replica.overrides.of(article_id).at(now)
        list_request = ListRequest(view, seed, options, policy, now, overrides)
        answer = list_explained(list_request, store.texts_at)
    if as_json:
        click.echo(answer.to_json(indent=2))
    else:
        row = view.row_of(article_id)
        title = "" if row is None else DisplayFields.from_bytes(view.display_of(row)).title
        click.echo(as_text(answer, title or article_id))


def _address(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options where to listen, and with how many workers."""
    port = click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65_535))
    host = click.option("--host", default="127.0.0.1", show_default=True)
    counts = click.IntRange(1, 64)
    workers = click.option("--workers", type=counts, help="Instead of READ_ALSO_WORKERS.")
    return host(port(workers(command)))


@click.command()
@_address
def serve(host: str, port: int, workers: int | None) -> None:
    """Serve the API and run the indexer, until interrupted."""
    settings = Settings.from_environment()
    serve_all(host, port, workers or settings.workers)


@click.command()
@_address
def web(host: str, port: int, workers: int | None) -> None:
    """Serve the API; the indexer runs elsewhere."""
    settings = Settings.from_environment()
    serve_web(host, port, workers or settings.workers)


@click.command()
def indexer() -> None:
    """Analyze what is written, until interrupted.

    It also builds a new snapshot when that is due.
    """
    die_with_supervisor()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s indexer: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
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
