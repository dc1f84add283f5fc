"""The command `audit`: who changed what."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import datetime

import click

from recommender.articles import as_rfc3339
from recommender.characters import printable
from recommender.cli.archive_in_use import open_settings
from recommender.cli.terminal import read_moment
from recommender.store import AuditEntry, AuditLog, open_store

__all__ = ["audit"]


def _read_begin(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    return None if text is None else read_moment(text, sign=-1)


@click.command()
@click.option("--since", callback=_read_begin, help="Only from then on: 7d, 12h, a day, or a time.")
@click.option("--key", "actor", help="Only changes with this key, or by this `cli:USER`.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each change.")
def audit(since: datetime | None, actor: str | None, as_json: bool) -> None:
    """Print who changed what, the oldest change first.

    Each line has the time, the key or `cli:` and the user of the machine, what was done, the
    article or key, the number in the change log, the address, the id of the request, and the
    reason if one was given.
    """
    url = open_settings(only_reads=True).database_url
    with closing(open_store(url, must_exist=True)) as store:
        for entry in _all(store.audit_log, since, actor):
            click.echo(_as_json(entry) if as_json else printable(_as_line(entry)))


def _all(log: AuditLog, since: datetime | None, actor: str | None) -> Iterator[AuditEntry]:
    """All entries, a page at a time."""
    after = 0
    while page := log.entries(after=after, since=since, actor=actor):
        yield from page
        after = page[-1].number


def _as_json(entry: AuditEntry) -> str:
    return json.dumps(asdict(entry) | {"at": as_rfc3339(entry.at)}, ensure_ascii=False)


def _as_line(entry: AuditEntry) -> str:
    change = "-" if entry.change is None else str(entry.change)
    parts = (entry.actor, entry.action, entry.subject, change, entry.address, entry.request_id)
    why = [entry.why] if entry.why else []
    return "  ".join([as_rfc3339(entry.at, "seconds"), *(part or "-" for part in parts), *why])
