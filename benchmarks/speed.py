"""Measures speed in one run, and writes it into a page: `make bench-speed`.

    OMP_NUM_THREADS=1 python -m benchmarks.speed [--archive DIR] [--only PART] [--write PAGE]
        [--size 1000 --size 10000 ...] [--curves DIR]

Each figure is a ratio or a difference within this run, or stands beside its bar: what a list costs
beside a bare Flask view, under a newsroom's traffic too; what readers wait, alone and beside a
rebuild; what an idle service takes; embedding; how the costs of an article grow with the archive;
and, only if it is named, the build of a million rows. The programs that measure it can be called
alone. It takes some forty minutes on two quiet cores, and a million half an hour more. Parts that
were not measured stay on the page, each with the day on which it was measured.

How costs grow is measured over archives of `--size`. In `--curves` they stay, with their figures,
see `cost_curves`: a size that was measured there before is shown with the others.
"""

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from benchmarks import build_cost, cost_curves, embedding, latency
from benchmarks.bbc_news import read_articles
from benchmarks.cost_curves import Point
from benchmarks.figures import Figure, find_figures, programs_of, report, write_parts
from benchmarks.idle import idle_shares
from benchmarks.request_cost import list_figures, measure_lists
from benchmarks.served_archive import served_archive
from benchmarks.traffic import traffic_figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COMMAND: Final = "make bench-speed"
GROWTH: Final = "cost_curves"
USUAL: Final = ("lists", "traffic", "service", "embedding", "growth")
ARTICLES: Final = 100_000
REQUESTS: Final = 100
WARM: Final = 300_000
"""So many are fifty minutes of a hundred a second."""
WRITES: Final = 40
RATE: Final = 100.0
IDLE_SECONDS: Final = 60.0
MOST_IDLE: Final = 0.01
EMBEDDED: Final = 192
MILLION: Final = 1_000_000
WHOLE_FROM: Final = 100
"""Larger numbers are shown without what follows the point."""
MINUTES: Final = 20.0
GIGABYTE: Final = 1e9
MOST_GIGABYTES: Final = 2.5
MOST_FILES: Final = 3.5
PICTURE: Final = Path("pictures", "cost-curves.svg")
COLOURS: Final = ("#2f6fa8", "#c26a12")
PANELS: Final[Sequence[tuple[str, str, float, Mapping[str, str]]]] = (
    ("CPU of an article", "ms", 1, {"importing": "import", "reading": "reading"}),
    ("CPU of an article", "ms", 1, {"building": "build", "compaction": "compaction"}),
    ("bytes of an article", "kB", 1e-3, {"store_bytes": "store", "snapshot_bytes": "snapshot"}),
    ("CPU of a request", "ms", 1, {"search": "a search", "listing": "a list"}),
)
"""What is drawn: a title, a unit, its factor, and the costs by their attribute."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some figures that belong together.

    Attributes:
        title: what they are of.
        program: the module that measures them alone.
        figures: in order.
    """

    title: str
    program: str
    figures: Sequence[Figure]

    @property
    def command(self) -> str:
        """What measures it alone."""
        return f"python -m benchmarks.{self.program}"

    def table(self, machine: str) -> str:
        """As a table of a page; `machine` says where it was measured, if anything does."""
        told = f"{datetime.now(UTC):%-d %B %Y}{machine and f'; {machine}'}"
        rows = "\n".join(
            f"| {one.name} | {_shown(one.value)} | {_bar(one)} |" for one in self.figures
        )
        return (
            f"**{self.title}** (`{self.command}`, {told})\n\n"
            f"| | measured | we want |\n|---|---|---|\n{rows}"
        )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:.4g}"


def _bar(figure: Figure) -> str:
    if figure.bar is None:
        return ""
    words = {"least": "at least", "most": "at most", "above": "more than"}[figure.side]
    wanted = f"{words} {figure.bar:g}"
    return wanted if figure.met else f"**{wanted}: missed**"


@click.command(help=__doc__)
@click.option("--archive", type=click.Path(path_type=Path), help="Keeps 100,000 articles here.")
@click.option("--cache", default=Path("var"), type=click.Path(path_type=Path))
@click.option("--only", multiple=True, type=click.Choice([*USUAL, "million"]), default=USUAL)
@click.option("--write", type=click.Path(exists=True, path_type=Path), help="A page to write to.")
@click.option("--size", "sizes", multiple=True, type=int, default=cost_curves.SIZES)
@click.option("--curves", type=cost_curves.PATH, help="Keeps the archives of growth here.")
def main(
    archive: Path | None,
    cache: Path,
    only: Sequence[str],
    write: Path | None,
    sizes: Sequence[int],
    curves: Path | None,
) -> None:
    """Measure part by part; print each, and write all."""
    if write is not None:
        find_figures(write, COMMAND)  # fail now, not after an hour
    points: list[Point] = []
    parts: list[Part] = []
    measures: Mapping[str, Callable[[], Part]] = {
        "lists": partial(of_lists, archive),
        "traffic": partial(of_traffic, archive),
        "service": partial(of_service, archive),
        "embedding": partial(of_embedding, cache),
        "growth": partial(of_growth, points, sizes, curves),
        "million": of_million,
    }
    for name in only:
        parts.append(measures[name]())
        click.echo(f"\n{parts[-1].title}")
        report([*parts[-1].figures], click.echo)
    if write is not None:
        write_page(write, parts, points)
    sys.exit(any(not figure.met for part in parts for figure in part.figures))


def write_page(page: Path, parts: Sequence[Part], points: Sequence[Point]) -> None:
    """Write parts into a page, and draw the curves, if they were measured.

    The machine stands before all parts. If others stay there that another machine has measured, it
    stands in each new part.
    """
    machine = f"{os.cpu_count()} cores ({platform.machine()}), {embedding.describe_machine()}"
    intro = f"{machine}; {ARTICLES:,} made-up articles where no other number stands."
    figures = find_figures(page, COMMAND)[1]
    before = figures.strip().partition("\n\n")[0]
    stays = bool(programs_of(figures) - {part.command for part in parts})
    is_other = before not in {"", intro} and stays
    told = {part.command: part.table(machine if is_other else "") for part in parts}
    if points:
        draw_curves(points, page.parent / PICTURE)
        picture = (
            f"![What articles and lists cost, by the size of the archive]({PICTURE.as_posix()})"
        )
        growth = next(part.command for part in parts if part.program == GROWTH)
        told[growth] = "\n\n".join([told[growth], curve_table(points), picture])
    write_parts(page, COMMAND, before if is_other else intro, told)


def curve_table(points: Sequence[Point]) -> str:
    """What an article costs in archives of each size."""
    columns: dict[str, Callable[[Point], str]] = {
        "articles": lambda one: f"{one.articles:,}",
        "import": lambda one: f"{one.importing:.2f} ms",
        "store": lambda one: f"{one.store_bytes / 1_000:.1f} kB",
        "reading": lambda one: f"{one.reading:.2f} ms",
        "build": lambda one: f"{one.building:.2f} ms",
        "snapshot": lambda one: f"{one.snapshot_bytes / 1_000:.1f} kB",
        "compaction": lambda one: f"{one.compaction:.2f} ms",
        "a search": lambda one: f"{one.search:.2f} ms",
        "a list": lambda one: f"{one.listing:.2f} ms",
    }
    rows = ("| " + " | ".join(show(one) for show in columns.values()) + " |" for one in points)
    return "\n".join(
        [
            "CPU and bytes of an article:\n",
            "| " + " | ".join(columns) + " |",
            "|---" * len(columns) + "|",
            *rows,
        ]
    )


def of_lists(archive: Path | None) -> Part:
    """What a list costs behind gunicorn."""
    figures = list_figures(measure_lists(ARTICLES, archive, REQUESTS))
    return Part("CPU of a list behind gunicorn", "request_cost", figures)


def of_traffic(archive: Path | None) -> Part:
    """What a list costs under the traffic of a newsroom."""
    figures = traffic_figures(ARTICLES, archive, WARM, WRITES)
    return Part("CPU of a list under the traffic of a newsroom", "traffic", figures)


def of_service(archive: Path | None) -> Part:
    """What a service takes while nobody asks, and what readers wait."""
    with served_archive(ARTICLES, archive, latency.KEY) as (service, folder):
        shares = idle_shares(service.supervisor, IDLE_SECONDS).values()
        idle = sum(share.cores for share in shares)
        waits = latency.measure(service, folder, ARTICLES, RATE)
    title = "What readers wait at a hundred lists a second, and what an idle service takes"
    figures = [*waits, Figure("all processes, idle, of a core", idle, MOST_IDLE, "most")]
    return Part(title, "latency", figures)


def of_embedding(cache: Path) -> Part:
    """What embedding costs beside sentence-transformers."""
    figures = embedding.measure([*read_articles()], EMBEDDED, "bundled", cache)
    return Part("Embedding BBC texts beside sentence-transformers", "embedding --bbc", figures)


def of_growth(points: list[Point], sizes: Sequence[int], folder: Path | None) -> Part:
    """How costs grow; the points are added to `points`."""
    for size in sorted(set(sizes)):
        points.append(cost_curves.measure(size, folder, keep=folder is not None))
        cost_curves.show(points[-1])
    told = " to ".join(f"{one.articles:,}" for one in points[-2:])
    return Part(f"Growth from {told} articles", GROWTH, cost_curves.figures(points))


def of_million() -> Part:
    """What the build of a million rows costs."""
    cost = build_cost.measure(MILLION, None, centred=False)
    memory, files = cost.peak / GIGABYTE, cost.disk / GIGABYTE
    figures = [
        Figure("minutes of CPU", cost.seconds / 60, MINUTES, "most"),
        Figure("memory of its own, GB", memory, MOST_GIGABYTES, "most"),
        Figure("files, GB", files, MOST_FILES, "most"),
        Figure("opening, s", cost.opening, 1.0, "most"),
    ]
    return Part("Building a million rows", f"build_cost --articles {MILLION}", figures)


def draw_curves(points: Sequence[Point], path: Path) -> None:
    """Draw what an article, a search and a list cost, by the size of the archive."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra, and slow to import
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415

    style: Any = {"svg.fonttype": "none", "svg.hashsalt": "read-also", "font.family": "sans-serif"}
    with mpl.rc_context(style):
        drawing = Drawing(figsize=(9, 5.6), layout="constrained")
        panels = drawing.subplots(2, 2)
        for axes, (title, unit, scale, names) in zip(panels.flat, PANELS, strict=True):
            draw_lines(axes, points, names, scale)
            axes.set(title=title, xlabel="articles", ylabel=unit, xscale="log")
        drawing.savefig(path, format="svg", metadata={"Date": None})


def draw_lines(
    axes: "Axes", points: Sequence[Point], names: Mapping[str, str], scale: float
) -> None:
    """Draw a line for each cost, with its name."""
    sizes = [one.articles for one in points]
    for colour, (name, label) in zip(COLOURS, names.items(), strict=True):
        values = [scale * getattr(one, name) for one in points]
        axes.plot(sizes, values, "o-", color=colour, label=label)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)


if __name__ == "__main__":
    main()
