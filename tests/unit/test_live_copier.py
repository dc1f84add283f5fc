"""The own copy beside a following thread: never lost in a swap, and bounded where the disk stalls."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from index import Catalog, View
from recommender.articles import Article
from recommender.embedding import Model
from recommender.live import Board, ChangesCopy, Follower
from recommender.live.base import sound_bases
from recommender.live.copier import MOST_JOBS
from recommender.live.followed import Followed
from recommender.rebuild import compact
from recommender.settings import Settings
from recommender.store import ArticleStore, Point, open_store

Index = Callable[..., int]
Story = Callable[..., dict[str, Any]]
SWAPS = 20
PATIENCE_SECONDS = 60


@pytest.fixture
def store(bare: Settings, make_story: Story, index_with_fake: Index) -> Iterator[ArticleStore]:
    """Six articles that were read."""
    opened = open_store(bare.database_url)
    opened.put_many([article(make_story(f"h-{number}")) for number in range(6)])
    index_with_fake(bare)
    yield opened
    opened.close()


@pytest.fixture
def catalog(bare: Settings, store: ArticleStore, fake_model: Model) -> Catalog:
    made = Catalog(bare.snapshots_dir)
    compact(store, made, fake_model)
    return made


@pytest.fixture
def follower(
    bare: Settings,
    catalog: Catalog,
    store: ArticleStore,
    fake_model: Model,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Follower]:
    """One that follows in its own thread, often."""
    monkeypatch.setattr("recommender.live.follower.TICK_SECONDS", 0.005)
    board, copy = Board(bare.data_dir / "workers"), ChangesCopy(bare.data_dir / "changes")
    following = Follower(catalog, lambda: store, lambda: fake_model, copy, board)
    following.start()
    yield following
    following.stop()


@pytest.fixture
def copy(bare: Settings) -> ChangesCopy:
    """The copy, as who starts later reads it."""
    return ChangesCopy(bare.data_dir / "changes")


def article(document: dict[str, Any]) -> Article:
    return Article.model_validate(document)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def shown(view: View) -> dict[str, tuple[int, bool, bool]]:
    """By the id of each article there its change, whether it is settled and whether embedded."""
    rows = np.flatnonzero(view.present)
    columns = [view.take(name, rows).tolist() for name in ("change", "settled", "embedded")]
    return {view.id_of(int(row)): tuple(of) for row, *of in zip(rows, *columns, strict=True)}


def restored(catalog: Catalog, copy: ChangesCopy) -> tuple[Point, dict[str, Any]]:
    """Where the copy of the live generation ends, and what it shows over that."""
    base = next(base for base in sound_bases(catalog) if base.snapshot.generation == catalog.live())
    copied = copy.load(base.snapshot.generation)
    if copied is None:
        return base.origin.point, {}
    assert copied.epoch == base.origin.epoch
    followed = Followed(base)
    followed.apply(copied.updates)
    return copied.point, shown(followed.view)


def show_all(follower: Follower, store: ArticleStore) -> None:
    """Wait until everything written shows."""
    change = store.state().change
    until(lambda: follower.current().change >= change)


def test_through_many_swaps_the_copy_ends_as_what_the_worker_shows(
    follower: Follower,
    store: ArticleStore,
    catalog: Catalog,
    copy: ChangesCopy,
    bare: Settings,
    fake_model: Model,
    make_story: Story,
    index_with_fake: Index,
) -> None:
    generations = set()
    for swap in range(SWAPS):
        store.put(article(make_story(f"fresh-{swap}")))
        index_with_fake(bare)
        store.put(article(make_story("h-1", section=f"s-{swap}")))
        if swap % 3 == 0:
            store.delete(f"fresh-{swap // 2}")
        name = compact(store, catalog, fake_model).generation
        store.put(article(make_story(f"unread-{swap}")))
        until(lambda name=name: follower.current().view.generation == name)  # type: ignore[misc]
        generations.add(name)
        store.put(article(make_story("h-2", section=f"s-{swap}")))
        store.delete(f"unread-{swap}")
    show_all(follower, store)
    assert len(generations) == SWAPS
    end = store.state().newest
    until(lambda: restored(catalog, copy)[0] == end)
    with store.reading() as view:
        stored = {one.article.id: one.change for one in view}
    want = shown(follower.current().view)
    assert {key: of[0] for key, of in want.items()} == stored
    assert restored(catalog, copy) == (end, want)


def test_while_the_disk_stalls_jobs_are_bounded_and_then_the_copy_is_whole_again(
    follower: Follower,
    store: ArticleStore,
    catalog: Catalog,
    copy: ChangesCopy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrived, goes_on, jobs = threading.Event(), threading.Event(), list[Point]()
    add, stands_at = ChangesCopy.add, ChangesCopy.stands_at

    def stall(*arguments: Any) -> None:
        arrived.set()
        goes_on.wait(PATIENCE_SECONDS)
        add(*arguments)

    def note(own: ChangesCopy, generation: str, point: Point) -> bool:
        jobs.append(point)
        return stands_at(own, generation, point)

    until(lambda: copy.load(catalog.live()) is not None)
    monkeypatch.setattr(ChangesCopy, "add", stall)
    monkeypatch.setattr(ChangesCopy, "stands_at", note)
    try:
        for number in range(MOST_JOBS + 10):
            store.put(Article(id=f"fresh-{number}", title="T"))
            show_all(follower, store)  # each is a job of its own
        assert arrived.is_set()
        assert len(jobs) == 1
    finally:
        goes_on.set()
    until(lambda: len(jobs) >= MOST_JOBS)
    store.delete("h-3")
    end = store.state().newest
    until(lambda: restored(catalog, copy)[0] == end)
    assert len(jobs) == MOST_JOBS + 1
    assert restored(catalog, copy) == (end, shown(follower.current().view))
