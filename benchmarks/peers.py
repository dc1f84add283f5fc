"""Lists of this product beside what people use instead: relevance, latency, memory, build.

    OMP_NUM_THREADS=1 python -m benchmarks.peers EVAL/wikinews-events [--cache DIR]
        [--archive FOLDER --articles N] [--only NAME ...]

Each is built and asked in a process of its own, one after the other, with the same texts and, if it
searches vectors, the same article vectors. It needs the extra `peers`, PostgreSQL with pgvector,
and MariaDB.

- *Relevance* is nDCG@5 over the judged queries. Ours is that of `read-also evaluate`.
- *Latency* is the wait for twelve articles. Ours is a whole list: with eligibility, duplicates,
  order and fallback, which the others leave to the reader.
- *CPU* counts the servers too. *Memory* is what the process and its servers take for themselves,
  and their part of what is shared, over that of a process that has read the texts.
- *Build* is CPU, from texts and vectors that are there.

With `--archive` latency, memory and build are measured over a made-up archive (`served_archive`).
"""

import gc
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import click
import numpy as np

from benchmarks.figures import Figure, report
from benchmarks.idle import memory_of
from benchmarks.peer_engines import ENGINES, Corpus, Engine
from benchmarks.served_archive import make_archive
from index import Catalog, View
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.api import ListOptions
from recommender.cli.terminal import bar
from recommender.evaluation import Dataset, open_bench, read_dataset
from recommender.evaluation.measures import MAIN, mean_measures
from recommender.evaluation.runs import Bench, plain_articles, run_lists
from recommender.indexing.rebuild import rebuild
from recommender.indexing.snapshots import open_generation
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import RELEVANCE_ONLY, Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed
from recommender.store import open_store

OURS: Final = "Read Also"
LIMIT: Final = 12
DEPTH: Final = 10
ASKED: Final = 200
WARM: Final = 5
PATIENCE_SECONDS: Final = 60.0
"""So long one is asked, if what it finds is not looked at."""
MILLISECONDS: Final = 1e3
MEBIBYTE: Final = 2**20


class Product(Engine):
    """The product itself, built by a process of its own; it searches the files that this left."""

    label = OURS

    def build(self, corpus: Corpus) -> None:  # noqa: ARG002 - the store has the texts
        """Build a snapshot from the features in the store, and open it."""
        context = multiprocessing.get_context("spawn")
        builder = context.Process(target=_build, args=(self.folder,))
        builder.start()
        builder.join()
        if builder.exitcode:
            raise RuntimeError("the snapshot could not be built; see above")
        self._view = View.of(open_generation(Catalog(self.folder / "snapshots")))
        self._ids = json.loads((self.folder / "ids.json").read_text("utf-8"))
        self._now = time.time()

    def nearest(self, row: int, limit: int) -> list[int]:
        """Make a whole list; its rows are those of the snapshot, which nobody looks at."""
        view = self._view
        seed = find_seed(view, self._ids[row])
        asked = ListRequest(view, seed, ListOptions(limit=limit), Policy(), self._now)
        return [view.row_of(item.id) or 0 for item in list_related(asked).items]


def _build(folder: Path) -> None:
    address = (folder / "store").read_text("utf-8")
    with closing(open_store(address)) as store:
        reader = Analyzer(find_model("bundled", folder), load_encoder, str)
        rebuild(store, Catalog(folder / "snapshots"), reader, force=True)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one of them costs.

    Attributes:
        build_seconds: of CPU.
        memory: MiB.
        waits: seconds of each answer.
        cpu: seconds of CPU of an answer.
        found: by asked row, the rows that were found.
    """

    build_seconds: float
    memory: float
    waits: tuple[float, ...]
    cpu: float
    found: Mapping[int, tuple[int, ...]]

    def figures(self, label: str) -> list[Figure]:
        """As they are printed."""
        p50, p99 = (MILLISECONDS * float(np.percentile(self.waits, part)) for part in (50, 99))
        return [
            Figure(f"{label}: p50, ms", p50),
            Figure(f"{label}: p99, ms", p99),
            Figure(f"{label}: CPU of an answer, ms", MILLISECONDS * self.cpu),
            Figure(f"{label}: memory, MiB", self.memory),
            Figure(f"{label}: build, s of CPU", self.build_seconds),
        ]


def _memory(pids: Sequence[int]) -> float:
    """The proportional set size of processes, in MiB."""
    return sum(memory_of(pid, "Pss:") for pid in pids) / MEBIBYTE


def _cpu(engine: Engine, *, is_running: bool = True) -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = time.process_time() + children.ru_utime + children.ru_stime
    return own + (engine.cpu_seconds if is_running else 0.0)


def measure_engine(
    kind: type[Engine],
    corpus: Corpus,
    asked: Sequence[int],
    store: str,
    ids: Sequence[str],
    patience: float,
) -> Measured:
    """Build an engine and ask it, in this process."""
    with TemporaryDirectory(prefix="peer-", dir="/tmp") as place:  # for short names of sockets
        folder = Path(place)
        (folder / "store").write_text(store, "utf-8")
        (folder / "ids.json").write_text(json.dumps(ids), "utf-8")
        engine = kind(folder)
        gc.collect()
        memory, begun = _memory([os.getpid()]), _cpu(engine, is_running=False)
        engine.build(corpus)
        try:
            built = _cpu(engine) - begun
            for row in asked[:WARM]:
                engine.nearest(row, LIMIT + 1)
            begun, waits, found = _cpu(engine), list[float](), dict[int, tuple[int, ...]]()
            end = time.monotonic() + patience
            for row in asked:
                if time.monotonic() > end:
                    break
                at = time.perf_counter()
                rows = engine.nearest(row, LIMIT + 1)
                waits.append(time.perf_counter() - at)
                found[row] = tuple(one for one in rows if one != row)
            spent = (_cpu(engine) - begun) / len(waits)
            gc.collect()
            taken = _memory([os.getpid(), *engine.processes]) - memory
        finally:
            engine.close()
    return Measured(built, taken, tuple(waits), spent, found)


def apart(*arguments: object) -> Measured:
    """The same in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(measure_engine, *arguments).result()  # type: ignore[arg-type]


def corpus_of(view: View, store_address: str) -> tuple[list[str], Corpus]:
    """The ids of all articles, and their texts and vectors in the same order."""
    with closing(open_store(store_address)) as store:
        articles = [one for one in plain_articles(store) if view.row_of(one.id) is not None]
    rows = np.array([view.row_of(one.id) for one in articles], np.int64)
    titles, bodies = [one.title for one in articles], [one.body for one in articles]
    return [one.id for one in articles], Corpus(titles, bodies, view.fetch(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Where all of them are measured.

    Attributes:
        name: of the texts.
        store: the address of the store that has the texts and their features.
        ids: of the articles.
        corpus: the same articles.
        asked: the rows of the articles that are asked with.
        dataset: the judgments; None if there are none.
        ours: nDCG@5 of the product; NaN without judgments.
    """

    name: str
    store: str
    ids: Sequence[str]
    corpus: Corpus
    asked: Sequence[int]
    dataset: Dataset | None = None
    ours: float = float("nan")

    def measure(self, kinds: Sequence[type[Engine]], say: Callable[[str], object]) -> list[Figure]:
        """Measure each, and say it as soon as it is known."""
        figures = list[Figure]()
        for kind in kinds:
            patience = PATIENCE_SECONDS if self.dataset is None else float("inf")
            measured = apart(kind, self.corpus, self.asked, self.store, self.ids, patience)
            own = [*self._relevance(kind, measured), *measured.figures(kind.label)]
            say(f"{self.name}: {kind.label}")
            for figure in own:
                say(f"  {figure}")
            figures += own
        return figures

    def _relevance(self, kind: type[Engine], measured: Measured) -> Iterator[Figure]:
        if self.dataset is None:
            return
        if kind is Product:
            yield Figure(f"{kind.label}: {MAIN}", self.ours)
            return
        run = {
            self.ids[row]: {self.ids[one]: -float(place) for place, one in enumerate(found[:DEPTH])}
            for row, found in measured.found.items()
        }
        theirs = mean_measures(self.dataset, run)[MAIN]
        yield Figure(f"{kind.label}: {MAIN}", theirs)
        yield Figure(f"ours by {kind.label}: {MAIN}", self.ours / theirs, 1.0, "above")


@contextmanager
def judged(folder: Path, cache: Path) -> Iterator[Field]:
    """The texts with human judgments."""
    dataset, model = read_dataset(folder), find_model("bundled", cache)
    place = cache / "peers"
    with open_bench(dataset, model, bar, cache=place) as bench:
        store = f"sqlite:///{place / 'evaluation.db'}"
        ids, corpus = corpus_of(bench.view, store)
        rows = {one: row for row, one in enumerate(ids)}
        asked = [rows[query] for query in dataset.queries]
        yield Field(folder.name, store, ids, corpus, asked, dataset, _own_relevance(bench))


def _own_relevance(bench: Bench) -> float:
    return mean_measures(bench.dataset, run_lists(bench, RELEVANCE_ONLY))[MAIN]


def made_up(folder: Path, articles: int) -> Field:
    """A made-up archive."""
    make_archive(folder, articles)
    view = View.of(open_generation(Catalog(folder / "snapshots")))
    store = f"sqlite:///{folder / 'read-also.db'}"
    ids, corpus = corpus_of(view, store)
    asked = Random(5).sample(range(len(ids)), min(ASKED, len(ids)))  # noqa: S311 - no secrets
    return Field(f"{articles} made-up articles", store, ids, corpus, asked)


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cache", type=click.Path(path_type=Path), help="Keep vectors here.")
@click.option("--archive", type=click.Path(path_type=Path), help="Keeps a made-up archive.")
@click.option("--articles", default=100_000, show_default=True, help="Of the made-up archive.")
@click.option("--only", multiple=True, type=click.Choice(list(ENGINES)), help="Of the others.")
def main(
    folder: Path, cache: Path | None, archive: Path | None, articles: int, only: tuple[str, ...]
) -> None:
    """Print the figures; 1 if one of the others finds what is more relevant."""
    kinds: list[type[Engine]] = [Product]
    kinds += [kind for name, kind in ENGINES.items() if name in (only or ENGINES)]
    with TemporaryDirectory() as passing:
        with judged(folder, cache or Path(passing)) as field:
            figures = field.measure(kinds, click.echo)
        if archive is not None:
            figures += made_up(archive, articles).measure(kinds, click.echo)
    sys.exit(report([figure for figure in figures if figure.bar is not None], click.echo))


if __name__ == "__main__":
    main()
