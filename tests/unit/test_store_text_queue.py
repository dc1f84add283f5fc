"""The queue of texts that wait to be read, asked of each store there is."""

import json
from collections.abc import Iterable

import pytest

from recommender.analysis.features import AnalyzerVersions
from recommender.articles import Article, parse_article
from recommender.store import (
    AnalyzedText,
    ArticleStore,
    DeadLetter,
    QueuedText,
    QueueLength,
)
from recommender.store.text_queue import ATTEMPTS
from tests.support.features import make_embedding, make_features

RECIPES = AnalyzerVersions("markup", "words", "model")


def article(article_id: str = "a", **fields: object) -> Article:
    return parse_article(json.dumps({"id": article_id, "title": "T"} | fields))


def reading(pending: QueuedText, body: str | None = None) -> AnalyzedText:
    """What a reader might make of a text: its values are told by the change that brought it."""
    mark = pending.change
    embedding = make_embedding([mark, 0])
    features = make_features("en", [mark], counts=[0.5], mark=mark, embedding=embedding)
    return AnalyzedText(pending, body, features)


def waiting(store: ArticleStore, *, bulk: bool = False) -> list[QueuedText]:
    return store.queue.next(100, bulk=bulk)


def ids(queue: Iterable[QueuedText]) -> list[str]:
    return [pending.article.id for pending in queue]


def settle(store: ArticleStore, *, bulk: bool = False) -> list[int]:
    """Read all that waits."""
    return store.queue.acknowledge([reading(each) for each in waiting(store, bulk=bulk)], RECIPES)


def fail(store: ArticleStore, article_id: str, times: int = 1, fault: str = "broken") -> None:
    for _ in range(times):
        queue = [*waiting(store), *waiting(store, bulk=True)]
        (pending,) = [each for each in queue if each.article.id == article_id]
        store.queue.count_failure(pending.article.id, pending.change, fault)


def test_a_new_article_waits_as_it_was_given(store: ArticleStore) -> None:
    given = article(body="Ёж 🙂", tags=["x"])
    store.put(given)
    assert waiting(store) == [QueuedText(given, given.text_hash, 1, bulk=False)]
    assert waiting(store, bulk=True) == []
    assert store.queue.length() == QueueLength(single=1, bulk=0, dead=0)


def test_nobody_waits_in_a_new_store(store: ArticleStore) -> None:
    assert (waiting(store), waiting(store, bulk=True), store.queue.dead_letters()) == ([], [], [])
    assert store.queue.length() == QueueLength(0, 0, 0)
    assert store.queue.retry_dead_letters() == 0
    assert store.queue.acknowledge([], RECIPES) == []


@pytest.mark.postgresql_daily
def test_single_writes_and_bulk_loads_wait_apart_each_the_oldest_first(
    store: ArticleStore,
) -> None:
    store.write_many([article("d"), article("c")])
    store.put(article("b"))
    store.put(article("a"))
    store.write_many([article("e")])
    store.write_many([article("f")], bulk=False)
    assert ids(waiting(store)) == ["b", "a", "f"]
    assert ids(waiting(store, bulk=True)) == ["d", "c", "e"]
    assert ids(store.queue.next(2, bulk=True)) == ["d", "c"]
    assert store.queue.length() == QueueLength(single=3, bulk=3, dead=0)


def test_looking_at_the_queue_takes_nothing_off(store: ArticleStore) -> None:
    store.put(article())
    assert waiting(store) == waiting(store)


def test_who_failed_waits_behind_who_did_not(store: ArticleStore) -> None:
    for name in "abc":
        store.put(article(name))
    fail(store, "a", times=2)
    fail(store, "b")
    assert ids(waiting(store)) == ["c", "b", "a"]


def test_after_three_failures_an_article_is_parked_with_the_last_fault(
    store: ArticleStore,
) -> None:
    store.put(article())
    store.put(article("b"))
    fail(store, "a", times=2, fault="first")
    assert store.queue.dead_letters() == []
    fail(store, "a", fault="last")
    assert ids(waiting(store)) == ["b"]
    assert store.queue.dead_letters() == [DeadLetter("a", 1, "last")]
    assert store.queue.length() == QueueLength(single=1, bulk=0, dead=1)


def test_the_parked_of_both_kinds_are_counted_and_told_the_oldest_first(
    store: ArticleStore,
) -> None:
    store.write_many([article("c"), article("b")])
    store.put(article("a"))
    for name in "abc":
        fail(store, name, times=ATTEMPTS, fault=name)
    assert store.queue.length() == QueueLength(0, 0, dead=3)
    everyone = [DeadLetter("c", 1, "c"), DeadLetter("b", 2, "b"), DeadLetter("a", 3, "a")]
    assert store.queue.dead_letters() == everyone
    assert store.queue.dead_letters(limit=2) == everyone[:2]


def test_the_parked_wait_again_behind_single_writes_when_told(store: ArticleStore) -> None:
    store.put(article())
    store.put(article("b"))
    fail(store, "a", times=ATTEMPTS)
    fail(store, "b")
    assert store.queue.retry_dead_letters() == 1
    assert store.queue.dead_letters() == []
    assert ids(waiting(store)) == ["b"]
    assert ids(waiting(store, bulk=True)) == ["a"]
    fail(store, "a", times=ATTEMPTS)
    assert [each.id for each in store.queue.dead_letters()] == ["a"]


@pytest.mark.parametrize("fault", ["", "x" * 5_000, "NUL \0, half of a pair \ud800", "Ёж 🙂"])
def test_any_fault_is_kept_as_far_as_it_is_text(store: ArticleStore, fault: str) -> None:
    store.put(article())
    fail(store, "a", times=ATTEMPTS, fault=fault)
    (letter,) = store.queue.dead_letters()
    assert letter.fault == fault[:2_000].replace("\0", "?").replace("\ud800", "?")


def test_a_failure_of_an_older_text_is_not_counted(store: ArticleStore) -> None:
    store.put(article())
    (old,) = waiting(store)
    store.put(article(title="U"))
    for _ in range(ATTEMPTS):
        store.queue.count_failure(old.article.id, old.change, "broken")
    assert [each.change for each in waiting(store)] == [2]


def test_a_text_is_parked_at_once_when_told(store: ArticleStore) -> None:
    store.put(article())
    store.queue.give_up("a", article().text_hash, "it kills its reader")
    assert waiting(store) == []
    assert store.queue.dead_letters() == [DeadLetter("a", 1, "it kills its reader")]


def test_a_text_that_was_replaced_is_not_parked(store: ArticleStore) -> None:
    store.put(article(title="U"))
    store.queue.give_up("a", article().text_hash, "it kills its reader")
    store.queue.give_up("nobody", article().text_hash, "it kills its reader")
    assert ids(waiting(store)) == ["a"]


def test_whoever_is_written_again_waits_with_all_its_attempts(store: ArticleStore) -> None:
    store.put(article())
    fail(store, "a", times=ATTEMPTS)
    store.put(article(title="U"))
    assert store.queue.dead_letters() == []
    fail(store, "a", times=ATTEMPTS - 1)
    assert ids(waiting(store)) == ["a"]


def test_the_same_article_put_again_keeps_its_place(store: ArticleStore) -> None:
    store.put(article())
    fail(store, "a")
    store.put(article("b"))
    before = waiting(store)
    assert store.put(article()).result == "unchanged"
    assert waiting(store) == before
    assert ids(before) == ["b", "a"]


def test_an_unread_text_put_with_another_standing_goes_on_waiting(store: ArticleStore) -> None:
    store.put(article())
    store.put(article(status="draft"))
    assert [(each.article.status, each.change) for each in waiting(store)] == [("draft", 2)]


@pytest.mark.parametrize("bulk", [True, False])
def test_a_text_that_was_read_last_does_not_wait_under_another_standing(
    store: ArticleStore, *, bulk: bool
) -> None:
    store.put(article())
    settle(store)
    assert store.write_many([article(section="city")], bulk=bulk) != []
    assert store.queue.length() == QueueLength(0, 0, 0)


def test_a_text_that_comes_back_before_it_was_replaced_in_reading_waits_no_more(
    store: ArticleStore,
) -> None:
    store.put(article())
    settle(store)
    store.put(article(title="U"))
    assert ids(waiting(store)) == ["a"]
    store.put(article())
    assert store.queue.length() == QueueLength(0, 0, 0)


def test_a_single_write_after_a_bulk_load_is_read_first(store: ArticleStore) -> None:
    store.write_many([article()])
    store.put(article(title="U"))
    assert ids(waiting(store)) == ["a"]
    assert waiting(store, bulk=True) == []


def test_a_bulk_load_does_not_put_a_single_write_back(store: ArticleStore) -> None:
    store.put(article())
    store.write_many([article(title="U")])
    assert [(each.article.title, each.change) for each in waiting(store)] == [("U", 2)]
    assert waiting(store, bulk=True) == []


def test_a_bulk_load_after_a_bulk_load_stays_one(store: ArticleStore) -> None:
    store.write_many([article()])
    store.write_many([article(title="U")])
    assert ids(waiting(store, bulk=True)) == ["a"]
    assert waiting(store) == []


def test_once_its_single_write_was_read_an_article_may_come_in_bulk(store: ArticleStore) -> None:
    store.put(article())
    settle(store)
    store.write_many([article(title="U")])
    assert ids(waiting(store, bulk=True)) == ["a"]


def test_the_deleted_do_not_wait_until_they_are_put_again(store: ArticleStore) -> None:
    store.put(article())
    settle(store)
    store.put(article(title="U"))
    store.delete("a")
    assert store.queue.length() == QueueLength(0, 0, 0)
    store.put(article())
    assert [each.change for each in waiting(store)] == [5]


@pytest.mark.postgresql_daily
def test_what_was_read_is_kept_logged_and_off_the_queue(store: ArticleStore) -> None:
    store.put(article("a", body_html="<p>x</p>"))
    store.put(article("b"))
    one, two = waiting(store)
    readings = [reading(one, "x"), reading(two)]
    assert store.queue.acknowledge(readings, RECIPES) == [3, 4]
    assert [(c.number, c.article_id, c.kind) for c in store.changes_after(2)] == [
        (3, "a", "read"),
        (4, "b", "read"),
    ]
    assert store.queue.length() == QueueLength(0, 0, 0)
    with store.scan() as view:
        assert [(each.read_hash, each.change) for each in view] == [
            (one.text_hash, 1),
            (two.text_hash, 2),
        ]
    hashes = [one.text_hash, two.text_hash]
    vectors = store.features.vectors(hashes, "model")
    assert {key: vector.tolist() for key, vector in vectors.items()} == {
        one.text_hash: [1, 0],
        two.text_hash: [2, 0],
    }
    terms = store.features.terms(hashes, "words")
    assert {key: each.buckets.tolist() for key, each in terms.items()} == {
        one.text_hash: [1],
        two.text_hash: [2],
    }
    assert store.features.texts(hashes, "markup") == {one.text_hash: "x"}


def test_two_articles_with_one_text_are_settled_together(store: ArticleStore) -> None:
    store.put(article("a"))
    store.put(article("b"))
    assert settle(store) == [3, 4]
    assert len(store.features.vectors([article().text_hash], "model")) == 1


def test_a_text_that_was_replaced_while_it_was_read_is_no_news(store: ArticleStore) -> None:
    store.put(article())
    (old,) = waiting(store)
    store.put(article(title="U"))
    assert store.queue.acknowledge([reading(old)], RECIPES) == []
    assert [each.change for each in waiting(store)] == [2]
    assert store.state().change == 2
    with store.scan() as view:
        assert [each.read_hash for each in view] == [None]


def test_an_article_that_was_deleted_while_it_was_read_is_no_news(store: ArticleStore) -> None:
    store.put(article())
    (old,) = waiting(store)
    store.delete("a")
    assert store.queue.acknowledge([reading(old)], RECIPES) == []
    assert store.state().change == 2
    store.put(article())
    assert store.queue.acknowledge([reading(old)], RECIPES) == []
    assert [each.change for each in waiting(store)] == [3]


def test_what_is_settled_twice_is_news_once(store: ArticleStore) -> None:
    store.put(article())
    readings = [reading(each) for each in waiting(store)]
    assert store.queue.acknowledge(readings, RECIPES) == [2]
    assert store.queue.acknowledge(readings, RECIPES) == []


def test_the_parked_may_be_settled_after_all(store: ArticleStore) -> None:
    store.put(article())
    (pending,) = waiting(store)
    fail(store, "a", times=ATTEMPTS)
    assert store.queue.acknowledge([reading(pending)], RECIPES) == [2]
    assert store.queue.dead_letters() == []


def test_all_whose_features_are_known_is_settled_without_reading(store: ArticleStore) -> None:
    store.put(article("a"))
    settle(store)
    store.write_many([article("b"), article("c", title="U"), article("d")])
    assert store.queue.acknowledge_known("words", "another model") == 0
    assert store.queue.acknowledge_known("other words", "model") == 0
    assert store.queue.acknowledge_known("words", "model") == 2
    assert ids(waiting(store, bulk=True)) == ["c"]
    assert [(c.article_id, c.kind) for c in store.changes_after(5)] == [
        ("b", "read"),
        ("d", "read"),
    ]


# What was read for one model, and has to be read for another.


def test_what_has_no_vector_of_a_model_waits_again_in_bulk(store: ArticleStore) -> None:
    for name in "abcd":
        store.put(article(name, title=f"T {name}"))
    settle(store)
    hashes = store.text_hashes(["a", "c"])
    store.features.add_embeddings(dict.fromkeys(hashes.values(), make_embedding([1, 1])), "other")
    for _ in range(2):
        store.queue.requeue_unembedded("other")
        again = [(each.article.id, each.change) for each in waiting(store, bulk=True)]
        assert again == [("b", 2), ("d", 4)]
        assert store.queue.length() == QueueLength(single=0, bulk=2, dead=0)
    readings = [reading(each) for each in waiting(store, bulk=True)]
    assert store.queue.acknowledge(readings, AnalyzerVersions("markup", "words", "other")) == [
        9,
        10,
    ]
    store.queue.requeue_unembedded("other")
    assert store.queue.length() == QueueLength(0, 0, 0)


def test_what_has_a_vector_of_a_model_does_not_wait_again(store: ArticleStore) -> None:
    store.put(article("a"))
    store.put(article("b", status="draft"))
    settle(store)
    store.queue.requeue_unembedded("model")
    assert store.queue.length() == QueueLength(0, 0, 0)


def test_who_waits_is_parked_or_deleted_does_not_wait_once_more(store: ArticleStore) -> None:
    for name in "abc":
        store.put(article(name))
    settle(store)
    store.put(article("a", title="U"))
    store.put(article("b", title="V"))
    fail(store, "b", times=ATTEMPTS)
    store.delete("c")
    store.put(article("d", title="W"))
    before = (waiting(store), store.queue.dead_letters())
    store.queue.requeue_unembedded("other")
    assert (waiting(store), store.queue.dead_letters()) == before
    assert waiting(store, bulk=True) == []


def test_who_waits_again_and_is_written_waits_as_what_was_written(store: ArticleStore) -> None:
    store.put(article("a"))
    settle(store)
    store.queue.requeue_unembedded("other")
    store.put(article("a", title="U"))
    assert [(each.article.title, each.change) for each in waiting(store)] == [("U", 3)]
    assert waiting(store, bulk=True) == []


def test_how_many_wait_again_is_told(store: ArticleStore) -> None:
    store.put(article("a"))
    store.put(article("b", title="U"))
    settle(store)
    assert [store.queue.requeue_unembedded("other") for _ in range(2)] == [2, 0]
