"""Which archive and which model a command works with; each says so when it starts.

The line goes to standard error, so that standard output is the answer alone.
"""

import logging
from dataclasses import replace

import click

from index import Catalog
from recommender.cli.live_model import name_model
from recommender.indexing.snapshots import may_create_store
from recommender.settings import Settings, log_form

__all__ = ["announce", "open_settings"]

_log = logging.getLogger(__name__)


def open_settings(*, only_reads: bool = False) -> Settings:
    """Read the settings for a command, and say where its archive is and which model that has.

    Args:
        only_reads: the command creates and changes nothing. While there is no archive of one's
            own, it reads the demonstration's.

    Raises:
        BadSettings: a setting is malformed.
    """
    settings = Settings.from_environment()
    demonstration = _of_demonstration(settings) if only_reads else None
    announce(demonstration or settings, instead_of=settings if demonstration else None)
    return demonstration or settings


def announce(settings: Settings, *, instead_of: Settings | None = None) -> None:
    """Say where the archive is, and which model it has; in a log of JSON this is a JSON line too.

    Args:
        settings: those of the archive.
        instead_of: the settings of a place where there is none.
    """
    line = f"{settings.place}, model {name_model(settings)}"
    if instead_of is not None:
        own = instead_of.data_dir.absolute()
        line += f"; this is the demonstration, since there is no archive in {own} yet"
    if log_form() == "json":
        _log.setLevel(logging.INFO)
        _log.info("%s", line)
    else:
        click.echo(f"read-also: {line}", err=True)


def _of_demonstration(settings: Settings) -> Settings | None:
    """The settings of the demonstration's archive, if it is the only one at the usual places.

    Where there are snapshots there was a store; that it is lost must be noticed.
    """
    data, demo = settings.data, settings.data.demo
    is_usual = settings.database_url == data.database_url
    has_own = data.database.exists() or not may_create_store(Catalog(data.snapshots))
    if not is_usual or has_own or not demo.database.exists():
        return None
    return replace(settings, data_dir=demo.path, database_url=demo.database_url)
