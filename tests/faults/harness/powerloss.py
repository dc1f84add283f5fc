"""Power losses replayed: what the store and the catalog keep of what they acknowledged.

    python -m tests.faults.harness.powerloss [--states 5000] [--seed 0]

Traces every write, sync and rename of two programs, then builds states that a disk may be in when
the power goes at some moment, and opens each with the product. As a control the same trace is
replayed with one sync left out, which must lose something: else the replay proves nothing.
"""

import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Final

import click
from tqdm import tqdm

from tests.faults.harness.replay import Outage, Workload, draw_outages, lay_out, replay
from tests.faults.harness.replay_catalog import CATALOG
from tests.faults.harness.replay_store import STORE
from tests.faults.harness.tally import memory_folder
from tests.faults.harness.trace import Operation, follow, run_traced, why_untraceable
from tests.support.serving import ROOT

WORKLOADS: Final = (STORE, CATALOG)
STATES_PER_CONTROL: Final = 100


@dataclass(slots=True)
class Count:
    """How many states and acknowledged writes were looked at, and what was missing."""

    states: int = 0
    checked: int = 0
    losses: list[str] = field(default_factory=list)


def trace(workload: Workload, root: Path) -> list[Operation]:
    """Run a workload in an empty folder under strace, and return its operations."""
    command = [sys.executable, "-m", workload.module, str(root / workload.place)]
    return list(follow(run_traced(command, ROOT), root))


def examine(
    workload: Workload, operations: Sequence[Operation], outages: Iterable[Outage]
) -> Count:
    """Build the state after each outage, check it, and count it."""
    count = Count()
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        for state in replay(operations, outages):
            # A name of its own: SQLite remembers files that it has open by their place.
            data = Path(folder) / str(count.states)
            data.mkdir()
            lay_out(state.tree, data)
            count.states += 1
            count.checked += state.acknowledged
            try:
                losses = list(workload.check(data / workload.place, state.acknowledged))
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing can be read
                losses = [f"nothing can be used: {error!r}"]
            count.losses += [f"{state.outage}: {loss}" for loss in losses]
            rmtree(data)
    return count


def run(workload: Workload, states: int, seed: int) -> bool:
    """Replay, and print what was lost; whether nothing was, but by every control."""
    with tempfile.TemporaryDirectory(dir=memory_folder()) as root:
        operations = trace(workload, Path(root))
    outages = draw_outages(operations, states, seed)
    honest = examine(workload, operations, tqdm(outages, workload.name, disable=None))
    click.echo(
        f"{workload.name}: {honest.states} states, {honest.checked} acknowledged writes checked, "
        f"{len(honest.losses)} losses {honest.losses[:1]}"
    )
    passed = honest.states > 0 and not honest.losses
    for control in workload.controls:
        left, moments = control.forget(operations)
        outages = draw_outages(left, STATES_PER_CONTROL, seed, moments)
        lost = len(examine(workload, left, tqdm(outages, control.name, disable=None)).losses)
        click.echo(f"{workload.name} without {control.name}: {lost} losses")
        passed &= lost > 0
    return passed


@click.command(help=__doc__)
@click.option("--states", default=5_000, help="Together, besides those of the controls.")
@click.option("--seed", default=0)
def main(states: int, seed: int) -> None:
    """Replay, and fail where anything was lost, or a control lost nothing."""
    reason = why_untraceable()
    if reason is not None:
        raise click.ClickException(reason)
    each = -(-states // len(WORKLOADS))
    passed = [run(workload, each, seed) for workload in WORKLOADS]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
