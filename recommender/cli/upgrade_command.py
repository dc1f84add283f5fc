"""`read-also upgrade`: brings what an earlier release has left up to this one."""

from pathlib import Path

import click

from index import Catalog
from recommender.cli.archive_in_use import open_settings
from recommender.cli.snapshot_commands import rebuild_
from recommender.cli.terminal import ANY_PATH
from recommender.indexing.snapshots import needs_rebuild
from recommender.operations.index_server import lacks_collection
from recommender.settings import Settings
from recommender.store import open_store
from recommender.store.backup import back_up_unopened
from recommender.store.database import SchemaUpgrade, find_upgrade

__all__ = ["upgrade"]


@click.command()
@click.option("--backup", "path", type=ANY_PATH, help="Copy the store to this new file before.")
@click.option("--no-backup", "risked", is_flag=True, help="Go on without; for PostgreSQL too.")
@click.pass_context
def upgrade(context: click.Context, path: Path | None, risked: bool) -> None:
    """Bring what an earlier release has left up to this one.

    The schema of the store is upgraded, and a snapshot is built if this release cannot serve or
    extend the live one, or if the Milvus server has none that it can read. Any other command that
    opens the store upgrades it too, but without the copy that the earlier release needs to go back.
    If it is interrupted, run it again. If nothing is to be done, nothing is done.
    """
    settings = open_settings()
    found = find_upgrade(settings.database_url)
    if found is None:
        click.echo("the store is of this release")
    else:
        _copy(settings, found, path, risked=risked)
        open_store(settings.database_url, must_exist=True).close()
        click.echo(f"the store has schema {found.wanted} now")
    if needs_rebuild(Catalog(settings.data.snapshots)) or lacks_collection(settings):
        context.invoke(rebuild_)
    else:
        click.echo("the snapshots are of this release")


def _copy(settings: Settings, found: SchemaUpgrade, path: Path | None, *, risked: bool) -> None:
    """Copy the store, and say how the earlier release gets it back.

    Raises:
        click.UsageError: neither a copy nor none was asked for.
    """
    if path is not None:
        back_up_unopened(settings.database_url, path)
        click.echo(
            f"copied the store of schema {found.current} to {path}; to go back: stop the service, "
            f"install the earlier release, and run with it: read-also restore {path}, and: "
            "read-also rebuild"
        )
    elif not risked:
        raise click.UsageError(
            f"the store has schema {found.current} and gets {found.wanted}, and no earlier release "
            "opens it after that; name a file for a copy: --backup FILE, or if you have one, such "
            "as of pg_dump: --no-backup"
        )
