"""Readers go on reading, whatever happens to the indexer, a worker or the store.

    python -m benchmarks.faults.reads [--minutes 20] [--rate 60] [--pace 1]

`read-also serve` with two workers answers lists of known ids, JSON and HTML by turns, at a constant
rate over keep-alive connections: half of the time with an SQLite store, half with a PostgreSQL
server of its own. Meanwhile everything that may happen to it does, by turns, see
`reads_disturbances`; of each is told how many reads there were, how many were answered with
anything but 2xx, how many nobody answered, and the longest wait. A killed worker may cut one read
off, which is then asked again. Stop it with Ctrl-C; no process stays.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Final, NoReturn

import click
from tqdm import tqdm

from benchmarks.faults.reads_clock import MovedClock
from benchmarks.faults.reads_disturbances import (
    ON_BOTH,
    ON_POSTGRESQL,
    ON_SQLITE,
    written_before_outage,
)
from benchmarks.faults.reads_scene import Disturbance, Scene
from benchmarks.faults.reads_table import Rows, rows_of
from benchmarks.faults.serving import Place, Server, end_when_told
from benchmarks.faults.serving_articles import seeds, write_lines
from benchmarks.faults.serving_load import Load
from tests.support.postgresql import PostgreSQL, server_binaries

__all__ = ["run_part"]

SEEDS: Final = 150
PARTS: Final = ("SQLite", "PostgreSQL")


@contextmanager
def prepared(folder: Path, pace: float, database: PostgreSQL | None) -> Iterator[Scene]:
    """A served archive with a few stories."""
    clock = MovedClock(folder / "clock")
    url = None
    if database is not None:
        database.execute("CREATE DATABASE reads")
        url = database.url("reads")
    place = Place(folder, url, clock.environment)
    place.run("import", str(write_lines(folder / "seeds.jsonl", seeds(SEEDS))))
    place.run("rebuild")
    with Server(place) as server:
        yield Scene(server, SEEDS, pace, clock, database)


def run_part(scene: Scene, seconds: float, rate: float) -> Rows:
    """Disturb by turns, each at least once and as long as there is time; what readers saw."""
    turns = ON_BOTH | (ON_SQLITE if scene.database is None else ON_POSTGRESQL)
    paths = [f"/v1/articles/seed-{n}/related" for n in range(SEEDS)]
    paths = [p if n % 2 else f"{p}.html" for n, p in enumerate(paths)]
    begun = time.monotonic()
    with Load(scene.server.port, paths, rate) as load, _meter(seconds) as bar:
        if scene.database is not None:
            with scene.phase("writes before the outage"):
                written_before_outage(scene)
        for done, (name, disturb) in enumerate(cycle(turns.items())):
            if done >= len(turns) and time.monotonic() - begun >= seconds:
                break
            _disturb(scene, name, disturb)
            took = time.monotonic() - begun
            tqdm.write(f"{took:5.0f} of {seconds:.0f} s: {name} is over; {_sum(load, took)}")
            bar.update(round(took) - bar.n)
    return rows_of(scene.phases, load, scene.notes, scene.wrong)


def _disturb(scene: Scene, name: str, disturb: Disturbance) -> None:
    with scene.phase(name):
        try:
            disturb(scene)
        except (RuntimeError, TimeoutError) as fault:
            scene.check(fine=False, words=str(fault))


def _meter(seconds: float) -> "tqdm[NoReturn]":
    return tqdm(total=round(seconds), desc="reading", unit="s", disable=None)


def _sum(load: Load, seconds: float) -> str:
    answers = list(load.answers)
    bad = sum(not answer.good for answer in answers)
    return f"{len(answers)} reads, {len(answers) / seconds:.0f} a second, {bad} not good"


@contextmanager
def _surroundings(part: str) -> Iterator[tuple[Path, PostgreSQL | None]]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="reads-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if part == PARTS[0]:
            yield folder, None
            return
        binaries = server_binaries()
        if binaries is None:
            sys.exit("PostgreSQL's server is not installed: apt-get install postgresql")
        server = PostgreSQL.make(binaries)
        stack.callback(server.remove)
        yield folder, server


@click.command(help=__doc__)
@click.option("--minutes", default=20.0, show_default=True)
@click.option("--rate", default=60.0, show_default=True, help="Reads a second.")
@click.option("--pace", default=1.0, show_default=True, help="Below 1 for a hurried trial.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS)
def main(minutes: float, rate: float, pace: float, parts: tuple[str, ...]) -> None:
    """Disturb for so long, print the table, and fail where a reader was failed."""
    end_when_told()
    clean = True
    for part in parts:
        with _surroundings(part) as (folder, database), prepared(folder, pace, database) as scene:
            rows = run_part(scene, minutes * 60 / len(parts), rate)
        click.echo(f"\n{part}\n{rows}")
        clean &= rows.clean
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
