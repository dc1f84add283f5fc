"""Searches and lists over a large snapshot of drawn rows: CPU, memory, and what the search loses.

    python -m benchmarks.build_cost --alone 1000000 --folder DIR
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.large_lists DIR/snapshot

The rows of `build_cost` have few columns; the others are drawn into files beside the snapshot and
mapped as its own are. A search finds 200 rows, of all or of a random part of them, on one thread;
recall@12 is of the twelve nearest, against an exact scan. Lists of twelve are made of articles that
are spread over the archive, as `GET related` makes them, but without HTTP. `own memory` is what the
process holds beside mapped files (RssAnon) after the lists. Then each list is made again where
vectors are searched without inverted lists: `the same` is the share of its places that have the
same article. `opening` is the CPU of opening the snapshot without that of comparing checksums.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.build_cost import MEGABYTE, read_status
from index import Snapshot, View
from index.arrays import spread_evenly
from index.disk import measure as measure_file
from index.vector_search import Vectors
from recommender.api import ListOptions
from recommender.display_fields import DisplayFields
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed

NOW: Final = 3e8
"""The end of the time in which the rows of `build_cost` were published."""
SECTIONS: Final = 12
SEARCHES: Final = 200
FETCHED: Final = 200
LISTED: Final = 12
PARTS: Final = (1.0, 0.5, 0.05, 0.005)
WARM: Final = 20
PATH: Final = click.Path(path_type=Path, file_okay=False, exists=True)


def draw_columns(count: int) -> dict[str, NDArray[Any]]:
    """The columns that the rows of `build_cost` lack."""
    draw = np.random.default_rng(count)
    hashes = draw.integers(1, 2**62, count)
    sure = ("published", "recommendable", "titled", "has_list", "read", "up_to_date", "embedded")
    return {
        **dict.fromkeys((*sure, "passages_apart"), np.ones(count, np.bool_)),
        "brief": np.zeros(count, np.bool_),
        "from_time": np.full(count, -np.inf),
        "until_time": np.full(count, np.inf),
        "revised_at": np.full(count, np.nan),
        "id_hash": hashes,
        "translates": hashes,
        "author": draw.integers(1, 100, count),
        "host": np.ones(count, np.int64),
        "change": np.arange(count),
        "section": draw.integers(SECTIONS, size=count, dtype=np.int32),
    }


class Titles:
    """By row, display fields of a title alone; in place of those of the snapshot."""

    def __getitem__(self, row: int) -> bytes:
        shown = DisplayFields(f"Story {row}", None, None, "en", None, None)
        return json.dumps(asdict(shown)).encode()


def open_view(snapshot: Path, folder: Path) -> View:
    """The snapshot with drawn columns, which are written to a folder and mapped."""
    found = Snapshot.open(snapshot)
    columns: Mapping[str, NDArray[Any]] = found.columns
    for name, column in draw_columns(len(found)).items():
        if name not in columns:
            np.save(folder / f"{name}.npy", column)
            mapped = np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))
            columns = {**columns, name: mapped}
    labels = {**found.labels, "section": tuple(f"s{number}" for number in range(SECTIONS))}
    display: Any = Titles()
    return View.of(replace(found, columns=columns, labels=labels, display=display))


def list_ids(view: View, article_id: str) -> list[str]:
    """The ids of a list."""
    request = ListRequest(view, find_seed(view, article_id), ListOptions(), Policy(), NOW)
    return [item.id for item in list_related(request).items]


def cost_of_opening(snapshot: Path) -> float:
    """Seconds of CPU of opening, without comparing checksums; the files are in the page cache."""
    names = [path for path in snapshot.iterdir() if path.name != "manifest.json"]
    for path in names:
        measure_file(path)
    begun = time.process_time()
    for path in names:
        measure_file(path)
    compared = time.process_time()
    Snapshot.open(snapshot)
    return time.process_time() - compared - (compared - begun)


def search_figures(view: View) -> Iterator[str]:
    """What searches cost, and how many of the twelve nearest rows they find, by filter."""
    vectors, draw = view.snapshot.vectors, np.random.default_rng(0)
    queries = vectors.fetch(np.sort(draw.choice(len(vectors), SEARCHES, replace=False)))
    for part in PARTS:
        allowed = draw.random(len(vectors)) < part
        own = np.flatnonzero(allowed)
        near = np.argsort(-(queries @ vectors.fetch_stored(own).T), axis=1)[:, :LISTED]
        spent, found = list[float](), list[int]()
        for query, places in zip(queries, near, strict=True):
            begun = time.thread_time()
            hits = vectors.nearest(query, FETCHED, allowed)
            spent.append(1_000 * (time.thread_time() - begun))
            found.append(len({*hits.rows[:LISTED].tolist()} & {*own[places].tolist()}))
        p50, p99 = np.percentile(spent[SEARCHES // 4 :], (50, 99))
        recall = sum(found) / (LISTED * SEARCHES)
        yield f"of {part:7.1%}    {p50:8.2f} ms of CPU, p99 {p99:.2f}, recall@12 {recall:.4f}"


@click.command(help=__doc__)
@click.argument("snapshot", type=PATH)
@click.option("--lists", default=300, show_default=True)
def main(snapshot: Path, lists: int) -> None:
    """Make lists of a snapshot, and again with exact search."""
    click.echo(f"opening       {cost_of_opening(snapshot):8.2f} s of CPU")
    with TemporaryDirectory(dir=snapshot.parent) as folder:
        view = open_view(snapshot, Path(folder))
        click.echo("a search")
        for line in search_figures(view):
            click.echo(line)
        ids = [view.id_of(row) for row in spread_evenly(len(view), lists + WARM).tolist()]
        np.random.default_rng(1).shuffle(ids)
        found, spent = list[list[str]](), list[float]()
        for article_id in ids:
            begun = time.process_time()
            found.append(list_ids(view, article_id))
            spent.append(1_000 * (time.process_time() - begun))
        middle, most = np.percentile(spent[WARM:], (50, 99))
        click.echo(f"a list        {middle:8.2f} ms of CPU, p99 {most:.2f}, of {lists} articles")
        click.echo(f"own memory    {read_status('RssAnon') / MEGABYTE:8.0f} MB")
        exact = Vectors(view.snapshot.vectors._exact, None, 0)  # noqa: SLF001 - the same vectors
        plain = View.of(replace(view.snapshot, vectors=exact))
        same = [
            len({*one} & {*list_ids(plain, name)}) for name, one in zip(ids, found, strict=True)
        ]
        places = sum(map(len, found))
        click.echo(f"the same      {sum(same) / places:8.4f} of {places} places with exact search")


if __name__ == "__main__":
    main()
