"""Commands for the content of the store: import, export, backup, restore."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from recommender.characters import printable
from recommender.cli.archive_in_use import open_settings
from recommender.cli.source_options import SourceAccess, check_place, source_options
from recommender.cli.terminal import ANY_PATH, EXISTING_PATH, bar, current_actor, leave, warn
from recommender.errors import BadInput, BadSource, SourceAway
from recommender.indexing.snapshots import open_or_create
from recommender.sources.importing import import_source
from recommender.sources.registry import FORMATS, open_source
from recommender.store import ArticleStore, open_store
from recommender.store.backup import back_up, restore
from recommender.store.export import export_articles, export_to

__all__ = ["backup", "export", "import_", "restore_"]

STANDARD_OUTPUT: Final = frozenset(
    map(Path, ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1"])
)
"""Of these the last ones lead to the file that a shell has opened, which must not be replaced."""


def _existing(
    ctx: click.Context, param: click.Parameter, places: tuple[str, ...]
) -> tuple[str, ...]:
    """Check the paths among addresses and paths."""
    return tuple(check_place(place, ctx, param) for place in places)


@click.command("import")
@click.argument("places", metavar="PATH|URL...", nargs=-1, required=True, callback=_existing)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="auto", show_default=True)
@click.option("--strict", is_flag=True, help="Stop at the first bad record.")
@click.option(
    "--again", is_flag=True, help="Read everything, not only what is new since the last import."
)
@source_options
def import_(
    places: tuple[str, ...],
    format_: str,
    strict: bool,
    again: bool,
    access: SourceAccess,
) -> None:
    """Store the articles of files and addresses.

    Files: JSON lines, WordPress exports (WXR), feeds, ninjs, web pages. Addresses: WordPress sites,
    feeds, sitemaps, and files of those kinds. The content decides which kind it is.

    From an address, only what is new since the last import is read. An interrupted import is simply
    run again. A record that cannot be read is reported and skipped.
    """
    failed: set[type[Exception]] = set()
    with closing(open_or_create(open_settings())) as store:
        importer = store.acting(current_actor())
        for place in places:
            try:
                with access.fetcher() as fetcher:
                    source = open_source(place, format_, fetcher, access.scope(store))
                    done = import_source(importer, source, warn, bar, strict=strict, again=again)
            except BadSource as fault:
                if strict:
                    raise
                warn(f"read-also: {fault}")
                failed.add(type(fault))
                continue
            click.echo(printable(f"{place}: {done}"))
            failed |= {BadInput} if done.rejected else set()
    if failed:
        leave(SourceAway if failed == {SourceAway} else BadInput)


@click.command()
@click.argument("path", type=ANY_PATH)
def export(path: Path) -> None:
    """Write the articles of the store to PATH as JSON lines.

    - and /dev/stdout are standard output. A file is replaced at the end, in one step, so it is
    always whole; a pipe or a device is written to directly. `read-also import` reads the result
    again.
    """
    is_standard_output = path in STANDARD_OUTPUT
    with _open_store(only_reads=True) as store:
        if is_standard_output:
            count = export_articles(store, sys.stdout.buffer.write, bar)
            sys.stdout.buffer.flush()
        else:
            count = export_to(store, path, bar)
    click.echo(f"{path}: {count} articles", err=is_standard_output)


@click.command()
@click.argument("path", type=ANY_PATH)
def backup(path: Path) -> None:
    """Copy the store to the new file PATH, while it is used.

    The copy is whole or not there, and it is a store that can be opened. To go back to it, see
    `read-also restore`.
    """
    with _open_store() as store:
        back_up(store, path, bar)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB; to use it: sqlite:///{path.resolve()}")


@click.command("restore")
@click.argument("path", type=EXISTING_PATH)
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore_(path: Path, yes: bool) -> None:
    """Put the backup PATH in the place of the store.

    Stop the service first: a store in use is not replaced. What the store has now is lost. After
    it, run `read-also rebuild` and start the service again. Never copy a file over the store by
    hand: the write-ahead log of the old one would damage it.
    """
    if not yes:
        click.confirm(f"Lose what the store has now, and put {path} in its place?", abort=True)
    url = open_settings().database_url
    count = restore(url, path)
    with closing(open_store(url, must_exist=True)) as store:
        keys, receivers = len(store.keys.records()), store.webhooks.all()
    for receiver in receivers:
        click.echo(f"{receiver.name} gets webhooks from here: read-also webhooks list", err=True)
    if keys:
        returned = "1 key of the backup holds" if keys == 1 else f"{keys} keys of the backup hold"
        click.echo(f"{returned} again: read-also keys list", err=True)
    click.echo(f"restored {path}: {count} articles; next, run: read-also rebuild")


def _open_store(*, only_reads: bool = False) -> closing[ArticleStore]:
    settings = open_settings(only_reads=only_reads)
    return closing(open_store(settings.database_url, must_exist=True))
