"""Every long run, one after the other; what can be resumed keeps its counts in one folder.

Run it as `python -m tests.faults.harness --minutes 30`, or `make test-faults`.
"""

import subprocess
import sys
from pathlib import Path

import click


@click.command(help=__doc__)
@click.option("--minutes", default=30.0, show_default=True, help="Of random kills, and of reads.")
@click.option("--states", default=5_000, show_default=True, help="Of the disk after a power loss.")
@click.option("--flips", default=10_000, show_default=True, help="Of single bits.")
@click.option("--searches", default=1_000_000, show_default=True, help="Over a thousand swaps.")
@click.option("--samples", default=200, show_default=True, help="Of freshness.")
@click.option("--seed", default=1, show_default=True, help="Other seeds add to the counts.")
@click.option("--tallies", type=click.Path(path_type=Path), default=Path("docs/faults"))
def main(
    minutes: float, states: int, flips: int, searches: int, samples: int, seed: int, tallies: Path
) -> None:
    """Run all; the first that fails ends the run with its code."""
    tallies.mkdir(parents=True, exist_ok=True)
    drawn = ["--seed", str(seed)]
    for words in (
        ["kills", "--minutes", minutes, *drawn, "--tally", tallies / "kills.json"],
        ["injection", *drawn, "--tally", tallies / "injection.json"],
        ["powerloss", "--states", states, *drawn],
        ["damage", "--flips", flips, *drawn, "--tally", tallies / "damage.json"],
        ["fallback"],
        ["swaps", "--searches", searches, "--swaps", max(1, searches // 1_000)],
        ["freshness", "--samples", samples],
        ["reads", "--minutes", min(minutes, 20.0)],
        ["slow_clients"],
        ["crowd"],
        ["overtaking"],
        ["milvus_machines"],
    ):
        name, *arguments = map(str, words)
        click.echo(f"\n== {name}")
        command = [sys.executable, "-m", f"tests.faults.harness.{name}", *arguments]
        code = subprocess.run(command, check=False).returncode  # noqa: S603 - words of our own
        if code:
            sys.exit(code)


if __name__ == "__main__":
    main()
