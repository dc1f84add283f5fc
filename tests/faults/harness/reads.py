"""Reads are answered, whatever happens to the indexer, a worker or the store.

    python -m tests.faults.harness.reads [--minutes 20] [--rate 60] [--pace 1]

`read-also serve` with two workers answers lists of known ids, JSON and HTML by turns, at a constant
rate over keep-alive connections: half of the time with an SQLite store, half with a PostgreSQL
server of its own. Meanwhile each kind of disturbance happens, by turns; for
each it prints how many reads there were, how many were answered with anything but 2xx or by nobody,
how many were cut off, and the longest wait. A killed worker may cut one read
off, which is then asked again. Stop it with Ctrl-C; no process stays.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import click
from tqdm import tqdm

from tests.faults.harness.clients import Load, ask, line_to, listed, put, put_until_visible
from tests.faults.harness.clocks import HOUR_SECONDS, MovedClock
from tests.faults.harness.stories import fresh, seeds, write_lines
from tests.support.postgresql import PostgreSQL, server_with
from tests.support.serving import Place, Server, end_by_sigterm
from tests.support.waiting import until

# Locks of the store's SQLite file that another process holds.
#
# In WAL mode `BEGIN EXCLUSIVE` keeps out writers only, and `locking_mode=EXCLUSIVE` is refused
# while anybody else is connected. To keep out readers too, as a broken backup tool may, the lock
# bytes of the `-shm` file and the pending byte of the database are locked as SQLite itself would.


_WRITERS: Final = """
import sys
import pysqlite3
connection = pysqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""
_EVERYBODY: Final = """
import fcntl
import sys
index, database = open(sys.argv[1] + "-shm", "r+b"), open(sys.argv[1], "r+b")
fcntl.lockf(index, fcntl.LOCK_EX, 8, 120)
fcntl.lockf(database, fcntl.LOCK_EX, 1, 0x40000000)
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(store: Path, *, readers_too: bool) -> Iterator[None]:
    """Another process is in the middle of `BEGIN EXCLUSIVE`, or lets nobody connect at all."""
    holder = subprocess.Popen(  # noqa: S603 - a program of our own
        [sys.executable, "-c", _EVERYBODY if readers_too else _WRITERS, str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        if holder.stdout is None or holder.stdout.readline() != b"locked\n":
            raise RuntimeError("the store could not be locked")
        yield
    finally:
        holder.kill()
        holder.communicate()


# --- what disturbances work on: one served archive, and what they note ---

RECOVERY_SECONDS: Final = 60.0


@dataclass(slots=True)
class Phase:
    """A span of monotonic time in which something went on."""

    name: str
    begun: float
    ended: float = 0.0
    workers_killed: int = 0


@dataclass(slots=True)
class Scene:
    """A server, its environment, and the phases so far.

    Attributes:
        server: what is disturbed.
        pace: what every waiting is multiplied by; 1 but for trials.
        clock: of its processes.
        database: its PostgreSQL; None where the store is SQLite.
        phases: what went on, in order.
        notes: what disturbances saw besides reads.
        wrong: what they saw that should not be.
    """

    server: Server
    pace: float
    clock: MovedClock
    database: PostgreSQL | None = None
    phases: list[Phase] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    written: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what is answered while the block runs under a name."""
        self.phases.append(Phase(name, time.monotonic()))
        try:
            yield
        finally:
            self.phases[-1].ended = time.monotonic()

    def rest(self, seconds: float) -> None:
        """Let reads go on for a while."""
        time.sleep(max(0.0, seconds * self.pace))

    def next_article(self, **more: object) -> dict[str, Any]:
        """An article that was never written."""
        self.written += 1
        return fresh(self.written, **more)

    def write(self, times: int = 1) -> int:
        """Write new articles; the status of the last answer."""
        return [put(self.server.port, self.next_article()) for _ in range(times)][-1]

    def kill_worker(self) -> None:
        """SIGKILL a web worker, and wait until its successor itself answers reads."""
        before = set(self.server.workers)
        os.kill(min(before), signal.SIGKILL)
        self.phases[-1].workers_killed += 1
        begun = time.monotonic()
        came = until(lambda: len(set(self.server.workers) - before) == 1, RECOVERY_SECONDS)
        self.check(came, "no new worker came")
        for successor in set(self.server.workers) - before:
            with closing(line_to(self.server, successor, RECOVERY_SECONDS)) as line:
                status, _ = line.ask("GET", "/v1/articles/seed-0/related")
            self.check(status == 200, f"the new worker answered {status} to its first read")
            self.note(f"a new worker answered {status}, {time.monotonic() - begun:.1f} s later")

    def kill_master(self) -> None:
        """SIGKILL gunicorn's master, and wait until the next one has its workers."""
        before = self.server.master
        if before is not None:
            os.kill(before, signal.SIGKILL)
        new = until(
            lambda: self.server.master not in {None, before} and self.server.is_whole(),
            RECOVERY_SECONDS,
        )
        self.check(new, "no new master came")

    def kill_indexer(self) -> None:
        """SIGKILL the indexer, and wait for the next one."""
        before = self.server.indexer
        if before is not None:
            os.kill(before, signal.SIGKILL)
        new = until(lambda: self.server.indexer not in {None, before}, RECOVERY_SECONDS)
        self.check(new, "no new indexer came")

    def must_be_refused(self) -> None:
        """A write is refused, as nobody could keep it."""
        begun = time.monotonic()
        status = self.write()
        self.note(f"a write was answered {status} after {time.monotonic() - begun:.1f} s")
        self.check(status == 503, f"a write was answered {status} while it could not be kept")

    def must_be_visible(self) -> None:
        """A write is visible again within a minute, and the server whole."""
        begun = time.monotonic()
        kept = put_until_visible(self.server.port, self.next_article(), RECOVERY_SECONDS)
        self.check(kept, "a write afterwards was not visible within a minute")
        self.check(until(self.server.is_whole, 60), "the server is not whole afterwards")
        self.note(f"a write afterwards was visible after {time.monotonic() - begun:.1f} s")

    def note(self, words: str) -> None:
        """Record an observation under its phase."""
        self.notes.append(f"{self.phases[-1].name}: {words}")

    def check(self, fine: bool, words: str) -> None:  # noqa: FBT001 - as assert has it
        """Record a fault."""
        if not fine:
            self.wrong.append(f"{self.phases[-1].name}: {words}")


# --- what happens to a server while readers go on reading ---

HOURS: Final = 24
HALFWAY: Final = {"expires_at": "late-expiring", "embargoed_until": "late-embargoed"}


def rebuild(scene: Scene) -> None:
    """A few writes, and `read-also rebuild`."""
    scene.write(5)
    scene.server.place.run("rebuild")
    scene.rest(5)


def rebuild_full(scene: Scene) -> None:
    """Everything is embedded and built again."""
    scene.server.place.run("rebuild", "--full")
    scene.rest(5)


def write_much(scene: Scene) -> None:
    """So many single writes that the indexer publishes generations by itself."""
    for _ in range(round(120 * max(scene.pace, 0.4))):
        scene.write()
        time.sleep(0.2)
    scene.rest(15)


def roll_back(scene: Scene) -> None:
    """Back to the generation before, then on again."""
    scene.server.place.run("snapshots", "rollback")
    scene.rest(10)
    scene.write()
    scene.server.place.run("rebuild")
    scene.rest(5)


def kill_indexers(scene: Scene) -> None:
    """The indexer is killed three times; a write is visible in the end."""
    for _ in range(3):
        scene.write()
        scene.kill_indexer()
        scene.rest(6)
    scene.must_be_visible()


def kill_workers(scene: Scene) -> None:
    """One web worker after the other is killed."""
    for _ in range(3):
        scene.kill_worker()
        scene.rest(4)


def kill_masters(scene: Scene) -> None:
    """Gunicorn's master is killed three times, its workers never."""
    for _ in range(3):
        scene.kill_master()
        scene.rest(6)


def reload_all(scene: Scene) -> None:
    """SIGHUP replaces the workers and the indexer."""
    before = set(scene.server.workers)
    os.kill(scene.server.supervisor, signal.SIGHUP)
    came = until(
        lambda: not before & set(scene.server.workers) and scene.server.is_whole(),
        RECOVERY_SECONDS,
    )
    scene.check(came, "no new workers came")
    scene.rest(5)


def lock_writers_out(scene: Scene) -> None:
    """Another process holds BEGIN EXCLUSIVE."""
    with locked(scene.server.place.store, readers_too=False):
        scene.must_be_refused()
        scene.rest(15)
    scene.must_be_visible()


def lock_everybody_out(scene: Scene) -> None:
    """No process can read or write the store's file for 60 s; a worker starts meanwhile."""
    begun = time.monotonic()
    with locked(scene.server.place.store, readers_too=True):
        scene.rest(10)
        scene.must_be_refused()
        scene.kill_worker()
        scene.rest(60 - (time.monotonic() - begun) / scene.pace)
    scene.must_be_visible()


def kill_database(scene: Scene) -> None:
    """PostgreSQL is killed and comes back after 30 s; a worker starts meanwhile."""
    assert scene.database is not None
    scene.database.kill()
    begun = time.monotonic()
    scene.must_be_refused()
    scene.kill_worker()
    scene.rest(30 - (time.monotonic() - begun) / scene.pace)
    scene.database.start()
    scene.must_be_visible()


def freeze_database(scene: Scene) -> None:
    """PostgreSQL is stopped with SIGSTOP for 30 s; a worker starts meanwhile."""
    assert scene.database is not None
    begun = time.monotonic()
    with scene.database.frozen():
        scene.must_be_refused()
        scene.kill_worker()
        scene.rest(30 - (time.monotonic() - begun) / scene.pace)
    scene.must_be_visible()


def take_database_away_for_a_day(scene: Scene) -> None:
    """PostgreSQL is away while the clock goes on by 24 hours; workers start on the way."""
    assert scene.database is not None
    before = _listed_of_changing(scene)
    scene.database.kill()
    for hour in range(HOURS):
        scene.clock.move_an_hour()
        scene.rest(2.5)
        if hour in {HOURS // 2, HOURS - 1}:
            scene.kill_worker()
    after = _listed_of_changing(scene)
    scene.note(f"after {scene.clock.hours} h of those that change are listed: {before} -> {after}")
    if scene.clock.hours == HOURS:
        scene.check(before == {"late-expiring"}, f"before the outage was listed {before}")
    scene.check(after == {"late-embargoed"}, f"after the outage was listed {after}")
    scene.database.start()
    scene.must_be_visible()


def write_what_changes_halfway(scene: Scene) -> None:
    """One article that expires, and one whose embargo ends, 12 hours from now."""
    halfway = time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + HOURS / 2 * HOUR_SECONDS)
    )
    for name, article_id in HALFWAY.items():
        article = scene.next_article(id=article_id, tags=["halfway"], **{name: halfway})
        kept = put_until_visible(
            scene.server.port, article, 180
        )  # the indexer loads its model first
        scene.check(kept, f"{article_id} is not visible")


def _listed_of_changing(scene: Scene) -> set[str]:
    """Which of the two stand in the lists of a seed, whoever answers."""
    path = "/v1/articles/seed-1/related?tag=halfway"
    return {i for _ in range(8) for i in listed(ask(scene.server.port, "GET", path)[1])}


Disturbance = Callable[[Scene], None]

ON_BOTH: Final[dict[str, Disturbance]] = {
    "nothing": lambda scene: scene.rest(20),
    "rebuild": rebuild,
    "full rebuild": rebuild_full,
    "writes, generations swapped": write_much,
    "rollback and rebuild": roll_back,
    "indexer killed": kill_indexers,
    "web worker killed": kill_workers,
    "gunicorn's master killed": kill_masters,
    "reload": reload_all,
}
ON_SQLITE: Final[dict[str, Disturbance]] = {
    "writers locked out": lock_writers_out,
    "store locked for 60 s": lock_everybody_out,
}
ON_POSTGRESQL: Final[dict[str, Disturbance]] = {
    "PostgreSQL killed, back after 30 s": kill_database,
    "PostgreSQL frozen for 30 s": freeze_database,
    "24 hours without PostgreSQL": take_database_away_for_a_day,
}


# --- what readers saw, by what went on meanwhile ---


def report(scene: Scene, load: Load) -> bool:
    """Print what readers saw under each name, and what else was noted; return whether all is well.

    A killed worker may take one read with it, which is then asked once more.
    """
    clean = not scene.wrong
    for name in dict.fromkeys(phase.name for phase in scene.phases):
        phases = [phase for phase in scene.phases if phase.name == name]
        answers = [a for phase in phases for a in load.between(phase.begun, phase.ended)]
        bad, cut = sum(not a.good for a in answers), sum(a.cut for a in answers)
        worst = max((answer.seconds for answer in answers), default=0.0)
        clean &= not bad and cut <= sum(phase.workers_killed for phase in phases)
        click.echo(
            f"{name:<36} {len(answers):>7} reads, {bad} not 2xx, {cut} cut off, worst {worst:.2f} s"
        )
    click.echo(f"generations seen: {len(load.generations)}")
    for at, words in load.faults[:100]:
        during = [p for p in scene.phases if p.begun <= at < p.ended]
        scene.notes += [f"{phase.name} +{at - phase.begun:.1f} s: {words}" for phase in during]
    for words in [*scene.notes, *(f"WRONG: {words}" for words in scene.wrong)]:
        click.echo(f"  {words}")
    return clean


SEEDS: Final = 150
PARTS: Final = ("SQLite", "PostgreSQL")


@contextmanager
def prepared(part: str, pace: float) -> Iterator[Scene]:
    """A served archive with a few stories."""
    temporary = tempfile.TemporaryDirectory(prefix="reads-", ignore_cleanup_errors=True)
    with temporary as name, _database(part) as database:
        folder = Path(name)
        clock = MovedClock(folder / "clock")
        place = Place(folder, database.url("reads") if database else None, clock.environment)
        place.run("import", str(write_lines(folder / "seeds.jsonl", seeds(SEEDS))))
        place.run("rebuild")
        with Server(place) as server:
            yield Scene(server, pace, clock, database)


@contextmanager
def _database(part: str) -> Iterator[PostgreSQL | None]:
    if part != "PostgreSQL":
        yield None
        return
    with server_with("reads") as server:
        yield server


def run_part(scene: Scene, seconds: float, rate: float) -> bool:
    """Disturb by turns, each at least once and as long as there is time; return if all is well."""
    disturbances = ON_BOTH | (ON_SQLITE if scene.database is None else ON_POSTGRESQL)
    paths = [f"/v1/articles/seed-{n}/related{'.html' * (n % 2)}" for n in range(SEEDS)]
    begun = time.monotonic()
    with Load(scene.server.port, paths, rate) as load:
        with scene.phase("writes before all"):
            write_what_changes_halfway(scene)
        steps = tqdm(cycle(disturbances.items()), "disturbances", disable=None)
        for done, (name, disturb) in enumerate(steps):
            if done >= len(disturbances) and time.monotonic() - begun >= seconds:
                break
            with scene.phase(name):
                try:
                    disturb(scene)
                except (RuntimeError, OSError, HTTPException, subprocess.TimeoutExpired) as fault:
                    scene.check(fine=False, words=repr(fault))
    return report(scene, load)


@click.command(help=__doc__)
@click.option("--minutes", default=20.0, show_default=True)
@click.option("--rate", default=60.0, show_default=True, help="Reads a second.")
@click.option("--pace", default=1.0, show_default=True, help="Below 1 for a hurried trial.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS)
def main(minutes: float, rate: float, pace: float, parts: tuple[str, ...]) -> None:
    """Disturb for so long, print the table, and fail if a read was not answered."""
    end_by_sigterm()
    clean = True
    for part in parts:
        with prepared(part, pace) as scene:
            click.echo(f"\n{part}")
            clean &= run_part(scene, minutes * 60 / len(parts), rate)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
