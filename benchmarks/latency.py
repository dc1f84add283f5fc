"""What readers wait for a list, with nothing else going on and while a rebuild runs.

    python -m benchmarks.latency [--articles 100000] [--folder FOLDER] [--rate 100]

`read-also serve` with two workers over a made-up archive (`served_archive`); a hundred lists a
second, each of another story, so that hardly one of them was kept. A wait counts from the moment
when a list was due. Then `read-also rebuild` builds the same archive anew, from its stored
features, while the readers go on until it has ended. It needs two quiet cores, of which the readers
take a part. The command ends with 1 if a bar is missed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import numpy as np

from benchmarks.figures import Figure, report
from benchmarks.readers import read_lists
from benchmarks.served_archive import Service, served_archive
from recommender.settings import PREFIX

KEY: Final = "bench-0123456789abcdef"
HEADERS: Final = {"X-API-Key": KEY}
WARM_SECONDS: Final = 10.0
ALONE_SECONDS: Final = 30.0
SLICE_SECONDS: Final = 10.0
MOST_ALONE: Final = 25.0
MOST_BESIDE: Final = 50.0


@contextmanager
def rebuilding(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`read-also rebuild` over the data folder of the service; it is ended at the end."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with (folder / "rebuild.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "recommender", "rebuild"],
            env=others | {f"{PREFIX}DATA_DIR": str(folder)},
            stdout=log,
            stderr=log,
        )
    try:
        yield process
        if process.returncode:
            sys.exit((folder / "rebuild.log").read_text("utf-8"))
    finally:
        process.terminate()
        process.wait()


def of_waits(name: str, waits: list[float], most: float) -> list[Figure]:
    """The median and the p99 with its bar."""
    p50, p99 = np.percentile(waits, [50, 99])
    return [
        Figure(f"a list {name}, p50, ms", p50),
        Figure(f"a list {name}, p99, ms", p99, most, "most"),
    ]


def measure(service: Service, folder: Path, articles: int, rate: float) -> list[Figure]:
    """The waits without and beside a rebuild."""

    def read(turn: int, seconds: float) -> list[float]:
        return read_lists(service.port, HEADERS, articles, seconds, rate, turn)

    read(0, WARM_SECONDS)
    alone, beside = read(1, ALONE_SECONDS), list[float]()
    begun, turn = time.monotonic(), 2
    with rebuilding(folder) as process:
        while process.poll() is None:
            beside += read(turn, SLICE_SECONDS)
            turn += 1
    return [
        *of_waits("alone", alone, MOST_ALONE),
        *of_waits("beside a rebuild", beside, MOST_BESIDE),
        Figure("the rebuild took, s", time.monotonic() - begun),
    ]


@click.command(help=__doc__)
@click.option("--articles", default=100_000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Keeps the archive.")
@click.option("--rate", default=100.0, show_default=True, help="Lists a second.")
def main(articles: int, folder: Path | None, rate: float) -> None:
    """Make the archive, and print the figures."""
    with served_archive(articles, folder, KEY) as (service, place):
        figures = measure(service, place, articles, rate)
    sys.exit(report(figures, click.echo))


if __name__ == "__main__":
    main()
