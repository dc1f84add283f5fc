"""Of several indexers on one PostgreSQL store one is elected; on SQLite a file lock is enough."""

import threading
from collections.abc import Callable, Iterator

import pytest

from recommender.errors import ElectionLost, StoreUnusable
from recommender.settings import Settings
from recommender.store import ArticleStore, Election, open_store
from tests.support.postgresql import PostgreSQL
from tests.support.waiting import until

Open = Callable[..., ArticleStore]


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[str]:
    name = postgresql.make_database()
    yield name
    postgresql.drop_database(name)


@pytest.fixture
def stand(postgresql: PostgreSQL, database: str) -> Iterator[Callable[[], Election]]:
    """Makes elections as processes of machines of their own would."""
    stores, elections = list[ArticleStore](), list[Election]()

    def make() -> Election:
        stores.append(open_store(postgresql.url(database)))
        elections.append(Election(lambda store=stores[-1]: store))  # type: ignore[misc]
        return elections[-1]

    yield make
    for election, store in zip(elections, stores, strict=True):
        election.close()
        store.close()


def end_sessions(postgresql: PostgreSQL, database: str) -> None:
    """Let the server end the session that holds the lock, as when its machine has vanished."""
    postgresql.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks "
        "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
        database,
    )


def test_of_all_that_stand_one_is_elected_until_it_gives_up(
    stand: Callable[[], Election],
) -> None:
    first, second, third = stand(), stand(), stand()
    assert [one.is_won() for one in (first, second, third)] == [True, False, False]
    assert [one.is_won() for one in (third, second, first)] == [False, False, True]
    first.close()
    assert until(second.is_won)  # the server frees the lock a moment later
    assert [one.is_won() for one in (second, third, first)] == [True, False, False]


def test_of_many_that_stand_at_once_one_is_elected(stand: Callable[[], Election]) -> None:
    elections, won = [stand() for _ in range(8)], list[bool]()
    start = threading.Barrier(len(elections))

    def ask(one: Election) -> None:
        start.wait()
        won.append(one.is_won())

    threads = [threading.Thread(target=ask, args=(one,)) for one in elections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_one_whose_session_has_ended_is_not_elected_any_more(
    postgresql: PostgreSQL, database: str, stand: Callable[[], Election]
) -> None:
    first, second = stand(), stand()
    assert first.is_won()
    first.check()
    end_sessions(postgresql, database)
    assert second.is_won()
    with pytest.raises(StoreUnusable):
        first.check()
    with pytest.raises(ElectionLost):
        first.check()
    second.close()
    assert until(first.is_won)
    first.check()


def test_stores_in_two_schemas_of_a_database_elect_each_their_own(
    postgresql: PostgreSQL, database: str
) -> None:
    for schema in ("one", "two"):
        postgresql.execute(f"CREATE SCHEMA {schema}", database)
    url = postgresql.url(database)
    mark = "&" if "?" in url else "?"
    stores = [
        open_store(f"{url}{mark}options=-csearch_path%3D{schema}")
        for schema in ("one", "two", "one")
    ]
    elections = [Election(lambda store=store: store) for store in stores]  # type: ignore[misc]
    assert [one.is_won() for one in elections] == [True, True, False]
    for election, store in zip(elections, stores, strict=True):
        election.close()
        store.close()


def test_the_lock_of_writers_is_another_one(
    stand: Callable[[], Election], postgresql: PostgreSQL, database: str
) -> None:
    assert stand().is_won()
    store = open_store(postgresql.url(database), patience_seconds=1)
    assert store.policies.put("{}")
    store.close()


def test_on_sqlite_everybody_is_elected(bare: Settings) -> None:
    """Only one machine can use the file, and one indexer works in its data folder."""
    store = open_store(bare.database_url)
    first, second = Election(lambda: store), Election(lambda: store)
    assert first.is_won()
    assert second.is_won()
    second.check()
    store.close()


def test_who_was_elected_again_can_tell_and_to_ask_is_not_to_stand(
    postgresql: PostgreSQL, database: str, stand: Callable[[], Election]
) -> None:
    one, other = stand(), stand()
    assert one.term_of_office() == 0
    assert other.is_won()
    assert [one.term_of_office(), other.term_of_office(), other.term_of_office()] == [0, 1, 1]
    end_sessions(postgresql, database)
    with pytest.raises(StoreUnusable):
        other.term_of_office()
    assert other.term_of_office() == 0
    assert until(other.is_won)
    assert other.term_of_office() == 2


def test_on_sqlite_it_is_always_the_first_term(desk_settings: Settings) -> None:
    store = open_store(desk_settings.database_url)
    try:
        assert Election(lambda: store).term_of_office() == 1
    finally:
        store.close()
