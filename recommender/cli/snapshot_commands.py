"""Commands for snapshots: rebuild, compact, list, verify, rollback, prune."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Final

import click

from index import Catalog, SnapshotDamaged
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.crew import Crew
from recommender.analysis.embedding.loading import PATIENCE_SECONDS, load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.cli.archive_in_use import open_settings
from recommender.cli.terminal import bar, leave
from recommender.indexing.archive_model import choose_for_rebuild
from recommender.indexing.backfill import analyze_texts
from recommender.indexing.compaction import compact
from recommender.indexing.publication import catalog_of
from recommender.indexing.rebuild import DEFAULT_KEEP, rebuild
from recommender.indexing.rollback import roll_back
from recommender.indexing.snapshots import (
    open_generation,
    open_or_create,
    read_pointer,
    report_catalog,
)
from recommender.operations.indexer_process import model_in_use
from recommender.settings import AUTO_MODEL, PREFIX, Settings
from recommender.store import open_store

__all__ = ["compact_", "rebuild_", "snapshots"]

LOCAL_RAY: Final = "local"
keep_option = click.option(
    "--keep",
    default=DEFAULT_KEEP,
    show_default=True,
    type=click.IntRange(1, 100),
    help="How many snapshots to keep.",
)


@click.command("rebuild")
@click.option("--full", is_flag=True, help="Analyze every text again, also those that failed.")
@click.option("--force", is_flag=True, help="Publish even what the gate refuses.")
@click.option(
    "--choose-model",
    is_flag=True,
    help="With READ_ALSO_MODEL=auto: look at the languages of the articles again, and choose anew.",
)
@click.option(
    "--ray",
    "address",
    is_flag=False,
    flag_value=LOCAL_RAY,
    metavar="[ADDRESS]",
    help="Read and embed texts on a Ray cluster that this machine is a part of: auto, or HOST:PORT "
    "of its head. Without ADDRESS, on a Ray of this machine alone.",
)
@keep_option
def rebuild_(full: bool, force: bool, choose_model: bool, address: str | None, keep: int) -> None:
    """Build a snapshot of the store, and publish it.

    Texts that changed are analyzed and embedded. The snapshot is verified, and compared with the
    live one by the gate, before it is published. If anything fails, the live snapshot stays.
    """
    settings = open_settings()
    catalog = catalog_of(settings)
    _check_choice(settings, anew=choose_model)
    begun = time.monotonic()
    with (
        closing(open_or_create(settings)) as store,
        Sandbox() as markup,
        _open_crew(settings, address) as crew,
    ):
        say = partial(click.echo, err=True)
        read = None if crew is None else crew.read
        analyze = partial(analyze_texts, store, markup.read, bar, read=read)
        model = choose_for_rebuild(settings, store, catalog, analyze, say, anew=choose_model)
        load = partial(load_encoder, meter=bar, patience_seconds=PATIENCE_SECONDS, say=say)
        analyzer = Analyzer(model, load, markup.read, crew)
        done = rebuild(store, catalog, analyzer, full=full, force=force, keep=keep, meter=bar)
    click.echo(
        f"published {done.generation}: {done.articles} articles, {done.embedded} embedded, "
        f"up to change {done.change}, in {time.monotonic() - begun:.1f} s"
    )
    if done.unread:
        click.echo(f"{done.unread} articles could not be read and are not in it", err=True)


@contextmanager
def _open_crew(settings: Settings, address: str | None) -> Iterator[Crew | None]:
    """Have a Ray at an address read and embed; None if no address is given, and no Ray imported."""
    if address is None:
        yield None
        return
    from recommender.indexing.ray_crew import RayCrew  # noqa: PLC0415 - only where Ray is asked for

    with RayCrew(address, settings.data_dir, settings.encoding) as crew:
        yield crew


def _check_choice(settings: Settings, *, anew: bool) -> None:
    """Refuse to choose where the settings name the model.

    Raises:
        click.UsageError: they do.
    """
    if anew and settings.model != AUTO_MODEL:
        raise click.UsageError(
            f"--choose-model: {PREFIX}MODEL={settings.model} names the model; unset it, or set it "
            f"to {AUTO_MODEL}"
        )


@click.command("compact")
@click.option("--full", is_flag=True, help="Build all anew, also if few articles have changed.")
@keep_option
def compact_(full: bool, keep: int) -> None:
    """Build a snapshot of what is analyzed already.

    If few articles have changed since the last full build, they are merged into the live snapshot.
    The indexer does this by itself when many changes have come.
    """
    settings = open_settings()
    catalog = catalog_of(settings)
    with closing(open_store(settings.database_url, must_exist=True)) as store:
        model = model_in_use(catalog, settings, store)
        done = compact(store, catalog, model, full=full, keep=keep, meter=bar)
    click.echo(f"published {done.generation}: {done.articles} articles, up to change {done.change}")


@click.group("snapshots")
def snapshots() -> None:
    """List, verify, roll back and remove snapshots."""


@snapshots.command("list")
def list_() -> None:
    """List the snapshots, the oldest first; * marks the live one."""
    catalog = _catalog()
    live, fault = read_pointer(catalog)
    for name in catalog.generations():
        size = catalog.bytes_of(name) / 1e6
        click.echo(f"{'*' if name == live else ' '} {name}  {size:10.1f} MB")
    if fault is not None:
        click.echo(f"read-also: no snapshot is live: {fault}", err=True)
        leave(SnapshotDamaged)
    if live is None:
        click.echo(f"{catalog.folder}: no snapshot was published; run: read-also rebuild", err=True)


@snapshots.command()
@click.argument("generation", required=False)
def verify(generation: str | None) -> None:
    """Check every file of GENERATION, and search it.

    Without GENERATION, all snapshots are checked, and the pointer to the live one.
    """
    catalog = _catalog()
    names = catalog.generations() if generation is None else [generation]
    faults = {name: _fault_of(catalog, name) for name in names}
    for name, fault in faults.items():
        click.echo(f"{name}: {fault or 'ok'}")
    if not names:
        click.echo(f"no snapshots in {catalog.folder}; run: read-also rebuild", err=True)
    elif generation is None:
        click.echo(f"live: {catalog.live()}")
    if any(faults.values()):
        leave(SnapshotDamaged)


@snapshots.command()
@click.argument("generation", required=False)
def rollback(generation: str | None) -> None:
    """Make GENERATION live, or the one before the live one.

    Changes since then are still listed, from the change log. Nothing is compacted until you run
    `read-also rebuild`.
    """
    settings = open_settings()
    open_existing = partial(open_store, settings.database_url, must_exist=True)
    before, after = roll_back(catalog_of(settings), generation, open_existing)
    click.echo(f"live now: {after} (before: {before or 'none that can be read'})")


@snapshots.command()
@keep_option
def prune(keep: int) -> None:
    """Remove all but the newest snapshots and the live one.

    The entries of the change log that only they needed are removed too. What was computed with
    models that only they used stays in the database until the next `read-also rebuild`.
    """
    settings = open_settings()
    catalog = Catalog(settings.data.snapshots)
    with closing(open_store(settings.database_url, must_exist=True)) as store, catalog.lock():
        removed = catalog.prune(keep)
        store.trim(before=report_catalog(store, catalog).oldest_change)
    for name in removed:
        click.echo(f"removed {name}")


def _catalog() -> Catalog:
    return Catalog(open_settings(only_reads=True).data.snapshots)


def _fault_of(catalog: Catalog, generation: str) -> str | None:
    """Find out what is wrong with a generation.

    Raises:
        NoSnapshot: there is none of that name.
    """
    try:
        open_generation(catalog, generation, self_queries=True)
    except (SnapshotDamaged, OSError) as fault:
        return str(fault)
    return None
