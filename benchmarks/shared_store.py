"""What machines that share a PostgreSQL store cost its server and themselves, in CPU.

    python -m benchmarks.shared_store postgresql://user@/database?host=/run/postgresql

The database is empty and on this machine: the CPU of the server is that of its processes for our
connections. Articles have 450 words, their features are drawn. A look is what each worker does ten
times a second; every worker of every machine reads each change once; one indexer acknowledges it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import sqlalchemy as sa

from benchmarks.sizing import DrawnVectors, article
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model
from recommender.indexing.indexer import Indexer
from recommender.store import LOG_START, ArticleStore, Election, open_store

LOOKS: Final = 5_000
SINGLE: Final = 500
BULK: Final = 2_000
BATCH: Final = 500
TICKS_A_SECOND: Final = 100
MODEL: Final = Model("drawn", Path(), "drawn-1", frozenset({"en"}))
_BACKENDS: Final = sa.text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")


@dataclass(slots=True)
class Spent:
    """CPU of this process and of the server, and time, in seconds."""

    own: float = 0.0
    server: float = 0.0
    wall: float = 0.0


def server_seconds(store: ArticleStore) -> dict[int, float]:
    """CPU of each process of the server that works for this database."""
    with store.engine.begin() as connection:
        found = [int(pid) for pid in connection.scalars(_BACKENDS)]
    seconds = {}
    for pid in found:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        seconds[pid] = (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
    return seconds


@contextmanager
def measured(store: ArticleStore) -> Iterator[Spent]:
    """Measure a block; its connections stay open."""
    spent = Spent()
    before, own, begun = server_seconds(store), time.process_time(), time.monotonic()
    yield spent
    spent.wall, spent.own = time.monotonic() - begun, time.process_time() - own
    after = server_seconds(store)
    spent.server = sum(after.values()) - sum(before.get(pid, 0.0) for pid in after)


def show(name: str, spent: Spent, count: int) -> None:
    """Print milliseconds of each."""
    own, server, wall = (1_000 * s / count for s in (spent.own, spent.server, spent.wall))
    print(f"{name:<34} {own:8.3f} ms here {server:8.3f} ms server {wall:8.3f} ms in all")


def repeat(store: ArticleStore, name: str, count: int, call: Callable[[int], object]) -> None:
    """Measure one call, which is made so often."""
    call(0)
    with measured(store) as spent:
        for number in range(1, count + 1):
            call(number)
    show(name, spent, count)


def read_changes(store: ArticleStore) -> int:
    """Follow the whole log as a worker does; how many articles."""
    position, epoch, articles = LOG_START, store.state().epoch, 0
    while True:
        position, batch = store.updates_after(
            position,
            epoch=epoch,
            analyzer=Analyzer(MODEL, lambda _: DrawnVectors(), str).versions.analyzer,
            model=MODEL.fingerprint,
        )
        articles += len(batch.updates)
        if batch.complete:
            return articles


@click.command(help=__doc__)
@click.argument("url")
def main(url: str) -> None:
    """Measure, and print a line for each kind of work."""
    with closing(open_store(url)) as store, closing(Election(lambda: store)) as election:
        repeat(store, "a look", LOOKS, lambda _: store.change_signal.read())
        repeat(store, "a question of the elected one", LOOKS, lambda _: election.is_won())
        repeat(store, "a single write", SINGLE, lambda n: store.put(article(n)))
        first = SINGLE + 1
        with measured(store) as spent:
            for at in range(first, first + BULK, BATCH):
                store.write_many([article(n) for n in range(at, at + BATCH)])
        show("a write of a bulk load", spent, BULK)
        indexer = Indexer(store, Analyzer(MODEL, lambda _: DrawnVectors(), str))
        with measured(store) as spent:
            read = indexer.drain()
        show("a text read, without embedding", spent, read)
        with measured(store) as spent:
            articles = read_changes(store)
        show("a change that a worker reads", spent, articles)


if __name__ == "__main__":
    main()
