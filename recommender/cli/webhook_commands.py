"""Commands for webhooks: add, list, remove, test, replay."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import click

from recommender.articles import as_rfc3339, is_web_address
from recommender.cli.archive_in_use import open_settings
from recommender.cli.terminal import current_actor
from recommender.given_settings import without_secrets
from recommender.indexing.snapshots import open_or_create
from recommender.operations.webhook_messages import (
    EVENTS,
    make_test_message,
    make_webhook_secret,
)
from recommender.operations.webhook_sender import open_webhook_client, post_message
from recommender.store import ArticleStore, Receiver, open_store

__all__ = ["webhooks"]

MOST_URL_CHARACTERS: Final = 2_000
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")


def _check_name(_: click.Context, __: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise click.BadParameter("is 1 to 40 letters, digits, dots, dashes and underscores")
    return name


def _check_url(_: click.Context, __: click.Parameter, url: str) -> str:
    if not is_web_address(url) or len(url) > MOST_URL_CHARACTERS:
        raise click.BadParameter("is no http or https address of at most 2,000 characters")
    parts = urlsplit(url)
    if parts.username is not None or parts.fragment:
        raise click.BadParameter("has a name, a password or a fragment; leave them out")
    return url


def _read_events(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    """Check the types of messages, and name each once."""
    given = set(text.split(","))
    if not given <= set(EVENTS):
        raise click.BadParameter(f"events are {', '.join(EVENTS)}, joined by commas")
    return tuple(event for event in EVENTS if event in given)


name_argument = click.argument("name", callback=_check_name)


@click.group()
def webhooks() -> None:
    """Tell other servers what happens: webhooks.

    The indexer sends them. What is sent, and how a receiver checks it: docs/webhooks.md.
    """


@webhooks.command()
@name_argument
@click.argument("url", callback=_check_url)
@click.option(
    "--events",
    callback=_read_events,
    default=",".join(EVENTS),
    help=f"Which: {', '.join(EVENTS)}, joined by commas. The default is all.",
)
def add(name: str, url: str, events: tuple[str, ...]) -> None:
    """Send what happens from now on to URL; print the secret that signs the messages.

    The secret is shown only this once.
    """
    secret = make_webhook_secret()
    with closing(open_or_create(open_settings())) as store:
        store.acting(current_actor()).webhooks.add(name, url, events, secret)
    click.echo(f"receiver {name} gets {', '.join(events)}; its secret is shown only now:", err=True)
    click.echo(secret)


@webhooks.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each receiver.")
def list_(as_json: bool) -> None:
    """List the receivers, how far each one is, and what fails; but no secret."""
    with _open_store(only_reads=True) as store:
        newest, receivers = store.state().change, store.webhooks.all()
    for receiver in receivers:
        row = _row(receiver, newest)
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else "  ".join(_words(row)))


@webhooks.command()
@name_argument
def remove(name: str) -> None:
    """Send nothing more to the receiver NAME, and forget its secret."""
    with _open_store() as store:
        store.acting(current_actor()).webhooks.remove(name)
    click.echo(f"removed {name}")


@webhooks.command()
@name_argument
def test(name: str) -> None:
    """Send a message of the type `webhook.test` to the receiver NAME, from here and now."""
    with _open_store() as store:
        receiver = store.webhooks.get(name)
    with open_webhook_client() as http:
        status = post_message(http, receiver, make_test_message(datetime.now(tz=UTC)))
    click.echo(f"{name} answered {status}")


@webhooks.command()
@name_argument
@click.option(
    "--since",
    type=click.IntRange(min=1),
    required=True,
    help="The first change to send; the one after the newest leaves out all that waits.",
)
def replay(name: str, since: int) -> None:
    """Send everything from a change on to the receiver NAME, also what it has accepted already.

    The change log reaches back to the oldest snapshot that is kept.
    """
    with _open_store() as store:
        store.acting(current_actor()).webhooks.replay(name, since)
    click.echo(f"{name} gets everything from change {since} on")


def _row(receiver: Receiver, newest: int) -> dict[str, object]:
    """What an operator sees of a receiver."""
    waiting = {"waiting": newest - receiver.position}
    hidden = {"secret", "batch_end", "replays"}
    fields = {name: value for name, value in asdict(receiver).items() if name not in hidden}
    row = fields | {"url": without_secrets(receiver.url)} | waiting
    return {
        name: as_rfc3339(value, "seconds") if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _words(row: dict[str, object]) -> Iterator[str]:
    """The fields of a receiver on one line; what is empty is left out."""
    yield f"{row['name']:20}"
    yield f"{row['url']}"
    yield ",".join(map(str, row["events"])) if isinstance(row["events"], tuple) else ""
    for name in ("position", "waiting", "accepted_at", "failures", "failing_since", "retry_at"):
        if row[name]:
            yield f"{name.replace('_at', '')}: {row[name]}"
    if row["failures"]:
        yield f"fault: {row['fault']}"


def _open_store(*, only_reads: bool = False) -> closing[ArticleStore]:
    url = open_settings(only_reads=only_reads).database_url
    return closing(open_store(url, must_exist=True))
