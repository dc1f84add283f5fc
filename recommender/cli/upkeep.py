"""Looking after an archive: whether all is well, and what has to be gone for good."""

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from index import Catalog, IndexFault
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.characters import printable
from recommender.cli.exits import leave
from recommender.cli.meters import bar
from recommender.cli.paths import EXISTING
from recommender.errors import DeletedArticle, GateRefused, ReadAlsoError
from recommender.indexing.rebuild import compact, rebuild
from recommender.indexing.snapshots import needs_rebuild
from recommender.operations.check import gather
from recommender.operations.check_findings import Level, judge
from recommender.operations.erase import Erased, erase
from recommender.operations.indexer_process import model_in_use
from recommender.progress import silent
from recommender.settings import Settings
from recommender.sources.fetching import Fetcher
from recommender.sources.opening import open_source
from recommender.store import ArticleStore, open_store

__all__ = ["check", "erase_"]

EVERY = 1_000_000
"""So many generations are kept while one is published: erasing removes them itself."""


@click.command()
@click.option("--against", type=EXISTING, help="Compare with this file: whatever import reads.")
@click.option("--verbose", is_flag=True, help="Tell of everything that was looked at.")
def check(against: Path | None, verbose: bool) -> None:
    """Tell whether store and generations are whole, and agree.

    Leaves with 0 if there is no fault, with 1 if there is one. Articles that wait to be read are
    no fault, unless they have waited for an hour; articles that could not be read are one.
    """
    settings = Settings.from_environment()
    store = open_store(settings.database_url)
    with Fetcher() as fetcher:
        source = None if against is None else open_source(str(against), "auto", fetcher)
        pulled = None if source is None else source.pull(None, silent)
        facts = gather(store, Catalog(settings.data.snapshots), datetime.now(tz=UTC), pulled)
    store.close()
    findings = judge(facts)
    for finding in findings:
        if verbose or finding.level is not Level.OK:
            click.echo(printable(str(finding)))
    faults = sum(finding.level is Level.FAULT for finding in findings)
    if faults:
        leave(ReadAlsoError)
    click.echo(f"all is well: {facts.articles} articles, {len(facts.generations)} generations")


@click.command("erase")
@click.argument("article_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Read what waits, and publish without the gate.")
def erase_(article_id: str, yes: bool, force: bool) -> None:
    """Remove every trace of the article ID but the news that it was deleted.

    Its text, vectors, words and card go from the database, from the data folder and from every
    generation that holds it: there is no rollback to those. The id stays, so that the article is
    410 and older changes cannot bring it back. Interrupted or refused, it is run again.

    Workers take up the new generation within seconds, and only then is the room of the old ones
    free. What others keep is theirs to erase: backups, exports, logs, and the write-ahead log and
    replicas of a PostgreSQL server. The database is rewritten, during which writes wait.
    """
    settings = Settings.from_environment()
    store, catalog = open_store(settings.database_url), Catalog(settings.data.snapshots)
    with suppress(DeletedArticle):
        store.get(article_id)
    if not yes:
        click.confirm(f"Erase {article_id} and every generation that holds it?", abort=True)
    publish = partial(_publish, settings, store, catalog, force=force)
    try:
        done = erase(store, catalog, settings.data, article_id, publish)
    except (ReadAlsoError, IndexFault, OSError) as fault:
        again = f"{article_id} --force" if isinstance(fault, GateRefused) else article_id
        click.echo(f"not erased yet; to finish it, run: read-also erase {again}", err=True)
        raise
    _tell(article_id, done)
    store.close()


def _publish(settings: Settings, store: ArticleStore, catalog: Catalog, *, force: bool) -> str:
    model = model_in_use(catalog, settings)
    if not (force or needs_rebuild(catalog)):
        return compact(store, catalog, model, keep=EVERY).generation
    with Sandbox() as markup:
        reader = Analyzer(model, partial(load_encoder, meter=bar), markup.read)
        done = rebuild(store, catalog, reader, force=force, keep=EVERY, meter=bar)
    return done.generation


def _tell(article_id: str, done: Erased) -> None:
    """Print what was removed, and what was put in its place."""
    click.echo(f"erased {article_id}; its tombstone is change {done.change}")
    if done.published is not None:
        click.echo(f"published {done.published}")
    for name in done.generations:
        click.echo(f"removed generation {name}")
    for path in done.files:
        click.echo(f"removed {path}")
    click.echo(f"forgot {done.features} rows of words, vectors and plain texts of no article")
