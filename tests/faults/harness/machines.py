"""Two machines over one PostgreSQL: reads and writes go on while each part of them is killed.

    python -m tests.faults.harness.machines [--rounds 2] [--reads 50] [--writes 5] [--rest 8]

Each machine is `read-also serve` with two workers and a data folder of its own. Clients reach them
as through a proxy that takes the machines by turns, and asks the next one where a connection fails,
an answer does not come within two seconds, or is 502 to 504 (nginx: `proxy_read_timeout 2s`,
`proxy_next_upstream error timeout http_502 http_503 http_504`). Ten seconds after such a failure it
asks that machine no more (`fail_timeout=10s`), unless it is the only one.
A write that is not acknowledged is sent again, as a CMS does. In each round the elected indexer, a
whole machine and PostgreSQL are killed, and PostgreSQL is restarted in order. At the end every
acknowledged article must be in the store, be read, and be read once.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

import click
import sqlalchemy as sa

from recommender.data_folder import DataFolder
from recommender.indexing.drafts import state_of_indexer
from recommender.store import ArticleStore, open_store, schema
from tests.faults.harness.clients import Line, Load, ask
from tests.faults.harness.stories import fresh, seeds, write_lines
from tests.support.postgresql import PostgreSQL, server_with
from tests.support.serving import Place, Server, end_by_sigterm
from tests.support.stores import log_of
from tests.support.waiting import until

SEEDS: Final = 60
PATIENCE_SECONDS: Final = 300.0  # of a busy machine, on which a model loads for minutes
PROXY_SECONDS: Final = 2.0
RESTS_SECONDS: Final = 10.0
AWAY: Final = frozenset({502, 503, 504})
ACKNOWLEDGED: Final = frozenset({200, 201})


class Proxy:
    """What a proxy knows of the machines: which failed a moment ago, and why it asked another.

    Attributes:
        ports: where the machines answer.
        seconds: so long it waits for one.
        passed_on: how often the next machine was asked, by what the one before did.
    """

    def __init__(self, ports: Sequence[int], seconds: float = PROXY_SECONDS) -> None:
        self.ports = ports
        self.seconds = seconds
        self.passed_on = Counter[str]()
        self._rests_until = dict.fromkeys(ports, 0.0)

    def order(self, turn: int) -> list[int]:
        """The machines as a client's next call asks them: those that failed lately come last."""
        start = turn % len(self.ports)
        by_turns = [*self.ports[start:], *self.ports[:start]]
        return sorted(by_turns, key=lambda port: self._rests_until[port] > time.monotonic())

    def note_failure(self, port: int, what: str) -> None:
        """Let a machine rest that has failed."""
        self.passed_on[what] += 1
        self._rests_until[port] = time.monotonic() + RESTS_SECONDS


class TurnLine(Line):
    """A client behind a proxy: machines by turns, and the next one where one fails."""

    def __init__(self, proxy: Proxy, first: int) -> None:
        self._proxy = proxy
        self._lines = {port: Line(port, proxy.seconds) for port in proxy.ports}
        self._turn = first

    def ask(self, method: str, path: str, document: object = None) -> tuple[int, bytes]:
        """Ask one machine, and another one if that fails.

        Raises:
            OSError, HTTPException: the last one failed too.
        """
        self._turn += 1
        *others, last = self._proxy.order(self._turn)
        for port in others:
            try:
                status, body = self._lines[port].ask(method, path, document)
            except (OSError, HTTPException) as fault:
                self._proxy.note_failure(port, type(fault).__name__)
                continue
            if status not in AWAY:
                return status, body
            self._proxy.note_failure(port, str(status))
        return self._lines[last].ask(method, path, document)

    def close(self) -> None:
        """Close the connections."""
        for line in self._lines.values():
            line.close()


class TurnLoad(Load):
    """Reads at a constant rate behind a proxy."""

    def __init__(self, proxy: Proxy, paths: Sequence[str], rate: float, lines: int = 12) -> None:
        super().__init__(proxy.ports[0], paths, rate, lines)
        self._proxy = proxy

    def _open(self, number: int) -> Line:
        return TurnLine(self._proxy, number)


class Writes:
    """New articles at a constant rate, in a thread, each sent until it is acknowledged."""

    def __init__(self, write: Callable[[int], bool], rate: float) -> None:
        """Write nothing yet.

        Args:
            write: writes the article of a number; whether it was acknowledged.
            rate: articles a second.
        """
        self.acknowledged: list[int] = []
        self.refused = 0
        self._write, self._rate = write, rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write_on, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_SECONDS)

    def _write_on(self) -> None:
        number, due = 0, time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            if self._write(number):
                self.acknowledged.append(number)
                number += 1
            else:
                self.refused += 1
            due = max(due + 1 / self._rate, time.monotonic() - 1)


def writer_behind_proxy(ports: Sequence[int]) -> Callable[[int], bool]:
    """Writes over HTTP, by turns to the machines; no write is passed on by the proxy."""
    turns = iter(range(10**9))

    def write(number: int) -> bool:
        document, port = fresh(number), ports[next(turns) % len(ports)]
        status, _ = ask(port, "PUT", f"/v1/articles/{document['id']}", document)
        return status in ACKNOWLEDGED

    return write


# --- what came of the writes ---


def reads_after(store: ArticleStore, moment: float) -> float | None:
    """How many seconds after a moment (since 1970) a text was read first; None if none was."""
    table = schema.changes
    at = sa.select(table.c.at).where(table.c.kind == "read").order_by(table.c.number.desc())
    with store.engine.begin() as connection:
        times = [one.timestamp() - moment for one in connection.scalars(at.limit(500))]
    return min((seconds for seconds in times if seconds > 0), default=None)


def find_losses(store: ArticleStore, acknowledged: Sequence[int]) -> list[str]:
    """What is wrong with the acknowledged articles: lost, not read, or logged as read twice."""
    wanted = {str(fresh(number)["id"]) for number in acknowledged}
    read = Counter(one.article_id for one in log_of(store) if one.kind == "read")
    with store.scan() as view:
        kept = {one.article.id: one for one in view}
    lost = [f"{key}: lost" for key in sorted(wanted - kept.keys())]
    here = (kept[key] for key in sorted(wanted & kept.keys()))
    unread = [f"{one.article.id}: not read" for one in here if one.read_hash != one.text_hash]
    twice = [f"{key}: logged as read {n} times" for key, n in read.items() if n > 1]
    return [*lost, *unread, *twice]


# --- two machines ---


@dataclass(slots=True)
class Pair:
    """Two machines over one database, and what was seen.

    Attributes:
        machines: each with a data folder of its own.
        database: the PostgreSQL of both.
        store: as a reader of the test sees it; opened anew after each end of the server.
        notes: what was measured.
        wrong: what should not be.
    """

    machines: Sequence[Server]
    database: PostgreSQL
    url: str
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def ports(self) -> list[int]:
        """Where the machines answer."""
        return [machine.port for machine in self.machines]

    def states(self) -> list[str]:
        """What the indexer of each machine does."""
        return [state_of_indexer(DataFolder(one.place.folder)) for one in self.machines]

    def has_one_elected(self) -> bool:
        """Whether one indexer reads and the other stands by."""
        return sorted(self.states()) == ["ok", "standby"]

    def elected(self) -> Server:
        """The machine whose indexer reads."""
        if not until(lambda: "ok" in self.states(), PATIENCE_SECONDS):
            raise RuntimeError(f"no indexer is elected: {self.states()}")
        return self.machines[self.states().index("ok")]

    def wait_until_whole(self) -> None:
        """Wait until both machines run, with one indexer that reads and one that stands by."""
        for machine in self.machines:
            self.check(until(machine.is_whole, PATIENCE_SECONDS), "a machine is not whole")
        self.check(until(self.has_one_elected, PATIENCE_SECONDS), f"indexers: {self.states()}")

    def time_until_read(self, what: str, killed_at: float) -> None:
        """Note how long after a moment the first text was read."""
        with closing(open_store(self.url)) as store:
            self.check(
                until(lambda: reads_after(store, killed_at) is not None, PATIENCE_SECONDS),
                f"{what}: no text was read afterwards",
            )
            self.notes.append(f"{what}: {reads_after(store, killed_at):.1f} s until a text is read")

    def check(self, fine: bool, words: str) -> None:  # noqa: FBT001 - as assert has it
        """Record a fault."""
        if not fine:
            self.wrong.append(words)


def kill_indexer(pair: Pair) -> None:
    """SIGKILL the elected indexer; the other machine's takes over."""
    process = pair.elected().indexer
    killed_at = time.time()
    if process is not None:
        os.kill(process, signal.SIGKILL)
    pair.time_until_read("elected indexer killed", killed_at)


def end_machine(machine: Server) -> None:
    """SIGKILL every process of a machine."""
    for process in machine.processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def kill_machine(pair: Pair) -> None:
    """SIGKILL every process of the machine whose indexer reads, and start it again later."""
    machine = pair.elected()
    killed_at = time.time()
    end_machine(machine)
    pair.time_until_read("machine killed", killed_at)
    machine.start()


def restart_database(pair: Pair) -> None:
    """PostgreSQL is stopped in order, and started again."""
    pair.database.kill(signal.SIGINT)
    pair.database.start()
    pair.time_until_read("PostgreSQL restarted, since it is back", time.time())


def kill_database(pair: Pair) -> None:
    """PostgreSQL is killed, and started again."""
    pair.database.kill()
    pair.database.start()
    pair.time_until_read("PostgreSQL killed, since it is back", time.time())


DISTURBANCES: Final[Mapping[str, Callable[[Pair], None]]] = {
    "elected indexer killed": kill_indexer,
    "machine killed": kill_machine,
    "PostgreSQL restarted": restart_database,
    "PostgreSQL killed": kill_database,
}


@contextmanager
def prepared(
    database: PostgreSQL, url: str, folder: Path, more: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Pair]:
    """Two machines over an archive with a few stories; the second has to build its snapshot.

    `more` is added to the environment of both.
    """
    places = [Place(folder / name, url, {**more}) for name in ("a", "b")]
    for place in places:
        place.folder.mkdir()
    places[0].run("import", str(write_lines(folder / "seeds.jsonl", seeds(SEEDS))))
    places[0].run("rebuild")
    places[1].run("compact")
    with ExitStack() as running:
        machines = [running.enter_context(Server(place)) for place in places]
        pair = Pair(machines, database, url)
        pair.wait_until_whole()
        yield pair


@dataclass(frozen=True, slots=True)
class Outcome:
    """What clients saw of one run.

    Attributes:
        reads: how many were answered or not.
        failed: reads that no machine answered with 2xx.
        worst_seconds: until an answer.
        passed_on: why the next machine was asked, and how often.
        acknowledged: how many articles.
        refused: writes that were not acknowledged, and sent again.
        seconds: so long clients read and wrote.
    """

    reads: int
    failed: int
    worst_seconds: float
    passed_on: Mapping[str, int]
    acknowledged: int
    refused: int
    seconds: float

    def __str__(self) -> str:
        """What was seen, with the rates that the machine of the test came to."""
        reads, writes = self.reads / self.seconds, self.acknowledged / self.seconds
        return (
            f"{self.reads} reads, {reads:.1f} a second, {self.failed} failed, the slowest took "
            f"{self.worst_seconds:.2f} s; the other machine was asked after "
            f"{dict(self.passed_on)}; {self.acknowledged} writes acknowledged, {writes:.1f} a "
            f"second, {self.refused} refused and sent again"
        )


def run(
    pair: Pair,
    disturbances: Sequence[Callable[[Pair], None]],
    *,
    reads: float = 50.0,
    writes: float = 5.0,
    rest: float = 8.0,
) -> Outcome:
    """Disturb by turns while clients read and write, and look at what became of the writes.

    Args:
        pair: the machines.
        disturbances: what happens.
        reads: a second.
        writes: a second.
        rest: seconds between two disturbances.
    """
    paths = [f"/v1/articles/seed-{number}/related" for number in range(SEEDS)]
    proxy, writing = Proxy(pair.ports), Writes(writer_behind_proxy(pair.ports), writes)
    begun = time.monotonic()
    with TurnLoad(proxy, paths, reads) as reading, writing:
        time.sleep(rest)
        for disturb in disturbances:
            disturb(pair)
            pair.wait_until_whole()
            time.sleep(rest)
    seconds = time.monotonic() - begun
    with closing(open_store(pair.url)) as store:
        drained = until(lambda: store.queue.oldest_change() is None, PATIENCE_SECONDS)
        pair.check(drained, "texts wait in the queue")
        pair.wrong += find_losses(store, writing.acknowledged)
    answers = reading.answers
    return Outcome(
        reads=len(answers),
        failed=sum(not one.good for one in answers),
        worst_seconds=max(one.seconds for one in answers),
        passed_on=dict(proxy.passed_on),
        acknowledged=len(writing.acknowledged),
        refused=writing.refused,
        seconds=seconds,
    )


@click.command(help=__doc__)
@click.option("--rounds", default=2, show_default=True)
@click.option("--reads", default=50.0, show_default=True, help="A second.")
@click.option("--writes", default=5.0, show_default=True, help="A second.")
@click.option("--rest", default=8.0, show_default=True, help="Seconds between two disturbances.")
def main(rounds: int, reads: float, writes: float, rest: float) -> None:
    """Disturb, print what was seen, and fail if a write is lost or a read failed."""
    end_by_sigterm()
    with (
        server_with("machines") as database,
        tempfile.TemporaryDirectory(prefix="machines-", ignore_cleanup_errors=True) as name,
        prepared(database, database.url("machines"), Path(name)) as pair,
    ):
        steps = list(DISTURBANCES.values()) * rounds
        outcome = run(pair, steps, reads=reads, writes=writes, rest=rest)
    click.echo(outcome)
    for words in [*pair.notes, *(f"WRONG: {words}" for words in pair.wrong)]:
        click.echo(f"  {words}")
    sys.exit(1 if pair.wrong or outcome.failed else 0)


if __name__ == "__main__":
    main()
