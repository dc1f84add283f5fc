"""Two machines over one PostgreSQL and one Milvus server, of which each part is killed.

    python -m tests.faults.harness.milvus_machines [--reads 50] [--writes 5] [--lines 8] [--rest 8]

As `machines`, but lists come from milvus-lite. Killed are, by SIGKILL, the machine whose indexer
stands by, with all its processes; the machine whose indexer reads; PostgreSQL and Milvus, each
started again some seconds later. Stories are asked for as readers do: by Zipf's law, the first one
most. Every fifth new story is deleted again. Each list is held against what was deleted long before
it was asked for. At the end every acknowledged story must be in the store, be read once, stand in
the live collection and have a list; what was deleted must be in none.

A read is sent by the proxy to the other machine where one breaks. It may fail while Milvus is away,
and where the machine of the test is so slow that a list takes two seconds, which is said.
milvus-lite, a Python program, takes some 40 ms of CPU for a list: so no more are read a second than
`lines` clients get that wait for each answer. With more than twelve, lists are refused while one
machine is gone: twelve threads of the other one may ask Milvus.
"""

import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Final

import click
import httpx
from prometheus_client.parser import text_string_to_metric_families

from recommender.errors import DeletedArticle
from recommender.settings import PREFIX
from recommender.store import open_store
from tests.faults.harness.clients import PATIENCE_SECONDS, Answer, ask, line_to, listed
from tests.faults.harness.machines import PATIENCE_SECONDS as LONGEST_SECONDS
from tests.faults.harness.machines import (
    SEEDS,
    Pair,
    Proxy,
    TurnLoad,
    Writes,
    end_machine,
    find_losses,
    prepared,
    reads_after,
)
from tests.faults.harness.newsroom import Newsroom, missing
from tests.faults.harness.stories import fresh
from tests.support.milvus_servers import MilvusServer
from tests.support.postgresql import server_with
from tests.support.serving import PROC, Server, end_by_sigterm
from tests.support.waiting import until

PROMISED_SECONDS: Final = 5.0
"""A deleted article is in no list within a second; what is slow here is the machine of the test."""
ELECTED_SECONDS: Final = 10.0
AWAY_SECONDS: Final = 4.0
STALL_SECONDS: Final = 2.0
"""On a machine so slow that a list takes so long, lists are refused for a while."""
ASKED_AT_END: Final = 20
DRAWN: Final = 5_000
MADE: Final = "search"
"""The step that every list passes that a worker makes, and none that it gives another time."""
UNAVAILABLE: Final = 503


def zipf_paths(seed: int = 0) -> list[str]:
    """Lists as readers ask for them: the k-th story 1/k as often as the first."""
    weights = [1 / (rank + 1) for rank in range(SEEDS)]
    drawn = Random(seed).choices(range(SEEDS), weights, k=DRAWN)  # noqa: S311 - readers
    return [f"/v1/articles/seed-{number}/related" for number in drawn]


class HeldLoad(TurnLoad):
    """Reads behind a proxy, each held against what was deleted long before it."""

    def __init__(self, proxy: Proxy, newsroom: Newsroom, rate: float, lines: int) -> None:
        super().__init__(proxy, zipf_paths(), rate, lines)
        self.withdrawn_shown = set[str]()
        self._deleted = newsroom.deleted

    def _see(self, begun: float, body: bytes) -> None:
        super()._see(begun, body)
        if body.startswith(b'{"article_id"'):
            gone = {one for one, at in [*self._deleted.items()] if at < begun - PROMISED_SECONDS}
            self.withdrawn_shown |= gone.intersection(listed(body))


# --- what is killed ---


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the run, by the monotonic clock.

    Attributes:
        made: how many lists were made in it.
        cpu: the seconds of CPU that each kind of process took.
    """

    name: str
    begun: float
    ended: float
    made: int
    cpu: Mapping[str, float]


@dataclass
class Run:
    """Two machines, their Milvus server and their clients, while parts are killed.

    Attributes:
        spans: the parts of the run.
        away: when Milvus was killed, and when every worker made lists again.
    """

    pair: Pair
    milvus: MilvusServer
    reading: HeldLoad
    rest: float
    spans: list[Span] = field(default_factory=list)
    away: tuple[float, float] = (0.0, 0.0)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Count what is read and made while the block runs."""
        before, used, begun = made_by(self.pair.machines), self._cpu(), time.monotonic()
        yield
        after, using, ended = made_by(self.pair.machines), self._cpu(), time.monotonic()
        made = sum(max(0, after[port] - before[port]) for port in before.keys() & after.keys())
        cpu = defaultdict[str, float](float)
        for process in used.keys() & using.keys():
            cpu[process[0]] += using[process] - used[process]
        self.spans.append(Span(name, begun, ended, made, cpu))

    def _cpu(self) -> dict[tuple[str, int], float]:
        """The seconds of CPU of each process so far, by its kind and number."""
        kinds = {"Milvus": self.milvus.processes, "PostgreSQL": self.pair.database.processes}
        for machine in self.pair.machines:
            for number in machine.processes:
                is_worker = number in machine.workers
                kinds.setdefault("web workers" if is_worker else "others", []).append(number)
        return {(kind, one): cpu_of(one) for kind, some in kinds.items() for one in some}

    def disturb(self) -> None:
        """Kill one part after the other; each has come back before the next."""
        with self.span("undisturbed"):
            time.sleep(self.rest)
        self.kill_web_machine()
        self.kill_elected_machine()
        self.kill_database()
        self.kill_milvus()

    def kill_web_machine(self) -> None:
        """SIGKILL all of the machine that only answers readers and the CMS now."""
        elected = self.pair.elected()
        (machine,) = (one for one in self.pair.machines if one is not elected)
        with self.span("web machine killed"):
            end_machine(machine)
            time.sleep(self.rest)
        self._start(machine)

    def kill_elected_machine(self) -> None:
        """SIGKILL all of the machine whose indexer reads; the other one's takes over."""
        machine = self.pair.elected()
        with self.span("machine of the elected indexer killed"):
            end_machine(machine)
            until(lambda: not machine.processes)
            killed_at = time.time()  # until then it may have read
            with closing(open_store(self.pair.url)) as store:
                until(lambda: reads_after(store, killed_at) is not None, LONGEST_SECONDS)
                seconds = reads_after(store, killed_at)
            time.sleep(self.rest)
        taken = seconds is not None and seconds <= ELECTED_SECONDS
        self.pair.check(taken, f"another indexer reads after {seconds} s")
        self.pair.notes.append(f"another indexer reads {seconds} s after the kill")
        self._start(machine)

    def _start(self, machine: Server) -> None:
        with self.span("it starts again"):
            machine.start()
            self.pair.wait_until_whole()

    def kill_database(self) -> None:
        """SIGKILL PostgreSQL; reads go on until it is back."""
        with self.span("PostgreSQL killed"):
            self.pair.database.kill()
            time.sleep(AWAY_SECONDS)
            ended = time.monotonic()
            self.pair.database.start()
        began = self.spans[-1].begun
        good = [one for one in self.reading.between(began, ended) if one.good]
        self.pair.check(bool(good), "no list was made while PostgreSQL was away")
        with self.span("it is back"):
            self.pair.wait_until_whole()

    def kill_milvus(self) -> None:
        """SIGKILL Milvus; lists get 503 until it is back."""
        with self.span("Milvus killed"):
            self.milvus.kill()
            time.sleep(AWAY_SECONDS)
            self.milvus.start()
            back = time.monotonic()
            until(lambda: self._is_read_since(back))
            seconds = time.monotonic() - back
            for machine in self.pair.machines:
                for worker in machine.workers:
                    self.pair.check(makes_lists(machine, worker), f"worker {worker} makes no list")
        self.away = (self.spans[-1].begun, time.monotonic())
        self.pair.notes.append(f"lists again {seconds:.1f} s after Milvus answered")
        with self.span("it is back"):
            time.sleep(self.rest)

    def _is_read_since(self, moment: float) -> bool:
        return any(one.good and one.due_at > moment for one in list(self.reading.answers))

    def unexplained(self) -> list[Answer]:
        """The reads that failed though Milvus was there and no list was slow."""
        answers = list(self.reading.answers)
        slow = [one for one in answers if one.seconds >= STALL_SECONDS]
        spans = [(one.due_at, one.due_at + one.seconds + STALL_SECONDS) for one in slow]
        spans.append((self.away[0], self.away[1] + STALL_SECONDS))
        failed = [one for one in answers if not one.good]
        return [one for one in failed if one.status != UNAVAILABLE or not meets(one, spans)]


def cpu_of(process: int) -> float:
    """The seconds of CPU that a process took so far; 0 where it is gone."""
    try:
        fields = (PROC / f"{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def meets(answer: Answer, spans: Sequence[tuple[float, float]]) -> bool:
    """Whether a read was under way in one of some spans."""
    ended = answer.due_at + answer.seconds
    return any(answer.due_at <= end and ended >= begin for begin, end in spans)


def makes_lists(machine: Server, worker: int) -> bool:
    """Wait until a worker makes lists."""
    with closing(line_to(machine, worker, LONGEST_SECONDS)) as line:

        def is_good() -> bool:
            try:
                return line.ask("GET", "/v1/articles/seed-0/related")[0] == httpx.codes.OK
            except (OSError, HTTPException):
                return False

        return until(is_good, LONGEST_SECONDS)


def made_by(machines: Sequence[Server]) -> dict[int, int]:
    """How many lists each machine has made, by port; one that does not answer is left out."""
    made = {}
    for machine in machines:
        try:
            said = httpx.get(f"http://127.0.0.1:{machine.operators_port}/metrics", timeout=20)
        except httpx.TransportError:
            continue
        samples = (
            one for each in text_string_to_metric_families(said.text) for one in each.samples
        )
        counts = (
            one.value
            for one in samples
            if one.name.endswith("step_seconds_count") and one.labels["step"] == MADE
        )
        made[machine.port] = int(sum(counts))
    return made


# --- what came of the writes ---


def check_writes(run: Run, newsroom: Newsroom) -> None:
    """Record what is wrong with acknowledged stories and deletions: store, collection, lists."""
    pair, deleted = run.pair, {*newsroom.deleted}
    with closing(open_store(pair.url)) as store:
        drained = until(lambda: store.queue.oldest_change() is None, LONGEST_SECONDS)
        pair.check(drained, "texts wait in the queue")
        pair.wrong += find_losses(store, [*newsroom.titles])
        for article_id in deleted:
            try:
                store.get(article_id)
                pair.wrong.append(f"{article_id}: its deletion was lost")
            except DeletedArticle:
                pass
    titles = {str(fresh(number)["id"]): title for number, title in newsroom.titles.items()}
    look: Callable[[], dict[str, str]] = lambda: missing(run.milvus.address, titles, deleted)  # noqa: E731
    pair.check(until(lambda: not look(), every=1.0), f"not so in the collection: {look()}")
    newest = [*titles][-ASKED_AT_END:]
    for machine in pair.machines:
        for article_id in newest:
            status, body = ask(machine.port, "GET", f"/v1/articles/{article_id}/related")
            pair.check(status == httpx.codes.OK, f"{article_id}: its list is {status}")
            shown = deleted.intersection(listed(body)) if status == httpx.codes.OK else set()
            pair.check(not shown, f"{article_id}: its list has {shown}")


# --- all together ---


def disturbed(
    pair: Pair, milvus: MilvusServer, *, reads: float, writes: float, lines: int, rest: float
) -> tuple[Run, Newsroom]:
    """Kill all parts while clients read and write; what is wrong is in the pair."""
    proxy, newsroom = Proxy(pair.ports, PATIENCE_SECONDS), Newsroom(pair.ports)
    with HeldLoad(proxy, newsroom, reads, lines) as reading, Writes(newsroom.write, writes) as by:
        run = Run(pair, milvus, reading, rest)
        run.disturb()
    check_writes(run, newsroom)
    pair.check(not reading.withdrawn_shown, f"deleted, and shown: {reading.withdrawn_shown}")
    pair.check(not run.unexplained(), f"failed: {run.unexplained()[:5]}, {reading.faults[:5]}")
    pair.notes += said(run)
    deletions = len(newsroom.deleted)
    stories = len(newsroom.titles) + deletions
    rate = (stories + deletions) / (run.spans[-1].ended - run.spans[0].begun)
    written = f"{stories} stories and {deletions} deletions acknowledged"
    pair.notes.append(f"{written}, {rate:.1f} a second, {by.refused} refused and sent again")
    pair.notes.append(f"the other machine was asked after {dict(proxy.passed_on)}")
    return run, newsroom


def said(run: Run) -> list[str]:
    """What was read in each part of the run, and how much of it was made for it."""
    lines = []
    for span in run.spans:
        answers = run.reading.between(span.begun, span.ended)
        good, seconds = [one for one in answers if one.good], span.ended - span.begun
        took = sorted(1_000 * one.seconds for one in good) or [0.0]
        cpu = ", ".join(f"{kind} {one:.1f} s" for kind, one in sorted(span.cpu.items()))
        failed = dict(Counter(one.status for one in answers if not one.good))
        lines.append(
            f"{span.name}: {seconds:.1f} s, {len(good) / seconds:.1f} lists a second, {span.made} "
            f"made for {len(good)}, p50 {took[len(took) // 2]:.0f} ms, p95 "
            f"{took[len(took) * 95 // 100]:.0f} ms, failed {failed}, CPU {cpu}"
        )
    return lines


@click.command(help=__doc__)
@click.option("--reads", default=50.0, show_default=True, help="A second.")
@click.option("--writes", default=5.0, show_default=True, help="A second.")
@click.option("--lines", default=8, show_default=True, help="Reads at the same time, at most.")
@click.option("--rest", default=8.0, show_default=True, help="Seconds of each part.")
def main(reads: float, writes: float, lines: int, rest: float) -> None:
    """Disturb, print what was seen, and fail if a write is lost or a read failed."""
    end_by_sigterm()
    with (
        server_with("machines") as database,
        tempfile.TemporaryDirectory(prefix="machines-", ignore_cleanup_errors=True) as name,
        MilvusServer(Path(name) / "milvus") as milvus,
        prepared(
            database, database.url("machines"), Path(name), {f"{PREFIX}MILVUS": milvus.address}
        ) as pair,
    ):
        disturbed(pair, milvus, reads=reads, writes=writes, lines=lines, rest=rest)
    for words in [*pair.notes, *(f"WRONG: {words}" for words in pair.wrong)]:
        click.echo(f"  {words}")
    sys.exit(1 if pair.wrong else 0)


if __name__ == "__main__":
    main()
