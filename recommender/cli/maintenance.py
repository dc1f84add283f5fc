"""Commands for maintenance: check, erase."""

from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final

import click

from index import Catalog, IndexFault
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding.loading import PATIENCE_SECONDS, load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.characters import printable
from recommender.cli.archive_in_use import open_settings
from recommender.cli.source_options import SourceAccess, check_place, source_options
from recommender.cli.terminal import bar, current_actor, leave
from recommender.errors import DeletedArticle, GateRefused, HeldBack, ReadAlsoError
from recommender.indexing.compaction import compact
from recommender.indexing.publication import catalog_of, copies_of
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import needs_rebuild
from recommender.operations.check import gather_facts
from recommender.operations.check_findings import Level, judge
from recommender.operations.erasure import Erased, erase
from recommender.operations.index_server import look_at_server
from recommender.operations.indexer_process import model_in_use
from recommender.progress import silent
from recommender.settings import Settings
from recommender.sources.registry import is_address, open_source
from recommender.store import ArticleStore, open_store

__all__ = ["check", "erase_"]

ALL_GENERATIONS: Final = 1_000_000
"""Publishing removes no generation here, because `erase` removes them itself."""


def _check_against(ctx: click.Context, param: click.Parameter, against: str | None) -> str | None:
    return None if against is None else check_place(against, ctx, param)


@click.command()
@click.option(
    "--against",
    metavar="PATH|URL",
    callback=_check_against,
    help="Compare the store with this file or site; any that `import` reads.",
)
@click.option("--verbose", is_flag=True, help="Print every check, also those that found nothing.")
@source_options
def check(against: str | None, verbose: bool, access: SourceAccess) -> None:
    """Check that store and snapshots are whole and agree.

    If the settings name a Milvus server, it is asked which collection is live, whether that is of
    this store, and which articles it could not take.

    The exit code is 1 if there is a fault, else 0. Articles that wait to be analyzed are no fault
    unless they have waited for an hour. Articles that could not be analyzed are a fault.

    Of articles that are not in a WordPress site at an address, only those of that site are named.
    """
    settings = open_settings(only_reads=True)
    catalog, now = Catalog(settings.data.snapshots), datetime.now(tz=UTC)
    with (
        closing(open_store(settings.database_url, must_exist=True)) as store,
        access.fetcher() as fetcher,
    ):
        source = None if against is None else open_source(against, "auto", fetcher, access.scope())
        pulled = None if source is None else source.pull(None, silent)
        of_site = against is not None and is_address(against)
        server = look_at_server(settings, store)
        facts = gather_facts(store, catalog, now, pulled, of_site=of_site, server=server)
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
@click.option(
    "--force", is_flag=True, help="Analyze what waits, and publish even what the gate refuses."
)
def erase_(article_id: str, yes: bool, force: bool) -> None:
    """Remove every trace of the article ID.

    Its text and all that was computed from it are removed from the database, from the data folder,
    and with every snapshot that holds it: nobody can roll back to those. Only the id stays, marked
    as deleted, so that the article is answered with 410 and an older change cannot bring it back.
    If it is interrupted or refused, run it again. After a rollback, run `read-also rebuild` first.

    If several machines share a PostgreSQL server, run it on each machine that has a data folder of
    its own: it looks at no other data folder.

    Workers use the new snapshot within seconds; the disk space of the old ones is free after that.
    You have to erase what is outside of the program: backups, exports, logs, and of a PostgreSQL
    server its write-ahead log, its replicas and its statistics.

    At the end the database is rewritten, which takes seconds with a large archive. A write that
    comes meanwhile waits for up to 3 s; then it is refused with 503, and the client has to send it
    again.
    """
    settings = open_settings()
    catalog = catalog_of(settings)
    with closing(open_store(settings.database_url, must_exist=True)) as store:
        with suppress(DeletedArticle):
            store.get(article_id)
        if not yes:
            click.confirm(f"Erase {article_id} and every snapshot that holds it?", abort=True)
        publish = partial(_publish, settings, store, catalog, force=force)
        try:
            acting, copies = store.acting(current_actor()), copies_of(catalog)
            done = erase(acting, catalog, settings.data, article_id, publish, copies)
        except (ReadAlsoError, IndexFault, OSError) as fault:
            click.echo(f"not erased yet; to finish it, run: {_rest(fault, article_id)}", err=True)
            raise
    _print(article_id, done)


def _rest(fault: Exception, article_id: str) -> str:
    """What is left to run after an erasure that a fault has ended."""
    again = f"read-also erase {article_id}"
    if isinstance(fault, HeldBack):
        return f"read-also rebuild, which ends the rollback; then {again}"
    return f"{again} --force" if isinstance(fault, GateRefused) else again


def _publish(settings: Settings, store: ArticleStore, catalog: Catalog, *, force: bool) -> str:
    model = model_in_use(catalog, settings, store)
    if not (force or needs_rebuild(catalog)):
        # A merge would keep statistics that the article was counted in.
        return compact(store, catalog, model, full=True, keep=ALL_GENERATIONS).generation
    with Sandbox() as markup:
        reader = Analyzer(
            model, partial(load_encoder, meter=bar, patience_seconds=PATIENCE_SECONDS), markup.read
        )
        done = rebuild(store, catalog, reader, force=force, keep=ALL_GENERATIONS, meter=bar)
    return done.generation


def _print(article_id: str, done: Erased) -> None:
    click.echo(f"erased {article_id}; its tombstone is change {done.change}")
    if done.published is not None:
        click.echo(f"published {done.published}")
    for name in done.generations:
        click.echo(f"removed generation {name}")
    for name in done.collections:
        click.echo(f"removed collection {name}")
    for path in done.files:
        click.echo(f"removed {path}")
    click.echo(f"removed {done.features} rows of features")
    if done.is_shared:
        click.echo(
            "data folders of other machines were not looked at; on each machine that has one, run: "
            f"read-also erase {article_id}"
        )
