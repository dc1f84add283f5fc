"""How long the console needs to find stories while somebody types, in a large archive.

    OMP_NUM_THREADS=1 python -m benchmarks.finding [--articles 100000]

The archive is that of `benchmarks.filters`, with headlines of words as they occur in the sample
archive. Somebody types the beginnings of headlines, letter by letter from the second one on; each
letter is a request, as a browser sends it, and the real indexer reads it with the bundled model.
Printed are milliseconds by the clock, without the network, and of CPU of the web worker. The first
search, which reads all headlines, is printed by itself, with the memory that they take. The command
ends with 1 if p95 is above 150 ms.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import click
import numpy as np
from flask.testing import FlaskClient
from numpy.typing import NDArray

from benchmarks.filters import SECTIONS, SPREAD, SUBJECTS
from index import Catalog
from recommender.analysis.embedding import Model, find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.features import Embedding, Features
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.analysis.tokens import count_tokens, tokenize
from recommender.api_keys import ApiKey
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.drafts import is_answered
from recommender.indexing.snapshots import build_options
from recommender.settings import Settings
from recommender.store import open_store
from service import create_app

SECRET: Final = secrets.token_urlsafe(24)
BAR_MS: Final = 150.0
TYPED: Final = 40
"""How many headlines are typed."""
LONGEST_TYPED: Final = 14
WORDS: Final = 8
BODY_WORDS: Final = 60


def read_words() -> list[str]:
    """The words of the sample archive, as often as they stand there."""
    lines = (files("recommender") / "sample" / "articles.jsonl").read_text("utf-8").splitlines()
    documents = (json.loads(line) for line in lines)
    return [word for one in documents for word in tokenize(f"{one['title']} {one['body']}")]


def draw_document(
    number: int, draw: Random, words: Sequence[str], vector: NDArray[np.float32]
) -> IndexedDocument:
    """A made-up article: words of the sample around a subject."""
    article = Article(
        id=f"a{number:07d}",
        title=" ".join(draw.choices(words, k=WORDS)).capitalize(),
        body=" ".join(draw.choices(words, k=BODY_WORDS)),
        url=f"https://news.example/{number}",
        language="en",
        section=f"s{number % SECTIONS}",
        published_at=datetime(2010 + number % 16, 1 + number % 9, 11, tzinfo=UTC),
    )
    buckets, counts = count_tokens(article)
    minhash = np.random.default_rng(number).integers(1, 2**16, MINHASH_SIZE).astype(np.uint16)
    passages = np.clip(vector * 300, -127, 127).astype(np.int8)[np.newaxis]
    embedding = Embedding(vector.astype(np.float16), passages)
    return IndexedDocument(article, Features("en", buckets, counts, minhash, embedding), 1, True)  # noqa: FBT003


def publish_archive(settings: Settings, model: Model, articles: int) -> list[str]:
    """Publish a snapshot of so many made-up articles; return some of their headlines."""
    dim = int(load_encoder(model).encode(["one"], lambda _: None).shape[1])
    draw, numbers, words = Random(8), np.random.default_rng(8), read_words()  # noqa: S311
    centres = numbers.standard_normal((SUBJECTS, dim)) / np.sqrt(dim)
    documents = []
    for number in range(articles):
        noise = numbers.standard_normal(dim) * SPREAD
        vector = (centres[numbers.integers(SUBJECTS)] + noise).astype(np.float32)
        documents.append(draw_document(number, draw, words, vector / np.linalg.norm(vector)))
    with closing(open_store(settings.database_url)) as store:
        stamp = build_options(model, store.state())
    Catalog(settings.data.snapshots).publish_rows(build_rows(documents, model, dim), **stamp)
    return [one.article.title for one in draw.sample(documents, TYPED)]


@contextmanager
def reading_drafts(settings: Settings) -> Iterator[None]:
    """The indexer, in a process of its own."""
    environment = os.environ | {
        "READ_ALSO_DATA_DIR": str(settings.data_dir),
        "READ_ALSO_DATABASE_URL": settings.database_url,
        "READ_ALSO_MODEL": settings.model,
    }
    process = subprocess.Popen([sys.executable, "-m", "recommender", "indexer"], env=environment)
    while not is_answered(settings.data.draft_socket):
        time.sleep(0.1)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def beginnings(titles: Sequence[str]) -> list[str]:
    """What stands in the box after each letter, from the second one on."""
    return [title[:length] for title in titles for length in range(2, LONGEST_TYPED)]


def find(client: FlaskClient, query: str) -> tuple[float, float, bool]:
    """Milliseconds of a search by the clock and of CPU, and whether words alone have found."""
    begun, used = time.perf_counter(), time.thread_time()
    answer = client.get("/console/find", query_string={"q": query}, headers={"X-Part": "1"})
    spent, cpu = time.perf_counter() - begun, time.thread_time() - used
    assert answer.status_code == 200, answer.text
    return 1e3 * spent, 1e3 * cpu, "Only the words" in answer.text


def own_mib() -> float:
    """The memory of this process alone, without the files that it has mapped."""
    fields = Path("/proc/self/status").read_text("utf-8").split("RssAnon:")
    return int(fields[1].split()[0]) / 1024


@click.command(help=__doc__)
@click.option("--articles", default=100_000, show_default=True)
def main(articles: int) -> None:
    """Print the first search, then the times of all letters."""
    with TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'read-also.db'}"
        key = ApiKey.of("editor", {"read"}, SECRET)
        settings = Settings(database, Path(folder), "bundled", api_keys=(key,))
        model = find_model("bundled", Path(folder))
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:  # its memory is not measured
            titles = apart.submit(publish_archive, settings, model, articles).result()
        with reading_drafts(replace(settings, api_keys=())):
            app = create_app(settings, follows=False)
            app.extensions["read-also"].follower.refresh()
            client = app.test_client()
            assert client.post("/console/sign-in", data={"key": SECRET}).status_code == 303
            client.get("/console/desk")  # opens what is opened once
            before = own_mib()
            first, cpu, _ = find(client, "water")
            click.echo(f"{articles} articles; the first search {first:.0f} ms, {cpu:.0f} of CPU")
            click.echo(f"memory {before:.0f} MiB before it, {own_mib():.0f} MiB after it")
            typed = [find(client, query) for query in beginnings(titles)]
            app.extensions["read-also"].stop()
    spent, cpus, by_words = (np.array(column) for column in zip(*typed, strict=True))
    for name, column in (("by the clock", spent), ("of CPU", cpus)):
        p50, p95 = np.percentile(column, [50, 95])
        click.echo(f"{name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {column.max():.0f} ms")
    click.echo(f"{len(typed)} letters, {by_words.sum()} by words alone")
    sys.exit(1 if np.percentile(spent, 95) > BAR_MS else 0)


if __name__ == "__main__":
    main()
