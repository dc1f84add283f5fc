"""How the cost of an article grows with the archive: import, reading, build, search, compaction.

    OMP_NUM_THREADS=1 python -m benchmarks.cost_curves [--articles 1000 --articles 10000 ...]
        [--folder DIR] [--keep]

Each size is a made-up archive (`served_archive`) in a process of its own. CPU is that of all
threads and of the processes that read texts. `import` writes the articles to the store, 500 at a
time; `reading` finds languages, words and MinHashes (not vectors, which are mixed); `store` is what
both have left on the disk; `build` is a rebuild from what is stored; `search` finds 200 rows by a
vector, `list` is a whole list; in `compaction` one article of a hundred was changed, and read,
since the build. The last lines say by which power of the number of articles each grows: 1 is
linear, 0 does not grow.

With `--keep`, the archive of a size stays in a folder of that number below `--folder`, with the
figures that are known. A second run goes on from what is there: a million articles take an hour.
Then import and reading are those of the articles that were left to do, and a build that was
interrupted is the CPU of its stages that are there and of the rest.
"""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import click
import numpy as np

from benchmarks.figures import Figure, report
from benchmarks.idle import own_cpu_seconds, timed
from benchmarks.served_archive import draw_article, id_of, load_vectors
from index import Catalog, View
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import find_model
from recommender.api import ListOptions
from recommender.indexing.backfill import backfill
from recommender.indexing.compaction import compact
from recommender.indexing.rebuild import rebuild
from recommender.progress import Advance, silent
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store

__all__ = ["PATH", "SIZES", "Point", "figures", "measure", "show"]

SIZES: Final = (1_000, 10_000, 100_000)
AT_ONCE: Final = 500
SEARCHES: Final = 200
SEARCHED: Final = 200
CHANGED: Final = 100
"""One article of so many is changed before the compaction."""
MILLISECONDS: Final = 1_000
FIGURES: Final = "cost-curves.json"
PATH: Final = click.Path(path_type=Path, file_okay=False, exists=True)


@dataclass(frozen=True, slots=True)
class Point:
    """What an archive of one size costs; milliseconds of CPU, and bytes.

    Attributes:
        articles: how many.
        importing: of one article.
        store_bytes: of one article, with what was read of its text.
        reading: of one article.
        building: of one article.
        snapshot_bytes: of one article.
        search: of one search.
        listing: of one list.
        compaction: of one article of the archive.
    """

    articles: int
    importing: float
    store_bytes: float
    reading: float
    building: float
    snapshot_bytes: float
    search: float
    listing: float
    compaction: float


COSTS: Final = tuple(field.name for field in fields(Point) if field.name != "articles")


@dataclass(frozen=True, slots=True)
class Kept:
    """The figures of an archive that are known so far, in a file of its folder."""

    file: Path

    def known(self) -> dict[str, float]:
        """All of them, by name."""
        if not self.file.exists():
            return {}
        told: dict[str, float] = json.loads(self.file.read_text("utf-8"))
        return told

    def note(self, **figures: float) -> None:
        """Add some."""
        whole = self.file.with_suffix(".new")  # a kill leaves the one or the other
        whole.write_text(json.dumps(self.known() | figures), "utf-8")
        whole.replace(self.file)

    def once(self, name: str, work: Callable[[], float]) -> float:
        """Measure a figure, unless it is known."""
        if name not in self.known():
            self.note(**{name: work()})
        return self.known()[name]


def measure_here(articles: int, folder: Path) -> Point:
    """Measure an archive of one size in this process; go on with what its folder has."""
    kept = Kept(folder / FIGURES)
    settings = Settings(f"sqlite:///{folder / 'read-also.db'}", folder, "bundled")
    with closing(open_store(settings.database_url)) as store:
        model, catalog = find_model(settings.model, folder), Catalog(settings.data.snapshots)
        analyzer = Analyzer(model, load_vectors, str)
        kept.once("importing", lambda: import_articles(store, articles))
        kept.once("reading", lambda: read_articles(store, analyzer))
        kept.once("store_bytes", lambda: bytes_of(folder) / articles)
        kept.once("building", lambda: build(store, catalog, analyzer, kept) / articles)
        if "listing" not in kept.known():
            snapshot = catalog.open_live()
            size = sum(file.bytes for file in snapshot.manifest.files.values())
            search, listing = ask(View.of(snapshot), articles)
            kept.note(snapshot_bytes=size / articles, search=search, listing=listing)
        kept.once("compaction", lambda: compact_some(store, catalog, analyzer, articles) / articles)
    known = kept.known()
    return Point(articles, **{name: known[name] for name in COSTS})


def import_articles(store: ArticleStore, articles: int) -> float:
    """Write the articles that are not there; return the milliseconds of one, not of drawing it."""
    spent = 0.0
    with store.scan() as scan:
        there = scan.count()
    for first in range(there, articles, AT_ONCE):
        drawn = [draw_article(one) for one in range(first, min(first + AT_ONCE, articles))]
        begun = time.process_time()
        store.write_many(drawn)
        spent += time.process_time() - begun
    return MILLISECONDS * spent / (articles - there) if articles > there else math.nan


def read_articles(store: ArticleStore, analyzer: Analyzer) -> float:
    """Read the texts that were not read; return the milliseconds of one, without its vectors."""
    texts = 0

    @contextmanager
    def count(label: str, pieces: int, _unit: str) -> Iterator[Advance]:
        nonlocal texts
        texts += pieces if label == "reading" else 0
        yield lambda _done: None

    vectors = load_vectors(analyzer.model)
    before = vectors.spent
    spent = timed(lambda: backfill(store, analyzer, count)) - (vectors.spent - before)
    return MILLISECONDS * spent / texts if texts else math.nan


def bytes_of(folder: Path) -> int:
    """The size of the store."""
    return sum(file.stat().st_size for file in folder.glob("read-also.db*"))


def build(store: ArticleStore, catalog: Catalog, analyzer: Analyzer, kept: Kept) -> float:
    """Build what is stored; return the milliseconds, with those of stages that were there."""
    before, begun = kept.known().get("built", 0.0), own_cpu_seconds()

    def spent() -> float:
        return before + MILLISECONDS * (own_cpu_seconds() - begun)

    @contextmanager
    def note(_label: str, _pieces: int, _unit: str) -> Iterator[Advance]:
        kept.note(built=spent())
        yield lambda _done: None

    rebuild(store, catalog, analyzer, meter=note)
    return spent()


def compact_some(store: ArticleStore, catalog: Catalog, analyzer: Analyzer, articles: int) -> float:
    """Change some articles, and read them; return the milliseconds of the compaction."""
    change_some(store, articles)
    backfill(store, analyzer, silent)
    return MILLISECONDS * timed(lambda: compact(store, catalog, analyzer.model))


def change_some(store: ArticleStore, articles: int) -> None:
    """Change one article of a hundred, spread evenly."""
    numbers = range(0, articles, CHANGED)
    changed = (draw_article(number) for number in numbers)
    store.write_many([one.model_copy(update={"title": f"{one.title}, again"}) for one in changed])


def ask(view: View, articles: int) -> tuple[float, float]:
    """The median milliseconds of a search, and of a list, over the same stories."""
    allowed, policy = np.ones(len(view), np.bool_), Policy()
    searches, lists = list[float](), list[float]()
    for number in Random(0).sample(range(articles), SEARCHES):  # noqa: S311
        seed = find_seed(view, id_of(number))
        if seed.vector is None:
            raise ValueError(f"{seed.id} was not read")
        times = [time.thread_time()]
        view.nearest(seed.vector, SEARCHED, allowed)
        times.append(time.thread_time())
        list_related(ListRequest(view, seed, ListOptions(), policy, time.time()))
        times.append(time.thread_time())
        searches.append(times[1] - times[0])
        lists.append(times[2] - times[1])
    return MILLISECONDS * median(searches), MILLISECONDS * median(lists)


def measure(articles: int, folder: Path | None = None, *, keep: bool = False) -> Point:
    """Measure an archive of one size in a process of its own.

    Args:
        articles: how many.
        folder: where it lies meanwhile; None for that of temporary files.
        keep: whether it stays, and is gone on with; see this module.
    """
    if keep and folder is not None:
        stays = folder / str(articles)
        stays.mkdir(parents=True, exist_ok=True)
    with nullcontext(stays) if keep and folder else TemporaryDirectory(dir=folder) as own:
        command = [sys.executable, "-m", "benchmarks.cost_curves", "--alone", str(articles)]
        answer = subprocess.run(  # noqa: S603 - our own program
            [*command, "--folder", str(own)], check=True, stdout=subprocess.PIPE, text=True
        )
    return Point(**json.loads(answer.stdout.splitlines()[-1]))


def growth(less: Point, more: Point, name: str) -> float:
    """The power of the number of articles by which a cost grows between two sizes."""
    times = getattr(more, name) / getattr(less, name)
    return math.log(times) / math.log(more.articles / less.articles)


def figures(points: Sequence[Point]) -> list[Figure]:
    """How the cost of a whole archive, and of a search, grows between the two largest sizes."""
    if len(points) < 2:
        return []
    less, more = points[-2:]
    whole = {"importing": "import", "reading": "reading", "building": "build"}
    return [
        *(
            Figure(f"power of {named}, whole archive", 1 + growth(less, more, name), 1.15, "most")
            for name, named in whole.items()
        ),
        Figure("power of a search", growth(less, more, "search"), 0.5, "most"),
        Figure("power of a list", growth(less, more, "listing"), 0.5, "most"),
        Figure("compaction of 1 % / build", more.compaction / more.building),
    ]


def show(point: Point) -> None:
    """Print what an archive of one size costs."""
    click.echo(
        f"{point.articles:>9,}  {point.importing:7.2f} ms {point.store_bytes / 1e3:6.2f} kB  "
        f"{point.reading:7.2f} ms  {point.building:7.2f} ms {point.snapshot_bytes / 1e3:6.2f} kB  "
        f"{point.search:7.2f} ms  {point.listing:7.2f} ms  {point.compaction:7.2f} ms"
    )


@click.command(help=__doc__)
@click.option("--articles", multiple=True, type=int, default=SIZES, show_default=True)
@click.option("--folder", type=PATH, help="Where the archives lie meanwhile.")
@click.option("--keep", is_flag=True, help="Leave them there, and go on with what is there.")
@click.option("--alone", type=int, default=0, hidden=True)
def main(articles: Sequence[int], folder: Path | None, alone: int, *, keep: bool) -> None:
    """Measure archives of several sizes, one after the other."""
    if alone and folder is not None:
        click.echo(json.dumps(asdict(measure_here(alone, folder))))
        return
    click.echo(
        f"{'articles':>9}  {'import, an article':>20}  {'reading':>10}  {'build':>20}  "
        f"{'search':>10}  {'list':>10}  {'compaction':>10}"
    )
    points = []
    for count in sorted(articles):
        points.append(measure(count, folder, keep=keep))
        show(points[-1])
    sys.exit(report(figures(points), click.echo))


if __name__ == "__main__":
    main()
