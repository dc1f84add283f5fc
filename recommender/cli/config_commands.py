"""`read-also config`: what this deployment is set to."""

from dataclasses import astuple, dataclass
from typing import Final

import click

from recommender.characters import printable
from recommender.cli.archive_in_use import announce
from recommender.errors import BadSettings
from recommender.given_settings import DEFAULT, GivenSettings
from recommender.settings import DATABASE_URL, Settings, gather

__all__ = ["config"]

FAULTY: Final = 1


@dataclass(frozen=True, slots=True)
class _Row:
    """A setting as `check` prints it."""

    setting: str
    value: str
    source: str


@click.group()
def config() -> None:
    """Check the settings, and say where each is given."""


@config.command()
def check() -> None:
    """Print every setting with its value, and where it was given; secrets are hidden.

    The value is that of the environment, else of the file that --config or READ_ALSO_CONFIG names,
    else the default. Every fault is told at once, on standard error; the exit code is then 1.
    """
    given = gather()
    faults: tuple[str, ...] = ()
    default_store = ""
    try:
        settings = Settings.from_given(given)
        announce(settings)
        default_store = settings.database_url
    except BadSettings as refused:
        faults = refused.faults
    for line in _table(_rows(given, default_store)):
        click.echo(line)
    for fault in faults:
        click.echo(printable(f"fault: {fault}"), err=True)
    if faults:
        raise SystemExit(FAULTY)


def _rows(given: GivenSettings, default_store: str) -> list[_Row]:
    """One row a setting; a store that nobody names is that of the data folder."""
    rows = []
    for variable in given.variables:
        source = given.source(variable.name)
        shown = given.shown(variable)
        if variable.name == DATABASE_URL and source == DEFAULT:
            shown = default_store
        rows.append(_Row(variable.name.lower(), printable(shown) or "-", printable(source)))
    return rows


def _table(rows: list[_Row]) -> list[str]:
    """The rows in columns, below a head."""
    cells = [("setting", "value", "given in"), *map(astuple, rows)]
    first, second = (max(len(row[column]) for row in cells) for column in (0, 1))
    return [f"{name:{first}}  {value:{second}}  {source}" for name, value, source in cells]
