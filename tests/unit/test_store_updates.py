"""Following a store: what was touched after a point of its log, asked of each store there is."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.analysis.features import Embedding
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
from tests.support.stores import RECIPES, make_article

Open = Callable[..., ArticleStore]


def reading_of(store: ArticleStore, article_id: str) -> AnalyzedText | None:
    """What a reader makes of an article's text, which says how long its title is."""
    queue = [*store.queue.next(1_000, bulk=False), *store.queue.next(1_000, bulk=True)]
    for pending in queue:
        if pending.article.id == article_id:
            size = len(pending.article.title)
            features = make_features("en", [size], embedding=make_embedding([size]))
            return AnalyzedText(pending, None, features)
    return None


def settle(store: ArticleStore, *article_ids: str) -> None:
    readings = [reading_of(store, article_id) for article_id in article_ids]
    store.queue.acknowledge([each for each in readings if each is not None], RECIPES)


@dataclass
class Follower:
    """Somebody who stands at a point of a log and takes in what comes after it."""

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


def embedding_of(update: Update) -> Embedding | None:
    return None if update.features is None else update.features.embedding


def plain(update: Update) -> tuple[object, ...]:
    """id, change, title, size told by the terms, size told by the vector, settled."""
    return (
        update.id,
        update.change,
        update.outline.title if update.outline else None,
        update.features.buckets.tolist() if update.features else None,
        embedding.vector.tolist() if (embedding := embedding_of(update)) else None,
        update.up_to_date,
    )


@pytest.mark.postgresql_daily
def test_an_article_is_told_without_its_texts_and_then_as_read(store: ArticleStore) -> None:
    given_article = make_article(body="long " * 50, summary="short", tags=["x"], status="draft")
    store.put(given_article)
    follower = Follower(store)
    complete, (update,) = follower.step()
    assert complete
    assert update.outline == make_article(tags=["x"], status="draft")
    assert plain(update) == ("a", 1, "T", None, None, False)
    settle(store, "a")
    assert [plain(each) for each in follower.rest()] == [("a", 1, "T", [1], [1.0], True)]
    assert follower.rest() == []
    assert follower.point == store.state().newest


def read_with_passages(store: ArticleStore, *rows: list[int]) -> None:
    """As an indexer does that makes passages of two numbers of article `a`."""
    reading = reading_of(store, "a")
    assert reading is not None
    features = replace(reading.features, embedding=make_embedding([1, 0], rows))
    store.queue.acknowledge([replace(reading, features=features)], RECIPES)


def passages_told(updates: list[Update]) -> list[object]:
    return [None if one is None else one.passages.tolist() for one in map(embedding_of, updates)]


def test_an_article_is_told_with_the_passages_that_were_read_last(store: ArticleStore) -> None:
    follower = Follower(store)
    store.put(make_article())
    assert passages_told(follower.rest()) == [None]
    read_with_passages(store, [127, -3], [0, 5])
    assert passages_told(follower.rest()) == [[[127, -3], [0, 5]]]
    store.put(make_article(title="Another"))
    assert passages_told(follower.rest()) == [[[127, -3], [0, 5]]]
    read_with_passages(store, [1, 1])
    assert passages_told(follower.rest()) == [[[1, 1]]]
    assert passages_told(Follower(store).rest()) == [[[1, 1]]]
    store.delete("a")
    assert passages_told(follower.rest()) == [None]


def test_a_text_without_passages_is_told_with_none_of_them(store: ArticleStore) -> None:
    store.put(make_article())
    read_with_passages(store)
    assert passages_told(Follower(store).rest()) == [[]]
    assert passages_told(Follower(store, model="another").rest()) == [None]
    store.put(make_article(title="Another"))
    settle(store, "a")
    (update,) = Follower(store).rest()
    embedding = embedding_of(update)
    assert embedding is not None
    assert embedding.passages.shape == (0, 1)


def test_what_was_read_last_stands_in_until_a_newer_text_was_read(store: ArticleStore) -> None:
    follower = Follower(store)
    store.put(make_article())
    settle(store, "a")
    store.put(make_article(title="New"))
    assert [plain(each) for each in follower.rest()] == [("a", 3, "New", [1], [1.0], False)]
    settle(store, "a")
    assert [plain(each) for each in follower.rest()] == [("a", 3, "New", [3], [3.0], True)]
    store.put(make_article(title="New", status="withheld"))
    (update,) = follower.rest()
    assert plain(update) == ("a", 5, "New", [3], [3.0], True)
    assert update.outline == make_article(title="New", status="withheld")
    store.delete("a")
    for each in (follower, Follower(store)):
        assert [plain(update) for update in each.rest()] == [("a", 6, None, None, None, True)]
    store.put(make_article())
    assert [plain(each) for each in follower.rest()] == [("a", 7, "T", None, None, False)]


def test_features_of_another_version_are_not_given(
    store: ArticleStore,
) -> None:
    store.put(make_article())
    settle(store, "a")
    assert [plain(each)[3:5] for each in Follower(store, analyzer="other").rest()] == [(None, None)]
    assert [plain(each)[3:5] for each in Follower(store, model="other").rest()] == [([1], None)]


def test_an_article_touched_often_is_told_once_in_its_last_place(store: ArticleStore) -> None:
    store.put(make_article("a"))
    store.put(make_article("b"))
    store.put(make_article("a", title="U"))
    store.put(make_article("c"))
    store.put(make_article("a", title="V"))
    told = [(each.id, each.change) for each in Follower(store).rest()]
    assert told == [("b", 2), ("c", 4), ("a", 5)]


@pytest.mark.postgresql_daily
def test_pages_lead_from_point_to_point(store: ArticleStore) -> None:
    """A full last page is followed by an empty one."""
    store.write_many(make_article(f"a{number}") for number in range(1, 5))
    follower = Follower(store)
    seen = []
    for _ in range(3):
        complete, updates = follower.step(limit=2)
        seen.append((complete, [each.id for each in updates], follower.point.number))
    assert seen == [(False, ["a1", "a2"], 2), (False, ["a3", "a4"], 4), (True, [], 4)]
    assert follower.point == store.state().newest


def test_a_point_outlives_the_store_object(store: ArticleStore, reopen: Open) -> None:
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
def test_a_log_that_is_another_one_at_the_point_is_not_followed(
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


def test_trimming_forgets_old_entries_and_no_article(store: ArticleStore) -> None:
    assert store.trim(100) == 0
    store.write_many(make_article(f"a{number}") for number in range(1, 6))
    assert [store.trim(3), store.trim(3)] == [2, 0]
    assert [change.number for change in store.changes_after(0)] == [3, 4, 5]
    told = [(each.id, each.change) for each in Follower(store).rest(limit=2)]
    assert told == [(f"a{number}", number) for number in range(1, 6)]


def test_trimming_keeps_the_newest_entry(store: ArticleStore) -> None:
    store.write_many([make_article("a"), make_article("b")])
    newest = store.state().newest
    assert store.trim(100) == 1
    assert store.state().newest == newest
    assert Follower(store, point=newest).step() == (True, [])
    assert store.put(make_article("c")).change == 3


@pytest.mark.parametrize(("oldest_kept", "may_follow"), [(1, True), (2, False)])
def test_who_stands_before_what_was_trimmed_cannot_follow(
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


def test_the_newest_that_were_never_read_are_told_up_to_a_point(store: ArticleStore) -> None:
    for name in "abcde":
        store.put(make_article(name))
    store.delete("d")
    settle(store, "b")
    point = store.state().newest
    store.put(make_article("f"))
    unread = store.unread_before(point, 10)
    assert [plain(each) for each in unread] == [
        (name, change, "T", None, None, False) for name, change in [("e", 5), ("c", 3), ("a", 1)]
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
    st.tuples(st.sampled_from(["delete", "settle", "fail"]), st.sampled_from(NAMES), st.just({})),
)


def apply(store: ArticleStore, kind: str, article_id: str, fields: dict[str, str]) -> None:
    """One step of a history."""
    if kind in {"put", "load"}:
        store.write_many([make_article(article_id, **fields)], bulk=kind == "load")
    elif kind == "settle":
        settle(store, article_id)
    elif kind == "fail":
        reading = reading_of(store, article_id)
        if reading is not None:
            store.queue.count_failure(reading.queued.article.id, reading.queued.change, "broken")
    else:
        with suppress(UnknownArticle):
            store.delete(article_id)


def present_state(
    store: ArticleStore, article_id: str, read: str | None
) -> tuple[object, ...] | None:
    """What a follower should know of an article, from the title that was read last."""
    try:
        title = store.get(article_id).title
    except DeletedArticle:
        return None, None, None, True
    except UnknownArticle:
        return None
    sizes = (None, None) if read is None else ([len(read)], [float(len(read))])
    return title, *sizes, title == read


@examples(25)
@given(data=st.data(), history=st.lists(WRITES, max_size=25))
def test_whoever_follows_knows_the_final_state_of_every_article(
    shared: ArticleStore, data: st.DataObject, history: list[Write]
) -> None:
    start = shared.state().newest
    follower = Follower(shared, point=start)
    known: dict[str, tuple[object, ...]] = {}
    read: dict[str, str | None] = {}
    for kind, name, fields in history:
        article_id = f"{name}{start.number}"
        if kind == "settle" and reading_of(shared, article_id):
            read[article_id] = shared.get(article_id).title
        apply(shared, kind, article_id, fields)
        if kind == "delete":
            read[article_id] = None
        for _ in range(data.draw(st.integers(0, 2), label="pages")):
            _, updates = follower.step(data.draw(st.integers(1, 3), label="limit"))
            known |= {each.id: plain(each)[2:] for each in updates}
    known |= {each.id: plain(each)[2:] for each in follower.rest(limit=2)}
    expected = {
        article_id: present_state(shared, article_id, read.get(article_id))
        for article_id in (f"{name}{start.number}" for name in NAMES)
    }
    assert known == {key: state for key, state in expected.items() if state is not None}
    assert follower.point == shared.state().newest
