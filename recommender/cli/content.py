"""What goes into the store and what comes out of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from recommender.cli.exits import leave
from recommender.cli.paths import ANY, EXISTING
from recommender.errors import BadInput
from recommender.exporting import export_articles, export_to
from recommender.importing import import_records
from recommender.meters import bar, warn
from recommender.settings import Settings
from recommender.sources import read_jsonl
from recommender.store import ArticleStore, open_store
from recommender.store.backup import back_up
from recommender.store.restoring import restore

__all__ = ["backup", "export", "import_", "restore_"]

STANDARD_OUTPUT: Final = Path("-")


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=EXISTING)
@click.option("--format", type=click.Choice(["auto", "jsonl"]), default="auto", expose_value=False)
@click.option("--strict", is_flag=True, help="Stop at the first bad record.")
def import_(paths: tuple[Path, ...], strict: bool) -> None:
    """Store the articles of PATHS: files with one JSON object a line."""
    rejected = 0
    with _store() as store:
        for path in paths:
            with bar(path.name, path.stat().st_size, "B") as advance:
                done = import_records(store, read_jsonl(path, advance), warn, strict=strict)
            click.echo(f"{path}: " + ", ".join(f"{n} {name}" for name, n in asdict(done).items()))
            rejected += done.rejected
    if rejected:
        leave(BadInput)


@click.command()
@click.argument("path", type=ANY)
def export(path: Path) -> None:
    """Write the store's articles to PATH, one JSON object a line; - is standard output."""
    with _store() as store:
        if path == STANDARD_OUTPUT:
            count = export_articles(store, sys.stdout.buffer.write, bar)
            sys.stdout.buffer.flush()
        else:
            count = export_to(store, path, bar)
    click.echo(f"{path}: {count} articles", err=path == STANDARD_OUTPUT)


@click.command()
@click.argument("path", type=ANY)
def backup(path: Path) -> None:
    """Copy the store to the new file PATH, while it is in use."""
    with _store() as store:
        back_up(store, path, bar)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB; to use it: sqlite:///{path.resolve()}")


@click.command("restore")
@click.argument("path", type=EXISTING)
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore_(path: Path, yes: bool) -> None:
    """Put the copy PATH, which `backup` made, in the place of the store, while it is in use.

    What the store holds now is gone then. Workers show what was restored within seconds, and the
    next rebuild makes a generation of it. Never put a file over the store by hand: the log of the
    old one would be mixed into it.
    """
    if not yes:
        click.confirm(f"Give up what the store holds now, and put {path} in its place?", abort=True)
    count = restore(Settings.from_environment().database_url, path, bar)
    click.echo(f"restored {path}: {count} articles; next, run: read-also rebuild")


@contextmanager
def _store() -> Iterator[ArticleStore]:
    store = open_store(Settings.from_environment().database_url)
    try:
        yield store
    finally:
        store.close()
