"""The change signal of a store, on each database: it differs after every commit, and only then."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recommender.articles import Article
from recommender.errors import StoreUnusable
from recommender.store import ArticleStore, LazyStore, open_store

Open = Callable[..., ArticleStore]
WRITES: dict[str, Callable[[ArticleStore], object]] = {
    "an article": lambda store: store.put(Article(id="a", title="Another")),
    "a deletion": lambda store: store.delete("a"),
    "a policy": lambda store: store.policies.put("{}"),
}


@pytest.mark.parametrize("name", sorted(WRITES))
def test_it_differs_after_every_write_and_not_before(
    store: ArticleStore, reopen: Open, name: str
) -> None:
    """Of this process as of others, which also have connections of their own."""
    store.put(Article(id="a", title="T"))
    for writer in (store, reopen()):
        before = store.change_signal.read()
        assert store.get("a").title
        assert store.change_signal.read() == before
        WRITES[name](writer)
        after = store.change_signal.read()
        assert after != before
        assert store.change_signal.read() == after
        writer.put(Article(id="a", title="T"))
        writer.policies.put('{"threshold": 0.2}')


def test_an_uncommitted_change_is_not_signalled(store: ArticleStore) -> None:
    before = store.change_signal.read()
    transaction = store.engine.begin()
    connection = transaction.__enter__()
    connection.exec_driver_sql("DELETE FROM store_facts")
    assert store.change_signal.read() == before
    connection.rollback()
    transaction.__exit__(None, None, None)
    assert store.change_signal.read() == before


def test_a_new_connection_never_repeats_an_earlier_signal(store: ArticleStore) -> None:
    """SQLite counts anew for each connection."""
    seen = set()
    for number in range(3):
        seen.add(store.change_signal.read())
        store.change_signal.close()
        store.put(Article(id=f"a{number}", title="T"))
    assert len(seen) == 3


def test_a_store_put_in_the_place_of_another_is_signalled(tmp_path: Path) -> None:
    file, other = tmp_path / "a.db", tmp_path / "b.db"
    open_store(f"sqlite:///{other}").close()
    late = LazyStore(f"sqlite:///{file}")
    before = late().change_signal.read()
    late().close()
    other.replace(file)
    assert late().change_signal.read() != before
    late.close()


def test_a_database_that_cannot_be_read_is_unusable_and_then_read_again(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "a.db"
    store = open_store(f"sqlite:///{file}")
    store.change_signal.close()
    store.engine.dispose()
    file.parent.rename(tmp_path / "away")
    with pytest.raises(StoreUnusable):
        store.change_signal.read()
    (tmp_path / "away").rename(file.parent)
    assert store.change_signal.read()
    store.close()
