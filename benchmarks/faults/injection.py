"""Every system call: kill, EIO and ENOSPC at each call of a write and a publish that touches files.

    python -m benchmarks.faults.injection [--sample N] [--seed 1] [--tally FILE.json]

Each piece of work is traced once, to learn which calls touch the archive. Then it is done anew on a
copy of the archive for every such call and fault, and looked at afresh: what was acknowledged is
there, what was not is whole or absent, an error is one of the house's own, and both the next
attempt in that process and the next one in another succeed; only where giving back a lock was
refused, which no local disk does, that process may have to be started anew. `--sample` takes so
many calls of each piece of work, and always every fsync and rename. Stop it with Ctrl-C; the same
tally goes on.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from tqdm import tqdm

from benchmarks.faults.injection_trace import (
    FAULTS,
    WORKER,
    Call,
    Outcome,
    Point,
    Tracer,
    open_tracer,
)
from benchmarks.faults.injection_works import WORKS, Work
from benchmarks.faults.kills_memory import memory_folder
from benchmarks.faults.kills_tally import Tally

__all__ = ["Injection", "choose", "open_injection"]

ALWAYS: Final = ("fsync", "fdatasync", "rename", "renameat", "renameat2")
ATTEMPTS: Final = 3
KILL: Final = "KILL"
ERRORS: Final = [fault for fault in FAULTS if fault != KILL]


class Injection:
    """Does pieces of work with a fault at a call, and judges what is left."""

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
        return _drawn_points(choose(calls, sample, seed), seed)

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
        """Until strace hit the call that was meant: another process may move numbers by one."""
        for _ in range(ATTEMPTS):
            outcome = self._tracer.run(name, self._fresh(), "-e", point.rule)
            if _hit(outcome, point, self._folder):
                return outcome
            self._tally.add("missed calls, tried again")
        raise RuntimeError(f"{name}: {point} is never hit")

    def _judge(self, name: str, point: Point, outcome: Outcome) -> None:
        self._tally.add("points")
        self._tally.add(f"{name}: {point.fault}: {_ending(outcome)}")
        wrong = _misbehaviour(point, outcome) or _look(WORKS[name], self._folder, outcome)
        if wrong:
            self._tally.find(f"{name}: {point.fault} at {point.call.text}: {wrong}")


def _drawn_points(calls: list[Call], seed: int) -> list[Point]:
    draw = random.Random(seed)  # noqa: S311 - a choice, no secret
    kills = [Point(call, KILL) for call in calls]
    # Waiting for a lock that is never given back takes SQLite ten seconds.
    failing = [call for call in calls if not call.unlocks]
    return kills + [Point(call, draw.choice(ERRORS)) for call in failing]


def choose(calls: list[Call], sample: int | None, seed: int) -> list[Call]:
    """All calls, or every fsync and rename with a drawn `sample` of the others, in their order."""
    others = [call for call in calls if call.name not in ALWAYS]
    if sample is None or sample >= len(others):
        return calls
    drawn = random.Random(seed).sample(others, sample)  # noqa: S311 - a choice, no secret
    return [call for call in calls if call.name in ALWAYS or call in drawn]


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


def _misbehaviour(point: Point, outcome: Outcome) -> str | None:
    """What the process itself did wrong."""
    if point.fault == KILL:
        return None
    if outcome.status:
        return f"the process ended with status {outcome.status}: {outcome.steps}"
    failed = [fact for fact in outcome.steps.values() if not fact["done"]]
    if unclean := [fact for fact in failed if not fact["clean"]]:
        return f"no clean error: {unclean}"
    # A lock that could not be given back is held until the process ends.
    recovered = outcome.acknowledged or point.call.unlocks
    return None if recovered else f"no second attempt succeeds: {outcome.steps}"


def _look(work: Work, folder: Path, outcome: Outcome) -> str | None:
    """What is wrong with the archive."""
    try:
        return work.check(folder, acknowledged=outcome.acknowledged)
    except Exception as error:  # noqa: BLE001 - an archive that cannot be used is the finding
        return f"{type(error).__name__}: {error}"


@contextmanager
def open_injection(tally: Tally, worker: Sequence[str] = WORKER) -> Iterator[Injection]:
    """Start what is needed, in a folder that goes away afterwards."""
    place = tempfile.TemporaryDirectory(prefix="injection-", dir=memory_folder())
    with place as folder, open_tracer(worker) as tracer:
        yield Injection(tracer, Path(folder), tally)


@click.command(help=__doc__)
@click.option("--sample", type=int, help="How many calls of each piece of work; all without it.")
@click.option("--seed", default=1, show_default=True)
@click.option("--tally", "path", type=click.Path(path_type=Path), help="Counts, kept and resumed.")
def main(sample: int | None, seed: int, path: Path | None) -> None:
    """Run every piece of work, print the counts, and fail where anything was found."""
    tally = Tally.load(path)
    with open_injection(tally) as injection:
        try:
            for name in WORKS:
                injection.run(name, injection.points(name, sample, seed), seed)
        except KeyboardInterrupt:
            click.echo("stopped")
    tally.save()
    click.echo(str(tally))
    sys.exit(1 if tally.findings else 0)


if __name__ == "__main__":
    main()
