"""What the build of a snapshot costs: CPU and memory of each stage, by the number of articles.

    python -m benchmarks.build_cost [--articles 25000] [--articles 50000]

The rows are drawn, not read: vectors of 384 numbers around those of 500 subjects, two passages and
some 150 words an article. Each build has a process of its own. Memory is the most that the process
had in a stage, with what it had mapped and with the rows themselves, which are there before it
begins; CPU is that of all its threads. `places` are 450 rounds over all rows. The last lines say
how CPU and memory grow from one size to the next, and where a line through the last two sizes
arrives at a million articles: an estimate, not a measurement. `sum` is a hash of the manifest: two
versions of the code that show the same one wrote the same bytes.
"""

import gc
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from index import Passages, Rows, TermCounts
from index.build import build
from index.rows import BUCKETS

DIMENSIONS: Final = 384
SUBJECTS: Final = 500
WORDS: Final = 300
VOCABULARY: Final = 200_000
PASSAGES: Final = 2
MINHASH: Final = 128
BLOCK: Final = 5_000
MEGABYTE: Final = 1_000_000
MILLION: Final = 1_000_000
START: Final = "rows"


def draw_rows(count: int) -> Rows:
    """Draw the rows of a made-up archive, the same ones for the same count."""
    draw = np.random.default_rng(count)
    vectors = np.empty((count, DIMENSIONS), np.float32)
    codes = np.empty((PASSAGES * count, DIMENSIONS), np.int8)
    terms = []
    for start in range(0, count, BLOCK):
        subjects = np.arange(start, min(start + BLOCK, count)) % SUBJECTS
        vectors[start : start + BLOCK] = _near(subjects, draw).astype(np.float16)
        about = np.repeat(subjects, PASSAGES)
        place = slice(PASSAGES * start, PASSAGES * start + len(about))
        codes[place] = np.rint(400 * _near(about, draw)).clip(-127, 127)
        # Stacked block by block, so that few small arrays leave holes in the memory.
        terms.append(TermCounts.of(_words(subjects, draw)))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    numbers = range(count)
    return Rows(
        ids=[f"a{number:07d}" for number in numbers],
        vectors=vectors,
        passages=Passages(np.arange(0, len(codes) + 1, PASSAGES, dtype=np.int64), codes),
        terms=_together(terms),
        columns={
            "language": np.zeros(count, np.int32),
            "fluent": np.ones(count, np.bool_),
            "published_at": draw.uniform(0, 3e8, count),
            "minhash": draw.integers(0, 2**16, (count, MINHASH), np.uint16),
        },
        labels={"language": ["en"]},
        keywords=[(f"tag:{number % SUBJECTS}", f"author:{number % 97}") for number in numbers],
        numbers=[{}] * count,
        display=[b'{"title":"%d","url":"https://news.example/%d"}' % (n, n) for n in numbers],
    )


def _together(parts: Sequence[TermCounts]) -> TermCounts:
    lengths = np.concatenate([np.diff(part.indptr) for part in parts])
    return TermCounts(
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate([part.buckets for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )


def _near(subjects: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.float32]:
    """Unit vectors, each around that of its subject: float32 [k, 384]."""
    centres = np.random.default_rng(0).standard_normal((SUBJECTS, DIMENSIONS), np.float32)
    rows = centres[subjects] + draw.standard_normal((len(subjects), DIMENSIONS), np.float32)
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _words(
    subjects: NDArray[np.int64], draw: np.random.Generator
) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Buckets and counts of each text: the k-th most frequent word as often as 1/k says."""
    ranks = np.exp(draw.uniform(0, np.log(VOCABULARY), (len(subjects), WORDS))).astype(np.int64)
    # A sixth of the words are of the subject alone.
    own = slice(0, WORDS // 6)
    ranks[:, own] = VOCABULARY + 100 * subjects[:, np.newaxis] + ranks[:, own] % 100
    buckets = ranks * 2_654_435_761 % BUCKETS
    told = (np.unique(row, return_counts=True) for row in buckets)
    return [(words.astype(np.int32), counts.astype(np.float32)) for words, counts in told]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage of a build cost.

    Attributes:
        name: of the stage.
        seconds: of CPU.
        peak: the most memory that the process had, in bytes.
    """

    name: str
    seconds: float
    peak: int


@dataclass(slots=True)
class Stages:
    """Measures the stages of the build that runs in this process."""

    done: list[Stage] = field(default_factory=list)
    _name: str = START
    _begun: float = field(default_factory=time.process_time)

    def begin(self, name: str) -> None:
        """End the stage that runs, and begin another."""
        now = time.process_time()
        self.done.append(Stage(self._name, now - self._begun, peak_memory()))
        # The kernel forgets the peak, so that the next one is that of the next stage.
        Path("/proc/self/clear_refs").write_text("5")
        self._name, self._begun = name, time.process_time()


def peak_memory() -> int:
    """The most memory that this process had since its peak was forgotten, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a build cost.

    Attributes:
        articles: how many.
        stages: from when the rows were there, in order.
        rows: the memory of the process when they were, in bytes.
        disk: the bytes of the snapshot.
        manifest: a hash of its manifest.
    """

    articles: int
    stages: Sequence[Stage]
    rows: int
    disk: int
    manifest: str

    @property
    def seconds(self) -> float:
        """The CPU of all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def peak(self) -> int:
        """The most memory, in bytes."""
        return max(stage.peak for stage in self.stages)


def build_drawn(articles: int, *, centred: bool) -> None:
    """Build an archive in this process, and print what it cost as JSON."""
    rows = draw_rows(articles)
    gc.collect()
    stages = Stages()
    with TemporaryDirectory() as folder:
        manifest = build(
            rows,
            Path(folder),
            model="drawn",
            analyzer="drawn",
            epoch="drawn",
            change=articles,
            grouped_by="language",
            reliable_by="fluent",
            placed_by="fluent",
            centred=centred,
            begin=stages.begin,
        )
    stages.begin("")
    before, *done = stages.done
    size = sum(file.bytes for file in manifest.files.values())
    digest = hashlib.sha256(manifest.to_bytes()).hexdigest()[:12]
    told = Cost(articles, done, _resident(), size, digest)
    click.echo(json.dumps(asdict(told) | {"rows": before.peak}))


def _resident() -> int:
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])


def measure(articles: int, *, centred: bool) -> Cost:
    """Measure a build in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.build_cost", "--alone", str(articles)]
    command += ["--centred"] if centred else []
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    told = json.loads(answer.stdout)
    return Cost(**told | {"stages": [Stage(**stage) for stage in told["stages"]]})


def show(cost: Cost) -> None:
    """Print what one build cost."""
    click.echo(f"{cost.articles:,} articles, sum {cost.manifest}")
    for stage in cost.stages:
        click.echo(f"  {stage.name:12}{stage.seconds:9.1f} s{stage.peak / MEGABYTE:9.0f} MB")
    click.echo(f"  {'in all':12}{cost.seconds:9.1f} s{cost.peak / MEGABYTE:9.0f} MB")
    for name, size in (("memory", cost.peak), ("of it rows", cost.rows), ("disk", cost.disk)):
        click.echo(f"  {name:12}{size / cost.articles / 1_000:9.2f} kB an article")
    click.echo(f"  {'CPU':12}{1_000 * cost.seconds / cost.articles:9.2f} ms an article")


def compare(less: Cost, more: Cost) -> None:
    """Print how the cost grows from one size to a larger one."""
    times, more_articles = more.articles / less.articles, more.articles - less.articles
    click.echo(
        f"{times:.2f} times the articles: CPU {more.seconds / less.seconds:.2f} times, "
        f"memory {more.peak / less.peak:.2f} times; "
        f"each further article {(more.peak - less.peak) / more_articles / 1_000:.2f} kB "
        f"and {1_000 * (more.seconds - less.seconds) / more_articles:.2f} ms"
    )


def at_a_million(less: Cost, more: Cost) -> tuple[float, float]:
    """Seconds of CPU and bytes of memory, on the line through two costs."""
    on = (MILLION - more.articles) / (more.articles - less.articles)
    return (
        more.seconds + on * (more.seconds - less.seconds),
        more.peak + on * (more.peak - less.peak),
    )


@click.command(help=__doc__)
@click.option("--articles", multiple=True, type=int, default=(25_000, 50_000), show_default=True)
@click.option("--centred", is_flag=True, help="As with a model of several languages.")
@click.option("--alone", type=int, default=0, hidden=True)
def main(articles: Sequence[int], *, centred: bool, alone: int) -> None:
    """Measure builds of several sizes, one after the other."""
    if alone:
        build_drawn(alone, centred=centred)
        return
    costs = []
    for count in sorted(articles):
        costs.append(measure(count, centred=centred))
        show(costs[-1])
    for less, more in pairwise(costs):
        compare(less, more)
    if len(costs) > 1:
        seconds, peak = at_a_million(*costs[-2:])
        click.echo(
            f"on that line, a million articles: {seconds / 60:.0f} min of CPU, "
            f"{peak / 1_000 / MEGABYTE:.1f} GB (not measured)"
        )


if __name__ == "__main__":
    main()
