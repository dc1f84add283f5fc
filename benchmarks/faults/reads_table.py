"""What readers saw, by what went on meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.faults.reads_scene import Phase
from benchmarks.faults.serving_load import FAILED, Answer, Load

__all__ = ["Row", "Rows", "rows_of"]


@dataclass(slots=True)
class Row:
    """The reads under one name."""

    name: str
    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    turns: int = 0
    workers_killed: int = 0

    @property
    def refused(self) -> int:
        """Whole answers that are not 2xx."""
        return sum(answer.status != FAILED and not answer.good for answer in self.answers)

    @property
    def cut(self) -> int:
        """Reads whose connection broke; they were asked once more."""
        return sum(answer.cut for answer in self.answers)

    @property
    def failed(self) -> int:
        """Reads that nobody answered, the second time neither."""
        return sum(answer.status == FAILED for answer in self.answers)

    @property
    def clean(self) -> bool:
        """Only a killed worker may take a read with it."""
        return not self.refused and not self.failed and self.cut <= self.workers_killed

    def __str__(self) -> str:
        took = sorted(answer.seconds for answer in self.answers) or [0.0]
        cells = [f"{self.name:<36}", f"{self.turns:>5}", f"{len(self.answers):>7}"]
        cells += [f"{len(self.answers) / max(self.seconds, 1e-9):>5.0f}", f"{self.refused:>7}"]
        cells += [f"{self.failed:>6}", f"{self.cut:>5}", f"{self.workers_killed:>6}"]
        cells += [f"{took[int(q * (len(took) - 1))] * 1e3:>8.0f}" for q in (0.5, 0.99, 1.0)]
        return " ".join(cells)


@dataclass(frozen=True, slots=True)
class Rows:
    """The table of a part, and what else was noted."""

    rows: tuple[Row, ...]
    generations: int
    reopened: int
    remarks: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        return not self.wrong and all(row.clean for row in self.rows)

    def __str__(self) -> str:
        head = f"{'meanwhile':<36} turns   reads   a s non-2xx failed   cut killed"
        head += "   p50 ms   p99 ms worst ms"
        lines = [head, *map(str, self.rows)]
        lines.append(f"generations seen: {self.generations}; connections reopened: {self.reopened}")
        lines += [f"  {remark}" for remark in self.remarks]
        return "\n".join([*lines, *(f"WRONG: {words}" for words in self.wrong)])


def rows_of(phases: Sequence[Phase], load: Load, notes: list[str], wrong: list[str]) -> Rows:
    """Sort the answers under what went on when they were due."""
    rows: dict[str, Row] = {}
    whole = Row("all")
    for phase in phases:
        for row in (rows.setdefault(phase.name, Row(phase.name)), whole):
            row.answers += load.between(phase.begun, phase.ended)
            row.seconds += phase.ended - phase.begun
            row.workers_killed += phase.workers_killed
            row.turns += 1
    faults = [f"at {_name(phases, at)}: {words}" for at, words in load.faults]
    remarks = (*notes, *faults[:100])
    return Rows(
        (*rows.values(), whole), len(load.generations), load.reopened, remarks, tuple(wrong)
    )


def _name(phases: Sequence[Phase], at: float) -> str:
    found = (f"{p.name} +{at - p.begun:.1f} s" for p in phases if p.begun <= at < p.ended)
    return next(found, "no phase")
