"""How soon every worker shows a write, while ten thousand articles are loaded and readers read.

    python -m benchmarks.faults.freshness [--samples 200] [--articles 10000] [--rate 100]

`read-also serve` with two workers, and `read-also import` of a file of 10,000 articles, as a
newsroom would move its archive. While those wait to be embedded, 100 reads a second go on, and
every 0.7 s a single article is written. From its acknowledgement on both workers are asked, over
connections of which it is known who answers, until both list it under its seed with its text read;
its own encode call, which the indexer's log tells, is taken off. Every eighth is then withheld or
deleted, and must be in no answer that is asked for a second later. Stop it with Ctrl-C.

The indexer makes way for all other processes (nice 5). Where a machine is loaded by much that has
nothing to do with us, `--level` takes that back, so that it gets as much as each of those.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from subprocess import Popen
from typing import Final

import click
import sqlalchemy as sa
from tqdm import tqdm

from benchmarks.faults.freshness_figures import Measured, figures_of, stages_of
from benchmarks.faults.freshness_lanes import Lane, Lanes, list_path
from benchmarks.faults.freshness_samples import Gone, Shown, publish, withdraw
from benchmarks.faults.serving import Place, Server, end_when_told, until
from benchmarks.faults.serving_articles import bulk, seeds, write_lines
from benchmarks.faults.serving_load import Load
from benchmarks.figures import report
from recommender.store import open_store, schema

__all__ = ["Measurement"]

SEEDS: Final = 300
EVERY_SECONDS: Final = 0.7
WITHDRAWN: Final = 8  # every so manieth is taken back
SETTLING_SECONDS: Final = 5.0  # after which an article is taken back
AT_ONCE: Final = 8
READING: Final = "indexer: reading with"  # logged when its model is loaded
STARTING_SECONDS: Final = 180.0


@dataclass(slots=True)
class Measurement:
    """Writes at their moments, each followed by somebody of its own."""

    lanes: Lanes
    samples: int
    shown: list[Shown] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Take all samples; those that take long delay no other."""
        begun = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="writer") as pool:
            writes = [
                pool.submit(self._sample, number, begun + number * EVERY_SECONDS)
                for number in range(self.samples)
            ]
            try:
                self._collect(writes)
            finally:
                pool.shutdown(cancel_futures=True)

    def listed_again(self, workers: list[int]) -> int:
        """Of what was taken back, how much any worker lists at the end."""
        with self.lanes.one() as lane:
            return sum(
                self._lists(lane, worker, gone.id) for gone in self.gone for worker in workers
            )

    def _lists(self, lane: Lane, worker: int, article_id: str) -> bool:
        number = int(article_id.removeprefix("fresh-"))
        return article_id in lane.lists(worker, list_path(_subject(number), article_id))

    def _collect(self, writes: list[Future[None]]) -> None:
        for write in tqdm(as_completed(writes), "writes", len(writes), unit="write", disable=None):
            fault = write.exception()
            if fault is not None:
                self.faults.append(repr(fault))

    def _sample(self, number: int, due: float) -> None:
        time.sleep(max(0.0, due - time.monotonic()))
        with self.lanes.one() as lane:
            shown = publish(lane, number, _subject(number))
            self.shown.append(shown)
            if number % WITHDRAWN == 0 and shown.seconds is not None:
                time.sleep(min(SETTLING_SECONDS, EVERY_SECONDS * 2))
                self.gone.append(withdraw(lane, number, _subject(number)))


def _subject(number: int) -> int:
    return number * 7 % SEEDS


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything: writes, articles of the load, words of each, reads a second."""

    samples: int
    articles: int
    words: int
    rate: float
    level: bool


def measure(folder: Path, plan: Plan) -> Measured:
    """Fill an archive, serve it, load it, and write meanwhile."""
    place = Place(folder)
    place.run("import", str(write_lines(folder / "seeds.jsonl", seeds(SEEDS))))
    place.run("rebuild")
    load_file = write_lines(folder / "bulk.jsonl", bulk(plan.articles, plan.words))
    paths = [f"/v1/articles/seed-{number}/related" for number in range(SEEDS)]
    with Server(place) as server, Load(server.port, paths, plan.rate, lines=16) as load:
        _await_indexer(server, level=plan.level)
        with _importing(place, load_file):
            measurement = Measurement(Lanes(server, AT_ONCE), plan.samples)
            before, begun = _waiting(place), time.monotonic()
            until(lambda: _waiting(place) > before, 30)
            measurement.run()
            ended, left = time.monotonic(), _waiting(place)
        again = measurement.listed_again(server.workers)
        measurement.lanes.close()
        answers = load.between(begun, ended)
    return Measured(
        shown=measurement.shown,
        gone=measurement.gone,
        answers=answers,
        seconds=ended - begun,
        waiting=left,
        listed_again=again,
        faults=measurement.faults + [words for _, words in load.faults],
        words=server.words(),
        kept_at=_kept_at(place),
    )


@contextmanager
def _importing(place: Place, path: Path) -> Iterator[Popen[bytes]]:
    """`read-also import` beside everything else; ended with the block."""
    process = place.spawn("import", str(path))
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
        process.wait(60)


def _await_indexer(server: Server, *, level: bool) -> None:
    """Until its model is loaded."""

    def reads() -> bool:
        if level:
            _level(server.indexer)
        return READING in server.words()

    if not until(reads, STARTING_SECONDS, every=0.5):
        raise RuntimeError(f"the indexer did not start: {server.words()[-2_000:]}")


def _level(process: int | None) -> None:
    """Give a process and its threads the usual share of the machine."""
    for task in Path(f"/proc/{process}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(task.name), 0)


def _waiting(place: Place) -> int:
    """How much of the bulk load waits to be read."""
    store = open_store(f"sqlite:///{place.store}")
    try:
        return store.queue.length().bulk
    finally:
        store.close()


def _kept_at(place: Place) -> dict[str, float]:
    """When what was read of each new article was written down, in seconds since 1970."""
    store = open_store(f"sqlite:///{place.store}")
    changes = schema.changes.c
    query = sa.select(changes.article_id, changes.at).where(
        changes.kind == "read", changes.article_id.startswith("fresh-")
    )
    try:
        with store.engine.begin() as connection:
            rows = connection.execute(query.order_by(changes.number)).all()
        return {row[0]: row[1].replace(tzinfo=UTC).timestamp() for row in rows}
    finally:
        store.close()


@click.command(help=__doc__)
@click.option("--samples", default=200, show_default=True)
@click.option("--articles", default=10_000, show_default=True, help="Of the bulk load.")
@click.option("--words", default=120, show_default=True, help="Of each of them.")
@click.option("--rate", default=100.0, show_default=True, help="Reads a second.")
@click.option("--level", is_flag=True, help="Let the indexer not make way for others.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the server's log there.")
def main(
    *, samples: int, articles: int, words: int, rate: float, level: bool, keep: Path | None
) -> None:
    """Measure, print the figures beside their bars, and fail where one is missed."""
    end_when_told()
    folder = Path(tempfile.mkdtemp(prefix="freshness-"))
    try:
        measured = measure(folder, Plan(samples, articles, words, rate, level))
        if keep is not None:
            keep.write_text(measured.words)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    click.echo("\n".join(stages_of(measured)))
    sys.exit(report(figures_of(measured), click.echo))


if __name__ == "__main__":
    main()
