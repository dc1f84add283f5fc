"""The generations on disk: making them, looking them through, going back."""

import time
from functools import partial

import click

from index import Catalog, SnapshotDamaged
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.cli.exits import leave
from recommender.cli.lineage import check_kin, earlier, epoch_of_live
from recommender.cli.meters import bar
from recommender.indexing.notices import held
from recommender.indexing.rebuild import KEPT, compact, rebuild
from recommender.indexing.snapshots import live_name, open_generation, report_catalog
from recommender.operations.indexer_process import model_in_use
from recommender.settings import Settings
from recommender.store import open_store

__all__ = ["compact_", "generations", "rebuild_"]

keep_option = click.option("--keep", default=KEPT, show_default=True, type=click.IntRange(1, 100))


@click.command("rebuild")
@click.option("--full", is_flag=True, help="Compute everything again, also what is kept.")
@click.option("--force", is_flag=True, help="Publish even what the gate refuses.")
@keep_option
def rebuild_(full: bool, force: bool, keep: int) -> None:
    """Embed what changed, build a snapshot, verify, judge and publish it."""
    settings = Settings.from_environment()
    catalog = Catalog(settings.data.snapshots)
    model = find_model(settings.model, settings.data_dir)
    store = open_store(settings.database_url)
    begun = time.monotonic()
    with Sandbox() as markup:
        reader = Analyzer(model, partial(load_encoder, meter=bar), markup.read)
        done = rebuild(store, catalog, reader, full=full, force=force, keep=keep, meter=bar)
    click.echo(
        f"published {done.generation}: {done.articles} articles, {done.embedded} embedded, "
        f"up to change {done.change}, in {time.monotonic() - begun:.1f} s"
    )
    if done.unread:
        click.echo(f"{done.unread} articles could not be read and are not in it", err=True)


@click.command("compact")
@keep_option
def compact_(keep: int) -> None:
    """Build what was read already into a new snapshot; the indexer does so when it is due."""
    settings = Settings.from_environment()
    catalog = Catalog(settings.data.snapshots)
    model = model_in_use(catalog, settings)
    done = compact(open_store(settings.database_url), catalog, model, keep=keep)
    click.echo(f"published {done.generation}: {done.articles} articles, up to change {done.change}")


@click.group("snapshots")
def generations() -> None:
    """The generations on disk."""


@generations.command("list")
def list_snapshots() -> None:
    """List the generations, oldest first; * marks the live one."""
    catalog = _catalog()
    names = catalog.generations()
    live = catalog.live() if names else None
    for name in names:
        size = catalog.bytes_of(name) / 1e6
        click.echo(f"{'*' if name == live else ' '} {name}  {size:10.1f} MB")


@generations.command()
@click.argument("generation", required=False)
def verify(generation: str | None) -> None:
    """Check GENERATION, or all of them and which is live: every file, and the search."""
    catalog = _catalog()
    names = catalog.generations() if generation is None else [generation]
    faults = {name: _fault_of(catalog, name) for name in names}
    for name, fault in faults.items():
        click.echo(f"{name}: {fault or 'ok'}")
    if generation is None and names:
        click.echo(f"live: {catalog.live()}")
    if any(faults.values()):
        leave(SnapshotDamaged)


@generations.command()
@click.argument("generation", required=False)
def rollback(generation: str | None) -> None:
    """Make GENERATION live, or the one before the live one.

    What changed since goes on being listed. Nothing is compacted until you run `read-also rebuild`.
    """
    catalog = _catalog()
    with catalog.lock():
        before = live_name(catalog)
        epoch = epoch_of_live(catalog) or _epoch_of_store()
        target = earlier(catalog, epoch, before) if generation is None else generation
        check_kin(catalog, target, epoch)
        open_generation(catalog, target)
        catalog.flip(target)
        held(catalog).say(f"rolled back to {target}\n")
    click.echo(f"live now: {target} (before: {before or 'none that can be read'})")


@generations.command()
@keep_option
def prune(keep: int) -> None:
    """Remove all but the newest generations and the live one, and what only they needed."""
    catalog = _catalog()
    store = open_store(Settings.from_environment().database_url)
    with catalog.lock():
        removed = catalog.prune(keep)
        store.trim(before=report_catalog(store, catalog).oldest_change)
    store.close()
    for name in removed:
        click.echo(f"removed {name}")


def _catalog() -> Catalog:
    return Catalog(Settings.from_environment().data.snapshots)


def _fault_of(catalog: Catalog, generation: str) -> str | None:
    """What is wrong with a generation.

    Raises:
        NoSnapshot: there is none of that name.
    """
    try:
        open_generation(catalog, generation)
        catalog.verify(generation)
    except (SnapshotDamaged, OSError) as fault:
        return str(fault)
    return None


def _epoch_of_store() -> str:
    store = open_store(Settings.from_environment().database_url)
    try:
        return store.state().epoch
    finally:
        store.close()
