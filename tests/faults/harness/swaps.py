"""Searches during swaps of the searched view: no answer may be mixed from two views.

    python -m tests.faults.harness.swaps [--searches 1000000] [--swaps 1000] [--threads 3] [--torn]

In one process, threads search what a `Follower` shows, while another flips the pointer between the
generations of three archives, publishes a new one now and then and prunes the oldest under those
who search it, and between two swaps lets changes come. The archives have the same ids; the display
fields and the similarities of the best rows show which archive and change they are of. Each answer
is compared, whole, with brute force over what the generation and the change that it names should
hold. With `--torn` the searchers read the view twice, which must be noticed. Stop it with Ctrl-C.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Final, cast
from unittest import mock

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from index import Catalog, Query
from recommender.analysis.embedding import Model
from recommender.analysis.features import Embedding, Features
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.articles import Article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.snapshots import build_options
from recommender.live import Follower, Heartbeats, Journal, LiveState
from recommender.store import (
    ArticleStore,
    LogPosition,
    QueueLength,
    StoreState,
    Update,
    UpdateBatch,
)
from tests.faults.harness.tally import memory_folder

__all__ = ["Answer", "Archive", "Ask", "Counted", "Newsroom", "ask", "ask_torn", "opened", "run"]

Floats = NDArray[np.float32]

DIM: Final = 16
ROWS: Final = 40
QUERY_COUNT: Final = 4
LIMIT: Final = 5
ARCHIVES: Final = ("A", "B", "C")
CHANGES: Final = 2
"""So many changes come between two swaps."""
FRESH: Final = 50
"""Every so many swaps a generation is built anew, and the oldest removed."""
ROUNDING: Final = 2e-6
SWITCH_SECONDS: Final = 0.0005
"""Threads take turns ten times as often as usual: more places to be torn at."""
EPOCH: Final = "swaps"
MODEL: Final = Model("fake", Path(), "fake-1", frozenset({"en"}))
MOST_EXAMPLES: Final = 10

APART: Final = 2e-5
"""No two similarities with a query lie closer, so that brute force has one order too."""


def _queries() -> Floats:
    """Unit vectors along no axis, where a similarity would be a float16 number and often tied."""
    square, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((DIM, DIM)))
    queries: Floats = square[:QUERY_COUNT].astype(np.float32)
    return queries


QUERIES: Final = _queries()
BUCKETS: Final = 1_000
WORD: Final = Query(np.array([BUCKETS], np.int32), np.ones(1, np.float32))
"""The word of the first leader; one search in four asks for it too."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A search result: the nearest rows, and for the first query the row with its word too.

    Attributes:
        generation: of the view.
        change: up to which it shows.
        ids: of the nearest, then of who holds the word.
        display: of the same.
        similarities: float32, of the same.
    """

    generation: str
    change: int
    ids: tuple[str, ...]
    display: tuple[bytes, ...]
    similarities: Floats

    def agrees(self, other: "Answer") -> bool:
        """Whether all of it is the same, similarities within rounding."""
        return (
            (self.generation, self.change) == (other.generation, other.change)
            and self.ids == other.ids
            and self.display == other.display
            and bool(np.abs(self.similarities - other.similarities).max() <= ROUNDING)
        )


class Archive:
    """The articles of one archive, and when each was last touched.

    Of each query one article is the leader: the nearest, and the only one to hold its word.
    Each change gives all leaders another vector and title, and a ghost comes or goes.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.generation = ""
        self.change = 0
        self._random = np.random.default_rng(ord(name))
        self._known: dict[str, IndexedDocument | None] = {}
        self._touched: dict[str, int] = {}
        for number in range(ROWS):
            self._put(number, 0)

    def step(self, change: int) -> None:
        """Let a change come."""
        self.change = change
        for number in range(QUERY_COUNT):
            self._put(number, change)
        ghost = f"story-{ROWS:03}"
        self._touched[ghost] = change
        if self._known.get(ghost):
            self._known[ghost] = None
        else:
            self._put(ROWS, change)

    def known(self) -> list[IndexedDocument]:
        """The articles that are there, by ascending id."""
        there = (self._known[article_id] for article_id in sorted(self._known))
        return [one for one in there if one is not None]

    def after(self, change: int) -> tuple[Update, ...]:
        """The present state of what was touched after a change."""
        touched = [one for one, at in self._touched.items() if at > change]
        return tuple(_update(one, self._touched[one], self._known[one]) for one in touched)

    def answers(self, generation: str) -> list[Answer]:
        """What each query must be answered now, by brute force."""
        known = self.known()
        vectors = np.array([_as_stored(one) for one in known])
        return [self._answer(generation, known, vectors, query) for query in range(QUERY_COUNT)]

    def _answer(
        self, generation: str, known: Sequence[IndexedDocument], vectors: Floats, query: int
    ) -> Answer:
        similarities = vectors @ QUERIES[query]
        best = np.argsort(-similarities)[:LIMIT].tolist()
        found = similarities[best]
        if query == 0:
            best, found = [*best, 0], np.append(found, np.float32(1))
        return Answer(
            generation=generation,
            change=self.change,
            ids=tuple(known[at].article.id for at in best),
            display=tuple(known[at].article.to_display("en") for at in best),
            similarities=found,
        )

    def _put(self, number: int, change: int) -> None:
        article = Article(
            id=f"story-{number:03}", title=f"{self.name} {number} as of {change}", language="en"
        )
        self._known[article.id] = None
        known = IndexedDocument(article, self._features(number), change, up_to_date=True)
        while not self._apart(known):
            known = replace(known, features=self._features(number))
        self._known[article.id] = known
        self._touched[article.id] = change

    def _features(self, number: int) -> Features:
        return Features(
            "en",
            np.array([BUCKETS + number], np.int32),
            np.ones(1, np.float32),
            np.zeros(MINHASH_SIZE, np.uint16),
            Embedding(self._drawn(number), np.empty((0, DIM), np.int8)),
        )

    def _drawn(self, number: int) -> NDArray[np.float16]:
        vector = self._random.standard_normal(DIM)
        if number < QUERY_COUNT:
            vector = 5 * QUERIES[number] + vector * 0.5
        scaled: NDArray[np.float16] = (vector / np.linalg.norm(vector)).astype(np.float16)
        return scaled

    def _apart(self, one: IndexedDocument) -> bool:
        """Whether no query is equally similar to two articles."""
        others = np.array([_as_stored(known) for known in self.known()]).reshape(-1, DIM)
        gaps = np.abs(others @ QUERIES.T - QUERIES @ _as_stored(one))
        return bool((gaps > APART).all())


def _update(article_id: str, change: int, known: IndexedDocument | None) -> Update:
    if known is None:
        return Update(article_id, change, None)
    return Update(article_id, change, known.article, known.features)


def _as_stored(known: IndexedDocument) -> Floats:
    """A vector after it was scaled and rounded once more, as a build does."""
    assert known.embedding is not None
    vector = known.embedding.vector.astype(np.float32)
    rounded: Floats = (vector / np.linalg.norm(vector)).astype(np.float16).astype(np.float32)
    return rounded


def _store_of(archives: Sequence[Archive]) -> ArticleStore:
    """A store in which each archive has a log of its own, chosen by the mark of a log position."""
    by_name = {archive.name: archive for archive in archives}

    def updates_after(point: LogPosition, **_: object) -> tuple[LogPosition, UpdateBatch]:
        updates = by_name[point.mark].after(point.number)
        through = max((update.change for update in updates), default=point.number)
        batch = UpdateBatch(through, complete=True, updates=updates)
        return LogPosition(through, point.mark), batch

    store = mock.MagicMock()
    store.change_signal.read.side_effect = object  # it always says that something changed
    store.state.return_value = StoreState(EPOCH, LogPosition(0, ""))  # the position is of none
    store.policies.history.return_value = ()
    store.overrides.all.return_value = ()
    store.unread_before.return_value = ()
    store.queue.length.return_value = QueueLength(0, 0, 0)
    store.updates_after.side_effect = updates_after
    return cast("ArticleStore", store)


class Newsroom:
    """Publishes, swaps and changes, and knows the expected answers; for one thread."""

    def __init__(self, folder: Path) -> None:
        self.archives = [Archive(name) for name in ARCHIVES]
        self.expected: dict[tuple[str, int], list[Answer]] = {}
        self.published = 0
        self.swaps = 0
        self._number = 0
        self._live = self.archives[0]
        self._catalog = Catalog(folder / "snapshots")
        store = _store_of(self.archives)
        self.follower = Follower(
            self._catalog,
            lambda: store,
            lambda: MODEL,
            Journal(folder / "journal"),
            Heartbeats(folder / "heartbeats"),
        )
        for archive in self.archives:
            self._publish(archive)
        self._show(self.archives[-1])

    def swap(self) -> None:
        """Show another archive, now and then by a new generation."""
        self.swaps += 1
        archive = self.archives[self.swaps % len(self.archives)]
        with self._catalog.lock():
            self._catalog.flip(self._catalog.open(archive.generation))
        if self.swaps % FRESH == 0:
            # In turn, so that the oldest generation, which is pruned, is the same archive's.
            archive = self.archives[self.published % len(self.archives)]
            self._publish(archive)
        self._show(archive)

    def change(self) -> None:
        """Let a change come to what is shown."""
        self._number += 1
        self._live.step(self._number)
        self._show(self._live)

    def _publish(self, archive: Archive) -> None:
        self._number += 1
        self.published += 1
        archive.change = self._number
        rows = build_rows(archive.known(), MODEL, dim=DIM)
        stamp = build_options(MODEL, StoreState(EPOCH, LogPosition(self._number, archive.name)))
        with self._catalog.lock():
            archive.generation = self._catalog.publish_rows(rows, **stamp).generation
            self._catalog.prune(len(self.archives))

    def _show(self, archive: Archive) -> None:
        self._live = archive
        # Known before it is shown, since a searcher may be quicker than this thread.
        key = (archive.generation, archive.change)
        self.expected[key] = archive.answers(archive.generation)
        self.follower.refresh()


Look = Callable[[], LiveState]
Ask = Callable[[Look, int], Answer]


def ask(look: Look, query: int) -> Answer:
    """Search as a request does: it reads the current view once."""
    live = look()
    return _read(live, live, query)


def ask_torn(look: Look, query: int) -> Answer:
    """The control: rows of the first view, and their display fields from the second."""
    live = look()
    live.view.nearest(QUERIES[query], LIMIT, live.view.present)  # time for a swap
    return _read(live, look(), query)


def _read(live: LiveState, other: LiveState, query: int) -> Answer:
    view = live.view
    hits = view.nearest(QUERIES[query], LIMIT, view.present)
    rows, similarities = hits.rows.tolist(), hits.similarities
    if query == 0:
        alike = view.nearest_by_terms(WORD, LIMIT, view.present)
        rows += alike.rows.tolist()
        similarities = np.concatenate([similarities, alike.similarities])
    return Answer(
        generation=view.snapshot.generation,
        change=live.change,
        ids=tuple(map(view.id_of, rows)),
        display=tuple(map(other.view.display_of, rows)),
        similarities=similarities,
    )


@dataclass
class Counted:
    """What the searchers counted together, and the first few of what was mixed."""

    searches: int = 0
    mixed: int = 0
    seen: set[tuple[str, int]] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, fault: str | None) -> None:
        """Count a search."""
        with self.lock:
            self.searches += 1
            if fault is not None:
                self.mixed += 1
                self.examples += [fault] if len(self.examples) < MOST_EXAMPLES else []


def _fault(newsroom: Newsroom, ask: Ask, query: int, seen: set[tuple[str, int]]) -> str | None:
    """What is wrong with an answer; an error is a mixed answer too."""
    try:
        answer = ask(newsroom.follower.current, query)
        key = (answer.generation, answer.change)
        seen.add(key)
        wanted = newsroom.expected[key][query]
        return None if answer.agrees(wanted) else f"query {query}: {answer}, not {wanted}"
    except Exception as error:  # noqa: BLE001 - whatever a torn search raises
        return f"query {query}: {error!r}"


@contextmanager
def _searching(newsroom: Newsroom, ask: Ask, counted: Counted, threads: int) -> Iterator[None]:
    stop, switch = threading.Event(), sys.getswitchinterval()

    def search(number: int) -> None:
        for query in count(number):
            if stop.is_set():
                return
            counted.note(_fault(newsroom, ask, query % QUERY_COUNT, counted.seen))

    sys.setswitchinterval(SWITCH_SECONDS)
    with ThreadPoolExecutor(threads) as pool:
        searchers = [pool.submit(search, number) for number in range(threads)]
        try:
            yield
        finally:
            stop.set()
    sys.setswitchinterval(switch)
    for searcher in searchers:
        searcher.result()


def run(newsroom: Newsroom, ask: Ask, *, searches: int, swaps: int, threads: int) -> Counted:
    """Swap so many times, evenly over at least so many searches; Ctrl-C ends it early."""
    counted = Counted()
    shown = tqdm(range(swaps), "swaps", unit="swap", disable=None)
    try:
        with _searching(newsroom, ask, counted, threads):
            for number in shown:
                newsroom.swap()
                for part in range(1, CHANGES + 1):
                    _await(counted, searches * (number + part / (CHANGES + 1)) / swaps)
                    newsroom.change()
                _await(counted, searches * (number + 1) / swaps)
                shown.set_postfix(mixed=counted.mixed, refresh=False)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    return counted


def _await(counted: Counted, searches: float) -> None:
    while counted.searches < searches:
        time.sleep(0.001)


@contextmanager
def opened(folder: Path) -> Iterator[Newsroom]:
    """A newsroom in a folder, followed until the end."""
    newsroom = Newsroom(folder)
    try:
        yield newsroom
    finally:
        newsroom.follower.stop()


@click.command(help=__doc__)
@click.option("--searches", default=1_000_000, show_default=True)
@click.option("--swaps", default=1_000, show_default=True)
@click.option("--threads", default=3, show_default=True, help="How many search.")
@click.option("--torn", is_flag=True, help="The control: read the view twice.")
def main(*, searches: int, swaps: int, threads: int, torn: bool) -> None:
    """Run it, print what was counted, and fail where an answer was mixed."""
    begun = time.monotonic()
    folder = tempfile.TemporaryDirectory(prefix="swaps-", dir=memory_folder())
    with folder as name, opened(Path(name)) as newsroom:
        one = ask_torn if torn else ask
        counted = run(newsroom, one, searches=searches, swaps=swaps, threads=threads)
    click.echo(f"searches     {counted.searches:>10,}")
    click.echo(f"swaps        {newsroom.swaps:>10,}")
    click.echo(f"generations  {newsroom.published:>10,}")
    click.echo(f"views seen   {len(counted.seen):>10,} of {len(newsroom.expected):,} shown")
    click.echo(f"mixed        {counted.mixed:>10,}")
    click.echo(f"seconds      {time.monotonic() - begun:>10.1f}")
    for what in counted.examples:
        click.echo(what, err=True)
    sys.exit(1 if counted.mixed else 0)


if __name__ == "__main__":
    main()
