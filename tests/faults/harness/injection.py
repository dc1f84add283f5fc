"""Every system call: kill, EIO and ENOSPC at each call of a write and a publish that touches files.

    python -m tests.faults.harness.injection [--sample N] [--seed 1] [--tally FILE.json]

Each piece of work is traced once, to learn which calls touch the archive. Then it is done anew on a
copy of the archive for every such call and fault, and looked at afresh: what was acknowledged is
there, what was not is whole or absent, an error is one of the house's own, and both the next
attempt in that process and the next one in another succeed; only where giving back a lock was
refused, which no local disk does, that process may have to be started anew. `--sample` takes so
many calls of each piece of work, and always every fsync and rename. Stop it with Ctrl-C; the same
tally goes on.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from tqdm import tqdm

from index import Catalog
from recommender.articles import Article
from recommender.errors import UnknownArticle
from recommender.store import ArticleStore, open_store
from tests.faults.harness.generations import find_faults, publish
from tests.faults.harness.ledger import find_corruption
from tests.faults.harness.tally import Tally, memory_folder
from tests.support.serving import ROOT

SYSCALLS: Final = (
    *("openat", "write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate", "fallocate"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
    *("fcntl", "flock"),
)
FAULTS: Final = {"KILL": "signal=KILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC"}
WORKER: Final = ("-m", "tests.faults.harness.injection_worker")
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_LINE: Final = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\(")


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that touched the archive: which of its name, from 1, and what strace says."""

    name: str
    number: int
    text: str

    @property
    def unlocks(self) -> bool:
        """Whether it releases a lock, which no local disk refuses."""
        return "F_UNLCK" in self.text


@dataclass(frozen=True, slots=True)
class Point:
    """A fault at a call."""

    call: Call
    fault: str

    @property
    def rule(self) -> str:
        """The option for strace."""
        return f"inject={self.call.name}:{FAULTS[self.fault]}:when={self.call.number}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a child reported of its work, and what strace wrote.

    Attributes:
        steps: by step (work, again, tidy, prepare) what the child reported.
        status: how it ended, as `os.waitpid` says it.
        trace: strace's lines.
    """

    steps: dict[str, dict[str, Any]]
    status: int
    trace: list[str]

    @property
    def acknowledged(self) -> bool:
        """Whether the work was done, at the first attempt or the second."""
        return any(self.steps.get(step, {}).get("done") for step in ("work", "again"))


class Tracer:
    """A worker whose children are traced, and where they leave their traces."""

    def __init__(self, worker: "subprocess.Popen[bytes]", folder: Path) -> None:
        assert worker.stdin is not None
        assert worker.stdout is not None
        self._to_worker, self._from_worker = worker.stdin, worker.stdout
        self._log = folder / "strace.log"

    def run(self, work: str, folder: Path, *options: str) -> Outcome:
        """Do a piece of work in a fresh child under strace."""
        self._say([work, str(folder)])
        facts: list[dict[str, Any]] = [json.loads(self._from_worker.readline())]
        with ExitStack() as tracing:
            if "ready" in facts[0]:
                tracing.enter_context(self._tracing(int(facts[0]["ready"]), options))
                self._say()
            while "status" not in facts[-1]:
                facts.append(json.loads(self._from_worker.readline()))
        steps = {fact["step"]: fact for fact in facts if "step" in fact}
        trace = self._log.read_text("utf-8", "replace").splitlines()
        return Outcome(steps, int(facts[-1]["status"]), trace)

    def calls(self, work: str, folder: Path) -> list[Call]:
        """Do it once without a fault, and list the calls that touch the folder."""
        outcome = self.run(work, folder)
        if outcome.status or not outcome.acknowledged:
            raise RuntimeError(f"{work} fails without a fault: {outcome.steps}")
        return list(calls_in(outcome.trace, folder))

    def _say(self, *words: object) -> None:
        """Send the work, or a byte for the child to continue."""
        self._to_worker.write(b"".join(json.dumps(one).encode() for one in words) or b"\n")
        self._to_worker.flush()

    @contextmanager
    def _tracing(self, pid: int, options: Iterable[str]) -> Iterator[None]:
        traced = ",".join(SYSCALLS)
        command = ["strace", "-f", "-y", "-s", "300", "-e", f"trace={traced}", "-o", str(self._log)]
        command += [*options, "-p", str(pid)]
        # Ours, and strace from the path.
        with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:  # noqa: S603
            assert strace.stderr is not None
            said = strace.stderr.readline()
            if b"attached" not in said:
                os.kill(pid, signal.SIGKILL)
                raise PermissionError(f"strace cannot attach: {said.decode().strip()}")
            try:
                yield
            except BaseException:
                strace.terminate()  # else it waits for a child that waits for us
                raise
            strace.stderr.read()


def calls_in(trace: Iterable[str], folder: Path) -> Iterator[Call]:
    """The calls of a trace that touch a folder; strace counts those of a name per thread."""
    seen: Counter[tuple[str, str]] = Counter()
    for line in trace:
        if not (start := _LINE.match(line)):
            continue
        key = (start["pid"], start["name"])
        seen[key] += 1
        if str(folder) in line:
            yield Call(start["name"], seen[key], line.removeprefix(start["pid"]).strip())


# --- the pieces of work that faults are injected into, and what must hold of the archive then ---
#
# A work is prepared and done in a forked child of `injection_worker`; the archive before it is
# made once and copied, and looked at afterwards, by the process that injects.

OLD_CHANGE, NEW_CHANGE, NEXT_CHANGE = 1, 2, 3
PATIENCE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work.

    Attributes:
        make: makes the archive as it is before, in an empty folder.
        prepare: in the child, all that may happen before faults do; gives the work itself, which
            returns once it is acknowledged, and tidies up after it.
        check: opens the archive again, given whether the work was acknowledged; says what is
            wrong.
    """

    make: Callable[[Path], object]
    prepare: Callable[[Path], AbstractContextManager[Callable[[], object]]]
    check: Callable[[Path, bool], Iterator[str]]


def _article(name: str, words: str) -> Article:
    return Article(id=name, title=words, body=f"{words}. " * 40)


OLD: Final = {f"old-{number}": _article(f"old-{number}", f"old {number}") for number in range(8)}
WRITTEN: Final = {name: _article(name, f"{name} anew") for name in ("new-1", "old-3", "new-2")}
NEXT: Final = _article("next", "the next write")


def _store(folder: Path) -> ArticleStore:
    return open_store(f"sqlite:///{folder / 'read-also.db'}", PATIENCE_SECONDS)


def _make_store(folder: Path) -> None:
    with closing(_store(folder)) as store:
        for article in OLD.values():
            store.put(article)


@contextmanager
def _write(folder: Path) -> Iterator[Callable[[], object]]:
    with closing(_store(folder)) as store:
        yield lambda: store.write_many(WRITTEN.values())


@contextmanager
def _open_and_write(folder: Path) -> Iterator[Callable[[], object]]:
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(_store(folder))).write_many(WRITTEN.values())


def _check_store(folder: Path, acknowledged: bool) -> Iterator[str]:  # noqa: FBT001 - a `Work`'s
    with closing(_store(folder)) as store:
        stored = {name: found for name in OLD | WRITTEN if (found := _get(store, name)) is not None}
        if stored != OLD | WRITTEN and (acknowledged or stored != OLD):
            yield f"acknowledged: {acknowledged}, but the store holds {sorted(stored)}"
        change = store.state().change
        if store.put(NEXT).change <= change:
            yield f"the next write has a number no higher than {change}"
        if _get(store, "next") != NEXT:
            yield "the next write is not there"
    yield from find_corruption(folder / "read-also.db")


def _get(store: ArticleStore, name: str) -> Article | None:
    try:
        return store.get(name)
    except UnknownArticle:
        return None


def _catalog(folder: Path) -> Catalog:
    return Catalog(folder / "snapshots")


@contextmanager
def _publish(folder: Path) -> Iterator[Callable[[], object]]:
    def work() -> None:
        with catalog.lock():
            publish(catalog, NEW_CHANGE)

    catalog = _catalog(folder)
    yield work


@contextmanager
def _prune(folder: Path) -> Iterator[Callable[[], object]]:
    def work() -> None:
        with catalog.lock():
            catalog.prune(1)

    catalog = _catalog(folder)
    publish(catalog, NEW_CHANGE)
    yield work


def _check_publish(folder: Path, acknowledged: bool) -> Iterator[str]:  # noqa: FBT001 - a `Work`'s
    return _check_catalog(folder, {NEW_CHANGE} if acknowledged else {OLD_CHANGE, NEW_CHANGE})


def _check_prune(folder: Path, acknowledged: bool) -> Iterator[str]:  # noqa: FBT001 - a `Work`'s
    left = len(_catalog(folder).generations())
    if acknowledged and left != 1:
        yield f"pruned to {left} generations"
    yield from _check_catalog(folder, {NEW_CHANGE})


def _check_catalog(folder: Path, changes: set[int]) -> Iterator[str]:
    catalog = _catalog(folder)
    live = catalog.open_live()
    if live.manifest.change not in changes:
        yield f"change {live.manifest.change} is live, not one of {changes}"
    for name in catalog.generations():
        yield from find_faults(catalog.open(name))
    with catalog.lock():
        newest = publish(catalog, NEXT_CHANGE).generation
        catalog.prune(1)
    if catalog.open_live().generation != newest:
        yield "the next publish is not live"
    names = {path.name for path in catalog.folder.iterdir()}
    if names != {"live", "lock", newest}:
        yield f"left over: {sorted(names)}"


def _make_catalog(folder: Path) -> None:
    publish(_catalog(folder), OLD_CHANGE)


WORKS: Final = {
    "write": Work(_make_store, _write, _check_store),
    "open and write": Work(_make_store, _open_and_write, _check_store),
    "publish": Work(_make_catalog, _publish, _check_publish),
    "prune": Work(_make_catalog, _prune, _check_prune),
}


# --- a fault at each call ---

ALWAYS: Final = ("fsync", "fdatasync", "rename", "renameat", "renameat2")
ATTEMPTS: Final = 3
KILL: Final = "KILL"
ERRORS: Final = [fault for fault in FAULTS if fault != KILL]


class Injection:
    """Does pieces of work with a fault at a call, and checks the result."""

    def __init__(self, tracer: Tracer, folder: Path, tally: Tally) -> None:
        self._tracer = tracer
        self._before = folder / "before"
        self._folder = folder / "archive"
        self._tally = tally

    def points(self, name: str, sample: int | None, seed: int) -> list[Point]:
        """Make the archive for a piece of work, and choose among its calls.

        Every call has every fault; of a sample, each has the kill and one of the errors.
        """
        shutil.rmtree(self._before, ignore_errors=True)
        self._before.mkdir()
        WORKS[name].make(self._before)
        calls = self._tracer.calls(name, self._fresh())
        if sample is None:
            return [Point(call, fault) for call in calls for fault in FAULTS]
        return _choose(calls, sample, seed)

    def run(self, name: str, points: list[Point], seed: int) -> None:
        """Inject every point that the tally has not seen."""
        key = f"{name}, seed {seed}, {len(points)} points"
        start = self._tally.next_step(key)
        steps = tqdm(points[start:], name, len(points), initial=start, unit="point", disable=None)
        for number, point in enumerate(steps, start):
            outcome = self._inject(name, point)
            self._judge(name, point, outcome)
            self._tally.done(key, number)
            self._tally.save()

    def _fresh(self) -> Path:
        shutil.rmtree(self._folder, ignore_errors=True)
        return Path(shutil.copytree(self._before, self._folder))

    def _inject(self, name: str, point: Point) -> Outcome:
        """Repeat until strace hit the right call: another process may shift the numbers by one."""
        for _ in range(ATTEMPTS):
            outcome = self._tracer.run(name, self._fresh(), "-e", point.rule)
            if _hit(outcome, point, self._folder):
                return outcome
            self._tally.add("missed calls, tried again")
        raise RuntimeError(f"{name}: {point} is never hit")

    def _judge(self, name: str, point: Point, outcome: Outcome) -> None:
        self._tally.add("points")
        self._tally.add(f"{name}: {point.fault}: {_ending(outcome)}")
        wrong = _misbehaviour(point, outcome)
        try:
            wrong += WORKS[name].check(self._folder, outcome.acknowledged)
        except Exception as error:  # noqa: BLE001 - an archive that cannot be used is the finding
            wrong.append(f"{type(error).__name__}: {error}")
        if wrong:
            self._tally.find(f"{name}: {point.fault} at {point.call.text}: {wrong}")


def _choose(calls: list[Call], sample: int, seed: int) -> list[Point]:
    """A kill and an error at every fsync and rename, and at a drawn `sample` of the others."""
    draw = random.Random(seed)  # noqa: S311 - a choice, no secret
    others = [call for call in calls if call.name not in ALWAYS]
    drawn = draw.sample(others, min(sample, len(others)))
    chosen = [call for call in calls if call.name in ALWAYS or call in drawn]
    # Waiting for a lock that is never given back takes SQLite ten seconds.
    failing = [call for call in chosen if not call.unlocks]
    kills = [Point(call, KILL) for call in chosen]
    return kills + [Point(call, draw.choice(ERRORS)) for call in failing]


def _hit(outcome: Outcome, point: Point, folder: Path) -> bool:
    if point.fault != KILL:
        wanted = f"{point.call.name}("
        lines = [line for line in outcome.trace if "(INJECTED)" in line]
        return len(lines) == 1 and wanted in lines[0] and str(folder) in lines[0]
    last = [line for line in outcome.trace if "(" in line and "+++" not in line][-1:]
    named = any(f"{point.call.name}(" in line and str(folder) in line for line in last)
    return _killed(outcome) and named


def _killed(outcome: Outcome) -> bool:
    return os.WIFSIGNALED(outcome.status) and os.WTERMSIG(outcome.status) == signal.SIGKILL


def _ending(outcome: Outcome) -> str:
    if _killed(outcome):
        return "killed after it was acknowledged" if outcome.acknowledged else "killed before"
    return "unharmed" if outcome.steps["work"]["done"] else "refused"


def _misbehaviour(point: Point, outcome: Outcome) -> list[str]:
    """The faults of the process itself."""
    if point.fault == KILL:
        return []
    if outcome.status:
        return [f"the process ended with status {outcome.status}: {outcome.steps}"]
    # A lock that could not be given back is held until the process ends.
    recovered = outcome.acknowledged or point.call.unlocks
    wrong = [] if recovered else [f"no second attempt succeeds: {outcome.steps}"]
    failed = [fact for fact in outcome.steps.values() if not fact["done"]]
    return wrong + [f"no clean error: {fact}" for fact in failed if not fact["clean"]]


@contextmanager
def open_injection(tally: Tally, worker: Sequence[str] = WORKER) -> Iterator[Injection]:
    """Start a worker by the arguments of the interpreter, with the folders that it needs."""
    place = tempfile.TemporaryDirectory(prefix="injection-", dir=memory_folder())
    with (
        place as folder,
        tempfile.TemporaryDirectory(prefix="strace-") as traces,
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, *worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=os.environ | ONE_THREAD,
            process_group=0,  # a Ctrl-C is for the process that injects
        ) as process,
    ):
        try:
            yield Injection(Tracer(process, Path(traces)), Path(folder), tally)
        finally:
            process.kill()


@click.command(help=__doc__)
@click.option("--sample", type=int, help="How many calls of each piece of work; all without it.")
@click.option("--seed", default=1, show_default=True)
@click.option("--tally", "path", type=click.Path(path_type=Path), help="Counts, kept and resumed.")
def main(sample: int | None, seed: int, path: Path | None) -> None:
    """Run every piece of work, print the counts, and fail where anything was found."""
    tally = Tally.load(path)
    with open_injection(tally) as injection, tally.reporting():
        for name in WORKS:
            injection.run(name, injection.points(name, sample, seed), seed)


if __name__ == "__main__":
    main()
