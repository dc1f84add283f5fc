"""What goes into the store and what comes out of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from recommender.characters import printable
from recommender.cli.exits import leave
from recommender.cli.meters import bar, warn
from recommender.cli.paths import ANY, EXISTING
from recommender.errors import BadInput, BadParameter, BadSource, SourceAway
from recommender.settings import Settings
from recommender.sources.fetching import Fetcher
from recommender.sources.importing import import_source
from recommender.sources.opening import FORMATS, is_address, open_source
from recommender.store import ArticleStore, open_store
from recommender.store.backup import back_up
from recommender.store.export import export_articles, export_to
from recommender.store.restoring import restore

__all__ = ["backup", "export", "import_", "restore_"]

STANDARD_OUTPUT: Final = Path("-")
ALLOW_PRIVATE: Final = "A host that may be of a private network, by its name; may be repeated."


def _existing(
    ctx: click.Context, param: click.Parameter, places: tuple[str, ...]
) -> tuple[str, ...]:
    """Addresses, and the paths of what is there."""
    return tuple(
        place if is_address(place) else str(EXISTING.convert(place, param, ctx)) for place in places
    )


@click.command("import")
@click.argument("places", metavar="PATH|URL...", nargs=-1, required=True, callback=_existing)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="auto", show_default=True)
@click.option("--strict", is_flag=True, help="Stop at the first bad record.")
@click.option("--again", is_flag=True, help="Read all of it, not what is new since the last time.")
@click.option(
    "--user", metavar="NAME", help="Sent with the password to the address's origin alone."
)
@click.option("--password-file", type=EXISTING, help="A file that holds the password.")
@click.option("--allow-private", metavar="HOST", multiple=True, help=ALLOW_PRIVATE)
def import_(
    places: tuple[str, ...],
    format_: str,
    strict: bool,
    again: bool,
    user: str | None,
    password_file: Path | None,
    allow_private: tuple[str, ...],
) -> None:
    """Store the articles of files and addresses.

    Files: JSON lines, WordPress exports (WXR), feeds, ninjs, web pages. Addresses: WordPress sites,
    feeds, sitemaps, and files of those kinds. What each is, is found out by what it holds.

    An address is read from where it was left; interrupted, run it again. What cannot be read is
    told of and passed over.
    """
    auth, hosts = _credentials(user, password_file), frozenset(allow_private)
    failed: set[type[Exception]] = set()
    with _store() as store:
        for place in places:
            try:
                with Fetcher(private_hosts=hosts, auth=auth) as fetcher:
                    source = open_source(place, format_, fetcher)
                    done = import_source(store, source, warn, bar, strict=strict, again=again)
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


def _credentials(user: str | None, password_file: Path | None) -> tuple[str, str] | None:
    """Name and password; the password is the first line of the file, its blanks as they are.

    Raises:
        BadParameter: one of them is given without the other, or the file holds none.
    """
    if user is None and password_file is None:
        return None
    if user is None or password_file is None:
        raise BadParameter("--user and --password-file go together; give both")
    password = password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    if not password:
        raise BadParameter(f"{password_file}: holds no password in its first line")
    return user, password


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
