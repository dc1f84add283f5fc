"""The queue of texts to be analyzed, run on each store."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa

from recommender.errors import UnknownArticle
from recommender.store import (
    AnalyzedText,
    ArticleStore,
    DeadLetter,
    QueuedText,
    QueueLength,
    schema,
)
from recommender.store.text_queue import ATTEMPTS, TextQueue
from tests.support.features import make_embedding, make_features
from tests.support.stores import VERSIONS, log_of, make_article


def reading(queued: QueuedText, body: str | None = None) -> AnalyzedText:
    """A made-up analysis of a text: its values say which change brought it."""
    mark = queued.change
    embedding = make_embedding([mark, 0])
    features = make_features("en", [mark], counts=[0.5], mark=mark, embedding=embedding)
    return AnalyzedText(queued, body, features)


def waiting(store: ArticleStore, *, bulk: bool = False) -> list[QueuedText]:
    return store.queue.next(100, bulk=bulk)


def ids(queue: Iterable[QueuedText]) -> list[str]:
    return [queued.article.id for queued in queue]


def analyze(store: ArticleStore, *, bulk: bool = False) -> list[int]:
    """Analyze all queued texts."""
    return store.queue.acknowledge([reading(each) for each in waiting(store, bulk=bulk)], VERSIONS)


def fail(store: ArticleStore, article_id: str, times: int = 1, fault: str = "broken") -> None:
    for _ in range(times):
        queue = [*waiting(store), *waiting(store, bulk=True)]
        (queued,) = [each for each in queue if each.article.id == article_id]
        store.queue.count_failure(queued.article.id, queued.change, fault)


def test_a_new_article_is_queued_as_given(store: ArticleStore) -> None:
    given = make_article(body="Ёж 🙂", tags=["x"])
    store.put(given)
    assert waiting(store) == [QueuedText(given, given.text_hash, 1, bulk=False)]
    assert waiting(store, bulk=True) == []
    assert store.queue.length() == QueueLength(single=1, bulk=0, dead=0)


def test_the_queue_of_a_new_store_is_empty(store: ArticleStore) -> None:
    assert (waiting(store), waiting(store, bulk=True), store.queue.dead_letters()) == ([], [], [])
    assert store.queue.length() == QueueLength(0, 0, 0)
    assert store.queue.retry_dead_letters() == 0
    assert store.queue.acknowledge([], VERSIONS) == []


@pytest.mark.postgresql_daily
def test_single_writes_and_bulk_loads_have_separate_queues_oldest_first(
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


@pytest.mark.postgresql_daily
def test_urgent_are_what_somebody_waits_for_and_then_the_newest(store: ArticleStore) -> None:
    for name in "abcd":
        store.put(make_article(name), awaited=name in "bc")
    store.put(make_article("e"))
    store.write_many([make_article("f")])
    assert ids(store.queue.next(100, bulk=False, urgent=True)) == ["c", "b", "e", "d", "a"]
    assert ids(store.queue.next(2, bulk=False, urgent=True)) == ["c", "b"]
    fail(store, "c")
    assert ids(store.queue.next(100, bulk=False, urgent=True)) == ["b", "e", "d", "a", "c"]
    store.patch("a", {"title": "Newer"}, awaited=True)
    assert ids(store.queue.next(2, bulk=False, urgent=True)) == ["a", "b"]
    store.put(make_article("b", title="Newer"))
    assert ids(store.queue.next(2, bulk=False, urgent=True)) == ["a", "b"]


def test_to_wait_for_what_is_queued_already_makes_it_urgent(store: ArticleStore) -> None:
    store.write_many([make_article("a"), make_article("b")])
    store.put(make_article("c"))
    assert store.put(make_article("a"), awaited=True).result == "unchanged"
    assert ids(store.queue.next(100, bulk=False, urgent=True)) == ["a", "c"]
    assert ids(waiting(store, bulk=True)) == ["b"]
    analyze(store)
    assert store.put(make_article("a"), awaited=True).result == "unchanged"
    assert waiting(store) == []


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
        case ["analyze"]:
            analyze(store)
        case ["requeue", model]:
            store.queue.requeue_unembedded(model)
        case _:
            raise ValueError(step)


HISTORIES = {
    "an article that failed waits behind those that did not": (
        "put a T, put b T, put c T, fail a 2, fail b 1",
        "c3 b2 a1",
        "",
    ),
    "the same article put again keeps its place": (
        "put a T, fail a 1, put b T, put a T",
        "b2 a1",
        "",
    ),
    "an article that is written again has all its attempts": (
        "put a T, fail a 3, put a U, fail a 2",
        "a3",
        "",
    ),
    "an unread text still waits under another status": ("put a T, draft a T", "a2", ""),
    "a read text does not wait under another status": ("put a T, analyze, draft a T", "", ""),
    "a read text does not wait if it comes again in bulk": ("draft a T, analyze, load a T", "", ""),
    "a read text put again before a newer one was read does not wait": (
        "put a T, analyze, put a U, put a T",
        "",
        "",
    ),
    "a single write after a bulk load is read first": ("load a T, put a U", "a2", ""),
    "a bulk load does not put a single write back": ("put a T, load a U", "a2", ""),
    "a bulk load after a bulk load stays bulk": ("load a T, load a U", "", "a2"),
    "after its single write was read an article may wait in bulk": (
        "put a T, analyze, load a U",
        "",
        "a3",
    ),
    "a deleted article does not wait": ("put a T, analyze, put a U, delete a", "", ""),
    "an article put again after a deletion waits": (
        "put a T, analyze, delete a, put a T",
        "a4",
        "",
    ),
    "an article with a vector of the model is not queued again": (
        "put a T, draft b U, analyze, requeue model",
        "",
        "",
    ),
    "an article without a vector of the model is queued again in bulk": (
        "put a T, analyze, requeue other",
        "",
        "a1",
    ),
    "an article queued again and then written waits as a single write": (
        "put a T, analyze, requeue other, put a U",
        "a3",
        "",
    ),
    "an article that waits or is deleted is not queued again": (
        "put a T, put b T, analyze, put a U, delete b, requeue other",
        "a5",
        "",
    ),
}
"""By rule: a history, and what then waits, single and bulk: ids with their change numbers."""


@pytest.mark.parametrize(("history", "single", "bulk"), HISTORIES.values(), ids=HISTORIES)
def test_the_queue_after_a_history_is_the_expected_one(
    store: ArticleStore, history: str, single: str, bulk: str
) -> None:
    for step in history.split(", "):
        apply(store, step)
    for expected, is_bulk in ((single.split(), False), (bulk.split(), True)):
        queue = waiting(store, bulk=is_bulk)
        assert [f"{each.article.id}{each.change}" for each in queue] == expected
        assert waiting(store, bulk=is_bulk) == queue  # looking takes nothing off
    assert store.queue.length() == QueueLength(len(single.split()), len(bulk.split()), dead=0)


def test_three_failures_make_an_article_a_dead_letter_with_the_last_fault(
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


def test_dead_letters_of_both_queues_are_counted_and_listed_oldest_first(
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


def test_retried_dead_letters_wait_behind_single_writes(store: ArticleStore) -> None:
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
def test_a_dead_letter_keeps_the_text_of_any_fault(store: ArticleStore, fault: str) -> None:
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


def test_giving_up_a_text_makes_it_a_dead_letter_at_once(store: ArticleStore) -> None:
    store.put(make_article())
    store.queue.give_up("a", make_article().text_hash, "it kills its reader")
    assert waiting(store) == []
    assert store.queue.dead_letters() == [DeadLetter("a", 1, "it kills its reader")]


def test_a_text_that_was_replaced_is_no_dead_letter(store: ArticleStore) -> None:
    store.put(make_article(title="U"))
    store.queue.give_up("a", make_article().text_hash, "it kills its reader")
    store.queue.give_up("nobody", make_article().text_hash, "it kills its reader")
    assert ids(waiting(store)) == ["a"]


@pytest.mark.postgresql_daily
def test_acknowledging_stores_the_features_logs_the_change_and_empties_the_queue(
    store: ArticleStore,
) -> None:
    store.put(make_article("a", body_html="<p>x</p>"))
    store.put(make_article("b"))
    one, two = waiting(store)
    readings = [reading(one, "x"), reading(two)]
    assert store.queue.acknowledge(readings, VERSIONS) == [3, 4]
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


def test_two_articles_with_the_same_text_are_acknowledged_together(store: ArticleStore) -> None:
    store.put(make_article("a"))
    store.put(make_article("b"))
    assert analyze(store) == [3, 4]


@pytest.mark.parametrize("meanwhile", ["put a U", "delete a"])
def test_acknowledging_a_replaced_or_deleted_text_changes_nothing(
    store: ArticleStore, meanwhile: str
) -> None:
    store.put(make_article())
    (old,) = waiting(store)
    apply(store, meanwhile)
    before = store.state()
    assert store.queue.acknowledge([reading(old)], VERSIONS) == []
    assert store.state() == before
    store.put(make_article(title="U", status="draft"))
    assert store.queue.acknowledge([reading(old)], VERSIONS) == []
    assert [each.change for each in waiting(store)] == [3]
    with store.scan() as view:
        assert [each.read_hash for each in view] == [None]
    assert store.features.vectors([old.text_hash], "model") == {}


def test_acknowledging_twice_makes_one_change(store: ArticleStore) -> None:
    store.put(make_article())
    readings = [reading(each) for each in waiting(store)]
    assert store.queue.acknowledge(readings, VERSIONS) == [2]
    assert store.queue.acknowledge(readings, VERSIONS) == []


def test_a_dead_letter_can_still_be_acknowledged(store: ArticleStore) -> None:
    store.put(make_article())
    (queued,) = waiting(store)
    fail(store, "a", times=ATTEMPTS)
    assert store.queue.acknowledge([reading(queued)], VERSIONS) == [3]
    assert store.queue.dead_letters() == []


def test_articles_with_known_features_are_acknowledged_without_reading(store: ArticleStore) -> None:
    store.put(make_article("a"))
    analyze(store)
    store.write_many([make_article("b"), make_article("c", title="U"), make_article("d")])
    assert store.queue.acknowledge_known("words", "another model") == 0
    assert store.queue.acknowledge_known("other words", "model") == 0
    assert store.queue.acknowledge_known("words", "model") == 2
    assert ids(waiting(store, bulk=True)) == ["c"]
    assert [(c.article_id, c.kind) for c in log_of(store, 5)] == [
        ("b", "read"),
        ("d", "read"),
    ]


def test_settling_the_queue_equals_acknowledging_each_known_text_in_the_order_of_changes(
    store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oracle works on the rows as plain values; writes, failures and deletions are drawn."""
    monkeypatch.setattr("recommender.store.text_queue.SETTLED_AT_ONCE", 4)
    draw = random.Random(17)  # noqa: S311 - texts, not secrets
    texts = [f"Text {number}" for number in range(8)]
    acknowledged = 0
    for _ in range(12):
        for article_id in draw.sample("abcdefghijkl", 7):
            change_at_random(store, article_id, draw.choice(texts), draw)
        known = make_article(body=draw.choice(texts)).text_hash
        if draw.random() < 0.8:
            store.features.add_terms({known: make_features()}, draw.choice(["words", "old words"]))
        if draw.random() < 0.8:
            store.features.add_embeddings({known: make_embedding([1, 0])}, "model")
        before, pieces = QueueRows.of(store), CountedPieces()
        expected = before.settled("words", "model")
        some = store.queue.acknowledge_known("words", "model", pieces.meter)
        assert QueueRows.of(store) == expected
        assert some == len(before.queue) - len(expected.queue)
        assert pieces.done == pieces.total == len(before.queue)
        acknowledged += some
    assert acknowledged > 10


@pytest.mark.parametrize("texts", [3, 40])
def test_settling_takes_five_statements_whatever_the_number_of_texts(
    store: ArticleStore, texts: int
) -> None:
    article = make_article("a")
    store.put(article)
    analyze(store)
    store.write_many([make_article(f"b{number}") for number in range(texts)])
    with recorded_statements(store) as statements:
        assert store.queue.acknowledge_known("words", "model") == texts
    assert len(statements) == 5
    with recorded_statements(store) as statements:
        assert store.queue.acknowledge_known("words", "model") == 0
    assert len(statements) == 1


def change_at_random(store: ArticleStore, article_id: str, text: str, draw: random.Random) -> None:
    """Write an article alone or in bulk, delete it, or let its text become a dead letter."""
    article = make_article(article_id, body=text)
    match draw.randrange(6):
        case 0 | 1:
            store.put(article)
        case 2 | 3:
            store.write_many([article])
        case 4:
            store.put(article)
            if article_id in ids(waiting(store)):
                fail(store, article_id, times=ATTEMPTS)
        case _:
            with suppress(UnknownArticle):
                store.delete(article_id)


@contextmanager
def recorded_statements(store: ArticleStore) -> Iterator[list[str]]:
    """The statements that are executed inside, without those that begin and end transactions."""
    statements: list[str] = []

    def record(*context: Any) -> None:
        if "pg_advisory_xact_lock" not in context[2] and "lock_timeout" not in context[2]:
            statements.append(context[2])

    sa.event.listen(store.engine, "before_cursor_execute", record)
    yield statements
    sa.event.remove(store.engine, "before_cursor_execute", record)


@dataclass
class CountedPieces:
    """A meter that counts."""

    total: int = 0
    done: int = 0

    @contextmanager
    def meter(self, _label: str, total: int, _unit: str) -> Iterator[Callable[[int], object]]:
        self.total += total
        yield self._advance

    def _advance(self, count: int) -> None:
        self.done += count


@dataclass
class QueueRows:
    """What settling reads and changes: rows of tables by their keys."""

    queue: dict[str, int]
    articles: dict[str, tuple[str | None, str | None, int]]
    log: list[tuple[str, str]]
    newest: int
    features: set[tuple[str, str]]

    @classmethod
    def of(cls, store: ArticleStore) -> "QueueRows":
        queue, articles, log = schema.queue.c, schema.articles.c, log_of(store)
        columns = (articles.id, articles.text_hash, articles.read_hash, articles.touched)
        with store.engine.begin() as connection:
            queued = connection.execute(sa.select(queue.article_id, queue.change)).all()
            rows = connection.execute(sa.select(*columns)).all()
            features = {
                (row.text_hash, row.fingerprint)
                for table in (schema.terms, schema.vectors)
                for row in connection.execute(sa.select(table.c.text_hash, table.c.fingerprint))
            }
        return cls(
            queue={row.article_id: row.change for row in queued},
            articles={row.id: (row.text_hash, row.read_hash, row.touched) for row in rows},
            log=[(entry.article_id, entry.kind) for entry in log],
            newest=log[-1].number,
            features=features,
        )

    def settled(self, analyzer: str, model: str) -> "QueueRows":
        """The rows after each known text was acknowledged, one after the other."""
        after = deepcopy(self)
        for article_id, _ in sorted(self.queue.items(), key=lambda queued: queued[1]):
            text_hash = self.articles[article_id][0] or ""
            if {(text_hash, analyzer), (text_hash, model)} <= self.features:
                after.newest += 1
                after.articles[article_id] = (text_hash, text_hash, after.newest)
                after.log.append((article_id, "read"))
                del after.queue[article_id]
        return after


# What was read for one model, and has to be read for another.


def test_an_article_requeued_for_a_model_waits_until_it_was_read_for_that_model(
    store: ArticleStore,
) -> None:
    for name in "abcd":
        store.put(make_article(name, title=f"T {name}"))
    analyze(store)
    hashes = store.text_hashes(["a", "c"])
    store.features.add_embeddings(dict.fromkeys(hashes.values(), make_embedding([1, 1])), "other")
    for added in (2, 0):
        assert store.queue.requeue_unembedded("other") == added
        again = [(each.article.id, each.change) for each in waiting(store, bulk=True)]
        assert again == [("b", 2), ("d", 4)]
        assert store.queue.length() == QueueLength(single=0, bulk=2, dead=0)
    readings = [reading(each) for each in waiting(store, bulk=True)]
    assert store.queue.acknowledge(readings, replace(VERSIONS, model="other")) == [
        9,
        10,
    ]
    store.queue.requeue_unembedded("other")
    assert store.queue.length() == QueueLength(0, 0, 0)


def test_who_writes_meanwhile_waits_for_no_search_and_loses_nothing(
    store: ArticleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between search and queue, one text is embedded, one is written anew, one is deleted."""
    for name in "abcd":
        store.put(make_article(name, title=f"T {name}"))
    analyze(store)
    embedded = store.text_hashes(["a"]).values()
    requeue = TextQueue._requeue  # noqa: SLF001 - between its search and what follows

    def write_first(queue: TextQueue, model: str, ids: Sequence[str]) -> int:
        assert sorted(ids) == ["a", "b", "c", "d"]
        store.features.add_embeddings(dict.fromkeys(embedded, make_embedding([1, 1])), "other")
        store.put(make_article("b", title="anew"))
        store.delete("c")
        return requeue(queue, model, ids)

    monkeypatch.setattr(TextQueue, "_requeue", write_first)
    assert store.queue.requeue_unembedded("other") == 1
    assert [each.article.id for each in waiting(store, bulk=True)] == ["d"]
    assert [each.article.title for each in waiting(store, bulk=False)] == ["anew"]


def test_dead_letters_are_not_requeued_for_a_model(store: ArticleStore) -> None:
    store.put(make_article())
    analyze(store)
    store.put(make_article(title="U"))
    fail(store, "a", times=ATTEMPTS)
    before = store.queue.dead_letters()
    assert store.queue.requeue_unembedded("other") == 0
    assert (store.queue.dead_letters(), waiting(store, bulk=True)) == (before, [])
