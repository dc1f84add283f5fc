"""The queue of texts that wait to be read, asked of each store there is."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from recommender.store import (
    AnalyzedText,
    ArticleStore,
    DeadLetter,
    QueuedText,
    QueueLength,
)
from recommender.store.text_queue import ATTEMPTS
from tests.support.features import make_embedding, make_features
from tests.support.stores import RECIPES, log_of, make_article


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
    given = make_article(body="Ёж 🙂", tags=["x"])
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
    store.write_many([make_article("d"), make_article("c")])
    store.put(make_article("b"))
    store.put(make_article("a"))
    store.write_many([make_article("e")])
    store.write_many([make_article("f")], bulk=False)
    assert ids(waiting(store)) == ["b", "a", "f"]
    assert ids(waiting(store, bulk=True)) == ["d", "c", "e"]
    assert ids(store.queue.next(2, bulk=True)) == ["d", "c"]
    assert store.queue.length() == QueueLength(single=3, bulk=3, dead=0)


def apply(store: ArticleStore, step: str) -> None:
    """One step of a history, as `put ID TITLE`; a load is a bulk load."""
    match step.split():
        case ["put" | "load" as kind, name, title]:
            store.write_many([make_article(name, title=title)], bulk=kind == "load")
        case ["draft", name, title]:
            store.put(make_article(name, title=title, status="draft"))
        case ["delete", name]:
            store.delete(name)
        case ["fail", name, times]:
            fail(store, name, int(times))
        case ["settle"]:
            settle(store)
        case ["requeue", model]:
            store.queue.requeue_unembedded(model)
        case _:
            raise ValueError(step)


HISTORIES = {
    "who failed waits behind who did not": (
        "put a T, put b T, put c T, fail a 2, fail b 1",
        "c3 b2 a1",
        "",
    ),
    "the same article put again keeps its place": (
        "put a T, fail a 1, put b T, put a T",
        "b2 a1",
        "",
    ),
    "who is written again has all its attempts": ("put a T, fail a 3, put a U, fail a 2", "a2", ""),
    "an unread text goes on waiting under another standing": ("put a T, draft a T", "a2", ""),
    "a read text does not wait under another standing": ("put a T, settle, draft a T", "", ""),
    "nor if it is loaded": ("draft a T, settle, load a T", "", ""),
    "a text that comes back before another was read waits no more": (
        "put a T, settle, put a U, put a T",
        "",
        "",
    ),
    "a single write after a bulk load is read first": ("load a T, put a U", "a2", ""),
    "a bulk load does not put a single write back": ("put a T, load a U", "a2", ""),
    "a bulk load after a bulk load stays one": ("load a T, load a U", "", "a2"),
    "once its single write was read an article may come in bulk": (
        "put a T, settle, load a U",
        "",
        "a3",
    ),
    "the deleted do not wait": ("put a T, settle, put a U, delete a", "", ""),
    "who comes back after a deletion waits": ("put a T, settle, delete a, put a T", "a4", ""),
    "what has a vector of a model does not wait again for it": (
        "put a T, draft b U, settle, requeue model",
        "",
        "",
    ),
    "what has no vector of a model waits again in bulk": (
        "put a T, settle, requeue other",
        "",
        "a1",
    ),
    "who waits again and is written waits as what was written": (
        "put a T, settle, requeue other, put a U",
        "a3",
        "",
    ),
    "who waits or is deleted does not wait once more": (
        "put a T, put b T, settle, put a U, delete b, requeue other",
        "a5",
        "",
    ),
}
"""By what it shows, a history, and who then waits: the id and the number of its change."""


@pytest.mark.parametrize(("history", "single", "bulk"), HISTORIES.values(), ids=HISTORIES)
def test_what_waits_follows_from_what_happened(
    store: ArticleStore, history: str, single: str, bulk: str
) -> None:
    for step in history.split(", "):
        apply(store, step)
    for expected, is_bulk in ((single.split(), False), (bulk.split(), True)):
        queue = waiting(store, bulk=is_bulk)
        assert [f"{each.article.id}{each.change}" for each in queue] == expected
        assert waiting(store, bulk=is_bulk) == queue  # looking takes nothing off
    assert store.queue.length() == QueueLength(len(single.split()), len(bulk.split()), dead=0)


def test_after_three_failures_an_article_is_parked_with_the_last_fault(
    store: ArticleStore,
) -> None:
    store.put(make_article())
    store.put(make_article("b"))
    fail(store, "a", times=2, fault="first")
    assert store.queue.dead_letters() == []
    fail(store, "a", fault="last")
    assert ids(waiting(store)) == ["b"]
    assert store.queue.dead_letters() == [DeadLetter("a", 1, "last")]
    assert store.queue.length() == QueueLength(single=1, bulk=0, dead=1)


def test_the_parked_of_both_kinds_are_counted_and_told_the_oldest_first(
    store: ArticleStore,
) -> None:
    store.write_many([make_article("c"), make_article("b")])
    store.put(make_article("a"))
    for name in "abc":
        fail(store, name, times=ATTEMPTS, fault=name)
    assert store.queue.length() == QueueLength(0, 0, dead=3)
    everyone = [DeadLetter("c", 1, "c"), DeadLetter("b", 2, "b"), DeadLetter("a", 3, "a")]
    assert store.queue.dead_letters() == everyone
    assert store.queue.dead_letters(limit=2) == everyone[:2]


def test_the_parked_wait_again_behind_single_writes_when_told(store: ArticleStore) -> None:
    store.put(make_article())
    store.put(make_article("b"))
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
    store.put(make_article())
    fail(store, "a", times=ATTEMPTS, fault=fault)
    (letter,) = store.queue.dead_letters()
    assert letter.fault == fault[:2_000].replace("\0", "?").replace("\ud800", "?")


def test_a_failure_of_an_older_text_is_not_counted(store: ArticleStore) -> None:
    store.put(make_article())
    (old,) = waiting(store)
    store.put(make_article(title="U"))
    for _ in range(ATTEMPTS):
        store.queue.count_failure(old.article.id, old.change, "broken")
    assert [each.change for each in waiting(store)] == [2]


def test_a_text_is_parked_at_once_when_told(store: ArticleStore) -> None:
    store.put(make_article())
    store.queue.give_up("a", make_article().text_hash, "it kills its reader")
    assert waiting(store) == []
    assert store.queue.dead_letters() == [DeadLetter("a", 1, "it kills its reader")]


def test_a_text_that_was_replaced_is_not_parked(store: ArticleStore) -> None:
    store.put(make_article(title="U"))
    store.queue.give_up("a", make_article().text_hash, "it kills its reader")
    store.queue.give_up("nobody", make_article().text_hash, "it kills its reader")
    assert ids(waiting(store)) == ["a"]


@pytest.mark.postgresql_daily
def test_what_was_read_is_kept_logged_and_off_the_queue(store: ArticleStore) -> None:
    store.put(make_article("a", body_html="<p>x</p>"))
    store.put(make_article("b"))
    one, two = waiting(store)
    readings = [reading(one, "x"), reading(two)]
    assert store.queue.acknowledge(readings, RECIPES) == [3, 4]
    assert [(c.number, c.article_id, c.kind) for c in log_of(store, 2)] == [
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
    store.put(make_article("a"))
    store.put(make_article("b"))
    assert settle(store) == [3, 4]


@pytest.mark.parametrize("meanwhile", ["put a U", "delete a"])
def test_a_text_that_is_gone_while_it_was_read_is_no_news_and_nothing_of_it_is_kept(
    store: ArticleStore, meanwhile: str
) -> None:
    store.put(make_article())
    (old,) = waiting(store)
    apply(store, meanwhile)
    before = store.state()
    assert store.queue.acknowledge([reading(old)], RECIPES) == []
    assert store.state() == before
    store.put(make_article(title="U", status="draft"))
    assert store.queue.acknowledge([reading(old)], RECIPES) == []
    assert [each.change for each in waiting(store)] == [3]
    with store.scan() as view:
        assert [each.read_hash for each in view] == [None]
    assert store.features.vectors([old.text_hash], "model") == {}


def test_what_is_settled_twice_is_news_once(store: ArticleStore) -> None:
    store.put(make_article())
    readings = [reading(each) for each in waiting(store)]
    assert store.queue.acknowledge(readings, RECIPES) == [2]
    assert store.queue.acknowledge(readings, RECIPES) == []


def test_the_parked_may_be_settled_after_all(store: ArticleStore) -> None:
    store.put(make_article())
    (pending,) = waiting(store)
    fail(store, "a", times=ATTEMPTS)
    assert store.queue.acknowledge([reading(pending)], RECIPES) == [2]
    assert store.queue.dead_letters() == []


def test_all_whose_features_are_known_is_settled_without_reading(store: ArticleStore) -> None:
    store.put(make_article("a"))
    settle(store)
    store.write_many([make_article("b"), make_article("c", title="U"), make_article("d")])
    assert store.queue.acknowledge_known("words", "another model") == 0
    assert store.queue.acknowledge_known("other words", "model") == 0
    assert store.queue.acknowledge_known("words", "model") == 2
    assert ids(waiting(store, bulk=True)) == ["c"]
    assert [(c.article_id, c.kind) for c in log_of(store, 5)] == [
        ("b", "read"),
        ("d", "read"),
    ]


# What was read for one model, and has to be read for another.


def test_what_waits_again_for_a_model_waits_until_it_was_read_for_it(store: ArticleStore) -> None:
    for name in "abcd":
        store.put(make_article(name, title=f"T {name}"))
    settle(store)
    hashes = store.text_hashes(["a", "c"])
    store.features.add_embeddings(dict.fromkeys(hashes.values(), make_embedding([1, 1])), "other")
    for added in (2, 0):
        assert store.queue.requeue_unembedded("other") == added
        again = [(each.article.id, each.change) for each in waiting(store, bulk=True)]
        assert again == [("b", 2), ("d", 4)]
        assert store.queue.length() == QueueLength(single=0, bulk=2, dead=0)
    readings = [reading(each) for each in waiting(store, bulk=True)]
    assert store.queue.acknowledge(readings, replace(RECIPES, model="other")) == [
        9,
        10,
    ]
    store.queue.requeue_unembedded("other")
    assert store.queue.length() == QueueLength(0, 0, 0)


def test_the_parked_do_not_wait_again_for_a_model(store: ArticleStore) -> None:
    store.put(make_article())
    settle(store)
    store.put(make_article(title="U"))
    fail(store, "a", times=ATTEMPTS)
    before = store.queue.dead_letters()
    assert store.queue.requeue_unembedded("other") == 0
    assert (store.queue.dead_letters(), waiting(store, bulk=True)) == (before, [])
