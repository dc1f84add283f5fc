"""The audit log: one entry for each change, in the transaction of the change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recommender.api import Override
from recommender.articles import Article
from recommender.errors import StaleVersion
from recommender.ranking.policy import Policy
from recommender.ranking.site_rules import Condition, SiteRule
from recommender.store import Actor, ArticleStore, DeleteRequest
from recommender.store.deleted_rows import scrub

ANNA = Actor("cms", "192.0.2.7", "request-1")
A, B = (Article(id=name, title=name.upper(), version=2) for name in ("a", "b"))

pytestmark = pytest.mark.postgresql_daily


def logged(store: ArticleStore) -> list[tuple[str, str, int | None]]:
    return [(one.action, one.subject, one.change) for one in store.audit_log.entries()]


def test_every_change_of_an_actor_is_logged_with_its_number(store: ArticleStore) -> None:
    acting = store.acting(ANNA)
    acting.put(A)
    acting.put(A)  # changes nothing
    acting.write_many([B, DeleteRequest("a"), DeleteRequest("nobody")])
    acting.patch("b", {"section": "city"})
    acting.overrides.put("b", "blocks", (Override(id="b"),)[:0], "cms")  # changes nothing
    acting.policies.set(Policy(diversity=0.5))
    assert logged(store) == [
        ("article.put", "a", 1),
        ("article.put", "b", 2),
        ("article.delete", "a", 3),
        ("article.put", "b", 4),
        ("policy.set", "", 5),
    ]
    (first, *_) = store.audit_log.entries()
    assert (first.actor, first.address, first.request_id) == ("cms", "192.0.2.7", "request-1")
    assert abs(datetime.now(tz=UTC) - first.at) < timedelta(hours=1)


def test_the_reason_of_a_change_is_found_by_its_number_and_its_subject(
    store: ArticleStore,
) -> None:
    store.acting(ANNA).write_many([A, B])
    acting = store.acting(replace(ANNA, why="the harvest"))
    pinned = acting.overrides.put("a", "pins", (Override(id="b"),), "cms").change
    rule = SiteRule("a", "never", items=Condition(section="opinion"))
    acting.policies.set(Policy(rules=(rule,)))
    log = store.audit_log
    assert [one.why for one in log.entries()] == ["", "", *["the harvest"] * 3]
    assert {number: one.why for number, one in log.about_overrides("a", [1, pinned]).items()} == {
        pinned: "the harvest"
    }
    assert log.about_overrides("b", [pinned]) == log.about_policies([pinned]) == {}
    assert log.about_policies([pinned + 1])[pinned + 1].subject == ""
    newest = log.newest("rule.set", "overrides.set", limit=5)
    assert [one.action for one in newest] == ["rule.set", "overrides.set"]
    assert log.newest("article.put", limit=1) == log.entries()[1:2]
    assert log.of_subjects("article.put", ["a", "c"]).keys() == {"a"}


def test_each_site_rule_that_a_policy_sets_or_removes_is_logged(store: ArticleStore) -> None:
    acting = store.acting(ANNA)
    never = SiteRule("a", "never", items=Condition(section="opinion"))
    boost = SiteRule("b", "boost", by=0.25)
    acting.put(A)
    for rules in ((never, boost), (never, replace(boost, by=0.5)), (boost,)):
        acting.policies.set(Policy(rules=rules))
    acting.policies.set(Policy(rules=(boost,), diversity=0.5))
    assert logged(store)[1:] == [
        *[("policy.set", "", 2), ("rule.set", "a", 2), ("rule.set", "b", 2)],
        *[("policy.set", "", 3), ("rule.set", "b", 3)],
        *[("policy.set", "", 4), ("rule.remove", "a", 4), ("rule.set", "b", 4)],
        ("policy.set", "", 5),
    ]
    acting.delete("a")
    scrub(acting, "a")
    assert ("rule.remove", "a", 4) in logged(store)


def test_a_refused_change_and_one_of_nobody_are_not_logged(store: ArticleStore) -> None:
    store.put(A)
    with pytest.raises(StaleVersion):
        store.acting(ANNA).put(A.model_copy(update={"version": 1}))
    assert logged(store) == []


def test_a_change_that_is_rolled_back_leaves_no_entry(
    store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("recommender.store.article_rows.enqueue", fail)
    with pytest.raises(OSError, match="full"):
        store.acting(ANNA).put(A)
    assert logged(store) == []


def test_entries_are_read_by_number_time_and_actor(store: ArticleStore) -> None:
    store.acting(ANNA).write_many([A, B])
    store.acting(Actor("cli:anna")).delete("a")
    numbers = [one.number for one in store.audit_log.entries()]
    assert numbers == sorted(numbers)
    assert [one.number for one in store.audit_log.entries(after=numbers[0])] == numbers[1:]
    assert [one.number for one in store.audit_log.entries(limit=2)] == numbers[:2]
    assert [one.number for one in store.audit_log.entries(actor="cli:anna")] == numbers[2:]
    future = datetime.now(tz=UTC) + timedelta(days=1)
    assert store.audit_log.entries(since=future) == ()
    assert store.audit_log.forget(before=future - timedelta(days=2)) == 0
    assert store.audit_log.forget(before=future) == 3
    store.acting(ANNA).put(A)
    assert store.audit_log.entries()[0].number > numbers[-1]


def test_an_erased_article_keeps_the_entry_of_its_erasure_alone(store: ArticleStore) -> None:
    acting = store.acting(ANNA)
    acting.write_many([A, B])
    acting.delete("a")
    scrub(acting, "a")
    assert logged(store) == [("article.put", "b", 2), ("article.erase", "a", None)]
    scrub(acting, "b")  # it is not deleted
    assert logged(store)[0] == ("article.put", "b", 2)
