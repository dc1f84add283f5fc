"""What a list costs where several ask for it at the same moment, and nothing is kept.

    OMP_NUM_THREADS=1 python -m benchmarks.askers [--articles 10000] [--folder FOLDER]

So it is after a write, with the story that everybody reads. Threads call the application of one
process, without HTTP; they begin together. CPU is that of the process. The archive is made up
(`served_archive`); one that was made before in FOLDER is used again.
"""

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest import mock

import click
from flask import Flask
from werkzeug.test import Client

from benchmarks.request_cost import KEY
from benchmarks.served_archive import id_of, make_archive
from recommender.settings import PREFIX, Settings
from recommender.web.kept_answers import KeptAnswers
from recommender.web.state import EXTENSION, State
from service import create_app

TURNS: Final = 60
MILLISECONDS: Final = 1_000


@dataclass(slots=True)
class Asked:
    """What some askers got.

    Attributes:
        made: how many lists were made.
        waits: the seconds of each request.
        spent: CPU seconds of all.
    """

    made: int = 0
    waits: list[float] = field(default_factory=list)
    spent: float = 0.0


def measure(articles: int, folder: Path, askers: Sequence[int]) -> None:
    """Print what each number of askers costs."""
    make_archive(folder, articles)
    environment = {f"{PREFIX}DATA_DIR": str(folder), f"{PREFIX}API_KEYS": f"bench:read:{KEY}"}
    with mock.patch.dict(os.environ, environment):
        application = create_app(Settings.from_environment())
    shared = application.extensions[EXTENSION]
    application.extensions[EXTENSION] = replace(shared, kept_answers=KeptAnswers(time.time, 0))
    for count in askers:
        asked = ask(application, count)
        requests = len(asked.waits)
        click.echo(
            f"{count} at once: {asked.made} lists made for {requests} answers, "
            f"{MILLISECONDS * asked.spent / requests:.2f} ms of CPU an answer, "
            f"p50 {MILLISECONDS * median(asked.waits):.1f} ms"
        )


def ask(application: Flask, count: int) -> Asked:
    """Ask for the lists of some stories one after the other, each by several at the same moment."""
    asked, together, make = Asked(), threading.Barrier(count), State.list_for

    def counted(state: State, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - of another
        asked.made += 1
        return make(state, *arguments, **options)

    def ask_one(article_id: str) -> float:
        path, headers = f"/v1/articles/{article_id}/related", {"Authorization": f"Bearer {KEY}"}
        client = Client(application)
        together.wait()
        begun = time.perf_counter()
        if client.get(path, headers=headers).status_code != 200:
            raise ValueError(f"no list of {article_id}")
        return time.perf_counter() - begun

    with ThreadPoolExecutor(count) as threads, mock.patch.object(State, "list_for", counted):
        begun = time.process_time()
        for turn in range(TURNS):
            asked.waits += threads.map(ask_one, [id_of(turn * 37 + count)] * count)
        asked.spent = time.process_time() - begun
    return asked


@click.command(help=__doc__)
@click.option("--articles", default=10_000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the archive is, or is made.")
@click.option("--askers", multiple=True, type=int, default=(1, 2, 4, 8), show_default=True)
def main(articles: int, folder: Path | None, askers: Sequence[int]) -> None:
    """Ask, by more and more at the same moment."""
    with TemporaryDirectory() as passing:
        measure(articles, folder or Path(passing) / "archive", askers)


if __name__ == "__main__":
    main()
