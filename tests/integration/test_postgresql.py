"""A store on PostgreSQL: a server that stops and returns, time limits, and refusals."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import TypeVar

import psycopg
import pytest

from recommender.analysis.features import AnalyzerVersions
from recommender.articles import Article
from recommender.errors import StoreUnusable
from recommender.store import (
    LOG_START,
    ArticleStore,
    LogPosition,
    StoredArticle,
    bounded_connection,
    open_store,
)
from recommender.store.database import PATIENCE_SECONDS
from tests.support.postgresql import PASSWORD, TEMPLATE, PostgreSQL
from tests.support.stores import log_of
from tests.support.waiting import until

QUICK_SECONDS = PATIENCE_SECONDS
"""What a store waits for others by default: whoever is refused by a limit of its own waits less."""

Result = TypeVar("Result")
Call = Callable[[ArticleStore], object]
CALLS: dict[str, Call] = {
    "put": lambda store: store.put(Article(id="new", title="T")),
    "put many": lambda store: store.write_many([Article(id="new", title="T")]),
    "delete": lambda store: store.delete("a"),
    "get": lambda store: store.get("a"),
    "state": lambda store: store.state(),
    "updates": lambda store: store.updates_after(LOG_START, epoch="", analyzer="", model=""),
    "unread": lambda store: store.unread_before(LogPosition(1, ""), 1),
    "trim": lambda store: store.trim(1),
    "scan": lambda store: store.scan().__enter__(),
    "next": lambda store: store.queue.next(1, bulk=False),
    "acknowledge": lambda store: store.queue.acknowledge([], AnalyzerVersions("", "", "")),
    "retry": lambda store: store.queue.retry_dead_letters(),
    "waiting": lambda store: store.queue.length(),
    "dead letters": lambda store: store.queue.dead_letters(),
    "vectors": lambda store: store.features.vectors(["a"], "model"),
    "prune": lambda store: store.features.prune(),
    "policies": lambda store: store.policies.history(),
    "set policy": lambda store: store.policies.put("{}"),
    "overrides": lambda store: store.overrides.history("a", "pins"),
    "every override": lambda store: store.overrides.all(),
    "override": lambda store: store.overrides.put("a", "pins", (), "editor"),
}


def article(article_id: str = "a", title: str = "T") -> Article:
    return Article(id=article_id, title=title)


@pytest.fixture
def address(postgresql: PostgreSQL) -> Iterator[str]:
    name = postgresql.make_database()
    yield postgresql.url(name)
    postgresql.drop_database(name)


@pytest.fixture
def database(address: str) -> str:
    """The name of the database that `address` leads to."""
    return address.split("/")[3].partition("?")[0]


@pytest.fixture
def impatient(address: str) -> Iterator[ArticleStore]:
    """A store whose users wait 0.3 s for others."""
    store = open_store(address, patience_seconds=0.3)
    yield store
    store.close()


@pytest.fixture
def mortal(postgresql: PostgreSQL) -> Iterator[PostgreSQL]:
    """The server, which may be killed: it runs again for the next test."""
    yield postgresql
    postgresql.start()


@pytest.fixture
def mortal_store(mortal: PostgreSQL) -> Iterator[ArticleStore]:
    """A store on a server that may be killed."""
    name = mortal.make_database()
    store = open_store(mortal.url(name), patience_seconds=2)
    yield store
    store.close()
    mortal.start()
    mortal.drop_database(name)


def answered(call: Callable[[], Result]) -> Result:
    """What a call returns that may be refused at first, while a busy machine takes long."""
    found = list[Result]()

    def is_answered() -> bool:
        with suppress(StoreUnusable):
            found.append(call())
        return found != []

    assert until(is_answered)
    return found[0]


def refused(call: Callable[[], object]) -> str:
    """The message of a refusal, which comes quickly."""
    started = time.monotonic()
    with pytest.raises(StoreUnusable) as refusal:
        call()
    assert time.monotonic() - started < QUICK_SECONDS
    assert PASSWORD not in str(refusal.value)
    return str(refusal.value)


def test_a_server_that_was_killed_is_unusable_until_it_is_back(
    mortal: PostgreSQL, mortal_store: ArticleStore
) -> None:
    mortal_store.put(article())
    mortal.kill()
    for call in CALLS.values():
        assert "try again" in refused(partial(call, mortal_store))
    mortal.start()
    assert mortal_store.get("a") == article()
    assert mortal_store.put(article("b")).change > 1
    assert [change.article_id for change in log_of(mortal_store)] == ["a", "b"]


def test_an_acknowledged_write_outlives_a_server_that_is_killed(
    mortal: PostgreSQL, mortal_store: ArticleStore
) -> None:
    stop, acknowledged = threading.Event(), set[str]()

    def write(mark: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with suppress(StoreUnusable):
                acknowledged.add(mortal_store.put(article(f"{mark}{number}")).id)
            stop.wait(0.001)

    with ThreadPoolExecutor(3) as threads:
        writing = [threads.submit(write, mark) for mark in "abc"]
        try:
            for least in (12, 24):
                assert until(lambda least=least: len(acknowledged) > least)  # type: ignore[misc]
                mortal.kill()
                time.sleep(0.1)
                mortal.start()
            assert until(lambda: len(acknowledged) > 36)
        finally:
            stop.set()
    for each in writing:
        each.result()
    with mortal_store.scan() as view:
        kept = {stored.article.id for stored in view}
    assert acknowledged <= kept
    # A crash during a commit may keep a write that was not acknowledged: one for each writer.
    assert len(kept - acknowledged) <= 6


@pytest.fixture
def bounded(address: str) -> Iterator[ArticleStore]:
    """A store whose calls wait two seconds for the server, as those of web workers wait some."""
    store = open_store(address, patience_seconds=0.3, answer_seconds=2.0)
    yield store
    store.close()


def test_calls_to_a_frozen_server_end_and_succeed_when_it_goes_on(
    postgresql: PostgreSQL, bounded: ArticleStore
) -> None:
    answered(lambda: bounded.put(article()))
    answered(bounded.change_signal.read)
    with postgresql.frozen():
        assert "did not answer in time" in refused(bounded.change_signal.read)
        for call in CALLS.values():
            assert "answer" in refused(partial(call, bounded))
    assert answered(lambda: bounded.get("a")) == article()
    assert answered(lambda: bounded.put(article("b"))).change > 1
    answered(bounded.change_signal.read)


def test_a_write_that_a_frozen_server_cuts_off_is_refused(
    postgresql: PostgreSQL, bounded: ArticleStore
) -> None:
    with ExitStack() as frozen:

        def articles() -> Iterator[Article]:
            yield article("a")
            frozen.enter_context(postgresql.frozen())
            yield article("b")

        assert "did not answer in time" in refused(lambda: bounded.write_many(articles()))

    def stored() -> list[StoredArticle]:
        with bounded.scan() as view:
            return list(view)

    assert answered(stored) == []


def test_after_a_silence_callers_are_refused_at_once_for_a_while(
    postgresql: PostgreSQL, bounded: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(lambda: bounded.put(article()))
    monkeypatch.setattr(bounded_connection, "REST_SECONDS", 3_600)
    with postgresql.frozen():
        refused(lambda: bounded.put(article("b")))
    assert "the server does not answer" in refused(lambda: bounded.get("a"))


def test_a_new_connection_to_a_frozen_server_is_refused(
    postgresql: PostgreSQL, bounded: ArticleStore
) -> None:
    bounded.close()
    with postgresql.frozen():
        assert "timeout" in refused(bounded.state)
    assert answered(bounded.state).change == 0


def test_without_a_limit_a_call_waits_until_a_frozen_server_goes_on(
    postgresql: PostgreSQL, impatient: ArticleStore
) -> None:
    impatient.put(article())
    with ThreadPoolExecutor(1) as threads:
        with postgresql.frozen():
            reading = threads.submit(impatient.get, "a")
            time.sleep(0.5)
            assert not reading.done()
        assert reading.result() == article()


def test_a_server_that_stops_in_order_rolls_an_open_write_back(
    mortal: PostgreSQL, mortal_store: ArticleStore
) -> None:
    def articles() -> Iterator[Article]:
        yield article("a")
        mortal.kill(signal.SIGINT)
        yield article("b")

    refused(lambda: mortal_store.write_many(articles()))
    mortal.start()
    with mortal_store.scan() as view:
        assert list(view) == []


def test_connections_that_the_server_cut_while_idle_are_replaced_unnoticed(
    postgresql: PostgreSQL, database: str, impatient: ArticleStore
) -> None:
    impatient.put(article())
    postgresql.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        database,
    )
    assert impatient.get("a") == article()
    assert impatient.put(article("b")).change == 2


def test_a_writer_that_does_not_get_the_lock_is_refused_and_readers_go_on(
    address: str, impatient: ArticleStore
) -> None:
    other = open_store(address)

    def articles() -> Iterator[Article]:
        yield article("a")
        for _ in range(2):
            assert "lock timeout" in refused(lambda: impatient.put(article("b")))
        assert impatient.state().change == 0

    other.write_many(articles())
    assert impatient.put(article("b")).change == 2
    other.close()


def test_an_exclusively_locked_table_is_refused_to_readers(
    address: str, impatient: ArticleStore
) -> None:
    with closing(psycopg.connect(address)) as locking:
        locking.execute("LOCK TABLE articles")
        assert "lock timeout" in refused(lambda: impatient.get("a"))
        locking.rollback()
    assert impatient.put(article()).change == 1


def test_a_writer_that_stops_sending_loses_the_lock(
    address: str, impatient: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("recommender.store.postgresql._IDLE_MS", 500)
        silent = open_store(address)

    def articles() -> Iterator[Article]:
        yield article("a")
        assert answered(lambda: impatient.put(article("b"))).result == "created"
        yield article("c")

    refused(lambda: silent.write_many(articles()))
    assert answered(lambda: silent.put(article("d"))).result == "created"
    with impatient.scan() as view:
        assert [stored.article.id for stored in view] == ["b", "d"]
    silent.close()


def test_a_database_that_takes_no_writes_is_unusable(
    postgresql: PostgreSQL, database: str, address: str
) -> None:
    postgresql.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    store = open_store(address)
    assert "read-only" in refused(lambda: store.put(article()))
    assert store.state().change == 0
    store.close()


def test_as_many_may_read_at_once_as_there_are_threads(impatient: ArticleStore) -> None:
    views = [impatient.scan() for _ in range(30)]
    for view in views:
        view.__enter__()
    assert impatient.put(article()).change == 1
    for view in views:
        view.__exit__(None, None, None)


def test_both_ways_to_write_the_address_name_one_store(
    address: str, impatient: ArticleStore
) -> None:
    impatient.put(article())
    other = open_store(address.replace("postgresql:", "postgresql+psycopg:"))
    assert other.get("a") == article()
    other.close()


def test_ids_are_ordered_by_bytes_whatever_the_locale_of_the_server(postgresql: PostgreSQL) -> None:
    if int(postgresql.execute("SHOW server_version_num")[0][0]) < 150_000:
        pytest.skip("before PostgreSQL 15 a database has no locale of ICU")
    postgresql.execute(
        "CREATE DATABASE american TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
    )
    names = ["a", "B", "~", "_", "Z", "z", "1", "a-b", "a.b", "ab"]
    assert postgresql.execute("SELECT 'a' < 'B'", "american") == [(True,)]
    store = open_store(postgresql.url("american"))
    store.write_many(map(article, names))
    with store.scan() as view:
        assert [stored.article.id for stored in view] == sorted(names)
    store.close()
    postgresql.drop_database("american")


def test_a_database_that_cannot_hold_every_script_is_refused(postgresql: PostgreSQL) -> None:
    postgresql.execute("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    said = refused(lambda: open_store(postgresql.url("ascii")))
    assert "SQL_ASCII; create the database with UTF8" in said
    postgresql.drop_database("ascii")


@pytest.mark.parametrize(
    ("database", "user", "said"),
    [
        (TEMPLATE, "stranger", "password authentication failed"),
        ("nowhere", "editor", 'database "nowhere" does not exist'),
    ],
)
def test_a_refusal_of_a_user_says_why_and_hides_the_password(
    postgresql: PostgreSQL, database: str, user: str, said: str
) -> None:
    address = postgresql.url(database, user)
    message = refused(lambda: open_store(address))
    assert f"{user}:***@/{database}" in message
    assert said in message


def test_without_a_server_the_store_is_unusable(postgresql: PostgreSQL) -> None:
    elsewhere = f"postgresql://editor:{PASSWORD}@/db?host={postgresql.folder}/nowhere"
    assert "No such file" in refused(lambda: open_store(elsewhere))
