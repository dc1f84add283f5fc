"""News of commits end a pause at once, on each database; without them, looking finds the same."""

import errno
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from inotify_simple import INotify

from recommender.api_keys import ApiKey
from recommender.articles import Article
from recommender.bell import Bell
from recommender.errors import StoreUnusable, UnknownArticle
from recommender.live import REFRESH_SECONDS
from recommender.operations import indexer_process
from recommender.store import (
    ArticleStore,
    LazyStore,
    Pause,
    change_log,
    commit_news,
    open_store,
    pause,
)
from recommender.store.commit_news import CommitNews, CommitWatch, watch_commits
from recommender.web.keyring import Keyring
from tests.support.postgresql import PostgreSQL

Open = Callable[..., ArticleStore]
FOREVER = 600.0
PATIENCE_SECONDS = 60.0
SECRET = "front-0123456789abcdef"  # noqa: S105 - of a test
WRITE = """
import sys
from recommender.articles import Article
from recommender.store import open_store
open_store(sys.argv[1]).put(Article(id="a", title="T"))
"""


@pytest.fixture(autouse=True)
def no_other_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only news, or `stop`, can end a pause; every commit is announced.

    A wait that nothing ends fails the test.
    """
    wait = Bell.wait

    def end(self: Bell, seconds: float = math.inf, also: int | None = None) -> bool:
        has_come = wait(self, min(seconds, PATIENCE_SECONDS), also)
        assert has_come or seconds < PATIENCE_SECONDS, "nothing ended the wait"
        return has_come

    monkeypatch.setattr(Bell, "wait", end)
    monkeypatch.setattr(pause, "until_idle_look", lambda: FOREVER)
    monkeypatch.setattr(commit_news, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(change_log, "ANNOUNCE_SECONDS", 0.0)


@pytest.fixture
def follower(store: ArticleStore) -> Iterator[Pause]:
    """The pause of a thread that has looked, and that hears of commits."""
    made = following(store)
    yield made
    made.stop()


def following(store: ArticleStore, seconds: float = 0.01) -> Pause:
    made = Pause(lambda: store, seconds)
    store.change_signal.read()
    assert made.wait()  # until it hears
    return made


def write(store: ArticleStore, title: str = "T") -> None:
    store.put(Article(id="a", title=title))


def test_a_commit_ends_the_pause(store: ArticleStore, reopen: Open, follower: Pause) -> None:
    """Whoever made it: this process has connections of its own for each store."""
    for number, writer in enumerate((store, reopen())):
        seen = store.change_signal.read()
        write(writer, str(number))
        assert follower.wait()
        assert store.change_signal.read() != seen


@pytest.mark.long
def test_a_commit_of_another_process_ends_the_pause(
    store: ArticleStore, address: str, follower: Pause
) -> None:
    seen = store.change_signal.read()
    with subprocess.Popen([sys.executable, "-c", WRITE, address]) as writer:  # noqa: S603
        assert follower.wait()
        assert store.change_signal.read() != seen
        assert writer.wait(FOREVER) == 0


def test_a_commit_during_a_look_ends_the_next_pause(store: ArticleStore, follower: Pause) -> None:
    write(store)
    assert follower.wait()
    write(store, "Another")
    assert follower.wait()


@pytest.mark.parametrize("is_logged", [True, False])
def test_commits_just_after_one_that_was_announced_are_found_with_it(
    store: ArticleStore, monkeypatch: pytest.MonkeyPatch, *, is_logged: bool
) -> None:
    """By whoever looks at the store only if the signal differs."""
    follower, complete_at, found = following(store), None, 0

    def look() -> int:
        nonlocal complete_at
        signal_ = store.change_signal.read()
        if signal_ == complete_at:
            return found
        complete_at = signal_
        return store.state().change + len(store.webhooks.all())

    monkeypatch.setattr(commit_news, "SETTLED_SECONDS", 0.3)
    monkeypatch.setattr(change_log, "ANNOUNCE_SECONDS", FOREVER)
    write(store)
    assert follower.wait()
    found = look()
    assert found == 1
    if is_logged:
        write(store, "Another")
    else:
        store.webhooks.add("desk", "https://cms.example", ("list.changed",), "whsec_")
    while found == 1:
        assert follower.wait()
        found = look()
    assert found == 2


def test_one_commit_ends_the_pauses_of_all_threads(store: ArticleStore) -> None:
    pauses = [following(store) for _ in range(3)]
    ended: list[bool] = []
    threads = [threading.Thread(target=lambda one=one: ended.append(one.wait())) for one in pauses]
    for thread in threads:
        thread.start()
    write(store)
    for thread in threads:
        thread.join(FOREVER)
    assert ended == [True] * 3


@pytest.mark.usefixtures("follower")
def test_what_is_not_committed_is_no_news(store: ArticleStore) -> None:
    news = store.change_signal.news
    heard = news.heard
    with pytest.raises(UnknownArticle):
        store.delete("a")
    news.wait(Bell(), 0.0, heard)
    assert news.heard == heard
    assert news.is_reliable


def test_stop_ends_a_pause_at_once_and_lets_no_other_begin(follower: Pause) -> None:
    ended: list[bool] = []
    thread = threading.Thread(target=lambda: ended.append(follower.wait()))
    thread.start()
    follower.stop()
    thread.join(FOREVER)
    follower.rest(FOREVER)
    assert (ended, follower.wait()) == ([False], False)


def test_to_hurry_ends_one_pause(follower: Pause) -> None:
    follower.hurry()
    assert follower.wait()


def test_a_signal_handler_may_ring_at_any_line() -> None:
    bell = Bell()
    before = signal.signal(signal.SIGALRM, lambda *_: bell.ring())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert bell.wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not bell.wait(0.0)


def test_a_bell_stays_rung_however_often(tmp_path: Path) -> None:
    bell = Bell()
    for _ in range(100_000):  # more than a pipe takes
        bell.ring()
    assert bell.wait()
    with (tmp_path / "ready").open("w+b") as file:
        assert bell.wait(FOREVER, file.fileno())  # a file can always be read


def write_silently(address: str, folder: Path) -> None:
    """Commit as a program that tells nobody."""
    statement = "UPDATE store_facts SET value = value WHERE name = 'epoch'"
    log = "INSERT INTO changes (article_id, kind, at) VALUES ('', 'read', '2026-01-01 00:00:00')"
    if address.startswith("sqlite"):
        with closing(sqlite3.connect(folder / "a.db", isolation_level=None)) as connection:
            connection.execute(log)
        return
    engine = sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
        connection.exec_driver_sql(log)
    engine.dispose()


def test_commits_that_nobody_tells_of_are_found_and_then_looked_for_often(
    store: ArticleStore, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older program writes, or a file system or a pooler keeps news back."""
    monkeypatch.setattr(commit_news, "LATE_SECONDS", 0.0)
    follower, signal_ = following(store), store.change_signal
    seen = signal_.read()
    write_silently(address, tmp_path)
    monkeypatch.setattr(pause, "until_idle_look", lambda: 0.01)
    assert follower.wait()
    assert signal_.read() != seen
    assert signal_.news.is_reliable  # the news may be late
    signal_.read()
    assert not signal_.news.is_reliable
    assert signal_.shows_all == address.startswith("sqlite")
    monkeypatch.setattr(pause, "until_idle_look", lambda: FOREVER)
    assert follower.wait()  # though nothing comes
    monkeypatch.setattr(commit_news, "DOUBT_SECONDS", 0.0)
    write_silently(address, tmp_path)
    signal_.read()
    signal_.read()
    monkeypatch.setattr(signal_.news, "_doubted_until", 0.0)
    assert signal_.news.is_reliable


def test_a_revoked_key_is_gone_at_the_next_look_though_nothing_tells_of_it(
    store: ArticleStore,
    reopen: Open,
    follower: Pause,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log of changes does not have keys: it shows no other number."""
    writer, keyring = reopen(), Keyring((), lambda: store, tmp_path / "keys")
    writer.keys.add(ApiKey.of("front", {"lists"}, SECRET), "lists")
    assert follower.wait()
    keyring.refresh()
    assert [key.name for key in keyring.keys] == ["front"]
    monkeypatch.setattr(change_log.Announcements, "is_due", lambda _: False)
    writer.keys.revoke("front")
    keyring.refresh()
    assert keyring.keys == ()
    keyring.stop()


def test_who_follows_goes_on_while_a_server_takes_long_to_give_a_session(
    store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, signal_ = threading.Event(), store.change_signal
    monkeypatch.setattr(commit_news, "BEGIN_SECONDS", 0.0)

    def watch() -> CommitWatch:
        given.wait()
        return watch_commits(store.engine)

    news, bell = CommitNews(watch), Bell()
    news.check(signal_.read())
    news.listen()
    news.check(signal_.read())  # takes no lock that the session is waited for with
    assert not news.is_reliable
    heard = news.heard
    given.set()
    while not news.is_reliable:
        news.wait(bell, 0.01, heard)
    assert news.heard == heard + 1
    news.close()


def test_news_that_come_late_are_believed(
    store: ArticleStore, follower: Pause, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_news, "LATE_SECONDS", 0.0)
    seen = store.change_signal.read()
    write(store)
    assert store.change_signal.read()[-2:] != seen[-2:]  # type: ignore[index]
    assert follower.wait()
    store.change_signal.read()
    store.change_signal.read()
    assert store.change_signal.news.is_reliable


def test_a_system_without_watches_is_looked_at_ten_times_a_second(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(INotify, "add_watch", refuse)
    file = tmp_path / "a.db"
    file.write_bytes(migrated.read_bytes())
    with closing(open_store(f"sqlite:///{file}")) as store:
        follower = Pause(lambda: store, 0.01)
        for _ in range(3):
            store.change_signal.read()
            assert follower.wait()  # though nothing comes
        assert not store.change_signal.news.is_reliable
    assert REFRESH_SECONDS == indexer_process.IDLE_SECONDS == 0.1


def test_a_store_that_is_away_is_looked_for_as_often(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    late = LazyStore(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(StoreUnusable):
        late()
    assert Pause(late, 0.01).wait()


def test_a_store_that_is_closed_ends_the_pause(store: ArticleStore, follower: Pause) -> None:
    """Its file was replaced: the thread goes on with the new one."""
    thread = threading.Thread(target=follower.wait)
    thread.start()
    store.change_signal.close()
    thread.join(FOREVER)
    assert not store.change_signal.news.is_reliable
    store.change_signal.read()
    assert follower.wait()
    assert store.change_signal.news.is_reliable


def test_a_file_that_is_replaced_is_news(tmp_path: Path, migrated: Path) -> None:
    file, other = tmp_path / "a.db", tmp_path / "b.db"
    for path in (file, other):
        path.write_bytes(migrated.read_bytes())
    with closing(LazyStore(f"sqlite:///{file}")) as late:
        follower = Pause(late, 0.01)
        first = late()
        first.change_signal.read()
        assert follower.wait()
        first.engine.dispose()
        other.replace(file)
        assert follower.wait()


def test_a_session_that_the_server_ends_is_news_and_another_one_listens(
    postgresql: PostgreSQL,
) -> None:
    name = postgresql.make_database()
    try:
        with closing(open_store(postgresql.url(name))) as store:
            follower = following(store)
            listening = "pid <> pg_backend_pid() AND query LIKE 'LISTEN%'"
            postgresql.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {listening}"  # noqa: S608
            )
            assert follower.wait()
            assert not store.change_signal.news.is_reliable
            store.change_signal.read()
            assert follower.wait()
            assert store.change_signal.news.is_reliable
            write(store)
            assert follower.wait()
    finally:
        postgresql.drop_database(name)


def test_who_watches_hears_that_the_log_of_sqlite_was_emptied(tmp_path: Path) -> None:
    """It looks like a commit; if no news came with it, news in general would be doubted."""
    with closing(open_store(f"sqlite:///{tmp_path / 'a.db'}")) as store:
        store.put(Article(id="a", title="T"))
        with closing(watch_commits(store.engine)) as watch:
            assert not watch.take()
            store.empty_write_ahead_log()
            assert watch.take()
