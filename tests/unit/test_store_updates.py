"""Following a store: the updates after a log position, run on each store."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import DeletedArticle, StoreRestored, UnknownArticle
from recommender.store import (
    LOG_START,
    AnalyzedText,
    ArticleStore,
    LogPosition,
    Update,
    open_store,
)
from tests.support.features import make_embedding, make_features
from tests.support.properties import examples
from tests.support.stores import VERSIONS, log_of, make_article

Open = Callable[..., ArticleStore]


def reading_of(store: ArticleStore, article_id: str) -> AnalyzedText | None:
    """A made-up analysis of an article: its values say how long the title is."""
    queue = [*store.queue.next(1_000, bulk=False), *store.queue.next(1_000, bulk=True)]
    for queued in queue:
        if queued.article.id == article_id:
            size = len(queued.article.title)
            embedding = make_embedding([size], [[size]] * (size - 1))
            return AnalyzedText(queued, None, make_features("en", [size], embedding=embedding))
    return None


def analyze(store: ArticleStore, *article_ids: str) -> None:
    readings = [reading_of(store, article_id) for article_id in article_ids]
    store.queue.acknowledge([each for each in readings if each is not None], VERSIONS)


@dataclass
class Follower:
    """A reader of the change log: it keeps its position and reads the changes after it."""

    store: ArticleStore
    epoch: str = ""
    point: LogPosition = LOG_START
    analyzer: str = "words"
    model: str = "model"

    def __post_init__(self) -> None:
        self.epoch = self.epoch or self.store.state().epoch

    def step(self, limit: int = 500) -> tuple[bool, list[Update]]:
        """One page, and whether it was the last."""
        self.point, updates = self.store.updates_after(
            self.point, epoch=self.epoch, analyzer=self.analyzer, model=self.model, limit=limit
        )
        assert updates.through == self.point.number
        return updates.complete, list(updates.updates)

    def rest(self, limit: int = 500) -> list[Update]:
        found: list[Update] = []
        complete = False
        while not complete:
            complete, some = self.step(limit)
            assert len(some) <= limit
            found += some
        return found


Read = tuple[list[int], list[float] | None, list[list[int]] | None]


def read(size: int) -> Read:
    """Terms, vector and passages of a text by the length of its title."""
    return [size], [float(size)], [[size]] * (size - 1)


def plain(update: Update) -> tuple[object, ...]:
    """id, change, title, what was read, whether that is of its present text."""
    features = update.features
    embedding = features.embedding if features else None
    return (
        update.id,
        update.change,
        update.outline.title if update.outline else None,
        (
            features.buckets.tolist(),
            embedding.vector.tolist() if embedding else None,
            embedding.passages.tolist() if embedding else None,
        )
        if features
        else None,
        update.up_to_date,
    )


@pytest.mark.postgresql_daily
def test_an_update_has_no_texts_and_brings_features_once_the_article_was_read(
    store: ArticleStore,
) -> None:
    given_article = make_article(body="long " * 50, summary="short", tags=["x"], status="draft")
    store.put(given_article)
    follower = Follower(store)
    complete, (update,) = follower.step()
    assert complete
    assert update.outline == make_article(summary="short", tags=["x"], status="draft")
    assert plain(update) == ("a", 1, "T", None, False)
    analyze(store, "a")
    assert [plain(each) for each in follower.rest()] == [("a", 1, "T", read(1), True)]
    assert follower.rest() == []
    assert follower.point == store.state().newest


def test_the_features_read_last_are_used_until_the_newer_text_was_read(store: ArticleStore) -> None:
    follower = Follower(store)
    store.put(make_article())
    analyze(store, "a")
    store.put(make_article(title="New"))
    assert [plain(each) for each in follower.rest()] == [("a", 3, "New", read(1), False)]
    analyze(store, "a")
    assert [plain(each) for each in follower.rest()] == [("a", 3, "New", read(3), True)]
    store.put(make_article(title="New", status="withheld"))
    (update,) = follower.rest()
    assert plain(update) == ("a", 5, "New", read(3), True)
    assert update.outline == make_article(title="New", status="withheld")
    store.delete("a")
    for each in (follower, Follower(store)):
        assert [plain(update) for update in each.rest()] == [("a", 6, None, None, True)]
    store.put(make_article())
    assert [plain(each) for each in follower.rest()] == [("a", 7, "T", None, False)]


def test_features_of_another_version_are_not_given(store: ArticleStore) -> None:
    store.put(make_article(title="Tt"))
    analyze(store, "a")
    by_version = {
        versions: plain(Follower(store, analyzer=versions[0], model=versions[1]).rest()[0])[3]
        for versions in [("words", "model"), ("other", "model"), ("words", "other")]
    }
    assert list(by_version.values()) == [read(2), None, ([2], None, None)]


def test_the_update_of_a_text_without_passages_has_none(store: ArticleStore) -> None:
    store.put(make_article())
    analyze(store, "a")
    (update,) = Follower(store).rest()
    assert update.features is not None
    assert update.features.embedding is not None
    assert update.features.embedding.passages.shape == (0, 1)


def test_an_article_changed_often_is_one_update_at_its_last_change(store: ArticleStore) -> None:
    store.put(make_article("a"))
    store.put(make_article("b"))
    store.put(make_article("a", title="U"))
    store.put(make_article("c"))
    store.put(make_article("a", title="V"))
    updates = [(each.id, each.change) for each in Follower(store).rest()]
    assert updates == [("b", 2), ("c", 4), ("a", 5)]


@pytest.mark.postgresql_daily
def test_each_page_starts_where_the_page_before_ended(store: ArticleStore) -> None:
    """A full last page is followed by an empty one."""
    store.write_many(make_article(f"a{number}") for number in range(1, 5))
    follower = Follower(store)
    seen = []
    for _ in range(3):
        complete, updates = follower.step(limit=2)
        seen.append((complete, [each.id for each in updates], follower.point.number))
    assert seen == [(False, ["a1", "a2"], 2), (False, ["a3", "a4"], 4), (True, [], 4)]
    assert follower.point == store.state().newest


def test_a_log_position_is_valid_in_another_store_object(store: ArticleStore, reopen: Open) -> None:
    store.put(make_article())
    follower = Follower(store)
    follower.rest()
    again = reopen()
    again.put(make_article("b"))
    assert [each.id for each in replace(follower, store=again).rest()] == ["b"]


OTHER_MARK = "20200101T000000.000000"


@pytest.mark.parametrize(
    ("epoch", "point"),
    [
        pytest.param("0123456789abcdef", None, id="another epoch"),
        pytest.param("", LogPosition(1, ""), id="no mark"),
        pytest.param("", LogPosition(1, OTHER_MARK), id="another mark"),
        pytest.param("", LogPosition(3, OTHER_MARK), id="ahead of the log"),
        pytest.param("", LogPosition(0, OTHER_MARK), id="another beginning"),
    ],
)
def test_a_log_with_another_history_at_the_position_is_not_followed(
    store: ArticleStore, epoch: str, point: LogPosition | None
) -> None:
    store.put(make_article())
    store.put(make_article("b"))
    point = point or store.state().newest
    with pytest.raises(StoreRestored, match=f"followed up to change {point.number}"):
        Follower(store, epoch=epoch, point=point).step()


def test_marks_are_the_same_in_every_zone(address: str, store: ArticleStore) -> None:
    store.put(make_article())
    point = store.state().newest
    assert len(point.mark) == len("20261020T120000.000000")
    if "postgresql" in address:
        elsewhere = open_store(f"{address}&options=-ctimezone%3DAsia/Dushanbe")
        assert elsewhere.state().newest == point
        assert Follower(elsewhere, point=point).step() == (True, [])
        elsewhere.close()


def test_trimming_removes_old_entries_and_no_article(store: ArticleStore) -> None:
    assert store.trim(100) == 0
    store.write_many(make_article(f"a{number}") for number in range(1, 6))
    assert [store.trim(3), store.trim(3)] == [2, 0]
    assert [change.number for change in log_of(store)] == [3, 4, 5]
    updates = [(each.id, each.change) for each in Follower(store).rest(limit=2)]
    assert updates == [(f"a{number}", number) for number in range(1, 6)]


def test_trimming_keeps_the_newest_entry(store: ArticleStore) -> None:
    store.write_many([make_article("a"), make_article("b")])
    newest = store.state().newest
    assert store.trim(100) == 1
    assert store.state().newest == newest
    assert Follower(store, point=newest).step() == (True, [])
    assert store.put(make_article("c")).change == 3


@pytest.mark.parametrize(("oldest_kept", "may_follow"), [(1, True), (2, False)])
def test_a_follower_behind_the_trimmed_entries_is_refused(
    store: ArticleStore, oldest_kept: int, *, may_follow: bool
) -> None:
    store.put(make_article("a"))
    follower = Follower(store)
    follower.rest()
    store.write_many([make_article("b"), make_article("c")])
    store.trim(oldest_kept)
    if may_follow:
        assert [each.id for each in follower.rest()] == ["b", "c"]
    else:
        with pytest.raises(StoreRestored):
            follower.step()


def test_unread_articles_up_to_a_log_position_come_newest_first(store: ArticleStore) -> None:
    for name in "abcde":
        store.put(make_article(name))
    store.delete("d")
    analyze(store, "b")
    point = store.state().newest
    store.put(make_article("f"))
    unread = store.unread_before(point, 10)
    assert [plain(each) for each in unread] == [
        (name, change, "T", None, False) for name, change in [("e", 5), ("c", 3), ("a", 1)]
    ]
    assert [each.id for each in store.unread_before(point, 2)] == ["e", "c"]
    assert [each.id for each in store.unread_before(LogPosition(2, ""), 10)] == ["a"]


@pytest.fixture(scope="module")
def shared(shared_address: str) -> Iterator[ArticleStore]:
    """One store for all histories; each has articles of its own."""
    store = open_store(shared_address)
    yield store
    store.close()


NAMES = ("a", "b", "c", "d")
Write = tuple[str, str, dict[str, str]]
WRITES: st.SearchStrategy[Write] = st.one_of(
    st.tuples(
        st.sampled_from(["put", "load"]),
        st.sampled_from(NAMES),
        st.builds(
            dict, title=st.sampled_from(["x", "xx"]), status=st.sampled_from(["published", "draft"])
        ),
    ),
    st.tuples(st.sampled_from(["delete", "analyze", "fail"]), st.sampled_from(NAMES), st.just({})),
)


def apply(store: ArticleStore, kind: str, article_id: str, fields: dict[str, str]) -> None:
    """One step of a history."""
    if kind in {"put", "load"}:
        store.write_many([make_article(article_id, **fields)], bulk=kind == "load")
    elif kind == "analyze":
        analyze(store, article_id)
    elif kind == "fail":
        reading = reading_of(store, article_id)
        if reading is not None:
            store.queue.count_failure(reading.queued.article.id, reading.queued.change, "broken")
    else:
        with suppress(UnknownArticle):
            store.delete(article_id)


def present_state(
    store: ArticleStore, article_id: str, last_read: str | None
) -> tuple[object, ...] | None:
    """What a follower should know of an article, from the title that was read last."""
    try:
        title = store.get(article_id).title
    except DeletedArticle:
        return None, None, True
    except UnknownArticle:
        return None
    return title, None if last_read is None else read(len(last_read)), title == last_read


@examples(25)
@given(data=st.data(), history=st.lists(WRITES, max_size=25))
def test_a_follower_knows_the_final_state_of_every_article(
    shared: ArticleStore, data: st.DataObject, history: list[Write]
) -> None:
    start = shared.state().newest
    follower = Follower(shared, point=start)
    known: dict[str, tuple[object, ...]] = {}
    titles: dict[str, str | None] = {}
    for kind, name, fields in history:
        article_id = f"{name}{start.number}"
        if kind == "analyze" and reading_of(shared, article_id):
            titles[article_id] = shared.get(article_id).title
        apply(shared, kind, article_id, fields)
        if kind == "delete":
            titles[article_id] = None
        for _ in range(data.draw(st.integers(0, 2), label="pages")):
            _, updates = follower.step(data.draw(st.integers(1, 3), label="limit"))
            known |= {each.id: plain(each)[2:] for each in updates}
    known |= {each.id: plain(each)[2:] for each in follower.rest(limit=2)}
    expected = {
        article_id: present_state(shared, article_id, titles.get(article_id))
        for article_id in (f"{name}{start.number}" for name in NAMES)
    }
    assert known == {key: state for key, state in expected.items() if state is not None}
    assert follower.point == shared.state().newest


def test_deletions_are_found_by_what_they_came_after_also_of_articles_that_are_back(
    store: ArticleStore,
) -> None:
    for name in "abc":
        store.put(make_article(name))
    first = store.delete("a").change
    store.delete("b")
    store.put(make_article("b", title="Another one"))
    assert store.deleted_since(0) == {"a", "b"}
    assert store.deleted_since(first) == {"b"}
    assert store.deleted_since(store.state().change) == frozenset()
