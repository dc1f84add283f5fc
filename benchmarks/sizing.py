"""What an archive needs of a machine: bytes on disk and in memory, and seconds.

    python -m benchmarks.sizing [--articles 10000]

The archive is made up: 450 words an article. Vectors are drawn, not embedded, since embedding takes
the most time and its rate is known (`benchmarks.embedding`). All else is the product's own work,
and runs in processes of its own. Memory is the most that a process had; what maps a snapshot is
shared by all workers.
"""

import os
import random
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.idle import memory_of
from index import Catalog
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model
from recommender.articles import Article
from recommender.indexing.rebuild import rebuild
from recommender.progress import Advance
from recommender.settings import Settings
from recommender.store import open_store

DIMENSIONS: Final = 384
WORDS: Final = 450
VOCABULARY: Final = [f"{a}{b}{c}" for a in "bdfghklmnprst" for b in "aeiou" for c in "bdklmnrst"]
SUBJECTS: Final = 200
BATCH: Final = 500
LISTS: Final = 300
MEGABYTE: Final = 1_000_000
PREFIX: Final = "READ_ALSO_"


class DrawnVectors:
    """Draws the vector of a text by its hash."""

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        """Unit rows, float32 [len(texts), 384], in the order of the texts."""
        seeds = [zlib.crc32(text.encode()) for text in texts]
        rows = np.stack([np.random.default_rng(s).standard_normal(DIMENSIONS) for s in seeds])
        advance(len(texts))
        unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(
            "f4"
        )
        return unit


def article(number: int) -> Article:
    """A made-up article; those of one subject share a third of their words."""
    draw = random.Random(number)  # noqa: S311 - texts, not secrets
    subject = random.Random(-1 - number % SUBJECTS).sample(VOCABULARY, 40)  # noqa: S311
    words = draw.choices(subject, k=WORDS // 3) + draw.choices(VOCABULARY, k=WORDS - WORDS // 3)
    draw.shuffle(words)
    sentences = [" ".join(words[at : at + 15]).capitalize() for at in range(0, WORDS, 15)]
    return Article(
        id=f"a{number}", title=" ".join(words[:8]), body=". ".join(sentences), language="en"
    )


def fill_and_build(articles: int) -> None:
    """Fill the store that the environment names, and build a snapshot of it."""
    settings = Settings.from_environment()
    model = Model("drawn", Path(), "drawn-1", frozenset({"en"}))
    with closing(open_store(settings.database_url)) as store:
        begun = time.monotonic()
        for first in range(0, articles, BATCH):
            store.write_many([article(n) for n in range(first, min(first + BATCH, articles))])
        stored = time.monotonic()
        rebuild(
            store, Catalog(settings.data.snapshots), Analyzer(model, lambda _: DrawnVectors(), str)
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"storing               {stored - begun:10.1f} s")
    print(f"rebuild, no embedding {time.monotonic() - stored:10.1f} s")
    print(f"rebuild, memory       {peak / MEGABYTE:10.0f} MB, without torch and a model")


def serve_lists(articles: int) -> None:
    """Ask an application for lists, in this process."""
    from service import create_app  # noqa: PLC0415 - what a worker imports is measured

    client = create_app(follows=False).test_client()
    client.application.extensions["read-also"].follower.refresh()
    spent = []
    for number in random.Random(0).sample(range(articles), min(LISTS, articles)):  # noqa: S311
        begun = time.thread_time()
        answer = client.get(f"/v1/articles/a{number}/related")
        spent.append(1_000 * (time.thread_time() - begun))
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
    own = memory_of(os.getpid(), "Anonymous:")
    p99 = np.percentile(spent, 99)
    print(f"a list                {np.median(spent):10.2f} ms of CPU, p99 {p99:.2f}")
    print(f"web worker, memory    {own / MEGABYTE:10.0f} MB of its own")
    sys.stdout.flush()
    os._exit(0)  # the threads of the application do not end by themselves


def size_of(folder: Path) -> float:
    """The bytes of all files below a folder, in megabytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MEGABYTE


@click.command(help=__doc__)
@click.option("--articles", default=10_000, show_default=True)
@click.option("--step", type=click.Choice(["all", "build", "serve"]), default="all", hidden=True)
def main(articles: int, step: str) -> None:
    """Build, serve and weigh an archive, each in a process of its own."""
    if step != "all":
        (fill_and_build if step == "build" else serve_lists)(articles)
        return
    with TemporaryDirectory() as folder:
        environment = {n: v for n, v in os.environ.items() if not n.startswith(PREFIX)}
        environment |= {f"{PREFIX}DATA_DIR": folder, f"{PREFIX}PUBLIC_READS": "1"}
        command = [sys.executable, "-m", "benchmarks.sizing", "--articles", str(articles)]
        for one in ("build", "serve"):
            subprocess.run([*command, "--step", one], env=environment, check=True)  # noqa: S603
        snapshots = size_of(Path(folder) / "snapshots")
        print(f"snapshot              {snapshots:10.1f} MB")
        print(f"store                 {size_of(Path(folder)) - snapshots:10.1f} MB")


if __name__ == "__main__":
    main()
