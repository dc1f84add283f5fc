"""Random kill -9: nothing that was acknowledged may be missing afterwards.

    python -m benchmarks.faults.kills [--minutes 30] [--kills N] [--seed 1] [--tally FILE.json]

Writers (put, put_many, delete, versions; one to three at once) and, in half of the rounds, a
publisher are killed at a drawn moment. A fresh process then compares the change log, the content
and the live generation with everything that was ever acknowledged in that archive: see
`kills_history` and `kills_publish`. An archive is kept for twenty-five rounds, in memory and on
disk by turns. Stop it with Ctrl-C; with the same tally it goes on.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import click
from tqdm import tqdm

from benchmarks.faults.kills_look import Place
from benchmarks.faults.kills_memory import memory_folder
from benchmarks.faults.kills_rounds import Archive, Ended, Round, draw_round, run_round
from benchmarks.faults.kills_tally import Tally
from recommender.analysis.language import detect_language

__all__ = ["Campaign"]

ROUNDS_KEPT: Final = 25
PARKED: Final = "kept for you to look at"


class Campaign:
    """Rounds of kills, and the archive they are about."""

    def __init__(self, tally: Tally, seed: int, parent: Path | None) -> None:
        self._tally, self._seed, self._parent = tally, seed, parent
        self._archive: Archive | None = None

    def run(self) -> None:
        """Run the seed's next round and count how it ended."""
        number = self._tally.next_step(self._seed)
        planned = draw_round(self._seed, number)
        archive = self._current(number)
        try:
            ended = run_round(archive, planned)
        except RuntimeError as error:
            self._find(planned, [f"the look failed: {error}"])
        else:
            self._count(archive, planned, ended)
        self._tally.done(self._seed, number)
        self._tally.save()

    def close(self) -> None:
        """Throw the archive away."""
        if self._archive is not None:
            shutil.rmtree(self._archive.place.folder, ignore_errors=True)
            self._archive = None

    def _current(self, number: int) -> Archive:
        if self._archive is not None and number % ROUNDS_KEPT == 0:
            self.close()
        if self._archive is None:
            folder = tempfile.mkdtemp(prefix="kills-", dir=self._parent or _where(number))
            self._archive = Archive(Place(Path(folder)))
            self._tally.add("archives")
        return self._archive

    def _count(self, archive: Archive, planned: Round, ended: Ended) -> None:
        settled = ended.look.settled
        for name, amount in {
            "kills": 1,
            "kills while a write was under way": int(ended.cut_short > 0),
            "kills while a publish was under way": int(ended.mid_publish),
            "kills with a publisher": int(planned.publisher is not None),
            "writes acknowledged": ended.acknowledged,
            "writes checked, each after every kill": len(archive.history.entries),
            "writes missing": settled.missing,
            "calls cut short": ended.cut_short,
            "calls cut short, found whole": settled.kept,
            "publishes acknowledged": ended.publishes,
            "live generations compared": int(ended.look.live >= 0),
        }.items():
            self._tally.add(name, amount)
        if wrong := [*ended.wrong, *ended.look.wrong, *settled.wrong]:
            self._find(planned, wrong)

    def _find(self, planned: Round, wrong: list[str]) -> None:
        """Keep the archive for whoever looks into it, and go on with a new one."""
        folder = self._archive.place.folder if self._archive else None
        for what in wrong:
            self._tally.find(f"{planned}: {what}; {folder} is {PARKED}")
        self._archive = None


def _where(number: int) -> Path | None:
    """In memory, where more happens, and on disk, where fsync takes time, by turns."""
    return memory_folder() if number // ROUNDS_KEPT % 2 == 0 else None


def _steps(minutes: float | None, kills: int | None) -> Iterator[int]:
    started = time.monotonic()
    for done in count():
        late = minutes is not None and time.monotonic() - started >= minutes * 60
        if late or (kills is not None and done >= kills):
            return
        yield done


@click.command(help=__doc__)
@click.option("--minutes", type=float, help="How long; 30 if neither this nor --kills is given.")
@click.option("--kills", type=int, help="How many.")
@click.option("--seed", default=1, show_default=True)
@click.option("--tally", "path", type=click.Path(path_type=Path), help="Counts, kept and resumed.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where archives are made.")
def main(
    minutes: float | None, kills: int | None, seed: int, path: Path | None, folder: Path | None
) -> None:
    """Kill until the time is over, print the counts, and fail where anything was found."""
    tqdm.monitor_interval = 0  # its thread would be there at every fork
    detect_language("What is loaded here, no forked process has to load.")
    tally = Tally.load(path)
    campaign = Campaign(tally, seed, folder)
    if minutes is None and kills is None:
        minutes = 30
    with tqdm(total=kills, desc="kills", unit="kill", disable=None) as bar:
        try:
            for _ in _steps(minutes, kills):
                campaign.run()
                bar.update()
                bar.set_postfix_str(f"{tally.counts.get('findings', 0)} found")
        except KeyboardInterrupt:
            click.echo("stopped")
        finally:
            campaign.close()
            tally.save()
    click.echo(str(tally))
    sys.exit(1 if tally.findings else 0)


if __name__ == "__main__":
    main()
