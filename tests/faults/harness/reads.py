"""Readers go on reading, whatever happens to the indexer, a worker or the store.

    python -m tests.faults.harness.reads [--minutes 20] [--rate 60] [--pace 1]

`read-also serve` with two workers answers lists of known ids, JSON and HTML by turns, at a constant
rate over keep-alive connections: half of the time with an SQLite store, half with a PostgreSQL
server of its own. Meanwhile everything that may happen to it does, by turns; of
each is told how many reads there were, how many were answered with anything but 2xx or by nobody,
how many were cut off, and the longest wait. A killed worker may cut one read
off, which is then asked again. Stop it with Ctrl-C; no process stays.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import click
from tqdm import tqdm

from tests.faults.harness.serving import (
    Line,
    Load,
    Place,
    Server,
    ask,
    end_when_told,
    fresh,
    line_to,
    listed,
    put,
    put_until_kept,
    seeds,
    until,
    write_lines,
)
from tests.support.postgresql import PostgreSQL, server_binaries

# A clock that can be moved for every process of a server, without a change to the product.
#
# Python imports `sitecustomize` from PYTHONPATH before anything else. Ours replaces `time.time`
# and `time.monotonic` by ones that add what a file says. Gunicorn's own timers keep the true
# monotonic clock: a jump would close every idle connection, which a long outage does not.
#
# What this shows: nothing that is kept for the outage expires by its age, embargoes and expiries
# come due, and a worker starts from a copy that is a day old. What it does not show: what a day
# of retries adds up to (memory, open files); and `datetime.now`, which is C, tells the true time.


HOUR_SECONDS: Final = 3_600.0
_HOOK: Final = """
import os
import sys
import time

_path = os.environ["MOVED_CLOCK"]
_time, _monotonic = time.time, time.monotonic
_read = [-1.0, 0.0]


def _moved():
    now = _monotonic()
    if now - _read[0] > 0.1:
        _read[0] = now
        try:
            with open(_path) as file:
                _read[1] = float(file.read())
        except (OSError, ValueError):
            pass
    return _read[1]


def _moved_monotonic():
    name = sys._getframe(1).f_globals.get("__name__", "")
    return _monotonic() + (0.0 if name.startswith("gunicorn") else _moved())


time.time = lambda: _time() + _moved()
time.monotonic = _moved_monotonic
if "threading" in sys.modules:
    sys.modules["threading"]._time = _moved_monotonic
"""


class MovedClock:
    """The folder of the hook, and how far the clock is moved now."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_HOOK)
        self._folder = folder
        self._file = folder / "moved"
        self._seconds = 0.0
        self.move(0.0)

    @property
    def environment(self) -> dict[str, str]:
        """Of the processes whose clock it is."""
        return {"PYTHONPATH": str(self._folder), "MOVED_CLOCK": str(self._file)}

    @property
    def hours(self) -> float:
        """How far it was moved."""
        return self._seconds / HOUR_SECONDS

    def move(self, seconds: float) -> None:
        """Move it on, for everybody within a tenth of a second."""
        self._seconds += seconds
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{self._seconds}")
        os.replace(aside, self._file)  # noqa: PTH105 - one call, as in the product


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


def writers_locked_out(store: Path) -> AbstractContextManager[None]:
    """Another process is in the middle of `BEGIN EXCLUSIVE` while the block runs."""
    return _locked(_WRITERS, store)


def everybody_locked_out(store: Path) -> AbstractContextManager[None]:
    """Nobody can begin a transaction, or connect, while the block runs."""
    return _locked(_EVERYBODY, store)


@contextmanager
def _locked(program: str, store: Path) -> Iterator[None]:
    holder = subprocess.Popen(  # noqa: S603 - a program of our own
        [sys.executable, "-c", program, str(store)],
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


# What disturbances work on: one served archive, and what they note.


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
    """A server, its surroundings, and the phases so far.

    Attributes:
        server: what is disturbed.
        subjects: how many seeds there are.
        pace: what every waiting is multiplied by; 1 but for trials.
        clock: of its processes.
        database: its PostgreSQL; None where the store is SQLite.
        phases: what went on, in order.
        notes: what disturbances saw besides reads.
        wrong: what they saw that should not be.
    """

    server: Server
    subjects: int
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
        return fresh(self.written, self.written % self.subjects, **more)

    def kill_worker(self) -> None:
        """SIGKILL a web worker, and wait until its successor itself answers reads."""
        before = set(self.server.workers)
        os.kill(min(before), signal.SIGKILL)
        self.phases[-1].workers_killed += 1
        begun = time.monotonic()
        self.check(
            until(lambda: len(set(self.server.workers) - before) == 1, RECOVERY_SECONDS),
            "no new worker came",
        )
        (successor,) = set(self.server.workers) - before or {0}
        status = self._asked_of(successor)
        took = time.monotonic() - begun
        self.check(status == 200, f"the new worker answered {status} to its first reads")
        self.note(f"a new worker answered {status}, {took:.1f} s after the kill")

    def kill_indexer(self) -> None:
        """SIGKILL the indexer, and wait for the next one."""
        before = self.server.indexer
        if before is not None:
            os.kill(before, signal.SIGKILL)
        new = until(lambda: self.server.indexer not in {None, before}, RECOVERY_SECONDS)
        self.check(new, "no new indexer came")

    def note(self, words: str) -> None:
        """Keep what was seen, under the phase in which it was."""
        self.notes.append(f"{self.phases[-1].name}: {words}")

    def check(self, fine: bool, words: str) -> None:  # noqa: FBT001 - as assert has it
        """Keep what should not be."""
        if not fine:
            self.wrong.append(f"{self.phases[-1].name}: {words}")

    def _asked_of(self, worker: int) -> int:
        line: Line | None = None
        try:
            line = line_to(self.server, worker, seconds=RECOVERY_SECONDS)
            return line.ask("GET", "/v1/articles/seed-0/related")[0]
        except (OSError, HTTPException):
            return 0
        finally:
            if line is not None:
                line.close()


Disturbance = Callable[[Scene], None]


# What happens to a server while readers go on reading.


HOURS: Final = 24
STARTING_SECONDS: Final = 180.0  # the indexer loads its model meanwhile
TURN: Final = {"expires_at": "late-expiring", "embargoed_until": "late-embargoed"}


def nothing(scene: Scene) -> None:
    """Only reads."""
    scene.rest(20)


def rebuild(scene: Scene) -> None:
    """A few writes, and `read-also rebuild`."""
    for _ in range(5):
        put(scene.server.port, scene.next_article())
    scene.server.place.run("rebuild")
    scene.rest(5)


def rebuild_full(scene: Scene) -> None:
    """Everything is embedded and built again."""
    scene.server.place.run("rebuild", "--full")
    scene.rest(5)


def writes(scene: Scene) -> None:
    """So many single writes that the indexer publishes generations by itself."""
    for _ in range(round(120 * max(scene.pace, 0.4))):
        put(scene.server.port, scene.next_article())
        time.sleep(0.2)
    scene.rest(15)


def rollback(scene: Scene) -> None:
    """Back to the generation before, then on again."""
    scene.server.place.run("snapshots", "rollback")
    scene.rest(10)
    put(scene.server.port, scene.next_article())
    scene.server.place.run("rebuild")
    scene.rest(5)


def indexer_killed(scene: Scene) -> None:
    """The indexer is killed three times; a write is visible in the end."""
    for _ in range(3):
        put(scene.server.port, scene.next_article())
        scene.kill_indexer()
        scene.rest(6)
    _must_be_kept(scene)


def worker_killed(scene: Scene) -> None:
    """One web worker after the other is killed."""
    for _ in range(3):
        scene.kill_worker()
        scene.rest(4)


def writers_away(scene: Scene) -> None:
    """Another process holds BEGIN EXCLUSIVE."""
    with writers_locked_out(scene.server.place.store):
        _must_be_refused(scene)
        scene.rest(15)
    _must_be_kept(scene)


def store_locked(scene: Scene) -> None:
    """Nobody can read or write the store's file for 60 s; a worker starts meanwhile."""
    begun = time.monotonic()
    with everybody_locked_out(scene.server.place.store):
        scene.rest(10)
        _must_be_refused(scene)
        scene.kill_worker()
        scene.rest(60 - (time.monotonic() - begun) / scene.pace)
    _must_be_kept(scene)


def database_killed(scene: Scene) -> None:
    """PostgreSQL is killed and comes back after 30 s; a worker starts meanwhile."""
    if scene.database is None:
        raise ValueError("there is no PostgreSQL")
    scene.database.kill()
    begun = time.monotonic()
    _must_be_refused(scene)
    scene.kill_worker()
    scene.rest(30 - (time.monotonic() - begun) / scene.pace)
    scene.database.start()
    _must_be_kept(scene)


def day_without_database(scene: Scene) -> None:
    """PostgreSQL is away while the clock goes on by 24 hours; workers start on the way."""
    if scene.database is None:
        raise ValueError("there is no PostgreSQL")
    before = _shown(scene)
    scene.database.kill()
    for hour in range(HOURS):
        scene.clock.move(HOUR_SECONDS)
        scene.rest(2.5)
        if hour in {HOURS // 2, HOURS - 1}:
            scene.kill_worker()
    after = _shown(scene)
    scene.note(f"after {scene.clock.hours:.0f} h the turned articles shown: {before} -> {after}")
    if scene.clock.hours == HOURS:
        scene.check(before == {"late-expiring"}, f"before the outage was shown {before}")
    scene.check(after == {"late-embargoed"}, f"after the outage was shown {after}")
    scene.database.start()
    _must_be_kept(scene)


def written_before_outage(scene: Scene) -> None:
    """One article that expires, and one whose embargo ends, 12 hours from now."""
    turn = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + HOURS / 2 * HOUR_SECONDS))
    for name, article_id in TURN.items():
        given = {"id": article_id, "tags": ["turn"], name: turn}
        kept = put_until_kept(scene.server.port, scene.next_article(**given), STARTING_SECONDS)
        scene.check(kept, f"{article_id} is not visible")


def _shown(scene: Scene) -> set[str]:
    """Which of the two stand in the lists of a seed, whoever answers."""
    path = "/v1/articles/seed-1/related?tag=turn"
    return {i for _ in range(8) for i in listed(ask(scene.server.port, "GET", path)[1])}


def _must_be_refused(scene: Scene) -> None:
    begun = time.monotonic()
    status = put(scene.server.port, scene.next_article())
    took = time.monotonic() - begun
    scene.note(f"a write was answered {status} after {took:.1f} s")
    scene.check(status == 503, f"a write was answered {status} while it could not be kept")


def _must_be_kept(scene: Scene) -> None:
    begun = time.monotonic()
    kept = put_until_kept(scene.server.port, scene.next_article())
    scene.check(kept, "a write afterwards was not visible within a minute")
    whole = until(scene.server.is_whole, 60)
    scene.check(whole, "the server is not whole afterwards")
    scene.note(f"a write afterwards was visible after {time.monotonic() - begun:.1f} s")


ON_BOTH: Final[dict[str, Disturbance]] = {
    "nothing": nothing,
    "rebuild": rebuild,
    "full rebuild": rebuild_full,
    "writes, generations swapped": writes,
    "rollback and rebuild": rollback,
    "indexer killed": indexer_killed,
    "web worker killed": worker_killed,
}
ON_SQLITE: Final[dict[str, Disturbance]] = {
    "writers locked out": writers_away,
    "store locked for 60 s": store_locked,
}
ON_POSTGRESQL: Final[dict[str, Disturbance]] = {
    "PostgreSQL killed, back after 30 s": database_killed,
    "24 hours without PostgreSQL": day_without_database,
}


# --- what readers saw, by what went on meanwhile ---


def report(scene: Scene, load: Load) -> bool:
    """Print what readers saw under each name, and what else was noted; tell whether all is well.

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
    click.echo(f"generations seen: {len(load.generations)}; connections reopened: {load.reopened}")
    faults = [f"{_name(scene.phases, at)}: {words}" for at, words in load.faults[:100]]
    for words in [*scene.notes, *faults, *(f"WRONG: {words}" for words in scene.wrong)]:
        click.echo(f"  {words}")
    return clean


def _name(phases: Sequence[Phase], at: float) -> str:
    found = (f"{p.name} +{at - p.begun:.1f} s" for p in phases if p.begun <= at < p.ended)
    return next(found, "no phase")


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


def run_part(scene: Scene, seconds: float, rate: float) -> bool:
    """Disturb by turns, each at least once and as long as there is time; tell if all is well."""
    turns = ON_BOTH | (ON_SQLITE if scene.database is None else ON_POSTGRESQL)
    paths = [f"/v1/articles/seed-{n}/related" for n in range(SEEDS)]
    paths = [p if n % 2 else f"{p}.html" for n, p in enumerate(paths)]
    begun = time.monotonic()
    with Load(scene.server.port, paths, rate) as load:
        if scene.database is not None:
            with scene.phase("writes before the outage"):
                written_before_outage(scene)
        turning = tqdm(cycle(turns.items()), "disturbances", disable=None)
        for done, (name, disturb) in enumerate(turning):
            if done >= len(turns) and time.monotonic() - begun >= seconds:
                break
            _disturb(scene, name, disturb)
    return report(scene, load)


def _disturb(scene: Scene, name: str, disturb: Disturbance) -> None:
    with scene.phase(name):
        try:
            disturb(scene)
        except (RuntimeError, TimeoutError) as fault:
            scene.check(fine=False, words=str(fault))


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
            click.echo(f"\n{part}")
            clean &= run_part(scene, minutes * 60 / len(parts), rate)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
