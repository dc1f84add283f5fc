"""Power losses replayed: what the store and the catalog keep of what they acknowledged.

    python -m tests.faults.harness.powerloss [--states 5000] [--seed 0]

Traces every write, sync and rename of two programs, then builds states that a disk may be in when
the power goes at some moment, and opens each with the product. As a control the same trace is
replayed with one sync left out, which must lose something: else the replay proves nothing.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Final, NoReturn, TypeAlias

import click
from tqdm import tqdm

from tests.faults.harness.replay import (
    Control,
    Outage,
    State,
    Workload,
    draw_outages,
    lay_out,
    replay,
)
from tests.faults.harness.replay_catalog import CATALOG
from tests.faults.harness.replay_store import STORE
from tests.faults.harness.tally import memory_folder
from tests.faults.harness.trace import Operation, follow, run_traced, why_untraceable

WORKLOADS: Final = (STORE, CATALOG)
STATES_PER_CONTROL: Final = 100
REPOSITORY: Final = Path(__file__).parents[3]


Advance: TypeAlias = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Outages:
    """How many to draw, and the seed to draw them with."""

    count: int
    seed: int


@dataclass(slots=True)
class Tally:
    """What was looked at, and what was missing."""

    states: int = 0
    checked: int = 0
    losses: int = 0
    first: str = ""

    def add(self, state: State, checked: int, losses: Sequence[str]) -> None:
        """Count one state."""
        self.states += 1
        self.checked += checked
        self.losses += len(losses)
        if losses and not self.first:
            self.first = f"{state.outage}: {losses[0]}"


@dataclass(slots=True)
class Outcome:
    """All that was found about one workload."""

    name: str
    honest: Tally = field(default_factory=Tally)
    controls: dict[str, Tally] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, and everything that had to be was."""
        held = self.honest.states > 0 and self.honest.losses == 0
        return held and all(one.losses for one in self.controls.values())

    def __str__(self) -> str:
        lost = ", ".join(f"{tally.losses} without {name}" for name, tally in self.controls.items())
        first = f"\n  first loss: {self.honest.first}" if self.honest.first else ""
        return (
            f"{self.name}: {self.honest.states} states, {self.honest.checked} acknowledged writes "
            f"checked, {self.honest.losses} losses; control losses: {lost}{first}"
        )


def trace(workload: Workload, root: Path) -> list[Operation]:
    """Run a workload in an empty folder under strace, and tell what it did."""
    command = [sys.executable, "-m", workload.module, str(root / workload.place)]
    return list(follow(run_traced(command, REPOSITORY), root))


def examine(
    workload: Workload,
    operations: Sequence[Operation],
    outages: Iterable[Outage],
    tally: Tally,
    advance: Advance = lambda _: None,
) -> Tally:
    """Build the state after each outage, check it, and count it into the tally."""
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        for state in replay(operations, outages):
            # A name of its own: SQLite remembers files that it has open by their place.
            data = Path(folder) / str(tally.states)
            data.mkdir()
            lay_out(state.tree, data)
            verdict = workload.check(data / workload.place, state.acknowledged)
            tally.add(state, verdict.checked, verdict.losses)
            rmtree(data)
            advance(1)
    return tally


def lose(
    workload: Workload,
    operations: Sequence[Operation],
    control: Control,
    outages: Outages,
    advance: Advance = lambda _: None,
) -> Tally:
    """Examine states that lack a sync."""
    left, moments = control.forget(operations)
    chosen = draw_outages(left, outages.count, outages.seed, moments)
    return examine(workload, left, chosen, Tally(), advance)


def _run(outcome: Outcome, workload: Workload, outages: Outages, bar: "tqdm[NoReturn]") -> None:
    bar.set_description(workload.name)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as root:
        operations = trace(workload, Path(root))
    chosen = draw_outages(operations, outages.count, outages.seed)
    examine(workload, operations, chosen, outcome.honest, bar.update)
    for control in workload.controls:
        bar.set_description(f"{workload.name} without {control.name}")
        few = Outages(STATES_PER_CONTROL, outages.seed)
        outcome.controls[control.name] = lose(workload, operations, control, few, bar.update)


def _run_all(outcomes: Sequence[Outcome], each: Outages) -> bool:
    """Fill the outcomes; tells whether it came to the end."""
    controls = sum(len(workload.controls) for workload in WORKLOADS)
    total = each.count * len(WORKLOADS) + STATES_PER_CONTROL * controls
    with tqdm(total=total, unit="state") as bar:
        try:
            for outcome, workload in zip(outcomes, WORKLOADS, strict=True):
                _run(outcome, workload, each, bar)
        except KeyboardInterrupt:
            return False
    return True


@click.command(help=__doc__)
@click.option("--states", default=5_000, help="Together, besides those of the controls.")
@click.option("--seed", default=0)
def main(states: int, seed: int) -> None:
    """Replay, and tell what was lost."""
    reason = why_untraceable()
    if reason is not None:
        raise click.ClickException(reason)
    outcomes = [Outcome(workload.name) for workload in WORKLOADS]
    ended = _run_all(outcomes, Outages(-(-states // len(WORKLOADS)), seed))
    for outcome in outcomes:
        click.echo(str(outcome))
    if not ended:
        click.echo("interrupted before the end", err=True)
        sys.exit(130)
    sys.exit(0 if all(outcome.passed for outcome in outcomes) else 1)


if __name__ == "__main__":
    main()
