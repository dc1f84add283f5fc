"""Following the policy: another one is in force at the next look, whatever else happens."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pysqlite3
import pytest

from index import Catalog
from recommender.analysis.embedding import Model
from recommender.articles import Article
from recommender.indexing.rebuild import Rebuilt
from recommender.live import REFRESH_SECONDS, Follower, Heartbeats, Journal
from recommender.ranking.policy import Policy
from recommender.settings import Settings
from recommender.store import ArticleStore, open_store
from tests.support.workers import Hire, Worker

NEWER = '{"of a newer program": 1}'
SOME = Policy(threshold=0.2, half_lives={"city": 7.0})
OTHER = Policy(diversity=0.5)
LOOKS = 2
"""The first may have begun before a policy was set."""
PATIENCE_SECONDS = 60

Rebuild = Callable[..., Rebuilt]


@pytest.fixture
def worker(hire: Hire) -> Worker:
    return hire()


@pytest.fixture
def store(own_desk: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(own_desk.database_url)) as opened:
        yield opened


def write(store: ArticleStore, article_id: str) -> int:
    return store.put(Article(id=article_id, title=f"About {article_id}")).change


def test_until_a_policy_is_set_the_defaults_are_in_force(worker: Worker) -> None:
    assert worker.policy() == (0, Policy())


def test_another_policy_is_in_force_at_the_next_look(worker: Worker, store: ArticleStore) -> None:
    before = worker.look()
    change = store.policies.set(SOME).change
    live = worker.look()
    assert (live.in_force.version, live.in_force.policy, live.change) == (1, SOME, change)
    assert live.view is before.view
    assert before.in_force.version == 0  # who holds it goes on with one policy to the end
    assert worker.follower.heartbeats.read() == [change]
    store.policies.set(Policy())
    assert worker.policy() == (2, Policy())


def test_a_policy_and_articles_that_come_together_show_together(
    worker: Worker, store: ArticleStore
) -> None:
    worker.look()
    write(store, "x")
    store.policies.set(OTHER)
    store.policies.set(SOME)
    change = write(store, "y")
    live = worker.look()
    assert (live.in_force.version, live.in_force.policy, live.change) == (2, SOME, change)
    assert {live.view.row_of("x"), live.view.row_of("y")} & {None} == set()


def test_a_policy_behind_a_long_log_leaves_no_article_out(
    worker: Worker, store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.look()
    monkeypatch.setattr("recommender.live.replica.ARTICLES_PER_PAGE", 3)
    names = [f"fresh-{number}" for number in range(9)]
    for name in names[:-1]:
        write(store, name)
    change = store.policies.set(SOME).change
    live = worker.look()
    assert (live.in_force.policy, live.change) == (SOME, change)
    write(store, names[-1])
    view = worker.look().view
    assert [name for name in names if view.row_of(name) is None] == []


def test_a_new_generation_changes_no_policy(
    worker: Worker, store: ArticleStore, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    """The policy was set before the change that the generation begins at."""
    store.policies.set(SOME)
    write(store, "x")
    built = rebuild_with_fake(own_desk)
    assert worker.policy() == (1, SOME)
    assert worker.look().view.snapshot.generation == built.generation
    store.policies.set(OTHER)
    catalog = Catalog(own_desk.data.snapshots)
    catalog.flip(catalog.generations()[0])
    assert worker.policy() == (2, OTHER)


def test_a_worker_that_starts_while_the_store_is_away_has_the_policy_of_the_journal(
    hire: Hire, store: ArticleStore
) -> None:
    first = hire()
    store.policies.set(OTHER)
    first.look()
    write(store, "x")
    store.policies.set(SOME)
    change = first.look().change
    first.stop()
    late = hire(away=True)
    live = late.look()
    assert (live.store_fault, live.change) == ("the database is away", change)
    assert late.policy() == (2, SOME)
    late.away = False
    store.policies.set(OTHER)
    assert late.policy() == (3, OTHER)


def test_the_policy_set_before_a_generation_is_in_the_journal_too(
    hire: Hire, store: ArticleStore, own_desk: Settings, rebuild_with_fake: Rebuild
) -> None:
    store.policies.set(SOME)
    rebuild_with_fake(own_desk)
    first = hire()
    first.look()
    first.stop()
    assert hire(away=True).policy() == (1, SOME)


def test_the_journal_is_handed_over_with_the_policy(hire: Hire, store: ArticleStore) -> None:
    first, second = hire(), hire()
    first.look()
    second.look()
    first.stop()
    store.policies.set(SOME)
    second.look()
    second.stop()
    assert hire(away=True).policy() == (1, SOME)


def test_a_policy_set_while_the_store_is_away_is_in_force_once_it_is_back(
    worker: Worker, store: ArticleStore
) -> None:
    store.policies.set(SOME)
    worker.look()
    worker.away = True
    store.policies.set(OTHER)
    assert worker.policy() == (1, SOME)
    worker.away = False
    assert worker.policy() == (2, OTHER)


def test_a_policy_that_cannot_be_read_is_logged_once_and_the_last_good_one_stays(
    hire: Hire, store: ArticleStore, caplog: pytest.LogCaptureFixture
) -> None:
    worker = hire()
    store.policies.set(SOME)
    worker.look()
    change = store.policies.put(NEWER).change
    for _ in range(3):
        live = worker.look()
    assert (live.in_force.version, live.in_force.policy, live.change) == (1, SOME, change)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    (error,) = errors
    assert error.getMessage() == (
        "version 1 of the policy stays in force: version 2 cannot be read: the policy is not "
        "acceptable; /of a newer program: unknown"
    )
    assert hire().policy() == (1, SOME)  # one that starts later lists by the same
    store.policies.set(OTHER)
    live = worker.look()
    assert (live.in_force.version, live.in_force.policy, live.in_force.fault) == (3, OTHER, None)


def test_where_the_first_policy_cannot_be_read_the_defaults_stay(
    worker: Worker, store: ArticleStore
) -> None:
    store.policies.put("{")
    assert worker.policy() == (0, Policy())
    assert worker.look().in_force.fault is not None


def test_what_a_newer_program_set_is_in_force_when_that_reads_the_journal(
    hire: Hire, store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older program wrote the journal, and could not read the newest version."""
    store.policies.set(SOME)
    store.policies.put(NEWER)
    first = hire()
    assert first.policy() == (1, SOME)
    first.stop()
    monkeypatch.setattr(
        "recommender.ranking.policy.parse_policy", lambda text: OTHER if text == NEWER else SOME
    )
    late = hire(away=True)
    assert late.policy() == (2, OTHER)
    late.away = False
    assert late.policy() == (2, OTHER)


def test_a_store_put_back_from_a_copy_brings_its_policy_with_it(
    worker: Worker, store: ArticleStore, own_desk: Settings, tmp_path: Path
) -> None:
    store.policies.set(SOME)
    write(store, "x")
    worker.look()
    _copy(own_desk.data_dir / "read-also.db", tmp_path / "aside.db")
    store.policies.set(OTHER)
    write(store, "y")
    assert worker.policy() == (2, OTHER)
    _copy(tmp_path / "aside.db", own_desk.data_dir / "read-also.db")
    worker.look()
    assert worker.policy() == (1, SOME)


def _copy(source: Path, target: Path) -> None:
    """As an operator does it, by SQLite's own backup."""
    with closing(pysqlite3.connect(source)) as old, closing(pysqlite3.connect(target)) as new:
        old.backup(new)


def test_every_look_sees_one_policy_with_the_change_that_brought_it(
    worker: Worker, store: ArticleStore
) -> None:
    """While policies come one after the other, as a reader's threads look."""
    worker.look()
    policies = [Policy(threshold=number / 100) for number in range(30)]
    done, torn = threading.Event(), []

    def watch() -> None:
        while not done.is_set():
            live = worker.follower.current()
            in_force = live.in_force
            if in_force.version and in_force.policy != policies[in_force.version % 30]:
                torn.append(in_force)
            if in_force.newest > live.change:
                torn.append(in_force)
            time.sleep(1e-4)  # whoever sets the policies gets a turn

    threads = [threading.Thread(target=watch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 30):
        assert store.policies.set(policies[number]).version == number
        worker.look()
    done.set()
    for thread in threads:
        thread.join()
    assert torn == []


def test_a_thread_takes_another_policy_up_when_it_looks_again(
    own_desk: Settings, store: ArticleStore, fake_model: Model
) -> None:
    heartbeats, journals = own_desk.data.heartbeats, own_desk.data.journals
    catalog, make = Catalog(own_desk.data.snapshots), lambda: fake_model
    followers = [
        Follower(catalog, lambda: store, make, Journal(journals), Heartbeats(heartbeats))
        for _ in range(2)
    ]
    for follower in followers:
        follower.start()
    store.policies.set(SOME)
    for follower in followers:
        for _ in range(LOOKS):
            follower.await_refresh(PATIENCE_SECONDS)
        assert follower.current().in_force.version == 1
    for follower in followers:
        follower.stop()
    assert LOOKS * REFRESH_SECONDS < 1  # which is promised of every write
