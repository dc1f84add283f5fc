"""How soon every worker shows a write, while ten thousand articles are loaded and readers read.

    python -m tests.faults.harness.freshness [--samples 200] [--articles 10000] [--rate 100]

`read-also serve` with two workers, and `read-also import` of a file of 10,000 articles, as a
newsroom would move its archive. While those wait to be embedded, 100 reads a second go on, and
every 0.7 s a single article is written. From its acknowledgement on both workers are asked, over
connections of which it is known who answers, until both list it under its seed with its text read;
its own encode call, which the indexer's log tells, is taken off. Every eighth is then withheld or
deleted, and must be in no answer that is asked for a second later. Stop it with Ctrl-C.
"""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from queue import LifoQueue
from subprocess import Popen
from typing import Any, Final

import click
from tqdm import tqdm

from recommender.store import open_store
from tests.faults.harness.serving import (
    Answer,
    Line,
    Load,
    Place,
    Server,
    bulk,
    end_when_told,
    fresh,
    line_to,
    listed,
    seeds,
    until,
    write_lines,
)
from tests.faults.harness.tally import Figure, report

# What the indexer logs of an article: when its text was embedded, and how long that took.


_LINE: Final = re.compile(
    r"^\S+ \S+ indexer: embedded \[(?P<ids>[^\]]*)\] in (?P<seconds>[0-9.]+) s$",
    re.MULTILINE,
)


def encodings(words: str, wanted: Iterable[str]) -> dict[str, float]:
    """By id of each wanted article that was read, how many seconds its last encode call took."""
    wanted = set(wanted)
    found: dict[str, float] = {}
    for line in _LINE.finditer(words):
        ids = re.findall(r"'([^']+)'", line["ids"])
        found |= dict.fromkeys(wanted.intersection(ids), float(line["seconds"]))
    return found


# Connections to every worker of a server, so that each can be asked what it shows.


def list_path(seed: int, tag: str) -> str:
    """The list of a seed with the articles of a tag alone, and only where their text was read."""
    return f"/v1/articles/seed-{seed}/related?tag={tag}&min_score=0.01"


class Lane:
    """One connection to each worker, for one asker at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lines: dict[int, Line] = {}

    @property
    def workers(self) -> list[int]:
        """Whom there is to ask."""
        return self._server.workers

    def lists(self, worker: int, path: str) -> list[str]:
        """The ids in a list, as a certain worker answers."""
        status, body = self._ask(worker, "GET", path, None)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:200]!r}")
        return listed(body)

    def write(self, method: str, path: str, document: Mapping[str, Any] | None) -> int:
        """Call any worker; the status of its answer."""
        worker = next(iter(self._lines), self.workers[0])
        return self._ask(worker, method, path, document)[0]

    def close(self) -> None:
        """Hang up."""
        for line in self._lines.values():
            line.close()

    def _ask(self, worker: int, method: str, path: str, document: object) -> tuple[int, bytes]:
        """Call; where the idle connection was closed meanwhile, over a new one."""
        if worker in self._lines:
            try:
                return self._lines[worker].ask(method, path, document)
            except (OSError, HTTPException, json.JSONDecodeError):
                self._lines.pop(worker).close()
        self._lines[worker] = line_to(self._server, worker)
        return self._lines[worker].ask(method, path, document)


class Lanes:
    """As many lanes as there are askers at once."""

    def __init__(self, server: Server, count: int) -> None:
        self._free: LifoQueue[Lane] = LifoQueue()
        self._all = [Lane(server) for _ in range(count)]
        for lane in self._all:
            self._free.put(lane)

    @contextmanager
    def one(self) -> Iterator[Lane]:
        """A lane that nobody else uses while the block runs."""
        lane = self._free.get()
        try:
            yield lane
        finally:
            self._free.put(lane)

    def close(self) -> None:
        """Hang up all."""
        for lane in self._all:
            lane.close()


# One write, and the moments at which the workers show it or stop showing it.


LATE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.01
WATCHED_SECONDS: Final = 3.0
ALLOWED_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 0.1
KEPT: Final = frozenset({200, 201, 204})
REFUSED: Final = 503


@dataclass(frozen=True, slots=True)
class Shown:
    """A new article: acknowledged, then seen in every worker.

    Attributes:
        id: the article's.
        refused: how often it was refused before that, since the store was locked.
        seconds: from the acknowledgement until the last worker showed it; None if never.
    """

    id: str
    refused: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Gone:
    """An article that was taken back.

    Attributes:
        id: the article's.
        how: `withheld` or `deleted`.
        last_seconds: after the acknowledgement, when the last answer that held it was asked for.
        late: how many answers held it that were asked for later than a second after it.
        answers: how many were looked at.
    """

    id: str
    how: str
    last_seconds: float
    late: int
    answers: int


def publish(lane: Lane, number: int, subject: int) -> Shown:
    """Write a new article, and look until every worker lists it under its seed.

    Raises:
        RuntimeError: the write was refused for half a minute.
    """
    document = fresh(number, subject)
    refused = _write(lane, "PUT", document)
    acked = time.monotonic()
    path, missing = list_path(subject, document["id"]), set(lane.workers)
    while missing and time.monotonic() - acked < LATE_SECONDS:
        for worker in sorted(missing):
            if document["id"] in lane.lists(worker, path):
                missing.discard(worker)
        if missing:
            time.sleep(LOOK_SECONDS)
    seconds = None if missing else time.monotonic() - acked
    return Shown(document["id"], refused, seconds)


def withdraw(lane: Lane, number: int, subject: int) -> Gone:
    """Withhold or delete an article that is listed, and look for it in every worker after that.

    Raises:
        RuntimeError: the write was refused for half a minute.
    """
    document = fresh(number, subject, status="withheld")
    how = "withheld" if number % 2 else "deleted"
    _write(lane, "PUT" if number % 2 else "DELETE", document)
    acked = time.monotonic()
    path, last, late, answers = list_path(subject, document["id"]), 0.0, 0, 0
    while (asked := time.monotonic() - acked) < WATCHED_SECONDS:
        for worker in lane.workers:
            asked = time.monotonic() - acked
            answers += 1
            if document["id"] in lane.lists(worker, path):
                last, late = asked, late + (asked > ALLOWED_SECONDS)
        time.sleep(LOOK_SECONDS)
    return Gone(document["id"], how, last, late, answers)


def _write(lane: Lane, method: str, document: Mapping[str, Any]) -> int:
    """Write as a patient CMS does, until it is acknowledged; how often it was refused."""
    body = document if method == "PUT" else None
    end, refused = time.monotonic() + LATE_SECONDS, 0
    while (status := lane.write(method, f"/v1/articles/{document['id']}", body)) not in KEPT:
        refused += 1
        if status != REFUSED or time.monotonic() > end:
            raise RuntimeError(f"{method} {document['id']}: {status}")
        time.sleep(AGAIN_SECONDS)
    return refused


# The figures of a measurement of freshness, and where the time went.


MOST_SECONDS: Final = 1.0
SHARES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen.

    Attributes:
        shown: the new articles.
        gone: those that were taken back.
        answers: to the readers.
        seconds: how long it took.
        waiting: how much of the bulk load still waited at the end.
        listed_again: how many that were taken back were listed at the end.
        faults: what was answered wrong, to readers and writers, in words.
        words: the server's log.
    """

    shown: Sequence[Shown]
    gone: Sequence[Gone]
    answers: Sequence[Answer]
    seconds: float
    waiting: int
    listed_again: int
    faults: Sequence[str]
    words: str


def figures_of(measured: Measured) -> list[Figure]:
    """What is promised, and what there was."""
    encoded = encodings(measured.words, (shown.id for shown in measured.shown))
    fresh = [
        max(0.0, shown.seconds - encoded[shown.id])
        for shown in measured.shown
        if shown.seconds is not None and shown.id in encoded
    ]
    figures = [
        Figure("writes that became visible in every worker", len(fresh)),
        Figure("writes that did not", len(measured.shown) - len(fresh), 0, "most"),
        Figure("writes refused before they were kept", sum(s.refused for s in measured.shown)),
        *_quantiles("visible in all less its own encode call, s,", fresh, {"p99": MOST_SECONDS}),
        Figure("articles taken back", len(measured.gone)),
        *_quantiles("listed after it was taken back, s,", [g.last_seconds for g in measured.gone]),
        Figure("answers with it after a second", sum(g.late for g in measured.gone), 0, "most"),
        Figure("taken back and listed at the end", measured.listed_again, 0, "most"),
        Figure("of the bulk load still waiting at the end", measured.waiting, 1),
        Figure("reads a second", len(measured.answers) / measured.seconds),
    ]
    took = [answer.seconds for answer in measured.answers]
    bad = sum(not answer.good for answer in measured.answers)
    return [*figures, *_quantiles("read, s,", took), Figure("reads not 2xx", bad, 0, "most")]


def _quantiles(
    name: str, values: Sequence[float], bars: dict[str, float] | None = None
) -> list[Figure]:
    bars = bars or {}
    return [
        Figure(f"{name} {quantile}", _at(values, share), bars.get(quantile), "most")
        for quantile, share in SHARES.items()
    ]


def _at(values: Sequence[float], share: float) -> float:
    """The least value that this share of the values does not exceed."""
    if not values:
        return float("nan")
    return sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]


SEEDS: Final = 300
EVERY_SECONDS: Final = 0.7
WITHDRAWN: Final = 8  # every so manieth is taken back
SETTLING_SECONDS: Final = 5.0  # after which an article is taken back
AT_ONCE: Final = 8
READING: Final = "indexer: analyzing with"  # logged when its model is loaded
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


def measure(folder: Path, plan: Plan) -> Measured:
    """Fill an archive, serve it, load it, and write meanwhile."""
    place = Place(folder)
    place.run("import", str(write_lines(folder / "seeds.jsonl", seeds(SEEDS))))
    place.run("rebuild")
    load_file = write_lines(folder / "bulk.jsonl", bulk(plan.articles, plan.words))
    paths = [f"/v1/articles/seed-{number}/related" for number in range(SEEDS)]
    with Server(place) as server, Load(server.port, paths, plan.rate, lines=16) as load:
        _await_indexer(server)
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


def _await_indexer(server: Server) -> None:
    """Until its model is loaded."""

    def reads() -> bool:
        return READING in server.words()

    if not until(reads, STARTING_SECONDS, every=0.5):
        raise RuntimeError(f"the indexer did not start: {server.words()[-2_000:]}")


def _waiting(place: Place) -> int:
    """How much of the bulk load waits to be read."""
    store = open_store(f"sqlite:///{place.store}")
    try:
        return store.queue.length().bulk
    finally:
        store.close()


@click.command(help=__doc__)
@click.option("--samples", default=200, show_default=True)
@click.option("--articles", default=10_000, show_default=True, help="Of the bulk load.")
@click.option("--words", default=120, show_default=True, help="Of each of them.")
@click.option("--rate", default=100.0, show_default=True, help="Reads a second.")
def main(*, samples: int, articles: int, words: int, rate: float) -> None:
    """Measure, print the figures beside their bars, and fail where one is missed."""
    end_when_told()
    folder = Path(tempfile.mkdtemp(prefix="freshness-"))
    try:
        measured = measure(folder, Plan(samples, articles, words, rate))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for fault in measured.faults[:20]:
        click.echo(f"FAULT: {fault}")
    sys.exit(report(figures_of(measured), click.echo))


if __name__ == "__main__":
    main()
