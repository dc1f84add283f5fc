"""What the build of a snapshot costs: CPU and memory of each stage, by the number of articles.

    python -m benchmarks.build_cost [--articles 25000] [--articles 50000] [--changed 0.01]

The rows are drawn, not read: vectors mixed from real ones, two passages and some 200 words an
article (`benchmarks.recombined`). As in a rebuild, they are put into files before the build begins,
and their text clusters are numbered (`gathering`, whose CPU is that of drawing). Each build has a
process of its own. `memory` is the most that is the process's own in a stage (RssAnon, looked at
every few milliseconds); `with maps` is the most with the pages of mapped files, which the kernel
may drop (VmHWM). CPU is that of all threads. `opening` opens the snapshot again, of it `verifying`
compares checksums. `places` are 450 rounds over all rows; above 200,000 over a sample of them, and
60 over all. The last lines say how CPU and memory grow from one size to the next, and where a line
through the last two sizes arrives at a million articles: an estimate, not a measurement. With
`--changed`, that share of the articles changes after the build (half have other texts, three tenths
are new, two tenths go), and is merged into the snapshot as a compaction does; neither is read from
a store. `sum` is a hash of the manifest: two versions of the code that show the same one wrote the
same bytes.
"""

import gc
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import numpy as np

from benchmarks.recombined import Mixer, NewsWords, open_news, unit
from index import (
    DeltaWriter,
    Passages,
    Rows,
    RowSpool,
    Snapshot,
    TermCounts,
    View,
)
from index.build import build
from index.disk import measure as measure_file
from index.merge import merge
from recommender.indexing.compaction import number_text_clusters_of
from recommender.indexing.documents import with_text_clusters
from recommender.progress import Advance

PASSAGES: Final = 2
MINHASH: Final = 128
BLOCK: Final = 5_000
MEGABYTE: Final = 1_000_000
MILLION: Final = 1_000_000
START: Final = "gathering"
PATH: Final = click.Path(path_type=Path, file_okay=False, exists=True)


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """Draws rows of made-up news."""

    mixer: Mixer
    words: NewsWords
    draw: np.random.Generator

    @classmethod
    def begin(cls, seed: int) -> "Drawing":
        """The same rows for the same seed."""
        news = open_news()
        return cls(news.mixer, NewsWords.of(news), np.random.default_rng(seed))

    def rows(self, numbers: range) -> Rows:
        """The rows of some articles."""
        count, draw = len(numbers), self.draw
        parents = self.mixer.parents(count, draw)
        vectors = unit(self.mixer.mix(parents, draw).astype(np.float16).astype(np.float32))
        parts = self.mixer.mix(np.repeat(parents, PASSAGES, axis=0), draw)
        codes = np.rint(400 * parts).clip(-127, 127).astype(np.int8)
        return Rows(
            ids=[f"a{number:07d}" for number in numbers],
            vectors=vectors,
            passages=Passages(np.arange(0, len(codes) + 1, PASSAGES, dtype=np.int64), codes),
            terms=TermCounts.of(self.words.draw(parents, draw)),
            columns={
                "language": np.zeros(count, np.int32),
                "fluent": np.ones(count, np.bool_),
                "published_at": draw.uniform(0, 3e8, count),
                "minhash": draw.integers(0, 2**16, (count, MINHASH), np.uint16),
            },
            labels={"language": ["en"]},
            keywords=[(f"tag:{text}", f"author:{text % 97}") for text in parents[:, 0].tolist()],
            numbers=[{}] * count,
            display=[b'{"title":"%d","url":"https://news.example/%d"}' % (n, n) for n in numbers],
        )


def draw_rows(count: int, folder: Path) -> Rows:
    """Draw the rows of a made-up archive into files, the same ones for the same count."""
    drawing, spool = Drawing.begin(count), RowSpool(folder)
    for start in range(0, count, BLOCK):
        spool.append(drawing.rows(range(start, min(start + BLOCK, count))))
    del drawing
    forget_news()
    return with_text_clusters(spool.rows())


def forget_news() -> None:
    """Give back the memory of the texts, which is none of a build."""
    open_news.cache_clear()
    gc.collect()


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage of a build cost.

    Attributes:
        name: of the stage.
        seconds: of CPU.
        peak: the most memory of the process's own, in bytes.
        mapped: the most memory with what it had mapped, in bytes.
    """

    name: str
    seconds: float
    peak: int
    mapped: int


@dataclass(slots=True)
class Stages:
    """Measures the stages of the build that runs in this process."""

    done: list[Stage] = field(default_factory=list)
    _name: str = START
    _begun: float = field(default_factory=time.process_time)
    _own: int = 0

    def begin(self, name: str, _pieces: int = 0, _piece: str = "") -> Advance:
        """End the stage that runs, and begin another."""
        self._look()
        now = time.process_time()
        self.done.append(Stage(self._name, now - self._begun, self._own, read_status("VmHWM")))
        # The kernel forgets the peak, so that the next one is that of the next stage.
        Path("/proc/self/clear_refs").write_text("5")
        self._name, self._begun, self._own = name, time.process_time(), 0
        return lambda _done: None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the memory again and again while the block runs."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.01):
                self._look()

        watch = threading.Thread(target=look)
        watch.start()
        try:
            yield
        finally:
            ended.set()
            watch.join()

    def _look(self) -> None:
        self._own = max(self._own, read_status("RssAnon"))


def read_status(name: str) -> int:
    """A size that the kernel tells of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a build cost.

    Attributes:
        articles: how many.
        stages: in order; the first one gathered the rows, the last ones opened the snapshot.
        opening: seconds of CPU of opening the snapshot, without comparing checksums.
        disk: the bytes of the snapshot.
        manifest: a hash of its manifest.
        merge: the stages of a merge of some changes; none if none was asked for.
    """

    articles: int
    stages: Sequence[Stage]
    opening: float
    disk: int
    manifest: str
    merge: Sequence[Stage] = ()

    @property
    def seconds(self) -> float:
        """The CPU of all stages but the first, which draws."""
        return sum(stage.seconds for stage in self.stages[1:])

    @property
    def peak(self) -> int:
        """The most memory of its own, in bytes."""
        return max(stage.peak for stage in self.stages)

    @property
    def mapped(self) -> int:
        """The most memory with what was mapped, in bytes."""
        return max(stage.mapped for stage in self.stages)


def merge_drawn(articles: int, folder: Path, changed: float) -> Sequence[Stage]:
    """Change a share of the articles of a snapshot, merge them, and tell what the stages cost."""
    drawing, stages = Drawing.begin(articles + 1), Stages()
    draw = drawing.draw
    size = round(changed * articles)
    chosen = np.sort(draw.choice(articles, size * 7 // 10, replace=False))
    new = range(articles, articles + size - len(chosen))
    edited = np.sort(draw.choice(chosen, size // 2, replace=False))
    gone = {f"a{number:07d}" for number in set(chosen.tolist()) - set(edited.tolist())}
    parts = []
    for numbers in (edited.tolist(), list(new)):
        part = drawing.rows(range(numbers[0], numbers[0] + len(numbers)))
        columns = {**part.columns, "text_cluster": np.zeros(len(part), np.int64)}
        ids = [f"a{number:07d}" for number in numbers]
        parts.append(replace(part, ids=ids, columns=columns))
    del drawing
    forget_news()
    with stages.watched():
        stages.begin("opening")
        snapshot = Snapshot.open(folder / "snapshot")
        stages.begin("delta")
        writer = DeltaWriter(View.of(snapshot), finds_neighbours=False)
        for part in parts:
            writer.apply(part, gone)
        stages.begin("clusters")
        columns = {"text_cluster": number_text_clusters_of(writer.view)}
        told = {"change": articles + 1, "notes": {}, "placed_by": "fluent", "columns": columns}
        merge(writer.view, folder / "merged", **told, begin=stages.begin)  # type: ignore[arg-type]
        stages.begin("verifying")
        Snapshot.open(folder / "merged")
        stages.begin("")
    return stages.done[1:]


def build_drawn(articles: int, folder: Path, changed: float, *, centred: bool) -> None:
    """Build an archive in this process, and print what it cost as JSON."""
    stages = Stages()
    for name in ("rows", "snapshot", "merged"):
        (folder / name).mkdir()
    with stages.watched():
        rows = draw_rows(articles, folder / "rows")
        manifest = build(
            rows,
            folder / "snapshot",
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
        for stage in ("verifying", "again"):  # the second time, files are in the page cache
            stages.begin(stage)
            for name, wanted in manifest.files.items():
                if measure_file(folder / "snapshot" / name) != wanted:
                    raise SystemExit(f"{name} is not what was written")
        stages.begin("opening")
        Snapshot.open(folder / "snapshot")
        stages.begin("")
    again, opening = (stage.seconds for stage in stages.done[-2:])
    told = Cost(
        articles,
        stages.done[:-2],
        opening - again,
        sum(file.bytes for file in manifest.files.values()),
        hashlib.sha256(manifest.to_bytes()).hexdigest()[:12],
        merge_drawn(articles, folder, changed) if changed else (),
    )
    click.echo(json.dumps(asdict(told)))


def measure(
    articles: int, folder: Path | None, changed: float = 0.0, *, centred: bool = False
) -> Cost:
    """Measure a build in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.build_cost", "--alone", str(articles)]
    command += ["--changed", str(changed)]
    command += ["--centred"] if centred else []
    with TemporaryDirectory(dir=folder) as own:
        command += ["--folder", own]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    told = json.loads(answer.stdout)
    parts = {name: [Stage(**stage) for stage in told[name]] for name in ("stages", "merge")}
    return Cost(**told | parts)


def show(cost: Cost) -> None:
    """Print what one build cost."""
    click.echo(f"{cost.articles:,} articles, sum {cost.manifest}")
    show_stages(cost.stages, cost.seconds)
    click.echo(f"  {'opening':12}{cost.opening:10.2f} s without comparing checksums")
    for name, size in (("memory", cost.peak), ("disk", cost.disk)):
        click.echo(f"  {name:12}{size / cost.articles / 1_000:9.2f} kB an article")
    click.echo(f"  {'CPU':12}{1_000 * cost.seconds / cost.articles:9.2f} ms an article")
    if cost.merge:
        merged = sum(stage.seconds for stage in cost.merge)
        click.echo("  merged with what changed:")
        show_stages(cost.merge, merged)
        click.echo(f"  {'':12}{merged / cost.seconds:11.3f} of the full build")


def show_stages(stages: Sequence[Stage], seconds: float) -> None:
    """Print what each of some stages cost, and all of them together."""
    click.echo(f"  {'':12}{'CPU':>11}{'memory':>12}{'with maps':>12}")
    peak, mapped = max(one.peak for one in stages), max(one.mapped for one in stages)
    for stage in (*stages, Stage("in all", seconds, peak, mapped)):
        sizes = "".join(f"{size / MEGABYTE:9.0f} MB" for size in (stage.peak, stage.mapped))
        click.echo(f"  {stage.name:12}{stage.seconds:9.2f} s{sizes}")


def compare(less: Cost, more: Cost) -> None:
    """Print how the cost grows from one size to a larger one."""
    times, more_articles = more.articles / less.articles, more.articles - less.articles
    click.echo(
        f"{times:.2f} times the articles: CPU {more.seconds / less.seconds:.2f} times, "
        f"memory {more.peak / less.peak:.2f} times; "
        f"each further article {(more.peak - less.peak) / more_articles:,.0f} bytes "
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
@click.option("--folder", type=PATH, help="Where rows and snapshots lie meanwhile.")
@click.option("--changed", default=0.0, help="Also merge changes of this share of the articles.")
@click.option("--alone", type=int, default=0, hidden=True)
def main(
    articles: Sequence[int], folder: Path | None, changed: float, *, centred: bool, alone: int
) -> None:
    """Measure builds of several sizes, one after the other."""
    if alone and folder is not None:
        build_drawn(alone, folder, changed, centred=centred)
        return
    costs = []
    for count in sorted(articles):
        costs.append(measure(count, folder, changed, centred=centred))
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
