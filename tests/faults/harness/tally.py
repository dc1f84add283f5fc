"""The counts and findings of a long run, in a JSON file, so that the next run adds to them."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

MOST_FINDINGS: Final = 50


@dataclass(slots=True)
class Tally:
    """Counts by name, how far each seed was run, and what was found wrong.

    Attributes:
        counts: totals over all runs.
        seeds: by seed, the number of the next step to run.
        findings: what should not have happened, in words; the first fifty.
        path: where it is kept; None keeps it in memory only.
    """

    counts: dict[str, int] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    path: Path | None = None

    @classmethod
    def load(cls, path: Path | None) -> "Tally":
        """Read what an earlier run kept; start from nothing where there is no file."""
        if path is None or not path.exists():
            return cls(path=path)
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return cls(**kept, path=path)

    def add(self, name: str, count: int = 1) -> None:
        """Count something."""
        self.counts[name] = self.counts.get(name, 0) + count

    def find(self, what: str) -> None:
        """Count a finding and record its description."""
        self.add("findings")
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(what)

    def next_step(self, seed: int | str) -> int:
        """Return where a seed goes on."""
        return self.seeds.get(str(seed), 0)

    def done(self, seed: int | str, step: int) -> None:
        """Note that a step of a seed was run."""
        self.seeds[str(seed)] = step + 1

    def save(self) -> None:
        """Save it; after an interruption the file is the old or the new one, complete."""
        if self.path is None:
            return
        kept = {"counts": self.counts, "seeds": self.seeds, "findings": self.findings}
        aside = self.path.with_name(f"{self.path.name}.new")
        aside.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")
        os.replace(aside, self.path)  # noqa: PTH105 - one call, as in the product

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Run the block, keep and print the counts, and exit: with 1 if anything was found.

        Ctrl-C ends the block early; with the same tally the next run goes on.
        """
        try:
            yield
        except KeyboardInterrupt:
            click.echo("stopped")
        finally:
            self.save()
        for name, count in sorted(self.counts.items()):
            click.echo(f"{name:<40} {count:>12,}")
        for what in self.findings:
            click.echo(f"FOUND: {what}")
        sys.exit(1 if self.findings else 0)


_SHARED: Final = Path("/dev/shm")  # noqa: S108 - callers make a folder of random name below it


def memory_folder() -> Path | None:
    """The system's file system in memory; None, which means the usual place, where it has none."""
    return _SHARED if _SHARED.is_dir() else None


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, and what it must be at least, or may be at most."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the figure is within its limit."""
        low, high = self.least, self.most
        return (low is None or self.value >= low) and (high is None or self.value <= high)

    def __str__(self) -> str:
        bars = [f">= {self.least}"] if self.least is not None else []
        bars += [f"<= {self.most}"] if self.most is not None else []
        word = "met" if self.met else "MISSED"
        return f"{self.name:<58} {self.value:>10.4f}" + "".join(f"  ({word}: {b})" for b in bars)


def report(figures: Sequence[Figure]) -> int:
    """Print figures; returns 1 if one is over its limit, else 0."""
    for figure in figures:
        click.echo(str(figure))
    return 0 if all(figure.met for figure in figures) else 1
