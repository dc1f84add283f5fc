"""Commands for keys that are made at run time: add, list, revoke, rotate."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Final

import click

from recommender.api_keys import SCOPES, ApiKey, make_secret
from recommender.articles import as_rfc3339
from recommender.cli.archive_in_use import open_settings
from recommender.cli.terminal import current_actor, read_moment
from recommender.indexing.snapshots import open_or_create
from recommender.settings import Settings
from recommender.store import ArticleStore, KeyRecord, open_store

__all__ = ["keys"]

SCOPES_HELP: Final = "lists, read, write, admin; several are joined: read+write."
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")


def _read_end(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    return None if text is None else read_moment(text)


def _read_end_to_come(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    end = None if text is None else read_moment(text)
    if end is not None and end <= datetime.now(tz=UTC):
        raise click.BadParameter(f"{text!r} has passed: the key would open nothing")
    return end


def _read_scopes(_: click.Context, __: click.Parameter, text: str) -> str:
    """Check the scopes, and name each once."""
    given = set(text.split("+"))
    if not given <= SCOPES.keys():
        raise click.BadParameter(f"scopes are {', '.join(SCOPES)}, joined by +")
    return "+".join(scope for scope in SCOPES if scope in given)


def _check_name(_: click.Context, __: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise click.BadParameter("is 1 to 40 letters, digits, dots, dashes and underscores")
    return name


name_argument = click.argument("name", callback=_check_name)


@click.group()
def keys() -> None:
    """Make, list, revoke and rotate keys of the API.

    Workers follow within a second. Keys of the settings are listed too, but changed there.
    """


@keys.command()
@name_argument
@click.option("--scopes", required=True, callback=_read_scopes, help=SCOPES_HELP)
@click.option("--note", default="", help="What the key is for.")
@click.option(
    "--expires", callback=_read_end_to_come, help="When it ends: 90d, 12h, a day, or a time."
)
def add(name: str, scopes: str, note: str, expires: datetime | None) -> None:
    """Make the key NAME, and print its secret.

    The secret is shown only this once: the store keeps its SHA-256.
    """
    settings = open_settings()
    if any(key.name == name for key in settings.api_keys):
        raise click.UsageError(f"the settings have a key {name!r} already; take another name")
    secret = make_secret()
    key = replace(ApiKey.of(name, scopes.split("+"), secret), expires_at=expires)
    with closing(open_or_create(settings)) as store:
        store.acting(current_actor()).keys.add(key, scopes, note)
    _show_once(secret, f"key {name} with the scopes {scopes}")


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each key.")
def list_(as_json: bool) -> None:
    """List the keys, but no secret."""
    settings = open_settings(only_reads=True)
    with _open_store(settings) as store:
        records = store.keys.records()
    for key in settings.api_keys:
        scopes = "+".join(scope for scope in SCOPES if scope in key.scopes)
        _print({"name": key.name, "scopes": scopes, "from": "settings"}, as_json=as_json)
    for record in records:
        _print(_row(record), as_json=as_json)


@keys.command()
@name_argument
def revoke(name: str) -> None:
    """Remove the key NAME: its secret opens nothing any more."""
    with _open_store(open_settings()) as store:
        store.acting(current_actor()).keys.revoke(name)
    click.echo(f"revoked {name}; every worker follows within a second")


@keys.command()
@name_argument
@click.option(
    "--grace",
    "until",
    callback=_read_end,
    default="24h",
    show_default=True,
    help="How long the present secret holds too; 0h: it ends now.",
)
def rotate(name: str, until: datetime) -> None:
    """Give the key NAME a new secret, and print it.

    The present secret holds beside it for a while, so that clients can change without a failure.
    """
    secret = make_secret()
    digest = ApiKey.of(name, (), secret).digest
    with _open_store(open_settings()) as store:
        store.acting(current_actor()).keys.rotate(name, digest, until)
    _show_once(secret, f"key {name}; the secret before it holds until {_as_time(until)}")


def _show_once(secret: str, about: str) -> None:
    """Print a secret alone on standard output, so that a script can take it."""
    click.echo(f"{about}; the secret is shown only now:", err=True)
    click.echo(secret)


def _row(record: KeyRecord) -> dict[str, object]:
    row = asdict(record) | {"from": "store"}
    return {
        name: _as_time(value) if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _print(row: dict[str, object], *, as_json: bool) -> None:
    click.echo(json.dumps(row, ensure_ascii=False) if as_json else "  ".join(_words(row.items())))


def _words(row: Iterable[tuple[str, object]]) -> Iterator[str]:
    """The fields of a key on one line; what is empty is left out."""
    for name, value in row:
        if name == "name":
            yield f"{value:20}"
        elif value:
            yield f"{value:12}" if name == "scopes" else f"{name.replace('_at', '')}: {value}"


def _as_time(moment: datetime) -> str:
    return as_rfc3339(moment, "seconds")


def _open_store(settings: Settings) -> closing[ArticleStore]:
    return closing(open_store(settings.database_url, must_exist=True))
