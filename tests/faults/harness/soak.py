"""A long run of reads with swaps of the snapshot: memory and open files stay as they are.

    python -m tests.faults.harness.soak [--requests 1000000] [--swaps 100]

In one process, a worker that follows its store answers lists by turns of all kinds, and between two
swaps articles are written, deleted and read, and a new snapshot is published. Then a tenth as many
reads go over HTTP to the workers of `read-also serve`, which swap snapshots too. Compared are the
memory that a process has for itself (`Anonymous` of smaps_rollup), after the first tenth and at the
end, and its open files. Stop it with Ctrl-C: what was measured until then is printed.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Final

import click
from flask.testing import FlaskClient
from tqdm import tqdm

from index import Catalog
from recommender.indexing.compaction import compact
from recommender.settings import Settings
from recommender.store import open_store
from service import create_app
from tests.faults.harness.clients import Line, line_to, put_until_visible
from tests.faults.harness.stories import fresh, seeds
from tests.faults.harness.tally import Figure, report
from tests.support.archives import (
    FAKE_MODEL,
    HARBOUR,
    SECRETS,
    archive_settings,
    desk_articles,
    fill,
    index_fake,
    rebuild_fake,
    story,
)
from tests.support.processes import anonymous_kilobytes, open_files
from tests.support.serving import Place, Server
from tests.support.waiting import until

__all__ = ["soak_in_process", "soak_over_http"]

SEEDS: Final = 6
HTTP_SHARE: Final = 10
WARM_UP_SHARE: Final = 10
MOST_GROWTH: Final = 1.05
MOST_FILES: Final = 4  # connections that are just opened or closed
PATHS: Final = (
    "/v1/articles/harbour-2/related",
    "/v1/articles/harbour-5/related.html",
    "/v1/articles/orchard-3/related?limit=3&mode=latest",
    "/v1/articles/harbour-7/related?language=any&exclude=harbour-2",
    "/v1/articles/harbour-4/related?explain=1",
    "/v1/articles/harbour-draft/related.html",
)
"""Lists of all kinds. An unknown id is not among them: it waits a tenth of a second for news."""


@dataclass(slots=True)
class Level:
    """What a process held when it was warm, and what it holds now."""

    process: int
    warm: tuple[int, int] = (0, 0)
    now: tuple[int, int] = (0, 0)

    def note(self) -> None:
        """Measure; the first time is when it is warm."""
        self.now = (anonymous_kilobytes(self.process), open_files(self.process))
        self.warm = self.warm if self.warm[0] else self.now

    def figures(self, name: str) -> list[Figure]:
        """How much more it holds now."""
        growth, more = self.now[0] / max(1, self.warm[0]), self.now[1] - self.warm[1]
        return [
            Figure(f"{name}: memory when warm, MiB", self.warm[0] / 1024),
            Figure(f"{name}: memory at the end, by that", growth, most=MOST_GROWTH),
            Figure(f"{name}: open files, more than when warm", more, most=MOST_FILES),
        ]


@contextmanager
def _working(settings: Settings) -> Iterator[FlaskClient]:
    """A worker that follows its store in its own thread."""
    app = create_app(settings)
    client = app.test_client(use_cookies=False)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SECRETS['editor']}"
    try:
        yield client
    finally:
        app.extensions["read-also"].stop()


def _publish(settings: Settings, number: int) -> str:
    """Write, delete and read a few articles, and publish a snapshot with them; its name."""
    with closing(open_store(settings.database_url)) as store:
        fill(settings, [story(f"swap-{number % 20}", HARBOUR, section=f"s-{number}")])
        store.delete(f"swap-{(number + 10) % 20}") if number >= 20 else None
        index_fake(settings)
        return compact(store, Catalog(settings.data.snapshots), FAKE_MODEL, keep=2).generation


def soak_in_process(folder: Path, requests: int, swaps: int) -> list[Figure]:
    """Answer so many requests in this process, through so many swaps."""
    settings = archive_settings(folder)
    fill(settings, desk_articles())
    rebuild_fake(settings)
    level, done, bad, shown = Level(os.getpid()), 0, 0, set[str]()
    with _working(settings) as client, tqdm(total=requests, unit=" requests") as bar:
        follower, paths = client.application.extensions["read-also"].follower, cycle(PATHS)
        try:
            for swap in range(swaps):
                name = _publish(settings, swap)
                until(lambda n=name: follower.current().view.snapshot.generation == n, 60)  # type: ignore[misc]
                shown.add(follower.current().view.snapshot.generation)
                for path in (next(paths) for _ in range((swap + 1) * requests // swaps - done)):
                    bad += client.get(path).status_code != 200
                    done += 1
                    bar.update()
                if done >= requests // WARM_UP_SHARE:
                    level.note()
        except KeyboardInterrupt:
            click.echo("stopped")
    return [
        Figure("in process: requests", done, least=requests),
        Figure("in process: snapshots shown", len(shown), least=swaps),
        Figure("in process: answers other than 200", bad, most=0),
        *level.figures("in process"),
    ]


def _lines(server: Server) -> list[Line]:
    """A connection to each worker."""
    return [line_to(server, worker) for worker in server.workers]


def soak_over_http(server: Server, requests: int, swaps: int) -> list[Figure]:
    """Read so many times from the workers of a server, which swap snapshots meanwhile."""
    levels = {worker: Level(worker) for worker in server.workers}
    lines, numbers, bad, done = _lines(server), count(), 0, 0
    with tqdm(total=requests, unit=" requests") as bar:
        try:
            for swap in range(swaps):
                put_until_visible(server.port, fresh(next(numbers)))
                server.place.run("rebuild", "--force")  # so small an archive changes much
                while done < (swap + 1) * requests // swaps:
                    path = f"/v1/articles/seed-{done % SEEDS}/related{'.html' * (done % 2)}"
                    bad += lines[done % len(lines)].ask("GET", path)[0] != 200
                    done += 1
                    bar.update()
                if done >= requests // WARM_UP_SHARE:
                    for level in levels.values():
                        level.note()
        except KeyboardInterrupt:
            click.echo("stopped")
    for line in lines:
        line.close()
    return [
        Figure("over HTTP: requests", done, least=requests),
        Figure("over HTTP: answers other than 200", bad, most=0),
        Figure("over HTTP: workers that went", len(levels.keys() - set(server.workers)), most=0),
        *[figure for w, level in levels.items() for figure in level.figures(f"worker {w}")],
    ]


@click.command(help=__doc__)
@click.option("--requests", default=1_000_000, show_default=True)
@click.option("--swaps", default=100, show_default=True)
def main(requests: int, swaps: int) -> None:
    """Run it, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        failed = report(soak_in_process(Path(folder), requests, swaps))
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Place(Path(folder)), ready=False) as server,
    ):
        for seed in seeds(SEEDS):
            if not put_until_visible(server.port, seed):
                raise RuntimeError("the service does not index")
        failed |= report(
            soak_over_http(server, requests // HTTP_SHARE, max(1, swaps // HTTP_SHARE))
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
