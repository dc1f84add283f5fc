"""A large made-up archive, built by the product's own code and served by `read-also serve`.

Its texts and their vectors are those of `benchmarks.recombined`. The vectors are kept as those of
the bundled model, so that the indexer has nothing left to read, and reads what somebody types.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from benchmarks.idle import cpu_seconds, descendants
from benchmarks.recombined import NewsVectors, open_news
from index import Catalog
from recommender.analysis.analyzer import Analyzer
from recommender.analysis.embedding import Model, find_model
from recommender.articles import Article
from recommender.indexing.drafts import is_answered
from recommender.indexing.rebuild import rebuild
from recommender.settings import PREFIX, Settings
from recommender.store import open_store

__all__ = [
    "Service",
    "draw_article",
    "id_of",
    "load_vectors",
    "make_archive",
    "served_archive",
    "title_of",
]

DAYS: Final = 3_650
BATCH: Final = 500
STARTING_SECONDS: Final = 300.0
MARK: Final = "news.json"


def id_of(number: int) -> str:
    """The id of an article."""
    return f"a{number:07d}"


def title_of(number: int) -> str:
    """Its headline."""
    return open_news().title_of(number)


def draw_article(number: int) -> Article:
    """A made-up article."""
    news = open_news()
    return Article(
        id=id_of(number),
        title=title_of(number),
        body=news.body_of(number),
        url=f"https://news.example/{number}",
        language="en",
        section=news.category_of(number).capitalize(),
        published_at=datetime.now(UTC) - timedelta(days=number % DAYS, hours=1),
    )


def make_archive(folder: Path, articles: int) -> None:
    """Fill and build an archive, unless the folder has it already."""
    mark = folder / MARK
    if mark.exists():
        if json.loads(mark.read_text("utf-8")) != articles:
            sys.exit(f"{folder} has an archive of another size; name another --folder")
        return
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    settings = Settings(f"sqlite:///{folder / 'read-also.db'}", folder, "bundled")
    with closing(open_store(settings.database_url)) as store:
        for first in range(0, articles, BATCH):
            last = min(first + BATCH, articles)
            store.write_many([draw_article(number) for number in range(first, last)])
        model = find_model(settings.model, folder)
        rebuild(store, Catalog(settings.data.snapshots), Analyzer(model, load_vectors, str))
    mark.write_text(json.dumps(articles), "utf-8")
    click.echo(f"an archive of {articles} articles was made in {time.monotonic() - begun:.0f} s")


@cache
def _vectors() -> NewsVectors:
    return NewsVectors.of(open_news())


def load_vectors(_: Model) -> NewsVectors:
    """What an analyzer of such an archive embeds with."""
    return _vectors()


@dataclass(frozen=True, slots=True)
class Service:
    """A running service.

    Attributes:
        port: where it answers.
        supervisor: the process that started all others.
    """

    port: int
    supervisor: int

    @property
    def cpu_seconds(self) -> float:
        """What all its processes have used so far."""
        return sum(map(cpu_seconds, descendants(self.supervisor)))


@contextmanager
def served_archive(articles: int, folder: Path | None, key: str) -> Iterator[tuple[Service, Path]]:
    """A service over a made-up archive, and its folder; how busy the machine is, is printed.

    Args:
        articles: of the archive.
        folder: where it is, or is made; None to make it for this once.
        key: see `served`.
    """
    with TemporaryDirectory() as passing:
        place = folder or Path(passing)
        make_archive(place, articles)
        with served(place, key) as service:
            load = os.getloadavg()[0]
            click.echo(f"{articles} articles; {os.cpu_count()} cores, load {load:.1f} before")
            yield service, place


@contextmanager
def served(folder: Path, key: str) -> Iterator[Service]:
    """`read-also serve` with two workers, from when it reads texts and answers.

    Args:
        folder: of the archive.
        key: a key that may do everything.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = int(listening.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {
        f"{PREFIX}DATA_DIR": str(folder),
        f"{PREFIX}API_KEYS": f"bench:read+write+admin:{key}",
        f"{PREFIX}OPERATORS_ADDRESS": "off",
    }
    words = [sys.executable, "-m", "recommender", "serve", "--port", str(port), "--workers", "2"]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)  # noqa: S603
    try:
        _wait(process, port, Settings("", folder).data.draft_socket)
        yield Service(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, drafts: Path) -> None:
    end = time.monotonic() + STARTING_SECONDS
    while not (_answers(port) and is_answered(drafts)):
        if process.poll() is not None or time.monotonic() > end:
            sys.exit("read-also does not answer; --folder keeps what it has logged")
        time.sleep(0.2)


def _answers(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("GET", "/console/sign-in")
            return connection.getresponse().status == 200
        except OSError:
            return False
