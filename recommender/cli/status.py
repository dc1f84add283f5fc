"""The command `read-also status`: the service at a glance."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

import click

from recommender.characters import printable
from recommender.cli.archive_in_use import open_settings
from recommender.operations.index_server import ServerFacts
from recommender.operations.status import Parts, ServiceStatus, find_troubles, inspect_service

__all__ = ["status"]

TROUBLE: Final = 1
GIGABYTE: Final = 1e9
_UNITS: Final = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--no-web", is_flag=True, help="This machine runs no web server.")
@click.option("--no-indexer", is_flag=True, help="This machine runs no indexer.")
def status(as_json: bool, no_web: bool, no_indexer: bool) -> None:
    """Print how the service of this machine is.

    If it is not well, it says what to do. The figures come from the store and the data folder, so
    it works while the web server or the store is down. The exit code is 0 if all is well, else 1.
    """
    found = inspect_service(open_settings(only_reads=True))
    troubles = find_troubles(found, Parts(web=not no_web, indexer=not no_indexer))
    if as_json:
        click.echo(json.dumps({"well": not troubles, "troubles": troubles} | asdict(found)))
    else:
        for name, text in _rows(found):
            click.echo(f"{name:<11} {printable(text)}")
        for trouble in troubles:
            click.echo(f"trouble: {printable(trouble)}")
        if not troubles:
            click.echo("all is well")
    if troubles:
        raise SystemExit(TROUBLE)


def _rows(found: ServiceStatus) -> Iterator[tuple[str, str]]:
    todo = found.backlog
    yield "store", "away" if todo is None else f"up, change {todo.change:,}"
    if found.generation is None or found.generation_age_seconds is None:
        yield "generation", "none"
    else:
        changed = "" if todo is None else f", {todo.drift:,} changed since"
        age = _as_time(found.generation_age_seconds)
        rows = f"{found.generation_rows:,} articles"
        yield "generation", f"{found.generation}, {rows}, built {age} ago{changed}"
    if found.server is not None:
        yield "collection", _as_collection(found.server)
    if todo is not None:
        waiting = f"{todo.queue.single:,} single, {todo.queue.bulk:,} bulk"
        yield "waiting", f"{waiting}; {todo.queue.dead:,} dead letters"
    shown = f", showing change {found.workers[0]:,}" if found.workers else ""
    yield "web", f"{len(found.workers)} workers{shown}"
    answers = "stands by; another machine's is elected" if found.stands_by else "answers"
    yield "indexer", answers if found.indexer else "does not answer"
    yield "publishing", "refused" if found.publish_refused else "accepted"
    free, size = found.disk.free_bytes / GIGABYTE, found.disk.size_bytes / GIGABYTE
    yield "disk", f"{free:,.1f} of {size:,.1f} GB free; data folder {found.data_folder}"
    yield "requests", f"{found.requests:,} answered, {found.failed:,} failed"


def _as_collection(server: ServerFacts) -> str:
    if server.live is None:
        return "none"
    refused = f"; {len(server.refused):,} articles refused" if server.refused else ""
    return f"{server.live}, up to change {server.change:,}{refused}"


def _as_time(seconds: float) -> str:
    """`3 hours`, in the largest unit that there are two of."""
    for length, name in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{max(seconds, 0.0):.0f} seconds"
