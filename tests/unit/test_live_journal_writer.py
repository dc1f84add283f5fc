"""The journal of a following thread: complete after swaps, bounded while the disk stalls."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pytest

from index import Catalog, View
from recommender.analysis.embedding import Model
from recommender.articles import Article
from recommender.indexing.compaction import compact
from recommender.live import Follower, Heartbeats, Journal
from recommender.live.journal import MOST_JOBS
from recommender.live.replica import OpenedReplica, Replica, open_base_snapshots, open_replica
from recommender.settings import Settings
from recommender.store import ArticleStore, LogPosition

Story = Callable[..., Any]
SWAPS = 10
PATIENCE_SECONDS = 60


@pytest.fixture
def catalog(own_desk: Settings) -> Catalog:
    return Catalog(own_desk.data.snapshots)


@pytest.fixture
def journal(own_desk: Settings) -> Journal:
    """The journal, as a worker that starts later reads it."""
    return Journal(own_desk.data.journals)


@pytest.fixture
def index(own_desk: Settings, index_with_fake: Callable[..., int]) -> Callable[[], int]:
    """Analyze the queued texts."""
    return lambda: index_with_fake(own_desk)


@pytest.fixture
def follower(
    own_desk: Settings,
    catalog: Catalog,
    desk_store: ArticleStore,
    fake_model: Model,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Follower]:
    """One that follows in its own thread, often; between opening and swap something is written."""
    numbers = count()

    def open_and_write(*arguments: Any, **keywords: Any) -> OpenedReplica:
        opened = open_replica(*arguments, **keywords)
        desk_store.put(Article(id=f"meanwhile-{next(numbers)}", title="T"))
        return opened

    monkeypatch.setattr("recommender.live.follower.open_replica", open_and_write)
    monkeypatch.setattr("recommender.live.follower.REFRESH_SECONDS", 0.02)
    heartbeats, journal = Heartbeats(own_desk.data.heartbeats), Journal(own_desk.data.journals)
    following = Follower(catalog, lambda: desk_store, lambda: fake_model, journal, heartbeats)
    following.start()
    yield following
    following.stop()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def shown(view: View) -> dict[str, tuple[int, bool, bool]]:
    """By the id of each article there its change, whether it is up to date and whether embedded."""
    rows = np.flatnonzero(view.present)
    columns = [view.take(name, rows).tolist() for name in ("change", "up_to_date", "embedded")]
    return {view.id_of(int(row)): tuple(of) for row, *of in zip(rows, *columns, strict=True)}


def restored(catalog: Catalog, journal: Journal) -> tuple[LogPosition, dict[str, Any]]:
    """The end of the journal of the live generation, and the view restored from it."""
    base = next(open_base_snapshots(catalog))
    content = journal.load(catalog.live())
    assert content is not None
    assert content.epoch == base.origin.epoch
    replica = Replica(base)
    replica.apply(content.updates)
    return content.point, shown(replica.view)


def await_journal(catalog: Catalog, journal: Journal, end: LogPosition) -> None:
    """Wait until the journal of the live generation reaches so far."""

    def reaches() -> bool:
        content = journal.load(catalog.live())
        return content is not None and content.point == end

    until(reaches)


def show_all(follower: Follower, store: ArticleStore) -> None:
    """Wait until everything written shows."""
    change = store.state().change
    until(lambda: follower.current().change >= change)


@pytest.mark.long
def test_through_many_swaps_the_journal_ends_as_what_the_worker_shows(
    follower: Follower,
    desk_store: ArticleStore,
    catalog: Catalog,
    journal: Journal,
    fake_model: Model,
    make_story: Story,
    index: Callable[[], int],
) -> None:
    def put(article_id: str, **fields: str) -> None:
        desk_store.put(Article.model_validate(make_story(article_id, **fields)))

    generations = set()
    for swap in range(SWAPS):
        put(f"fresh-{swap}")
        index()
        put("harbour-1", section=f"s-{swap}")
        if swap % 3 == 0:
            desk_store.delete(f"fresh-{swap // 2}")
        name = compact(desk_store, catalog, fake_model).generation
        put(f"unread-{swap}")
        until(lambda name=name: follower.current().view.snapshot.generation == name)  # type: ignore[misc]
        generations.add(name)
        put("harbour-2", section=f"s-{swap}")
        desk_store.delete(f"unread-{swap}")
    show_all(follower, desk_store)
    assert len(generations) == SWAPS
    end = desk_store.state().newest
    await_journal(catalog, journal, end)
    with desk_store.scan() as view:
        stored = {one.article.id: one.change for one in view}
    want = shown(follower.current().view)
    assert {key: of[0] for key, of in want.items()} == stored
    assert restored(catalog, journal) == (end, want)


@dataclass
class Disk:
    """The disk of the journal, which may stall, and the log positions of the appends."""

    arrived: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    jobs: list[LogPosition] = field(default_factory=list)


@pytest.fixture
def stalled(
    follower: Follower,
    desk_store: ArticleStore,
    catalog: Catalog,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Disk]:
    """A stalled disk, and ten changes more than may wait for it."""
    disk, add, ends_at = Disk(), Journal.append, Journal.ends_at

    def stall(*arguments: Any) -> None:
        disk.arrived.set()
        disk.goes_on.wait(PATIENCE_SECONDS)
        add(*arguments)

    def note(own: Journal, generation: str, point: LogPosition) -> bool:
        disk.jobs.append(point)
        return ends_at(own, generation, point)

    until(lambda: journal.load(catalog.live()) is not None)
    monkeypatch.setattr(Journal, "append", stall)
    monkeypatch.setattr(Journal, "ends_at", note)
    try:
        for number in range(MOST_JOBS + 10):
            desk_store.put(Article(id=f"fresh-{number}", title="T"))
            show_all(follower, desk_store)  # each is a job of its own
        desk_store.delete("harbour-3")
        show_all(follower, desk_store)
        yield disk
    finally:
        disk.goes_on.set()


def test_while_the_disk_stalls_jobs_are_bounded_and_then_the_journal_is_whole_again(
    stalled: Disk,
    follower: Follower,
    desk_store: ArticleStore,
    catalog: Catalog,
    journal: Journal,
) -> None:
    assert stalled.arrived.wait(PATIENCE_SECONDS)
    assert len(stalled.jobs) == 1
    stalled.goes_on.set()
    until(lambda: len(stalled.jobs) >= MOST_JOBS)
    desk_store.delete("harbour-4")
    end = desk_store.state().newest
    await_journal(catalog, journal, end)
    assert len(stalled.jobs) == MOST_JOBS + 1
    assert restored(catalog, journal) == (end, shown(follower.current().view))


def test_after_the_disk_stalled_the_journal_is_whole_though_nothing_more_changes(
    stalled: Disk,
    follower: Follower,
    desk_store: ArticleStore,
    catalog: Catalog,
    journal: Journal,
) -> None:
    """Otherwise a worker that starts without the store would list articles withdrawn meanwhile."""
    stalled.goes_on.set()
    until(lambda: len(stalled.jobs) >= MOST_JOBS)
    for _ in range(2):
        follower.await_refresh(PATIENCE_SECONDS)
    follower.stop()  # writes what is left
    end = desk_store.state().newest
    assert restored(catalog, journal) == (end, shown(follower.current().view))
