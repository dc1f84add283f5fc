"""A store that is opened late: a missing file is created, but never where one was lost."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from recommender.articles import Article
from recommender.errors import StoreUnusable
from recommender.store import ArticleStore, LazyStore, open_store
from recommender.store import lazy_store as store_module
from tests.support.stores import ids_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "read-also.db"


@pytest.fixture
def late(path: Path) -> Iterator[LazyStore]:
    """With generations, but no store: no store may be made."""
    with closing(LazyStore(f"sqlite:///{path}", may_create=lambda: False)) as made:
        yield made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1_000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(store_module, "time", clock)
    return clock


def fill(path: Path, *ids: str) -> None:
    """A store with some articles, closed."""
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.write_many([Article(id=name, title="T") for name in ids])


def test_a_lost_file_is_refused_and_nothing_is_put_in_its_place(
    late: LazyStore, path: Path
) -> None:
    with pytest.raises(StoreUnusable, match="read-also restore"):
        late()
    assert not path.parent.exists()


def test_on_a_first_start_the_file_is_made(path: Path) -> None:
    with closing(LazyStore(f"sqlite:///{path}", may_create=lambda: True)) as late:
        assert ids_of(late()) == []
        assert late() is late()
    assert path.exists()


def test_an_existing_file_is_opened_though_there_are_generations(
    late: LazyStore, path: Path
) -> None:
    fill(path, "a")
    assert ids_of(late()) == ["a"]


def test_a_file_removed_while_it_is_open_is_refused_and_not_created_again(
    late: LazyStore, path: Path
) -> None:
    fill(path, "a")
    late()
    path.unlink()
    with pytest.raises(StoreUnusable, match="read-also restore"):
        late()
    assert not path.exists()


def test_a_file_that_was_put_back_is_opened_once_the_old_ones_log_is_gone(
    late: LazyStore, path: Path, clock: SimpleNamespace
) -> None:
    """SQLite would apply the log to the file in its place, and damage it."""
    other = path.with_name("other.db")
    fill(path, "a")
    fill(other, "c", "d")
    before = late()
    before.put(Article(id="b", title="T"))
    other.replace(path)
    with pytest.raises(StoreUnusable, match="was replaced while it was open"):
        late()
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink()
    clock.now += store_module.RETRY_AFTER_SECONDS
    assert ids_of(late()) == ["c", "d"]
    assert late() is not before
    assert late().find_damage() == ()
    late().put(Article(id="e", title="T"))
    fill(path, "f")  # by another process: it sees what was written into the new file
    assert ids_of(late()) == ["c", "d", "e", "f"]


def test_after_a_failure_others_are_refused_at_once_for_a_second(
    late: LazyStore, path: Path, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def fail(url: str, *_: object, **__: object) -> ArticleStore:
        tried.append(url)
        raise StoreUnusable("no answer within 20 s")

    fill(path, "a")
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "open_store", fail)
        for now, attempts in [(0.0, 1), (0.0, 1), (0.9, 1), (1.1, 2), (1.9, 2), (2.2, 3)]:
            clock.now = 1_000 + now
            with pytest.raises(StoreUnusable, match="no answer"):
                late()
            assert len(tried) == attempts
    clock.now += 1.1
    assert ids_of(late()) == ["a"]
