"""Following what operators and editors set: it is active at the next look, and no row changes."""

import logging
import threading
import time

import pytest

from recommender.ranking.policy import Policy
from recommender.store import ArticleStore
from tests.support.workers import SEED, StartWorker, Worker, pin

NEWER = '{"of a newer program": 1}'
SOME = Policy(threshold=0.2, half_lives={"city": 7.0})
OTHER = Policy(diversity=0.5)


def test_another_policy_is_active_at_the_next_look(
    worker: Worker, desk_store: ArticleStore
) -> None:
    before = worker.look()
    assert worker.policy() == (0, Policy())
    change = desk_store.policies.set(SOME).change
    live = worker.look()
    assert (live.active_policy.version, live.active_policy.policy, live.change) == (1, SOME, change)
    assert live.view is before.view
    assert before.active_policy.version == 0  # who holds it goes on with one policy to the end
    assert worker.follower.heartbeats.read() == [change]
    desk_store.policies.set(Policy())
    assert worker.policy() == (2, Policy())


def test_other_pins_are_active_at_the_next_look(worker: Worker, desk_store: ArticleStore) -> None:
    before = worker.look()
    change = pin(desk_store, "harbour-4")
    live = worker.look()
    assert (live.change, live.view) == (change, before.view)
    assert before.overrides.of(SEED).pins == ()  # who holds it goes on with one state to the end
    assert worker.pins() == ["harbour-4"]
    assert live.overrides.pinning("harbour-4") == (SEED,)
    pin(desk_store)
    assert worker.pins() == []


def test_a_policy_that_cannot_be_read_is_logged_once_and_the_last_good_one_stays(
    start_worker: StartWorker, desk_store: ArticleStore, caplog: pytest.LogCaptureFixture
) -> None:
    worker = start_worker()
    desk_store.policies.set(SOME)
    worker.look()
    change = desk_store.policies.put(NEWER).change
    for _ in range(3):
        live = worker.look()
    assert (live.active_policy.version, live.active_policy.policy, live.change) == (1, SOME, change)
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert error.getMessage() == (
        "version 1 of the policy stays active: version 2 cannot be read: the policy is not "
        "acceptable; /of a newer program: unknown"
    )
    assert start_worker().policy() == (1, SOME)  # one that starts later lists by the same
    desk_store.policies.set(OTHER)
    live = worker.look()
    assert (live.active_policy.version, live.active_policy.policy, live.active_policy.fault) == (
        3,
        OTHER,
        None,
    )


def test_the_defaults_stay_active_if_the_first_policy_cannot_be_read(
    worker: Worker, desk_store: ArticleStore
) -> None:
    desk_store.policies.put("{")
    assert worker.policy() == (0, Policy())
    assert worker.look().active_policy.fault is not None


def test_pins_of_a_newer_program_leave_the_earlier_ones_active(
    worker: Worker, desk_store: ArticleStore, caplog: pytest.LogCaptureFixture
) -> None:
    pin(desk_store, "harbour-4")
    worker.look()
    pin(desk_store, "harbour-5")
    with desk_store.engine.begin() as connection:
        connection.exec_driver_sql(
            """UPDATE choices SET document = '[{"colour": "red"}]' """
            "WHERE document LIKE '%%harbour-5%%'"
        )
    assert worker.pins() == ["harbour-4"]
    assert "pins of article harbour-2 stay as they were" in caplog.text


def test_settings_of_a_newer_program_are_active_when_it_reads_the_journal(
    start_worker: StartWorker, desk_store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older program wrote the journal, and could not read the newest version."""
    desk_store.policies.set(SOME)
    desk_store.policies.put(NEWER)
    first = start_worker()
    assert first.policy() == (1, SOME)
    first.stop()
    monkeypatch.setattr(
        "recommender.ranking.policy.parse_policy", lambda text: OTHER if text == NEWER else SOME
    )
    late = start_worker(away=True)
    assert late.policy() == (2, OTHER)
    late.away = False
    assert late.policy() == (2, OTHER)


def test_every_look_sees_one_policy_with_the_change_that_brought_it(
    worker: Worker, desk_store: ArticleStore
) -> None:
    """While policies come one after the other, as a reader's threads look."""
    policies = [Policy(threshold=number / 100) for number in range(30)]
    done, torn = threading.Event(), []

    def watch() -> None:
        while not done.is_set():
            live = worker.follower.current()
            active_policy = live.active_policy
            if active_policy.newest > live.change:
                torn.append(active_policy)
            if active_policy.version and active_policy.policy != policies[active_policy.version]:
                torn.append(active_policy)
            time.sleep(1e-4)  # whoever sets the policies goes on between two looks

    threads = [threading.Thread(target=watch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for version in range(1, 30):
        assert desk_store.policies.set(policies[version]).version == version
        worker.look()
    done.set()
    for thread in threads:
        thread.join()
    assert torn == []
