"""The receivers of webhooks and their places in the change log, on every database there is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from recommender.api import Override
from recommender.errors import BadParameter
from recommender.ranking.policy import Policy
from recommender.store import Actor, AnalyzedText, ArticleStore, Receiver, schema
from recommender.store.change_log import KEPT_FOR_WEBHOOKS
from recommender.store.text_queue import ATTEMPTS
from recommender.store.webhook_receivers import ENTRIES_AT_ONCE, MOST_RECEIVERS
from tests.support.features import make_embedding, make_features
from tests.support.stores import VERSIONS, log_of, make_article

URL = "https://cms.example/hook?token=abc"
EVENTS = ("article.indexed", "list.changed")
SECRET = "whsec_c2VjcmV0"  # noqa: S105 - nobody is let in by it
LATER = datetime(2100, 1, 1, tzinfo=UTC)
EARLIER = datetime(2000, 1, 1, tzinfo=UTC)


def add(store: ArticleStore, name: str = "cms") -> Receiver:
    return store.webhooks.add(name, URL, EVENTS, SECRET)


def analyze(store: ArticleStore) -> None:
    waiting = store.queue.next(100, bulk=False)
    features = make_features(None, [], embedding=make_embedding([1]))
    store.queue.acknowledge([AnalyzedText(one, None, features) for one in waiting], VERSIONS)


def fail(store: ArticleStore, article_id: str, change: int) -> None:
    for _ in range(ATTEMPTS):
        store.queue.count_failure(article_id, change, "broken")


def test_a_receiver_begins_after_the_newest_change_and_can_be_removed(store: ArticleStore) -> None:
    store.put(make_article())
    webhooks = store.acting(Actor("cli:anna")).webhooks
    added = webhooks.add("cms", URL, EVENTS, SECRET)
    assert added == Receiver("cms", URL, EVENTS, SECRET, added.created_at, position=1)
    assert SECRET not in repr(added)
    assert "token" not in repr(added)
    assert store.webhooks.all() == (added,)
    webhooks.replay("cms", 1)
    webhooks.remove("cms")
    assert store.webhooks.all() == ()
    told = [(one.actor, one.action, one.subject, one.change) for one in store.audit_log.entries()]
    actions = ("webhook.add", "webhook.replay", "webhook.remove")
    assert told == [("cli:anna", action, "cms", None) for action in actions]


def test_names_are_given_once_and_their_number_is_bounded(store: ArticleStore) -> None:
    add(store)
    with pytest.raises(BadParameter, match="'cms' already"):
        add(store)
    for number in range(1, MOST_RECEIVERS):
        add(store, f"more-{number}")
    with pytest.raises(BadParameter, match="20 receivers already"):
        add(store, "one-too-many")
    for refused in (store.webhooks.get, store.webhooks.remove):
        with pytest.raises(BadParameter, match="no receiver 'nobody'"):
            refused("nobody")


@pytest.mark.postgresql_daily
def test_a_batch_says_what_is_true_of_each_entry_now(store: ArticleStore) -> None:
    receiver = add(store)
    store.put(make_article("a"))  # 1
    store.put(make_article("b"))  # 2
    store.put(make_article("c"))  # 3
    fail(store, "b", 2)  # 4
    analyze(store)  # 5, 6
    store.put(make_article("a", section="city"))  # 7: its text stays
    store.delete("c")  # 8
    store.overrides.put("a", "pins", (Override(id="b"),), "anna")  # 9
    store.policies.set(Policy(threshold=0.5))  # 10
    store.publications.note("g-1", 2)  # 11
    store.publications.note_refusal("half is missing")  # 12
    batch = store.webhooks.next_batch(receiver, 12)
    assert (batch.after, batch.end, batch.missed) == (0, 12, False)
    assert batch.epoch == store.state().epoch
    expected = [
        *((1, "upsert", "a"), (2, "upsert", "b"), (3, "upsert", "c"), (4, "parked", "b")),
        *((5, "read", "a"), (6, "read", "c"), (7, "upsert", "a"), (8, "delete", "c")),
        *((9, "choice", "a"), (10, "policy", ""), (11, "published", ""), (12, "refused", "")),
    ]
    assert [(one.number, one.kind, one.article_id) for one in batch.entries] == expected
    assert [one.number for one in batch.entries if one.indexed] == [5, 7]
    assert {one.number: one.fault for one in batch.entries if one.fault} == {
        2: "broken",
        4: "broken",
    }
    published, refused = batch.entries[-2:]
    assert (published.generation, published.articles) == ("g-1", 2)
    assert refused.reason == "half is missing"


def test_a_text_that_was_read_after_all_is_parked_no_more(store: ArticleStore) -> None:
    receiver = add(store)
    store.put(make_article())
    fail(store, "a", 1)
    assert store.queue.retry_dead_letters() == 1
    fail(store, "a", 1)
    assert [one.kind for one in log_of(store)] == ["upsert", "parked", "parked"]
    store.put(make_article(title="U"))
    batch = store.webhooks.next_batch(receiver, 4)
    assert [one.fault for one in batch.entries] == [None] * 4


def test_giving_up_a_text_is_logged_once(store: ArticleStore) -> None:
    store.put(make_article())
    for _ in range(2):
        store.queue.give_up("a", make_article().text_hash, "it kills its reader")
    assert [(one.article_id, one.kind) for one in log_of(store)] == [
        ("a", "upsert"),
        ("a", "parked"),
    ]


def test_a_long_log_comes_in_batches(store: ArticleStore) -> None:
    receiver = add(store)
    store.write_many([make_article(f"a{n}") for n in range(ENTRIES_AT_ONCE + 1)])
    first = store.webhooks.next_batch(receiver, ENTRIES_AT_ONCE + 1)
    assert (first.end, len(first.entries)) == (ENTRIES_AT_ONCE, ENTRIES_AT_ONCE)
    assert store.webhooks.accept(receiver, first.end, was_sent=True)
    (moved,) = store.webhooks.all()
    second = store.webhooks.next_batch(moved, ENTRIES_AT_ONCE + 1)
    assert [one.number for one in second.entries] == [ENTRIES_AT_ONCE + 1]


def test_a_batch_that_was_begun_is_the_same_after_a_crash(store: ArticleStore) -> None:
    receiver = add(store)
    store.put(make_article("a"))
    batch = store.webhooks.next_batch(receiver, 1)
    assert store.webhooks.begin(receiver, batch.end, "here", LATER)
    store.put(make_article("b"))
    (again,) = store.webhooks.all()
    assert store.webhooks.next_batch(again, 2) == batch
    assert store.webhooks.accept(again, batch.end, was_sent=True)
    (moved,) = store.webhooks.all()
    assert (moved.position, moved.batch_end) == (1, None)


@pytest.mark.postgresql_daily
def test_only_one_machine_sends_to_a_receiver_while_it_lives(store: ArticleStore) -> None:
    receiver = add(store)
    store.put(make_article())
    assert store.webhooks.begin(receiver, 1, "here", LATER)
    assert not store.webhooks.begin(receiver, 1, "there", LATER)
    assert store.webhooks.begin(receiver, 1, "here", EARLIER)  # the same machine, started again
    assert store.webhooks.begin(receiver, 1, "there", LATER)  # the first one has died


@pytest.mark.postgresql_daily
def test_failures_are_counted_until_a_message_is_accepted(store: ArticleStore) -> None:
    receiver = add(store)
    store.put(make_article())
    for fault in ("it answers 500", "it answers 503"):
        assert store.webhooks.fail(receiver, fault, LATER)
    (failing,) = store.webhooks.all()
    assert (failing.failures, failing.fault, failing.retry_at) == (2, "it answers 503", LATER)
    assert failing.failing_since is not None
    assert failing.failing_since < LATER
    assert not failing.is_due(1, EARLIER)
    assert failing.is_due(1, LATER)
    (lag,) = store.webhooks.lags()
    assert (lag.name, lag.waiting, lag.fault) == ("cms", 1, "it answers 503")
    assert store.webhooks.accept(failing, 1, was_sent=True)
    (well,) = store.webhooks.all()
    assert (well.failures, well.failing_since, well.retry_at) == (0, None, None)
    assert well.accepted_at is not None
    assert not well.is_due(1, LATER)
    (lag,) = store.webhooks.lags()
    assert (lag.waiting, lag.failing_seconds, lag.fault) == (0, 0, None)


def test_what_was_replayed_meanwhile_is_not_taken_for_sent(store: ArticleStore) -> None:
    store.put(make_article("a"))
    receiver = add(store)
    store.put(make_article("b"))
    store.webhooks.replay("cms", 1)
    for done in (
        store.webhooks.begin(receiver, 2, "here", LATER),
        store.webhooks.accept(receiver, 2, was_sent=True),
        store.webhooks.fail(receiver, "late", LATER),
    ):
        assert not done
    (moved,) = store.webhooks.all()
    assert (moved.position, moved.replays, moved.failures) == (0, 1, 0)


@pytest.mark.parametrize("since", [0, 3])
def test_a_replay_reaches_no_further_than_the_log(store: ArticleStore, since: int) -> None:
    store.put(make_article())
    add(store)
    with pytest.raises(BadParameter, match=f"has the changes 1 to 1, and not {since}"):
        store.webhooks.replay("cms", since)
    store.webhooks.replay("cms", 2)  # nothing that is there
    assert store.webhooks.get("cms").position == 1


def age_log(store: ArticleStore, age: timedelta) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.update(schema.changes).values(at=datetime.now(tz=UTC) - age))


@pytest.mark.postgresql_daily
def test_the_log_is_kept_for_a_receiver_for_seven_days(
    reopen: Callable[..., ArticleStore],
) -> None:
    store = reopen()
    receiver = add(store)
    for name in "abcd":
        store.put(make_article(name))
    store.publications.note("g-1", 4)
    assert store.webhooks.accept(receiver, 2, was_sent=True)
    age_log(store, KEPT_FOR_WEBHOOKS - timedelta(minutes=1))
    assert store.trim(before=5) == 2
    age_log(store, KEPT_FOR_WEBHOOKS + timedelta(minutes=1))
    assert store.trim(before=5) == 2
    behind = replace(receiver, position=2)
    batch = store.webhooks.next_batch(behind, 5)
    assert ([one.number for one in batch.entries], batch.missed) == ([5], True)
    store.put(make_article("e"))
    assert store.trim(before=6) == 1
    begun = replace(behind, batch_end=4)  # all of it is gone
    batch = store.webhooks.next_batch(begun, 6)
    assert ([one.number for one in batch.entries], batch.end, batch.missed) == ([6], 6, True)
    with store.engine.begin() as connection:
        assert connection.execute(sa.select(schema.publications)).all() == []


def test_a_generation_that_was_live_before_is_noted_only_if_it_never_was(
    store: ArticleStore,
) -> None:
    for generation, is_new in (("g-1", False), ("g-1", False), ("g-2", True), ("g-1", True)):
        store.publications.note(generation, 1, is_new=is_new)
    batch = store.webhooks.next_batch(add(store), store.state().change)
    assert batch.entries == ()
    batch = store.webhooks.next_batch(replace(store.webhooks.get("cms"), position=0), 3)
    assert [one.generation for one in batch.entries] == ["g-1", "g-2", "g-1"]


def test_followers_reach_the_end_of_the_log_whatever_its_newest_entry_is(
    store: ArticleStore,
) -> None:
    store.put(make_article())
    at = store.state()
    store.publications.note("g-1", 1)
    point, updates = store.updates_after(
        at.newest, epoch=at.epoch, analyzer="words", model="model", limit=9
    )
    assert (point, updates.updates, updates.complete) == (store.state().newest, (), True)
    assert store.entries_since(at.newest, at.epoch) == 0
