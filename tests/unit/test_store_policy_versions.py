"""Policies in the store: versions and changes in one order, run on each store."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from recommender.articles import Article
from recommender.errors import ChangedMeanwhile
from recommender.store import (
    LOG_START,
    Actor,
    ArticleStore,
    LogPosition,
    PolicyReceipt,
)
from tests.support.stores import LogEntry, log_of

Open = Callable[..., ArticleStore]
MANY = 40


def plain(store: ArticleStore, limit: int = 100) -> list[tuple[int, int, str]]:
    """Version, change and text of each policy, the newest first."""
    return [(one.version, one.change, one.document) for one in store.policies.history(limit)]


def article(article_id: str, title: str = "T") -> Article:
    return Article(id=article_id, title=title)


@pytest.mark.postgresql_daily
def test_each_policy_is_a_version_and_a_change(store: ArticleStore) -> None:
    begun = datetime.now(tz=UTC)
    assert store.policies.history() == ()
    store.put(article("a"))
    assert store.policies.put('{"ü": 1}') == PolicyReceipt("created", 1, 2)
    store.put(article("b"))
    assert store.policies.put("{}") == PolicyReceipt("created", 2, 4)
    assert plain(store) == [(2, 4, "{}"), (1, 2, '{"ü": 1}')]
    assert plain(store, limit=1) == [(2, 4, "{}")]
    assert log_of(store) == [
        LogEntry(1, "a", "upsert"),
        LogEntry(2, "", "policy"),
        LogEntry(3, "b", "upsert"),
        LogEntry(4, "", "policy"),
    ]
    for one in store.policies.history():
        assert one.at.utcoffset() == timedelta(0)
        assert begun <= one.at <= datetime.now(tz=UTC)


@pytest.mark.postgresql_daily
def test_a_policy_replaces_only_the_version_that_was_seen(store: ArticleStore) -> None:
    policies = store.acting(Actor("anna")).policies
    assert policies.put("A", seen=0).version == 1
    for seen in (0, 2):
        with pytest.raises(ChangedMeanwhile, match="version 1 of the policy"):
            policies.put("B", seen=seen)
    changes = [1, policies.put("B", seen=1).change, store.policies.put("C").change]
    assert [document for _, _, document in plain(store)] == ["C", "B", "A"]
    found = {one: made.actor for one, made in store.audit_log.about_policies(changes).items()}
    assert found == {1: "anna", changes[1]: "anna"}


def test_the_policy_that_holds_is_not_set_again(store: ArticleStore) -> None:
    store.policies.put("A")
    before = store.state()
    assert store.policies.put("A") == PolicyReceipt("unchanged", 1, 1)
    assert store.state() == before
    store.policies.put("B")
    assert store.policies.put("A") == PolicyReceipt("created", 3, 3)


def pages_after(
    store: ArticleStore, point: LogPosition, limit: int = 500
) -> tuple[LogPosition, list[tuple[list[str], int, int | None]]]:
    """A follower's last position; of each page the articles, its last change and the policy."""
    seen, complete = [], False
    while not complete:
        point, page = store.updates_after(
            point, epoch=store.state().epoch, analyzer="", model="", limit=limit
        )
        complete = page.complete
        seen.append(([one.id for one in page.updates], page.through, page.policy))
    return point, seen


def test_a_follower_learns_of_a_new_policy(store: ArticleStore) -> None:
    store.put(article("a"))
    before = store.state().newest
    assert pages_after(store, LOG_START) == (before, [(["a"], 1, None)])
    store.policies.put("A")
    store.policies.put("B")
    newest = store.state().newest
    assert pages_after(store, LOG_START) == (newest, [(["a"], 3, 3)])
    assert pages_after(store, before) == (newest, [([], 3, 3)])
    assert pages_after(store, newest) == (newest, [([], 3, None)])
    assert store.has_position(newest, store.state().epoch)


def test_a_page_that_is_not_the_last_leads_no_further_than_its_articles(
    store: ArticleStore,
) -> None:
    """Or the articles between them and the policy would be left out."""
    for name in "abc":
        store.put(article(name))
    store.policies.put("A")
    pages = [(["a", "b"], 2, 4), (["c"], 4, 4)]
    assert pages_after(store, LOG_START, limit=2) == (store.state().newest, pages)


def test_a_policy_is_nothing_to_be_built_into_a_generation(store: ArticleStore) -> None:
    store.put(article("a"))
    at = store.state()
    store.policies.put("A")
    assert store.entries_since(at.newest, at.epoch) == 0
    store.put(article("b"))
    store.policies.put("B")
    assert store.entries_since(at.newest, at.epoch) == 1
    assert store.entries_since(LOG_START, "another") == 2
    assert store.backlog(at.newest, at.epoch).drift == 1


def test_a_log_that_is_trimmed_loses_no_policy(store: ArticleStore) -> None:
    store.policies.put("A")
    store.put(article("a"))
    store.policies.put("B")
    assert store.trim(before=100) == 2
    assert log_of(store) == [LogEntry(3, "", "policy")]
    assert plain(store) == [(2, 3, "B"), (1, 1, "A")]
    assert store.put(article("b")).change == 4


def test_policies_set_by_several_at_once_have_versions_and_changes_in_one_order(
    reopen: Open,
) -> None:
    start = threading.Barrier(4)

    def work(number: int) -> list[PolicyReceipt]:
        store = reopen()
        start.wait()
        done = [store.policies.put(f"{number}-{turn}") for turn in range(MANY // 4)]
        store.put(article(f"a{number}"))
        return done

    with ThreadPoolExecutor(4) as threads:
        receipts = [receipt for some in threads.map(work, range(4)) for receipt in some]
    store = reopen()
    kept = list(reversed(store.policies.history(1_000)))
    assert [one.version for one in kept] == list(range(1, MANY + 1))
    assert [one.change for one in kept] == sorted(one.change for one in kept)
    assert {(one.version, one.change) for one in kept} == {(r.version, r.change) for r in receipts}
    logged = [one.number for one in log_of(store) if one.kind == "policy"]
    assert logged == [one.change for one in kept]
