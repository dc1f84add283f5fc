"""What a list costs over milvus-lite, beside one over a snapshot, and whether it is the same.

    OMP_NUM_THREADS=1 python -m benchmarks.milvus [--articles 2000] [--folder FOLDER]

The archive is made up (`served_archive`); one that was made before in FOLDER is used again.
milvus-lite is a Python program for trials, in a process of its own here: what its searches take
says nothing about a Milvus server. What the worker itself takes is the same with either.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np

from benchmarks.served_archive import id_of, make_archive
from recommender.indexing.collection_catalog import catalog_over
from recommender.settings import Settings
from recommender.web import collection_state
from service import create_app

LISTS: Final = 60
PATIENCE_SECONDS: Final = 60.0
MILLISECONDS: Final = 1_000


@contextmanager
def serve_milvus(folder: Path) -> Iterator[str]:
    """The address of a server of milvus-lite whose data lie in a folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = ("--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port))
    program = str(Path(sys.executable).with_name("milvus-lite"))
    nowhere = subprocess.DEVNULL
    with subprocess.Popen([program, "server", *place], stdout=nowhere, stderr=nowhere) as server:  # noqa: S603 - a program of ours
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        server.kill()


@contextmanager
def milvus_lite(folder: Path) -> Iterator[str]:
    """The address of a server of milvus-lite, from when it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    folder.mkdir()
    program = Path(sys.executable).with_name("milvus-lite")
    place = ("--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port))
    process = subprocess.Popen([str(program), "server", *place])  # noqa: S603 - of an extra
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            if process.poll() is not None or time.monotonic() > end:
                sys.exit("milvus-lite does not answer; pip install '.[peers]'")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def ask(settings: Settings, ids: list[str]) -> tuple[list[Any], list[float], list[float]]:
    """The lists of some articles, their seconds, and the seconds of CPU of this process."""
    app = create_app(replace(settings, public_reads=True), follows=False)
    app.extensions["read-also"].follower.refresh()
    client, lists, seconds, own = app.test_client(), [], list[float](), list[float]()
    for article_id in (ids[0], *ids):  # the first one also opens connections
        begun, used = time.perf_counter(), time.process_time()
        answer = client.get(f"/v1/articles/{article_id}/related")
        seconds.append(time.perf_counter() - begun)
        own.append(time.process_time() - used)
        lists.append([item["id"] for item in answer.get_json()["items"]])
    return lists[1:], seconds[1:], own[1:]


def show(label: str, seconds: list[float], own: list[float]) -> None:
    """Print what lists took."""
    times = MILLISECONDS * np.array(seconds)
    cpu = MILLISECONDS * np.median(own)
    p95 = np.percentile(times, 95)
    click.echo(f"{label}: p50 {np.median(times):.1f} ms, p95 {p95:.1f} ms, CPU here {cpu:.1f} ms")


@click.command()
@click.option("--articles", default=2_000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path))
def main(articles: int, folder: Path | None) -> None:
    """Fill a collection, and ask for the same lists over it and over the snapshot."""
    with ExitStack() as stack:
        own = Path(stack.enter_context(TemporaryDirectory()))
        folder = folder or own / "archive"
        make_archive(folder, articles)
        address = stack.enter_context(serve_milvus(own / "milvus"))
        settings = Settings(f"sqlite:///{folder / 'read-also.db'}", folder, "bundled")
        over = replace(settings, milvus=address)
        vars(collection_state)["LIST_SECONDS"] = PATIENCE_SECONDS  # milvus-lite is no server
        begun = time.monotonic()
        catalog = catalog_over(over)
        catalog.flip(catalog.open_live())
        click.echo(f"{articles} rows are in the collection after {time.monotonic() - begun:.0f} s")
        files = [path for path in (own / "milvus").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        click.echo(f"its files: {size / articles / 1_000:.1f} kB a row")
        drawn = Random(0).sample(range(articles), LISTS)  # noqa: S311 - a sample
        ids = [id_of(number) for number in drawn]
        lists, seconds, cpu = ask(settings, ids)
        show("over the snapshot", seconds, cpu)
        others, seconds, cpu = ask(over, ids)
        show("over milvus-lite", seconds, cpu)
        same = sum(one == other for one, other in zip(lists, others, strict=True))
        click.echo(f"{same} of {len(lists)} lists are the same")
    sys.stdout.flush()
    os._exit(0)  # the threads of the applications do not end by themselves


if __name__ == "__main__":
    main()
