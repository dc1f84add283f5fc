"""How soon every worker shows a write, while ten thousand articles are loaded and readers read.

    python -m tests.faults.harness.freshness [--samples 200] [--articles 10000] [--rate 100]

`read-also serve` with two workers, and `read-also import` of a file of 10,000 articles, as a
newsroom would move its archive. While those wait to be embedded, 100 reads a second go on, and
every 0.7 s a single article is written. From its acknowledgement on both workers are asked, over
connections of which it is known who answers, until both list it under its seed with its text read;
its own encode call, which the indexer's log shows, is taken off. Every eighth is then withheld or
deleted, and must be in no answer that is asked for a second later. Stop it with Ctrl-C.
"""

import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Final

import click
import numpy as np
from tqdm import tqdm

from recommender.store import open_store
from tests.faults.harness.clients import Line, Load, ask, line_to, listed
from tests.faults.harness.stories import bulk, fresh, seeds, write_lines
from tests.faults.harness.tally import Figure, report
from tests.support.archives import Document
from tests.support.serving import Place, Server, end_by_sigterm
from tests.support.waiting import until

SEEDS: Final = 300
EVERY_SECONDS: Final = 0.7
WITHDRAWN: Final = 8  # every so manieth is taken back
SETTLING_SECONDS: Final = 1.4  # after which an article is taken back
AT_ONCE: Final = 8
READING: Final = "indexer: analyzing with"  # logged when its model is loaded
STARTING_SECONDS: Final = 180.0

LATE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.01
WATCHED_SECONDS: Final = 3.0
ALLOWED_SECONDS: Final = 1.0
SHARES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
KEPT: Final = frozenset({200, 201, 204})
REFUSED: Final = 503

_ENCODED: Final = re.compile(
    r"^\S+ info indexer\[\d+\]: embedded \[(?P<ids>[^\]]*)\] in (?P<seconds>[0-9.]+) s$",
    re.MULTILINE,
)


def encodings(words: str, wanted: Iterable[str]) -> dict[str, float]:
    """By id of each wanted article that was read, how many seconds its last encode call took."""
    wanted = set(wanted)
    found: dict[str, float] = {}
    for line in _ENCODED.finditer(words):
        ids = re.findall(r"'([^']+)'", line["ids"])
        found |= dict.fromkeys(wanted.intersection(ids), float(line["seconds"]))
    return found


@dataclass(slots=True)
class Sample:
    """What became of one article.

    Attributes:
        number: of the article.
        refused: how often it was refused before it was kept, since the store was locked.
        seconds: from the acknowledgement until the last worker showed it; NaN if never.
        taken_back: whether it was withheld or deleted afterwards.
        last_seconds: after that, when the last answer that held it was asked for.
        late: how many answers held it that were asked for later than a second after it.
        fault: what was answered wrong.
    """

    number: int
    refused: int = 0
    seconds: float = float("nan")
    taken_back: bool = False
    last_seconds: float = 0.0
    late: int = 0
    fault: str = ""

    @property
    def id(self) -> str:
        """Of the article."""
        return f"fresh-{self.number}"


class Lane:
    """One connection to each worker, for one asker at a time."""

    def __init__(self, server: Server) -> None:
        self.workers = server.workers
        self._server = server
        self._lines = {worker: line_to(server, worker) for worker in self.workers}

    def shows(self, worker: int, sample: Sample) -> bool:
        """Whether a certain worker lists an article, with its text read, under a seed."""
        seed = sample.number % SEEDS
        path = f"/v1/articles/seed-{seed}/related?tag={sample.id}&min_score=0.01"
        status, body = self._ask(worker, path)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:200]!r}")
        return sample.id in listed(body)

    def close(self) -> None:
        """Hang up."""
        for line in self._lines.values():
            line.close()

    def _ask(self, worker: int, path: str) -> tuple[int, bytes]:
        """Ask; where the idle connection was closed meanwhile, over a new one."""
        line: Line = self._lines[worker]
        try:
            if not line.is_closed():
                return line.ask("GET", path)
        except (OSError, HTTPException):
            line.close()
        self._lines[worker] = line_to(self._server, worker)
        return self._lines[worker].ask("GET", path)


def publish(lane: Lane, port: int, sample: Sample) -> None:
    """Write a new article, and look until every worker lists it under its seed."""
    sample.refused = _write(port, "PUT", fresh(sample.number))
    acked = time.monotonic()
    missing = set(lane.workers)
    while missing and time.monotonic() - acked < LATE_SECONDS:
        missing -= {worker for worker in missing if lane.shows(worker, sample)}
        if not missing:
            sample.seconds = time.monotonic() - acked
        time.sleep(LOOK_SECONDS)


def withdraw(lane: Lane, port: int, sample: Sample) -> None:
    """Withhold or delete an article that is listed, and look for it in every worker after that."""
    withheld = fresh(sample.number, status="withheld")
    _write(port, "PUT" if sample.number % 2 else "DELETE", withheld)
    acked = time.monotonic()
    sample.taken_back = True
    while time.monotonic() - acked < WATCHED_SECONDS:
        for worker in lane.workers:
            asked = time.monotonic() - acked
            if lane.shows(worker, sample):
                sample.last_seconds = asked
                sample.late += asked > ALLOWED_SECONDS
        time.sleep(LOOK_SECONDS)


def _write(port: int, method: str, document: Document) -> int:
    """Write as a patient CMS does, until it is acknowledged; how often it was refused.

    Raises:
        RuntimeError: it was refused for half a minute, or for another reason than a locked store.
    """
    body = document if method == "PUT" else None
    end, refused = time.monotonic() + LATE_SECONDS, 0
    while (status := ask(port, method, f"/v1/articles/{document['id']}", body)[0]) not in KEPT:
        refused += 1
        if status != REFUSED or time.monotonic() > end:
            raise RuntimeError(f"{method} {document['id']}: {status}")
        time.sleep(0.1)
    return refused


def measure(folder: Path, samples: list[Sample], load_file: Path, rate: float) -> list[Figure]:
    """Fill an archive, serve it, load it, and write meanwhile."""
    place = Place(folder)
    place.run("import", str(write_lines(folder / "seeds.jsonl", seeds(SEEDS))))
    place.run("rebuild")
    paths = [f"/v1/articles/seed-{number}/related" for number in range(SEEDS)]
    with Server(place) as server, Load(server.port, paths, rate, lines=16) as load:
        if not until(lambda: READING in server.words(), STARTING_SECONDS):
            raise RuntimeError(f"the indexer did not start: {server.words()[-2_000:]}")
        with _importing(place, load_file):
            begun = time.monotonic()
            _take_all(server, samples)
            seconds, waiting = time.monotonic() - begun, _waiting(place)
        with closing(Lane(server)) as lane:
            gone = [sample for sample in samples if sample.taken_back]
            again = sum(lane.shows(worker, sample) for sample in gone for worker in lane.workers)
        answers = load.between(begun, begun + seconds)
    for fault in [*(one.fault for one in samples if one.fault), *(w for _, w in load.faults)][:20]:
        click.echo(f"FAULT: {fault}")
    return [
        *_figures_of_writes(samples, encodings(server.words(), (one.id for one in samples))),
        *_figures_of_withdrawals(gone, again),
        Figure("of the bulk load still waiting at the end", waiting, least=1),
        Figure("reads a second", len(answers) / seconds),
        *_quantiles("read, s,", [answer.seconds for answer in answers]),
        Figure("reads not 2xx", sum(not answer.good for answer in answers), most=0),
    ]


def _take_all(server: Server, samples: list[Sample]) -> None:
    """Take each sample at its moment; those that take long delay no other."""
    begun = time.monotonic()

    def take(sample: Sample) -> None:
        time.sleep(max(0.0, begun + sample.number * EVERY_SECONDS - time.monotonic()))
        try:
            with closing(Lane(server)) as lane:
                publish(lane, server.port, sample)
                if sample.number % WITHDRAWN == 0 and sample.seconds > 0:
                    time.sleep(SETTLING_SECONDS)
                    withdraw(lane, server.port, sample)
        except (RuntimeError, OSError, HTTPException) as fault:
            sample.fault = repr(fault)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        writes = [pool.submit(take, sample) for sample in samples]
        try:
            for write in tqdm(as_completed(writes), "writes", len(writes), disable=None):
                write.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _importing(place: Place, path: Path) -> Iterator[None]:
    """Run `read-also import` during the block, from when it has begun."""
    before = _waiting(place)
    process = place.spawn("commands.log", "import", str(path))
    try:
        until(lambda: _waiting(place) > before, 30)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _waiting(place: Place) -> int:
    """How much of the bulk load waits to be read."""
    with closing(open_store(f"sqlite:///{place.store}")) as store:
        return store.queue.length().bulk


def _figures_of_writes(samples: list[Sample], encoded: dict[str, float]) -> Iterator[Figure]:
    shown = [one for one in samples if one.seconds >= 0 and one.id in encoded]
    seconds = [max(0.0, one.seconds - encoded[one.id]) for one in shown]
    yield Figure("writes that became visible in every worker", len(shown), least=1)
    yield Figure("writes that did not", len(samples) - len(shown), most=0)
    yield Figure("writes refused before they were kept", sum(one.refused for one in samples))
    yield from _quantiles("visible in all less its own encode call, s,", seconds, p99=1.0)


def _figures_of_withdrawals(gone: list[Sample], again: int) -> Iterator[Figure]:
    yield Figure("articles taken back", len(gone))
    last = [one.last_seconds for one in gone]
    yield from _quantiles("listed after it was taken back, s,", last)
    yield Figure("answers with it after a second", sum(one.late for one in gone), most=0)
    yield Figure("taken back and listed at the end", again, most=0)


def _quantiles(name: str, values: Sequence[float], **most: float) -> list[Figure]:
    """The least values that these shares of all do not exceed."""
    return [
        Figure(
            f"{name} {share}",
            float(np.quantile(values, SHARES[share], method="inverted_cdf")) if values else 0.0,
            most=most.get(share),
        )
        for share in SHARES
    ]


@click.command(help=__doc__)
@click.option("--samples", default=200, show_default=True)
@click.option("--articles", default=10_000, show_default=True, help="Of the bulk load.")
@click.option("--rate", default=100.0, show_default=True, help="Reads a second.")
def main(*, samples: int, articles: int, rate: float) -> None:
    """Measure, print the figures with their limits, and fail if one is over."""
    end_by_sigterm()
    with tempfile.TemporaryDirectory(prefix="freshness-", ignore_cleanup_errors=True) as folder:
        load_file = write_lines(Path(folder) / "bulk.jsonl", bulk(articles))
        written = [Sample(number) for number in range(samples)]
        figures = measure(Path(folder), written, load_file, rate)
    sys.exit(report(figures))


if __name__ == "__main__":
    main()
