"""What every article store promises, asked of each implementation there is."""

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Article, parse_article
from recommender.errors import DeletedArticle, InvalidArticle, StaleVersion, UnknownArticle
from recommender.store import (
    ArticleStore,
    DeleteRequest,
    LogEntry,
    Receipt,
    StoredArticle,
    StoredPage,
    open_store,
)
from recommender.store.feature_cache import AT_ONCE
from recommender.store.scan import ROWS_AT_ONCE
from tests.support.properties import examples

Open = Callable[..., ArticleStore]
FAR = 10**9


def article(article_id: str = "a", **fields: object) -> Article:
    return parse_article(json.dumps({"id": article_id, "title": "T"} | fields))


def log_of(store: ArticleStore) -> list[LogEntry]:
    return store.changes_after(0, limit=sys.maxsize)


def ids_of(store: ArticleStore) -> list[str]:
    with store.scan() as view:
        return [stored.article.id for stored in view]


def test_a_new_store_is_empty_with_an_epoch(store: ArticleStore) -> None:
    state = store.state()
    assert state.change == 0
    assert int(state.epoch, 16) >= 0
    assert (ids_of(store), log_of(store)) == ([], [])


def test_each_write_says_what_it_did_and_under_which_number(store: ArticleStore) -> None:
    assert store.put(article()) == Receipt("a", "created", 1)
    assert store.put(article()) == Receipt("a", "unchanged", 1)
    assert store.put(article("b")) == Receipt("b", "created", 2)
    assert store.put(article(title="U")) == Receipt("a", "updated", 3)
    assert store.put(article(title="U")) == Receipt("a", "unchanged", 3)
    assert store.delete("a") == Receipt("a", "deleted", 4)
    assert store.delete("a") == Receipt("a", "unchanged", 4)
    assert store.put(article(title="U")) == Receipt("a", "created", 5)


@pytest.mark.postgresql_daily
def test_the_log_holds_every_real_change_without_gaps(store: ArticleStore) -> None:
    store.put(article())
    store.put(article())
    store.put(article("b"))
    store.delete("a")
    store.delete("a")
    store.put(article())
    assert log_of(store) == [
        LogEntry(1, "a", "upsert"),
        LogEntry(2, "b", "upsert"),
        LogEntry(3, "a", "delete"),
        LogEntry(4, "a", "upsert"),
    ]
    assert store.state().change == 4


def test_the_log_is_read_on_from_a_number_in_pieces(store: ArticleStore) -> None:
    for number in range(1, 8):
        store.put(article(f"a{number}"))
    assert [change.number for change in store.changes_after(2, limit=3)] == [3, 4, 5]
    assert [change.number for change in store.changes_after(5)] == [6, 7]
    assert store.changes_after(7) == []


def test_what_was_put_is_got_as_given(store: ArticleStore) -> None:
    given = article(
        title="  Ёж 🙂 ",
        body="b" * 100_000,
        tags=["x", "y"],
        published_at="2026-03-01T09:30:00.5+05:00",
        status="draft",
        never_recommend=True,
        version=2**63 - 1,
    )
    store.put(given)
    assert store.get("a") == given


@pytest.fixture(scope="module")
def shared(shared_address: str) -> Iterator[ArticleStore]:
    """One store for all texts."""
    store = open_store(shared_address)
    yield store
    store.close()


@examples(40)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=99))
def test_any_text_without_nul_is_got_as_given(shared: ArticleStore, text: str) -> None:
    one = Article(id="a", title="T" + text, body=text)
    shared.put(one)
    assert shared.get("a") == one


def test_several_are_got_at_once_without_the_deleted_and_the_unknown(store: ArticleStore) -> None:
    first, gone, last = (article(name, body=f"Text of {name}.") for name in ("a", "b", "c"))
    changes = [store.put(one).change for one in (first, gone, last)]
    store.delete("b")
    found = store.get_many(["c", "a", "b", "nobody", *(f"n{at}" for at in range(AT_ONCE))])
    assert found == {
        "a": StoredArticle(first, first.text_hash, None, changes[0]),
        "c": StoredArticle(last, last.text_hash, None, changes[2]),
    }
    assert store.get_many([]) == {}


def test_one_moment_written_in_two_ways_is_no_change(store: ArticleStore) -> None:
    store.put(article(published_at="2026-03-01T09:30:00+05:00"))
    assert store.put(article(published_at="2026-03-01T04:30:00Z")).result == "unchanged"


def test_an_unknown_article_is_neither_got_nor_deleted(store: ArticleStore) -> None:
    for ask in (store.get, store.delete):
        with pytest.raises(UnknownArticle, match="'nobody'"):
            ask("nobody")
    assert log_of(store) == []


def test_a_deleted_article_is_known_as_deleted_until_it_is_put_again(store: ArticleStore) -> None:
    store.put(article())
    store.delete("a")
    with pytest.raises(DeletedArticle, match="'a'"):
        store.get("a")
    assert ids_of(store) == []
    store.put(article(title="U"))
    assert store.get("a") == article(title="U")
    assert ids_of(store) == ["a"]


def test_an_older_version_is_refused_and_changes_nothing(store: ArticleStore) -> None:
    store.put(article(version=5))
    with pytest.raises(StaleVersion, match="version 4 is older than version 5"):
        store.put(article(title="old", version=4))
    assert store.get("a") == article(version=5)
    assert store.state().change == 1


@pytest.mark.parametrize("version", [5, 6, None])
def test_an_equal_a_newer_and_no_version_are_fine(store: ArticleStore, version: int | None) -> None:
    store.put(article(version=5))
    assert store.put(article(title="U", version=version)).result == "updated"


def test_the_same_article_of_the_same_version_is_unchanged(store: ArticleStore) -> None:
    store.put(article(version=5))
    assert store.put(article(version=5)) == Receipt("a", "unchanged", 1)


def test_a_first_version_may_come_after_none(store: ArticleStore) -> None:
    store.put(article())
    assert store.put(article(version=0)).result == "updated"


def test_an_older_version_brings_no_deleted_article_back(store: ArticleStore) -> None:
    store.put(article(version=5))
    store.delete("a")
    with pytest.raises(StaleVersion):
        store.put(article(version=4))
    assert store.put(article(version=5)).result == "created"


def test_what_breaks_on_the_way_leaves_nothing_behind(store: ArticleStore) -> None:
    def broken() -> Iterator[Article]:
        yield article("a")
        yield article("b")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        store.write_many(broken())
    assert (ids_of(store), log_of(store)) == ([], [])
    receipt = store.put(article("c"))
    assert log_of(store) == [LogEntry(receipt.change, "c", "upsert")]


def test_all_are_read_by_ascending_id_over_many_pages(store: ArticleStore) -> None:
    ids = [f"{mark}{number * 7_919 % 1_000:03}" for number in range(260) for mark in "aZ.~_"]
    given = {article_id: article(article_id, title=f"T{article_id}") for article_id in ids}
    store.write_many(given.values())
    store.delete("a000")
    kept = sorted(given.keys() - {"a000"}, key=str.encode)
    assert len(kept) > 2 * ROWS_AT_ONCE
    with store.scan() as view:
        stored = list(view)
    assert [one.article for one in stored] == [given[article_id] for article_id in kept]
    assert {one.change for one in stored} == set(range(1, 1_301)) - {1 + ids.index("a000")}


@pytest.mark.parametrize("count", [ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1])
def test_the_border_of_a_page_loses_nobody(store: ArticleStore, count: int) -> None:
    store.write_many(article(f"{number:04}") for number in range(count))
    assert ids_of(store) == [f"{number:04}" for number in range(count)]


def test_a_reader_sees_hash_and_change_of_each_article(store: ArticleStore) -> None:
    store.write_many([article("a"), article("b"), article("a", title="U")])
    with store.scan() as view:
        assert list(view) == [
            StoredArticle(article("a", title="U"), article("a", title="U").text_hash, None, 3),
            StoredArticle(article("b"), article("b").text_hash, None, 2),
        ]


@pytest.mark.postgresql_daily
def test_a_reader_sees_one_moment_while_another_connection_writes(
    store: ArticleStore, reopen: Open
) -> None:
    store.write_many(article(f"a{number:04}") for number in range(ROWS_AT_ONCE + 100))
    before = store.state()
    other = reopen()
    with store.scan() as view:
        entries = iter(view)
        first = next(entries).article
        other.put(article("a0001", title="changed"))
        other.delete("a0002")
        other.put(article("z"))
        rest = [stored.article for stored in entries]
        assert view.state == before
    assert [first, *rest] == [article(f"a{number:04}") for number in range(ROWS_AT_ONCE + 100)]
    assert store.get("a0001").title == "changed"
    assert store.state().change == ROWS_AT_ONCE + 103


def test_the_moment_is_that_of_the_opening_and_not_of_the_first_article(
    store: ArticleStore, reopen: Open
) -> None:
    store.put(article("a"))
    other = reopen()
    with store.scan() as view:
        other.put(article("b"))
        assert [stored.article.id for stored in view] == ["a"]


def test_a_store_opened_again_is_the_same_store(store: ArticleStore, reopen: Open) -> None:
    store.put(article())
    before = store.state()
    store.close()
    again = reopen()
    assert again.state() == before
    assert again.get("a") == article()
    assert again.put(article("b")).change == 2


def test_the_number_of_a_deleted_newest_change_is_never_given_again(
    store: ArticleStore, reopen: Open
) -> None:
    store.put(article())
    store.delete("a")
    store.close()
    assert reopen().put(article()).change == 3


def test_two_threads_that_write_at_once_lose_nothing(store: ArticleStore) -> None:
    def write(mark: str) -> list[int]:
        return [store.put(article(f"{mark}{number:02}")).change for number in range(30)]

    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(write, "ab")
    assert one == sorted(one)
    assert two == sorted(two)
    assert sorted([*one, *two]) == list(range(1, 61))
    assert ids_of(store) == [f"{mark}{number:02}" for mark in "ab" for number in range(30)]
    assert [change.number for change in log_of(store)] == list(range(1, 61))


def test_two_stores_that_write_one_article_at_once_make_one_history(
    store: ArticleStore, reopen: Open
) -> None:
    def write(writer: ArticleStore, mark: str) -> list[Receipt]:
        return [writer.put(article("a", title=f"{mark}{number}")) for number in range(20)]

    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(write, (store, reopen()), "xy")
    receipts = sorted([*one, *two], key=lambda receipt: receipt.change)
    assert [receipt.change for receipt in receipts] == list(range(1, 41))
    assert [receipt.result for receipt in receipts] == ["created"] + ["updated"] * 39
    last = receipts[-1]
    assert store.get("a").title == ("x19" if last in one else "y19")


def test_a_write_without_a_version_does_not_let_older_ones_in(store: ArticleStore) -> None:
    store.put(Article(id="a", title="five", version=5))
    store.put(Article(id="a", title="none"))
    with pytest.raises(StaleVersion):
        store.put(Article(id="a", title="three", version=3))
    assert store.get("a").title == "none"


# --- Patches, batches, pages ---


def test_a_patch_changes_what_it_names_and_is_one_change(store: ArticleStore) -> None:
    store.put(article(section="city", tags=["x"]))
    assert store.patch("a", {"title": "U", "tags": None}) == Receipt("a", "updated", 2)
    assert store.get("a") == article(title="U", section="city")
    assert store.patch("a", {"title": "U"}) == Receipt("a", "unchanged", 2)
    assert [change.number for change in store.changes_after(0)] == [1, 2]


def test_a_patch_that_is_refused_changes_nothing(store: ArticleStore) -> None:
    store.put(article(version=5))
    with pytest.raises(InvalidArticle):
        store.patch("a", {"title": None})
    with pytest.raises(StaleVersion):
        store.patch("a", {"title": "U", "version": 4})
    assert store.get("a") == article(version=5)
    assert store.state().change == 1


def test_a_patch_keeps_the_version_of_a_put_without_one(store: ArticleStore) -> None:
    store.put(article(version=5))
    store.put(article(title="U"))
    store.patch("a", {"title": "V"})
    with pytest.raises(StaleVersion):
        store.put(article(version=4))


def test_there_must_be_something_to_patch(store: ArticleStore) -> None:
    with pytest.raises(UnknownArticle):
        store.patch("a", {"title": "U"})
    store.put(article())
    store.delete("a")
    with pytest.raises(DeletedArticle):
        store.patch("a", {"title": "U"})


@pytest.mark.postgresql_daily
def test_a_batch_is_done_in_order_and_what_is_refused_holds_up_nothing(
    store: ArticleStore,
) -> None:
    store.put(article("old", version=2))
    writes: list[Article | DeleteRequest] = [
        article("a"),
        DeleteRequest("a"),
        DeleteRequest("nobody"),
        article("old", version=1),
        DeleteRequest("a"),
        article("a"),
        article("a", title="U"),
    ]
    done = store.write_many(writes)
    assert [one for one in done if isinstance(one, Receipt)] == [
        Receipt("a", "created", 2),
        Receipt("a", "deleted", 3),
        Receipt("a", "unchanged", 3),
        Receipt("a", "created", 4),
        Receipt("a", "updated", 5),
    ]
    assert [type(one) for one in done if not isinstance(one, Receipt)] == [
        UnknownArticle,
        StaleVersion,
    ]
    assert store.get("a") == article("a", title="U")
    assert store.get("old") == article("old", version=2)
    assert store.write_many([]) == []


def test_pages_hold_all_that_is_not_deleted_by_ascending_id(store: ArticleStore) -> None:
    """By their bytes: capitals before small letters, on every database."""
    ids = ["b", "B", "a", "_", "~", "0", "10", "9", "a-b", "a.b"]
    for name in [*ids, "gone"]:
        store.put(article(name))
    store.delete("gone")
    found: list[str] = []
    while True:
        page = store.page(found[-1] if found else "", 3, FAR)
        found += [one.id for one in page.articles]
        if not page.more:
            break
        assert len(page.articles) == 3
    assert found == sorted(ids)


@pytest.mark.parametrize(("limit", "more"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_page_tells_whether_more_follows(store: ArticleStore, limit: int, *, more: bool) -> None:
    store.write_many([article(name) for name in "abc"])
    page = store.page("", limit, FAR)
    assert page == StoredPage(tuple(article(name) for name in "abc"[:limit]), more)
    assert store.page("c", limit, FAR) == StoredPage((), more=False)


def test_a_page_ends_before_it_grows_too_long_but_has_an_article(store: ArticleStore) -> None:
    store.write_many([article(name, body="x" * 1_000) for name in "abcd"])
    each = len(article("a", body="x" * 1_000).to_json())
    assert [one.id for one in store.page("", 9, 2 * each).articles] == ["a", "b"]
    assert [one.id for one in store.page("b", 9, 2 * each - 1).articles] == ["c"]
    assert [one.id for one in store.page("", 9, 1).articles] == ["a"]
    assert store.page("c", 9, 1) == StoredPage((article("d", body="x" * 1_000),), more=False)


@pytest.mark.parametrize("strange", ["a\x00b", "\x00", "a b", "", "x" * 500, "☃"])
def test_an_id_that_no_article_can_have_is_unknown(store: ArticleStore, strange: str) -> None:
    with pytest.raises(UnknownArticle):
        store.get(strange)
    with pytest.raises(UnknownArticle):
        store.delete(strange)
    with pytest.raises(UnknownArticle):
        store.patch(strange, {"title": "A"})
