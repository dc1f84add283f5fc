"""Damaged files: none may be served, and each must be refused as damaged.

    python -m benchmarks.faults.damage [--flips 10000] [--seed 1] [--tally FILE.json]

Two small archives, one with an IVF index, are damaged in every way known here: hostile manifests
and pointers, whole files replaced, generations mixed, files cut and lengthened, and random bits
flipped in any file, drawn by the seed. Stop it with Ctrl-C; with the same tally it goes on.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from tqdm import tqdm

from benchmarks.faults.damage_archive import Archive, make_archive, watch_faiss
from benchmarks.faults.damage_bits import Length, draw_flip, lengths_of, pointer_flips
from benchmarks.faults.damage_cases import Case, all_cases
from benchmarks.faults.kills_memory import memory_folder
from benchmarks.faults.kills_tally import Tally

__all__ = ["Damage", "temporary_archives"]

SAVED_EVERY: Final = 500
PIECES: Final = 64


@contextmanager
def temporary_archives() -> Iterator[list[Archive]]:
    """An archive without and one with an IVF index, in memory where the system offers that."""
    with tempfile.TemporaryDirectory(prefix="damage-", dir=memory_folder()) as made:
        yield [make_archive(Path(made) / kind, ivf=kind == "ivf") for kind in ("flat", "ivf")]


class Damage:
    """Damages archives, asks for their live generation, and counts how that ended."""

    def __init__(self, archives: list[Archive], tally: Tally) -> None:
        self.archives = archives
        self.tally = tally

    def run_cases(self) -> None:
        """Damage a copy in each way of `all_cases`."""
        for archive in self.archives:
            for case in tqdm(list(all_cases(archive)), "cases", unit="case", disable=None):
                self._run_case(archive, case)

    def run_lengths(self, pieces: int) -> None:
        """Cut and lengthen every file and the pointer; see `lengths_of`."""
        for archive in self.archives:
            paths = [*archive.files, archive.pointer]
            lengths = [length for path in paths for length in lengths_of(path, pieces)]
            for length in tqdm(lengths, "lengths", unit="length", disable=None):
                self._run_length(archive, length)

    def run_pointer(self) -> None:
        """Flip every bit of the pointer."""
        archive = self.archives[0]
        for flip in pointer_flips(archive):
            with flip.done():
                found = archive.mistake(may_be_absent=True)
            self._note("pointer flips", f"bit {flip.bit} of the pointer", found)

    def run_flips(self, seed: int, count: int) -> None:
        """Flip as many bits as are wanted of a seed, on from where its tally stands."""
        start = self.tally.next_step(seed)
        steps = range(start, max(start, count))
        for number in tqdm(steps, "flips", count, initial=start, unit="flip", disable=None):
            archive, flip = draw_flip(self.archives, seed, number)
            with flip.done():
                found = archive.mistake(may_be_absent=flip.path == archive.pointer)
            self._note("flips", f"flip {number} of seed {seed}: {flip}", found)
            self.tally.done(seed, number)
            if number % SAVED_EVERY == 0:
                self.tally.save()

    def check_whole(self) -> None:
        """Everything was undone again: the archives open, or what was counted proves nothing."""
        for archive in self.archives:
            found = archive.mistake()
            if found != "served":
                self.tally.find(f"the archive itself does not open: {found}")

    def _run_case(self, archive: Archive, case: Case) -> None:
        with archive.copied() as copy:
            case.damage(copy)
            self._note("cases", case.name, copy.mistake(may_be_absent=case.absent))

    def _run_length(self, archive: Archive, length: Length) -> None:
        with length.done():
            self._note("lengths", str(length), archive.mistake())

    def _note(self, kind: str, name: str, found: str | None) -> None:
        self.tally.add(kind)
        if found is not None:
            self.tally.find(f"{name}: {found}")


@click.command(help=__doc__)
@click.option("--flips", default=10_000, show_default=True, help="How many random bits to flip.")
@click.option("--seed", default=1, show_default=True)
@click.option("--tally", "path", type=click.Path(path_type=Path), help="Counts, kept and resumed.")
def main(flips: int, seed: int, path: Path | None) -> None:
    """Run everything, print the counts, and fail where anything was found."""
    tally = Tally.load(path)
    with temporary_archives() as archives, watch_faiss(archives) as handed:
        damage = Damage(archives, tally)
        try:
            if tally.next_step(seed) == 0:
                damage.run_cases()
                damage.run_lengths(PIECES)
                damage.run_pointer()
            damage.run_flips(seed, flips)
            damage.check_whole()
        except KeyboardInterrupt:
            click.echo("stopped")
        for file in handed:
            tally.find(f"FAISS was handed a damaged file: {file}")
    tally.save()
    click.echo(str(tally))
    sys.exit(1 if tally.findings else 0)


if __name__ == "__main__":
    main()
